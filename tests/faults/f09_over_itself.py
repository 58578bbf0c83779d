"""F9: a document is exported over the file it is read from, however that is spelled, and goes on being right."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.oracle import Oracle, State, digest, document_state, edits_kept, weightedit_state
from tests.faults.saves import KINDS, Kind, edit, files_of, make
from tests.faults.trials import NotRun, Outcome, Trial

FAMILY = "F9"
TITLE = "Export over the opened file itself, by every spelling; then edit, undo past the save, redo"
SPELLINGS = ("same path", "dots", "symlink", "symlinked folder", "hard link", "/proc/self/fd", "other case")
GROUPS = (*SPELLINGS, "a shard")
QUICK = ("torch zip", "safetensors")


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do one spelling for every format, or for two."""
    if group == "other case" and not ignores_case(folder):
        yield NotRun(FAMILY, group, "the file system here tells case apart")
        return
    if group == "/proc/self/fd" and not Path("/proc/self/fd").is_dir():
        yield NotRun(FAMILY, group, "no /proc here")
        return
    nbytes = 40_000 if quick else 4_000_000
    if group == "a shard":
        kind = KINDS["safetensors in shards"]
        for number, does in enumerate((_saved_shards, _shard_alone, _refused_shard)):
            for part in range(1 if quick else kind.shards):
                yield from does(kind, folder / f"{number}-{part}", nbytes, part)
        return
    for kind in KINDS.values():
        if (quick and kind.name not in QUICK) or (kind.shards and group == "/proc/self/fd"):
            continue
        yield _itself(kind, group, folder / kind.name.replace(" ", "-"), nbytes)


def ignores_case(folder: Path) -> bool:
    """Whether names that differ in case alone are one file here."""
    (folder / "Case").touch()
    found = (folder / "cASE").exists()
    (folder / "Case").unlink()
    return found


def _itself(kind: Kind, spelling: str, folder: Path, nbytes: int) -> Trial:
    import weightedit

    source = make(kind, folder / "opened", nbytes, 1)
    wanted = _undisturbed(source, folder / "undisturbed")
    # Links of shards stay beside them: an index names its shards without a folder.
    link = source.with_name("link-" + source.name)
    if spelling == "symlink":
        link.symlink_to(source.name)
    if spelling == "hard link":
        link.hardlink_to(source)
    (folder / "other-folder").symlink_to("opened")
    (folder / "opened" / "sub").mkdir()
    case = f"{kind.name}, {spelling}"
    with weightedit.open(source) as document, source.open("rb") as held:
        states = _edited(document)
        target = {
            "same path": source, "dots": folder / "opened" / "sub" / ".." / "." / source.name, "symlink": link,
            "symlinked folder": folder / "other-folder" / source.name, "hard link": link,
            "/proc/self/fd": Path(f"/proc/self/fd/{held.fileno()}"),
            "other case": source.with_name(source.name.swapcase()),
        }[spelling]  # fmt: skip
        replaced = {link: wanted[source.name]} if spelling == "hard link" else {
            path: wanted[path.name] for path in files_of(source)}  # fmt: skip
        oracle = Oracle(folder / "opened", replaced)
        if kind.shards and spelling == "hard link":
            return _refused(document, target, kind, oracle, case, states, folder)
        document.export(target, kind.format)
        faults = oracle.faults(True)
        faults += _goes_on(document, states, folder / "elsewhere" / kind.file, source)
    return Trial(FAMILY, case, not faults, "; ".join(faults))


def _undisturbed(source: Path, folder: Path) -> dict[str, str]:
    """Return, by file name, the hashes of what a plain save of the same edits writes."""
    import weightedit

    shutil.copytree(source.parent, folder)
    with weightedit.open(folder / source.name) as document:
        _edited(document)
        document.save()
    return {path.name: digest(path) for path in folder.iterdir()}


def _edited(document: Any) -> list[State]:
    """Make three edits; return the states before, between and after them."""
    states = [document_state(document)]
    edit(document)
    states += [{}, document_state(document)]
    document.undo()
    states[1] = document_state(document)
    document.redo()
    document.apply("add", next(iter(document.tensors)), region="[0, :]", value=1.0, accept="all")
    return [*states, document_state(document)]


