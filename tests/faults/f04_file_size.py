"""F4: the process may write files of 50 MiB at most, and the signal that comes past that would end it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.saves import KINDS, MIB, document_bytes, edit, files_of, make, put
from tests.faults.trials import NotRun, Outcome, Trial

FAMILY = "F4"
TITLE = "RLIMIT_FSIZE reached before and during a save, with SIGXFSZ at its default, which would end the process"
GROUPS = ("torch zip", "torch legacy", "safetensors", "safetensors in shards", "npz", "npy", "csv", "undo")
JOB = "tests.faults.f04_file_size:limited"
WHEN = ("before the save", "in the midst of it")
DESTINATIONS = ("new", "existing", "the opened file")


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Save one format where the limit is too low."""
    from tests.faults.oracle import Oracle, digest
    from tests.faults.warm import warm

    if os.name != "posix":
        yield NotRun(FAMILY, group, "no such limit here")
        return
    if group == "undo":
        yield from _undo(quick, folder)
        return
    kind, is_table = KINDS[group], group == "csv"
    pristine = files_of(make(kind, folder / "pristine", (MIB if quick else 64 * MIB) // (8 if is_table else 1), 1))
    limit = max(file.stat().st_size for file in pristine) * 50 // 64
    undisturbed = folder / "undisturbed"
    put(pristine, undisturbed)
    ended = warm().run("tests.faults.saves:save", {"kind": group, "source": str(undisturbed / kind.file),
                                                   "target": None})  # fmt: skip
    wanted = {file.name: digest(undisturbed / file.name) for file in pristine}
    if ended.status:
        yield Trial(FAMILY, f"{group}: the undisturbed run", False, ended.error)
        return
    cases = [(destination, when) for destination in DESTINATIONS for when in WHEN]
    for place, (destination, when) in enumerate(cases[GROUPS.index(group) % 3 :: 3] if quick else cases):
        home = folder / f"home-{place}"
        put(pristine, home / "opened")
        (home / "out").mkdir()
        out = home / ("opened" if destination == "the opened file" else "out")
        if destination == "existing":
            put(pristine, out)
        oracle = Oracle(home, {out / name: value for name, value in wanted.items()})
        target = None if destination == "the opened file" else str(out / kind.file)
        asked = {"kind": group, "source": str(home / "opened" / kind.file), "target": target, "limit": limit,
                 "midst": when == WHEN[1], "elsewhere": str(folder / "elsewhere")}  # fmt: skip
        ended = warm().run(JOB, asked)
        found = [f"the process ended with {ended.status}: {ended.error}"] if ended.status else list(ended.answer)
        found += oracle.faults(False, clean=bool(ended.status), reopen=not quick)
        yield Trial(FAMILY, f"{group}, {destination}, limit reached {when}", not found, "; ".join(found))


def limited(arguments: dict[str, Any], report: Callable[[str], None]) -> list[str]:
    """Save under the limit, which is to be refused; return what does not hold of the document after."""
    import resource
    import signal

    import weightedit
    from tests.faults.oracle import document_state, edits_kept
    from weightedit.core import transaction
    from weightedit.core.errors import CheckpointError
    from weightedit.core.writing import pending

    kind = KINDS[arguments["kind"]]
    with weightedit.open(arguments["source"]) as document:
        states = [document_state(document)]
        edit(document)
        document.undo()
        states.append(document_state(document))
        document.redo()
        states.append(document_state(document))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        if arguments["midst"]:  # whoever looks beforehand finds none, and then it is there
            transaction.largest_file = lambda: None  # type: ignore[assignment]
            pending.BUFFER = 64 << 10
        resource.setrlimit(resource.RLIMIT_FSIZE, (arguments["limit"], resource.RLIM_INFINITY))
        said = ""
        try:
            if arguments["target"] is None:
                document.save()
            else:
                size = document_bytes(document) // kind.shards + 1 if kind.shards else None
                document.export(arguments["target"], kind.format, shard_size=size)
        except CheckpointError as error:
            said = str(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        found = [] if "ulimit -f" in said and "untouched" in said else [f"it said: {said or 'nothing'}"]
        elsewhere = Path(arguments["elsewhere"])
        elsewhere.mkdir(exist_ok=True)
        return found + edits_kept(document, states, elsewhere / kind.file)


def _undo(quick: bool, folder: Path) -> Iterator[Outcome]:
    """Edits whose undo, or whose record in the journal, is past the limit are refused."""
    from tests.faults.warm import warm

    for what in ("undo files", "journal"):
        home = folder / what.replace(" ", "-")
        path = make(KINDS["npy"], home, 48 * MIB if not quick else 2 * MIB, 1)
        ended = warm().run("tests.faults.f04_file_size:edited", {"source": str(path), "what": what})
        found = [f"the process ended with {ended.status}: {ended.error}"] if ended.status else list(ended.answer)
        yield Trial(FAMILY, f"an edit past the limit: {what}", not found, "; ".join(found))


def edited(arguments: dict[str, Any], report: Callable[[str], None]) -> list[str]:
    """Edit under the limit, which is to be refused; return what does not hold after."""
    import resource
    import signal

    import weightedit
    from tests.faults.oracle import document_state
    from weightedit.core.errors import WeightEditError
    from weightedit.core.undo.spill import Spill

    wants_journal = arguments["what"] == "journal"
    with weightedit.open(arguments["source"], journal=wants_journal) as document:
        if not wants_journal:
            document.spill = Spill(Path(arguments["source"]).parent / "spill", in_memory=64 << 10)
        name = next(iter(document.tensors))
        document.apply("fill", name, region="[0, :]", value=0.5, accept="all")
        before = document_state(document)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (128 if wants_journal else 256 << 10, resource.RLIM_INFINITY))
        said = ""
        try:
            document.apply("scale", name, factor=0.25, accept="all")
        except (WeightEditError, OSError) as error:
            said = f"{type(error).__name__}: {error}"
            is_ours = isinstance(error, WeightEditError)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if not said:
            return ["the edit was not refused"]
        found = [] if is_ours else [f"it said: {said}"]
        if document_state(document) != before:
            found.append("the refused edit changed something")
        document.apply("scale", name, factor=0.25, accept="all")
        document.undo()
        if document_state(document) != before:
            found.append("the next edit is not undone")
        return found


