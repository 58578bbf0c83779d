"""What weightedit makes of one broken file: opened, read whole, exported, opened again; and what is wrong with that."""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import weightedit
from tests.fuzz import canary, references, watch
from tests.fuzz.cases import Case
from weightedit.core import journal
from weightedit.core.errors import CheckpointError, ConfirmationNeeded, EditRefused, WeightEditError
from weightedit.core.recipe import Recipe
from weightedit.formats import FORMATS

MOST_SECONDS = 5.0
MOST_MEMORY = 500 << 20
MOST_READ = 1 << 22
"""Bytes of values that are read and exported; nothing in a seed comes near."""
KINDS = ("exception", "crash", "slow", "memory", "code", "content")
"""What a finding is: another exception than `CheckpointError` or an unclear one, the end of the process, more than
`MOST_SECONDS`, more than `MOST_MEMORY`, something called or fetched, values that are not those in the file."""
_WRITES = {format.name for format in FORMATS if format.writes}
_NOT_SAID = re.compile(r"\b(invalid|illegal|failed to|Traceback|NoneType|object at 0x)\b", re.IGNORECASE)


@dataclass
class Verdict:
    """What came of a case.

    Attributes
    ----------
    opened
        Whether it opened.
    findings
        (kind, what happened), empty where all is well.
    note
        Where only weightedit takes the file: why the reference library does not.
    seconds
        CPU time.
    """

    opened: bool = False
    findings: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""
    seconds: float = 0.0


class Unlike(Exception):
    """Something reads back as something else."""


def judge(case: Case, folder: Path, *, guard: bool = True) -> Verdict:
    """Write a case into an empty folder, and try it; `guard` leaves an audit hook in the process for good."""
    for name, data in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    verdict, found = Verdict(), None
    canary.fired.clear()
    start = time.process_time()
    with watch.guarded(folder) if guard else nullcontext([]) as seen:
        try:
            found = _tried(case, folder / case.main, verdict)
        except Unlike as error:
            verdict.findings.append(("content", str(error)))
        except Exception as error:  # whatever it is, it is the finding
            verdict.findings += _exception(error)
    verdict.seconds = time.process_time() - start
    verdict.findings += [("code", what) for what in (*seen, *canary.fired)]
    if verdict.seconds > MOST_SECONDS:
        verdict.findings.append(("slow", f"{verdict.seconds:.1f} s"))
    if found is not None:
        watch.phase("reference")
        note = references.compare(case, folder / case.main, found)
        if note.startswith("!"):
            verdict.findings.append(("content", note[1:]))
        else:
            verdict.note = note
    return verdict


def _exception(error: Exception) -> Iterator[tuple[str, str]]:
    """Say what is wrong with an exception, if anything is."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {error!s:.200} ({Path(where.filename).name}:{where.lineno})"
    if not isinstance(error, CheckpointError):
        yield "exception", said
        return
    text = str(error)
    if error.file is None:
        yield "exception", f"names no file: {said}"
    if not text.isprintable() or not text.endswith((".", "…")) or len(text) > 3000 or _NOT_SAID.search(text):
        yield "exception", f"is no plain sentence: {said}"


def _tried(case: Case, path: Path, verdict: Verdict) -> dict[tuple[Any, ...], Any] | None:
    """Try a case by its format; return the tensors to compare, or None."""
    if case.format == "journal":
        _journal(path.read_bytes())
        verdict.opened = True
        return None
    if case.format == "recipe":
        _recipe(path, verdict)
        return None
    if case.format == "pickle":
        return _pickle(path, verdict)
    try:
        document = weightedit.open(path)
    except CheckpointError as error:
        verdict.findings += _exception(error)
        return None
    verdict.opened = True
    with document:
        found = _read(document)
        _exported(document, found, path)
    return found


def _read(document: Any) -> dict[tuple[Any, ...], Any]:
    """Look at every entry and read every tensor."""
    for entry in document.entries:
        assert isinstance(entry.text, str)
        assert isinstance(entry.name, str)
    found = {}
    for slot in document.slots:
        if slot.spec.nbytes > MOST_READ:
            continue
        try:
            value = document.read(slot.name, raw=slot.spec.encoding != "plain")
        except CheckpointError as error:  # of a deflated record only reading tells
            wrong = list(_exception(error))
            if wrong:
                raise
            value = None
        except EditRefused:
            value = None
        found[slot.path] = (slot.spec, value)
    return found


def _exported(document: Any, found: dict[tuple[Any, ...], Any], path: Path) -> None:
    """Write in the file's own format, and read the same back."""
    if document.format_name not in _WRITES or any(spec.nbytes > MOST_READ for spec, _ in found.values()):
        return
    target = path.with_name("out") / path.name
    target.parent.mkdir(exist_ok=True)
    if document.total_nbytes > MOST_READ:
        return
    try:
        document.export(target, document.format_name)
    except EditRefused:
        return
    except CheckpointError as error:
        if all(value is not None for _, value in found.values()) and "cannot be written" not in str(error):
            raise Unlike(f"reads, and does not export: {error}") from error
        wrong = list(_exception(error))
        if wrong:
            raise
        return
    with weightedit.open(target) as again:
        back = _read(again)
    _same(found, back)


