"""F11: the disk of the undo spill fills up under edit after edit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.saves import Report
from tests.faults.trials import Note, NotRun, Outcome, Trial
from tests.faults.warm import warm

FAMILY = "F11"
TITLE = "Undo spill on a disk of 32 MB, 200 edits of 16 MiB: refused before, nothing half done, all undoable"
OPERATIONS = ("scale", "cast", "region", "replace")
GROUPS = ("a tmpfs that is full", "a limit on files")
MIB = 1 << 20


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Fill it with edits of one kind after the other."""
    size, edits, tensor = (2, 16, MIB) if quick else (32, 200, 16 * MIB)
    for operation in OPERATIONS[:1] if quick else OPERATIONS:
        disk = folder / operation
        disk.mkdir(parents=True)
        if group == GROUPS[0] and subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(disk)],
                                                 capture_output=True, check=False).returncode:  # fmt: skip
            yield NotRun(FAMILY, f"{group}, {operation}", "this machine permits no mount")
            continue
        try:
            arguments = {"folder": str(folder), "disk": str(disk), "edits": edits, "tensor": tensor, "size": size * MIB,
                         "operation": operation, "limit": group == GROUPS[1]}  # fmt: skip
            ended = warm().run("tests.faults.f11_spill_full:fill", arguments)
        finally:
            if group == GROUPS[0]:
                subprocess.run(["umount", "-l", str(disk)], capture_output=True, check=False)
        made, refused, wrong = ended.answer or (0, 0, [])
        wrong = [*wrong, *([ended.error] if ended.error else [])]
        if not wrong and (not made or not refused):
            wrong.append(f"{made} edits were made and {refused} refused: the disk was to fill up on the way")
        yield Trial(FAMILY, f"{group}, {operation}", not wrong and not ended.status, "; ".join(wrong))
        yield Note(FAMILY, f"{group}, {operation}", f"{made} edits made, {refused} refused")


EDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "scale": ("scale", {"factor": 0.5}), "cast": ("cast", {"dtype": "float64"}),
    "region": ("fill", {"value": 1.0, "region": "[:400, :]"}), "replace": ("replace", {"source": "other"}),
}  # fmt: skip


def fill(arguments: dict[str, Any], report: Report) -> tuple[int, int, list[str]]:
    """Edit until long after the disk is full; return how many edits were made and refused, and what was wrong."""
    import torch
    from safetensors.torch import save_file

    from tests.faults.oracle import document_state
    from weightedit.assembly import open_document
    from weightedit.core.errors import EditRefused
    from weightedit.core.undo.spill import Spill

    tensor, disk = arguments["tensor"], Path(arguments["disk"])
    path = Path(arguments["folder"]) / "model.safetensors"
    rows = tensor // 1024
    save_file({"w": torch.randn(rows, 256), "other": torch.ones(rows, 256)}, path)
    name, given = EDITS[arguments["operation"]]
    document = open_document(path, spill=Spill(disk, in_memory=64 << 10))
    if arguments["limit"]:
        _limit(arguments["size"])
    states, refused, wrong = [document_state(document)["w"]], 0, []
    for turn in range(arguments["edits"]):
        values = given | ({"factor": 0.5 + turn / 100} if name == "scale" else {})
        values |= {"value": float(turn)} if name == "fill" else {}
        values |= {"dtype": "float64" if turn % 2 == 0 else "float32"} if name == "cast" else {}
        said = [hazard for hazard in document.preflight(name, "w", **values) if hazard.level == "refusal"]
        try:
            document.apply(name, "w", accept="all", **values)
        except EditRefused as error:
            refused += 1
            if not said and not arguments["limit"]:
                wrong.append(f"edit {turn} was refused and preflight said nothing")
            if "\n" in str(error) or "hanged" not in str(error):
                wrong.append(f"edit {turn}: {error}")
        else:
            states.append(document_state(document)["w"])
            wrong += [f"edit {turn} was made and preflight refused it: {said[0].message}"] if said else []
    wrong += _all_undone(document, states)
    document.close()
    wrong += [f"{found.name} was left in the spill's folder" for found in disk.iterdir()]
    path.unlink()
    return len(states) - 1, refused, wrong


def _limit(size: int) -> None:
    """Let no further bytes be had: each file counts for itself, so it is the process's own count that is limited."""
    real, left = os.posix_fallocate, [size]

    def limited(handle: int, offset: int, length: int) -> None:
        if length > left[0]:
            raise OSError(28, os.strerror(28))
        left[0] -= length
        real(handle, offset, length)

    os.posix_fallocate = limited


def _all_undone(document: Any, states: list[str]) -> list[str]:
    """Undo all and redo all; every state must be what it was."""
    from tests.faults.oracle import document_state

    wrong = []
    for position in [*range(len(states) - 1, -1, -1), *range(len(states))]:
        document.go_to(position)
        if document_state(document)["w"] != states[position]:
            wrong.append(f"after {position} edits it is not what it was")
    if len(document.history) != len(states) - 1:
        wrong.append(f"the history has {len(document.history)} steps after {len(states) - 1} edits")
    return wrong
