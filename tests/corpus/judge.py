"""What came of opening one file, compared with what had to: faults are put into words, none are passed over."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.corpus.case import Expect, Opens, Refused, Seen, digest

COUNTS = ("code executed", "crash", "hang", "memory", "wrong content", "raw exception")
Fault = tuple[str, str]
"""One of `COUNTS`, and what happened."""
_RAW_WORDS = re.compile(r"\b(Traceback|invalid|illegal|[Ff]ailed to|KeyError|struct\.error|RecursionError)\b")
LONGEST = 1500
"""Characters a message may have before escapes."""


def examine(path: Path, expect: Expect, out: Path, open_file: Callable[[Path], Any],
            begin: Callable[[], object] = lambda: None) -> list[Fault]:  # fmt: skip
    """Open a file, look at everything in it, and export what opens; return what is not as it must be.

    `begin` is called before each of these, so that somebody can time them one by one.
    """
    from weightedit.core.errors import CheckpointError

    try:
        document = open_file(path)
    except CheckpointError as error:
        if isinstance(expect, Opens):
            return [("wrong content", f"refused: {error}"), *_memory(error)]
        return _message(error, path, expect if expect.when == "open" else None) + _memory(error)
    except Exception as error:
        return [("raw exception", f"{type(error).__name__} at open: {error!s:.300}"), *_memory(error)]
    begin()
    with document:
        if isinstance(expect, Opens):
            return _content(document, expect) + again(document, path, out, expect, begin)
        if expect.when == "open":
            return [("wrong content", f"opened, with {len(document.tensors)} tensors")]
        return _unreadable(document, path, expect)


def _memory(error: BaseException) -> list[Fault]:
    """A `MemoryError` behind the refusal: something was asked for that the limit did not allow."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return [("memory", "MemoryError")] if any(isinstance(one, MemoryError) for one in chain) else []


def _message(error: Any, path: Path, expect: Refused | None) -> list[Fault]:
    """Check that a refusal is one sentence that names file and cause."""
    from weightedit.core.words.paths import shown

    text, wrong = str(error), []
    if error.file is None:
        wrong.append("names no file")
    elif not any(_name(name) in text for name in (shown(Path(error.file)), shown(path), shown(path.parent))):
        wrong.append("its sentence does not name the file")
    if not text.endswith(".") or "\n" in text or len(text) > LONGEST:
        wrong.append("is no single sentence")
    if found := _RAW_WORDS.search(text):
        wrong.append(f"says {found[0]!r}")
    if expect is None:
        wrong.append("came at open, where reading should tell")
    elif expect.words not in text:
        wrong.append(f"does not say {expect.words!r}")
    return [("raw exception", f"the error {' and '.join(wrong)}: {text[:400]}")] if wrong else []


def _name(name: str) -> str:
    """Return the part of a file's name that every way of showing it keeps."""
    return (re.match(r"[ -~]*", name) or [""])[0][:40]


def _unreadable(document: Any, path: Path, expect: Refused) -> list[Fault]:
    from weightedit.core.errors import CheckpointError

    for name in document.tensors:
        try:
            document.read(name, raw=True)
        except CheckpointError as error:
            return _message(error, path, expect) + _memory(error)
        except Exception as error:
            return [("raw exception", f"{type(error).__name__} reading {name}: {error}")]
    return [("wrong content", "opened, and every tensor of it was read")]


def _described(document: Any) -> dict[str, Seen]:
    found = {}
    for name, info in document.tensors.items():
        data = document.read(name, raw=True).numpy().tobytes()
        found[name] = Seen(info.dtype_name, info.shape, digest(data))
    return found


def _content(document: Any, expect: Opens) -> list[Fault]:
    try:
        found = _described(document)
    except Exception as error:
        return [("raw exception", f"{type(error).__name__} when read: {error}")]
    faults = _differences(found, dict(expect.tensors))
    if expect.metadata is not None and document.metadata != dict(expect.metadata):
        faults.append(f"metadata is {document.metadata}")
    return [("wrong content", text) for text in faults]


def _differences(found: dict[str, Seen], wanted: dict[str, Seen]) -> list[str]:
    if list(found) != list(wanted):
        return [f"holds {list(found)[:12]}, where {list(wanted)[:12]} was meant"]
    return [f"{name} is {found[name]}, not {one}" for name, one in wanted.items() if found[name] != one]


def again(document: Any, path: Path, out: Path, expect: Opens,
          begin: Callable[[], object] = lambda: None) -> list[Fault]:  # fmt: skip
    """Export with no edit in its own format and open the result: it must hold the same."""
    import weightedit
    from weightedit.core.errors import WeightEditError

    target = out / path.name if path.is_file() else out / document.path.name
    begin()
    try:
        document.export(target, format=document.format_name)
    except WeightEditError as error:
        if expect.unwritable and expect.unwritable in str(error) and not target.exists():
            return []
        return [("wrong content", f"not exported: {error}")]
    except Exception as error:
        return [("raw exception", f"{type(error).__name__} at export: {error}")]
    if expect.unwritable:
        return [("wrong content", f"exported as {document.format_name}")]
    begin()
    try:
        with weightedit.open(target) as second:
            faults = [f"after export {text}" for text in _differences(_described(second), _described(document))]
            if (now := texts(second)) != (before := texts(document)):
                faults.append(f"after export metadata is {now}, not {before}")
            if sharing(second) != sharing(document):
                faults.append("after export other tensors share storage")
    except Exception as error:
        return [("raw exception", f"{type(error).__name__} at reopening: {error}")]
    return [("wrong content", text) for text in faults]


def texts(document: Any) -> dict[str, str]:
    """Return the metadata without the remark on tensors that an index left out, which a new index names."""
    return {key: text for key, text in document.metadata.items() if key != "tensors not in the index"}


def sharing(document: Any) -> set[frozenset[str]]:
    """Return which tensors share storage, and which are one tensor."""
    groups: dict[object, set[str]] = {}
    for slot in document.slots:
        groups.setdefault(("storage", id(slot.storage)), set()).add(slot.name)
        groups.setdefault(("tensor", id(slot.held)), set()).add(slot.name)
    return {frozenset(names) for names in groups.values() if len(names) > 1}