def _goes_on(document: Any, states: list[State], elsewhere: Path, source: Path) -> list[str]:
    """O5 after the export: everything that was applied is undone and redone, the next edit is right, it saves again."""
    import torch

    faults, name = [], list(document.tensors)[-1]
    elsewhere.parent.mkdir(parents=True)
    before = document.read(name)
    document.apply("scale", name, factor=-2.0, accept="all")
    if not torch.equal(document.read(name), before * -2):
        faults.append("the next edit gives other values")
    document.undo()
    faults += edits_kept(document, states, elsewhere)
    document.undo()
    document.save()
    if weightedit_state(source) != states[-2]:
        faults.append("after an undo past the export, a save holds other values")
    return faults


def _saved_shards(kind: Kind, folder: Path, nbytes: int, part: int) -> Iterator[Trial]:
    """Save a sharded model of which one shard was edited."""
    import weightedit

    source = make(kind, folder / "opened", nbytes, 1)
    shutil.copytree(folder / "opened", folder / "undisturbed")
    for place in ("undisturbed", "opened"):
        with weightedit.open(folder / place / source.name) as document:
            names = list(document.tensors)
            states = [document_state(document)]
            document.apply("scale", names[part * len(names) // kind.shards], factor=3.0, accept="all")
            states.append(document_state(document))
            wanted = {path: digest(folder / "undisturbed" / path.name) for path in files_of(source)}
            oracle = Oracle(folder / "opened", wanted)
            document.save()
            if place == "opened":
                faults = oracle.faults(True) + _goes_on(document, states, folder / "elsewhere" / kind.file, source)
    yield Trial(FAMILY, f"a save that replaces shard {part + 1}", not faults, "; ".join(faults))


def _shard_alone(kind: Kind, folder: Path, nbytes: int, part: int) -> Iterator[Trial]:
    """Open one shard as a file of its own and export over it; the whole model opens after that, with the edit."""
    import weightedit

    source = make(kind, folder / "opened", nbytes, 1)
    shard = files_of(source)[part]
    with weightedit.open(shard) as document:
        states = _edited(document)
        document.export(folder / "wanted.safetensors")
        oracle = Oracle(folder / "opened", {shard: digest(folder / "wanted.safetensors")})
        document.export(Path(os.path.relpath(shard)))
        faults = oracle.faults(True)
        whole = weightedit_state(source)
        if {name: whole[name] for name in states[-1]} != states[-1]:
            faults.append("the model holds other values than its shard")
        faults += _goes_on(document, states, folder / "elsewhere" / "one.safetensors", shard)
    yield Trial(FAMILY, f"shard {part + 1} opened alone", not faults, "; ".join(faults))


def _refused_shard(kind: Kind, folder: Path, nbytes: int, part: int) -> Iterator[Trial]:
    """Export a whole sharded model over one of its shards: the others would be of another save, so it is refused."""
    import weightedit

    source = make(kind, folder / "opened", nbytes, 1)
    shard = files_of(source)[part]
    with weightedit.open(source) as document:
        states = _edited(document)
        oracle = Oracle(folder / "opened", dict.fromkeys(files_of(source), "nothing"))
        yield _refused(document, shard, kind, oracle, f"the whole model over its shard {part + 1}", states, folder)


def _refused(document: Any, target: Path, kind: Kind, oracle: Oracle, case: str, states: list[State],
             folder: Path) -> Trial:  # fmt: skip
    from weightedit.core.errors import WeightEditError

    try:
        document.export(target, kind.format)
    except WeightEditError as error:
        named = any(path.name in str(error) for path in (target, *oracle.before))
        faults = [] if named else [f"the message names no file: {error}"]
    else:
        return Trial(FAMILY, case, False, "it was not refused")
    faults += oracle.faults(False)
    faults += _goes_on(document, states, folder / "elsewhere" / kind.file, Path(document.path))
    return Trial(FAMILY, case, not faults, "; ".join(faults))
