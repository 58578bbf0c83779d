"""What a step made of the weights, offered as edits of the document: nothing of it is taken unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weightedit.core.edit import Edit, TensorName
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.shape_trace.mending import Weights


def step_findings(changed: Any, weights: Weights, path: str) -> list[Finding]:
    """Tell of the file that holds the weights after a step, and offer them as edits; nothing where none was asked for.

    Parameters
    ----------
    changed
        The model's names of the tensors in the file, as its process says.
    weights
        Which tensor of the checkpoint each is.
    path
        The file; empty where none was asked for.
    """
    if not path or not isinstance(changed, list):
        return []
    edits: list[Edit] = []
    known: set[str] = set()
    for name in changed:
        own = weights.names.get(name) if isinstance(name, str) else None
        if own is None or own not in weights.facts:
            continue
        first = weights.facts[own].same_as or own  # what is tied changes with the one it is tied to
        if first not in known:
            known.add(first)
            edits.append(Edit("set", (own,), None, {"values": TensorName(name, str(Path(path).absolute()))}))
    if not edits:
        return [Finding("step", "", "", "The step changed no tensor that the checkpoint has.", level="notice")]
    mend = Mend(f"Take the step into {counted(len(edits), 'tensor')}", tuple(edits), "the weights after one step")
    return [Finding("step", "", "", f"The step changed {counted(len(edits), 'tensor')} of the checkpoint; the weights "
                    f"after it are in {visible(path)}.", (mend,), level="notice")]  # fmt: skip
