"""F12: what the undo spill keeps is damaged on disk: a byte flipped, the file cut short, emptied or made anew."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.saves import Report
from tests.faults.trials import Outcome, Trial
from tests.faults.warm import warm

FAMILY = "F12"
TITLE = "Undo spill damaged (a bit flipped, truncated, emptied, zeroed): found by checksum, never applied"
GROUPS = ("file", "live module")
DAMAGES = ("a bit", "a block", "truncated", "emptied", "zeroed")
COUNTS = {True: 6, False: 200}


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Damage one file of the spill after another, and look at everything that can be undone and redone."""
    seeds = range(COUNTS[quick])
    arguments = {"folder": str(folder), "live": group == "live module"}
    for damage in DAMAGES:
        ended = warm().run("tests.faults.f12_spill_damaged:damaged",
                           arguments | {"damage": damage, "seeds": list(seeds)}, limit=1200)  # fmt: skip
        for seed in seeds:
            wrong = (ended.answer or {}).get(str(seed), [ended.error or f"it ended with {ended.status}"])
            yield Trial(FAMILY, f"{group}, {damage}, seed {seed}", not wrong, "; ".join(wrong))


def damaged(arguments: dict[str, Any], report: Report) -> dict[str, list[str]]:
    """For each seed: edit at random, damage one file, and go everywhere in the history; return what was wrong."""
    return {str(seed): _one(arguments, random.Random(seed)) for seed in arguments["seeds"]}


def _one(arguments: dict[str, Any], chance: random.Random) -> list[str]:
    import torch
    from safetensors.torch import save_file

    from tests.faults.oracle import document_state
    from weightedit.assembly import open_document
    from weightedit.core.undo.spill import Spill

    folder = Path(arguments["folder"])
    tensors = {name: torch.randn(48, 64, generator=torch.Generator().manual_seed(at)) for at, name in enumerate("ab")}
    path = folder / "model.safetensors"
    save_file(tensors, path)
    spill = Spill(folder / "spill", in_memory=0)
    document = open_document(dict(tensors) if arguments["live"] else path, spill=spill)
    states = [document_state(document)]
    for _ in range(6):
        _edit(document, chance)
        states.append(document_state(document))
    files = spill_files(document)
    _damage(chance.choice(files), arguments["damage"], chance)
    wrong = _everywhere(document, states, chance, folder)
    document.close()
    return wrong


def _edit(document: Any, chance: random.Random) -> None:
    name = chance.choice("ab")
    kind = chance.randrange(3)
    if kind == 0:
        document.apply("scale", name, factor=chance.uniform(0.5, 2), accept="all")
    elif kind == 1:
        row = chance.randrange(47)
        document.apply("fill", name, value=chance.random(), region=f"[{row}:{row + 2}, :]", accept="all")
    else:
        document.apply("flip", name, dims=0, accept="all")


def spill_files(document: Any) -> list[Any]:
    """Return the spill files behind what history keeps."""
    from weightedit.core.undo.sealed import Mapped, Sealed

    found: dict[int, Any] = {}

    def look(kept: Any, depth: int = 0) -> None:
        if isinstance(kept, Sealed):
            found[id(kept.file)] = kept.file
        elif isinstance(kept, memoryview):
            if isinstance(kept.obj, Mapped):
                found[id(kept.obj.file)] = kept.obj.file
        elif isinstance(kept, tuple | list):
            for part in kept:
                look(part, depth)
        elif depth < 8:
            for name in ("before", "after", "pieces", "storage", "content", "base", "patches", "buffers", "kept"):
                inner = getattr(kept, name, None)
                if inner is not None:
                    look(inner, depth + 1)

    for step in document.history.steps:
        look(step.commands)
    return list(found.values())


def _damage(file: Any, damage: str, chance: random.Random) -> None:
    handle, size, start = file.handle, file.nbytes, file.start
    if damage == "a bit":
        at = start + chance.randrange(size)
        os.pwrite(handle, bytes([os.pread(handle, 1, at)[0] ^ 1 << chance.randrange(8)]), at)
    elif damage == "a block":
        at = start + chance.randrange(max(1, size - 4096))
        os.pwrite(handle, chance.randbytes(min(4096, start + size - at)), at)
    else:
        whole = os.fstat(handle).st_size
        os.ftruncate(handle, start + size // 2 if damage == "truncated" else start)
        if damage == "zeroed":
            os.ftruncate(handle, whole)


def _everywhere(document: Any, states: list[Any], chance: random.Random, folder: Path) -> list[str]:
    """Go to every point: each is reached whole, or refused by name with the document where it was."""
    from tests.faults.oracle import document_state
    from weightedit.core.undo.sealed import SpillDamaged

    wrong, refused = [], 0
    points = [*range(len(states) - 1, -1, -1), *range(len(states))] + [chance.randrange(len(states)) for _ in range(8)]
    for point in points:
        at = document.history.position
        try:
            document.go_to(point, accept="all")
        except SpillDamaged as error:
            refused += 1
            if document.history.position != at or "of " not in str(error) or "do of" not in str(error):
                wrong.append(f"{error}, and it is at {document.history.position} instead of {at}")
        try:
            now = document_state(document)
        except SpillDamaged:
            refused += 1  # what is shown now is itself what was lost
            continue
        if now != states[document.history.position]:
            wrong.append(f"after {document.history.position} edits it shows other values than it did")
    target = folder / "out.safetensors"
    target.unlink(missing_ok=True)
    try:
        document.export(target)
    except SpillDamaged:
        refused += 1
        wrong += ["a refused export left a file"] if target.exists() else []
    return wrong + ([] if refused else ["nothing noticed the damage"])
