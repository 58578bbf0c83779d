"""F10: two programs and one file: one wins whole, and the other notices before it shows or exports a value of it."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.oracle import Oracle, State, digest, document_state, tensor_digest
from tests.faults.saves import KINDS, Kind, document_bytes, files_of, make, put, watch
from tests.faults.trials import Note, NotRun, Outcome, Trial
from tests.faults.warm import NO_FORK, warm

FAMILY = "F10"
TITLE = "Export over a file that is open in a second process; two exports, or two saves, to one file at once"
GROUPS = tuple(KINDS)
QUICK = ("torch zip", "safetensors in shards")
JOB = "tests.faults.f10_two_programs"


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do one format."""
    if NO_FORK:
        yield NotRun(FAMILY, group, NO_FORK)
        return
    kind = KINDS[group]
    nbytes = 20_000 if quick else 400_000 if kind.name == "csv" else 4_000_000
    for number in range(1 if quick else 10):
        yield _open_elsewhere(kind, folder / f"open-{number}", nbytes, number)
    for does in ("export", "save") if group in QUICK or not quick else ():
        yield from _at_once(kind, folder / does, nbytes, does, 1 if quick else 50)


# ---------------------------------------------------------------- open in one, replaced by the other


def _open_elsewhere(kind: Kind, folder: Path, nbytes: int, number: int) -> Trial:
    """This process has the file open, with edits, and another one exports over it."""
    import weightedit

    source, theirs = make(kind, folder / "opened", nbytes, 1), make(kind, folder / "theirs", nbytes, 2)
    edited, looks = 0, number % 2 == 0
    with weightedit.open(source) as document:
        names = list(document.tensors)
        if looks:  # half of the time everything was looked at before
            document_state(document)
        document.apply("fill", names[edited], value=0.5, accept="all")
        mine = tensor_digest(document.read(names[edited]))
        ended = warm().run("tests.faults.saves:save", {"kind": kind.name, "source": str(theirs), "target": str(source)})
        if ended.status:
            return Trial(FAMILY, f"{kind.name}, open elsewhere", False, f"the other program did not export: {ended}")
        new = {path: digest(path) for path in files_of(source)}
        oracle = Oracle(folder, new)
        faults = _shown(document, names, edited, mine)
        faults += [fault for to in (folder / "out" / kind.file, None) for fault in _exported(document, to, kind)]
        shutil.rmtree(folder / "out", ignore_errors=True)
        faults += oracle.faults(False)
        document.undo()  # the history goes on
        document.redo()
        if tensor_digest(document.read(names[edited])) != mine:
            faults.append("the edit made before is gone")
    return Trial(FAMILY, f"{kind.name}, open elsewhere{', looked at before' * looks}", not faults, "; ".join(faults))


def _shown(document: Any, names: list[str], edited: int, mine: str) -> list[str]:
    """Say which values are shown although the file is another one; what was edited whole is ours."""
    from weightedit.core.errors import SourceChanged

    found = []
    for place, name in enumerate(names):
        try:
            value = tensor_digest(document.read(name))
        except SourceChanged:
            continue
        if place != edited or value != mine:
            found.append(f"{name} was shown as if the file were the same")
    return found


def _exported(document: Any, target: Path | None, kind: Kind) -> list[str]:
    from weightedit.core.errors import CheckpointError

    if len(document.tensors) == 1:
        return []  # the one tensor was edited whole: nothing of the file is in it
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        document.save() if target is None else document.export(target, kind.format)
    except CheckpointError as error:
        named = error.file is not None and Path(error.file).name in str(error)
        return [] if named else [f"the message does not name the file: {error}"]
    return [f"{'a save' if target is None else 'an export'} went on although the file is another one"]


# ---------------------------------------------------------------- both at once