def _same(mine: dict[tuple[Any, ...], Any], theirs: dict[tuple[Any, ...], Any]) -> None:
    if len(mine) != len(theirs) or [*map(repr, mine)] != [*map(repr, theirs)]:
        raise Unlike(f"{len(mine)} tensors come back as {len(theirs)}, or by other names")
    for (path, (spec, value)), (other, again) in zip(mine.items(), theirs.values(), strict=True):
        if (spec.dtype, spec.shape, spec.encoding, spec.kind) != (other.dtype, other.shape, other.encoding, other.kind):
            raise Unlike(f"{path!r:.80} of {spec.dtype} {spec.shape} comes back as {other.dtype} {other.shape}")
        if references.raw(value) != references.raw(again):
            raise Unlike(f"{path!r:.80} comes back with other values")


def _pickle(path: Path, verdict: Verdict) -> dict[tuple[Any, ...], Any] | None:
    """Read bare pickles as the readers of torch files do: the whole file, and each pickle of a row by itself."""
    from weightedit.core.described.contents import TooMuch, file_inventory
    from weightedit.core.source import SourceFile
    from weightedit.formats.pickle_file import PickleStream, read_checked
    from weightedit.formats.pickle_writer import PickleWriter

    try:
        weightedit.open(path).close()
    except CheckpointError as error:
        verdict.findings += _exception(error)
    file = SourceFile(path)
    stream = PickleStream(file)
    try:
        root = stream.value("a value")
    except CheckpointError as error:
        verdict.findings += _exception(error)
        return None
    finally:
        file.close()
    verdict.opened = True
    try:
        for entry in file_inventory(root).entries:
            assert isinstance(entry.text, str)
    except TooMuch:  # which opening a file makes a sentence of
        return None
    try:
        again = PickleWriter(_unplaced, _unplaced).write(root)
    except CheckpointError:
        return {(): (None, root)}
    from weightedit.formats.pickle_reader import PickleReader
    from weightedit.formats.pickle_walk import matched

    back = read_checked(PickleReader(_unplaced, _unplaced), again, file, "a value")
    if matched(root, back) is None:
        raise Unlike("a value written and read again is another")
    return {(): (None, root)}


def _unplaced(*args: object) -> Any:
    raise CheckpointError("There is no storage.", file=os.devnull)


def _recipe(path: Path, verdict: Verdict) -> None:
    """Load a recipe and apply it to small tensors."""
    from tests.fuzz.seeds import numbers

    try:
        recipe = Recipe.load(path)
    except CheckpointError as error:
        verdict.findings += _exception(error)
        return
    verdict.opened = True
    with weightedit.open({"a": numbers(3, 4), "b": numbers(3, 4), "c": numbers(5)}) as document:
        before = {name: references.raw(document.read(name)) for name in document.tensors}
        try:
            recipe.apply(document)
        except (WeightEditError, EditRefused, ConfirmationNeeded):
            after = {name: references.raw(document.read(name)) for name in document.tensors}
            if before != after:
                raise Unlike("a recipe that was refused changed something") from None


def _journal(data: bytes) -> None:
    """Every record that is whole up to the first that is not, and no other."""
    found = list(journal.decode(data))
    if found != references.journal_records(data)[: len(found)] or len(found) != len(references.journal_records(data)):
        raise Unlike(f"{len(found)} records where {len(references.journal_records(data))} are whole")