def _at_once(kind: Kind, folder: Path, nbytes: int, does: str, count: int) -> Iterator[Outcome]:
    """Two children begin at the same moment; their writes take a little, each another time."""
    chance = random.Random(f"{kind.name} {does}")
    pristine = make(kind, folder / "pristine", nbytes, 1)
    wanted = [_alone(kind, pristine, folder / f"alone-{one}", does, one) for one in (0, 1)]
    outcomes: Counter[str] = Counter()
    for number in range(count):
        place = folder / "both"
        shutil.rmtree(place, ignore_errors=True)
        for part in ("one", "two", "target"):
            put(files_of(pristine), place / part)
        target = place / "target" / kind.file
        oracles = [Oracle(place, {target.parent / name: hashed for name, hashed in one.items()}) for one in wanted]
        slow = [{"write": chance.uniform(0, 0.02), "sync": chance.uniform(0, 0.02), "replace": chance.uniform(0, 0.01)}
                for _ in (0, 1)]  # fmt: skip
        source = [str(place / part / kind.file) for part in (("one", "two") if does == "export" else ("target",) * 2)]
        ended = warm().run(f"{JOB}:both", {"kind": kind.name, "sources": source, "target": str(target), "slow": slow,
                                           "answers": str(folder)})  # fmt: skip
        answers = ended.answer or [{"error": ended.error, "problem": "it died"}] * 2
        faults = [f"{answer['problem']} ({answer['error']})" for answer in answers if answer["problem"]]
        saved = [not answer["error"] for answer in answers]
        now = [oracle.is_new() for oracle in oracles]
        if not any(now):
            faults.append("neither of them is there whole")
        elif not saved[now.index(True)]:
            faults.append(f"the file is of the one that reported {answers[now.index(True)]['error']}")
        faults += oracles[1 if now[1] else 0].faults()
        if not any(saved):
            faults.append("neither could save")
        outcomes["both" if all(saved) else "one"] += 1
        yield Trial(FAMILY, f"{kind.name}, two {does}s at once, {number + 1} of {count}", not faults, "; ".join(faults))
    yield Note(FAMILY, f"{kind.name}, two {does}s at once", ", ".join(
        f"{times} times {word} reported success" for word, times in sorted(outcomes.items())))  # fmt: skip


def _alone(kind: Kind, pristine: Path, folder: Path, does: str, which: int) -> dict[str, str]:
    """Return, by file name, what one of the two writes when nobody else does."""
    import weightedit

    for part in ("one", "target"):
        put(files_of(pristine), folder / part)
    target = folder / "target" / kind.file
    with weightedit.open(target if does == "save" else folder / "one" / kind.file) as document:
        _edit(document, which)
        _write(document, target, kind)
    return {path.name: digest(path) for path in files_of(target)}


def _write(document: Any, target: Path, kind: Kind) -> None:
    if document.path == target:
        document.save()
    else:
        shard_size = document_bytes(document) // kind.shards + 1 if kind.shards else None
        document.export(target, kind.format, shard_size=shard_size)


def _edit(document: Any, which: int) -> None:
    """Change every tensor, so that all files of a sharded save are others."""
    for name in document.tensors:
        document.apply("fill", name, region="[0, :]", value=float(which + 1), accept="all")


def both(arguments: dict[str, Any], report: Any) -> list[dict[str, str]]:
    """Job: fork two, which open, edit, wait for each other, and write at the same moment."""
    gate, release = os.pipe()
    ready, say_ready = os.pipe()
    children = [_begin(arguments, which, (gate, release, say_ready)) for which in (0, 1)]
    os.close(say_ready)
    for _ in children:
        os.read(ready, 1)
    report("begin")
    os.write(release, b"..")
    for child in children:
        os.waitpid(child, 0)
    answers = [Path(arguments["answers"]) / f"{which}.json" for which in (0, 1)]
    found = [json.loads(path.read_text()) if path.exists() else {"error": "none", "problem": "it died"}
             for path in answers]  # fmt: skip
    for path in answers:
        path.unlink(missing_ok=True)
    return found


def _begin(arguments: dict[str, Any], which: int, pipes: tuple[int, int, int]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        answer = _one(arguments, which, *pipes)
    except BaseException as error:
        answer = {"error": "none", "problem": f"{type(error).__name__}: {error}"}
    (Path(arguments["answers"]) / f"{which}.json").write_text(json.dumps(answer))
    os._exit(0)


def _one(arguments: dict[str, Any], which: int, gate: int, release: int, say_ready: int) -> dict[str, str]:
    """Write, and look whether what is shown after that is what was written."""
    import weightedit
    from weightedit.core.errors import WeightEditError

    document = weightedit.open(arguments["sources"][which])
    _edit(document, which)
    expected = document_state(document)
    watch(lambda word: None, arguments["slow"][which])
    os.close(release)
    os.write(say_ready, b".")
    os.read(gate, 1)
    error = problem = ""
    try:
        _write(document, Path(arguments["target"]), KINDS[arguments["kind"]])
    except WeightEditError as caught:
        error = f"{type(caught).__name__}: {caught}"
    except Exception as caught:
        error = problem = f"{type(caught).__name__}: {caught}"
    return {"error": error, "problem": problem or _others_values(document, expected)}


def _others_values(document: Any, expected: State) -> str:
    from weightedit.core.errors import SourceChanged

    for name, value in expected.items():
        try:
            if tensor_digest(document.read(name)) != value:
                return f"{name} shows a value that was not its own"
        except SourceChanged:
            continue
    return ""
