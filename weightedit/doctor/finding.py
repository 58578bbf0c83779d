"""What the doctor says: findings, first cause first, and the edits that mend them, proposed by operation name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from weightedit.core.edit import Edit

Level = Literal["refusal", "warning", "notice"]
_LEVELS: tuple[Level, ...] = ("refusal", "warning", "notice")
CheckPart = Literal["load", "trace", "training", "activations"]


@dataclass(frozen=True, slots=True)
class Mend:
    """One way to mend a finding; nothing is changed until a person applies its edits.

    Attributes
    ----------
    title
        A verb and its object, `Pad fc.weight with 8 columns of zeros`.
    edits
        Applied in order as one step; none where the mend is not one of weights.
    detail
        What becomes of it, `[4096, 11000] → [4096, 11008]`, and what the code must say for it.
    inputs, target
        Input or target as a spec that would fit instead, where that is the mend.
    undo_to
        The place in history to go back to, where that is the mend.
    """

    title: str
    edits: tuple[Edit, ...] = ()
    detail: str = ""
    inputs: str = ""
    target: str = ""
    undo_to: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; its edits are steps of a recipe."""
        return {"title": self.title, "detail": self.detail, "edits": [edit.to_json() for edit in self.edits],
                "inputs": self.inputs, "target": self.target, "undo_to": self.undo_to}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that keeps a model from loading, running or training, or that is worth knowing of it.

    Attributes
    ----------
    kind
        A word for what it is, such as `missing` or `channels`.
    module
        The dotted name of the module it is pinned to; empty for the model itself.
    tensor
        The name of the tensor of the checkpoint it is about; empty where there is none.
    message
        One sentence in plain words, with the numbers that disagree.
    mends
        Ways to mend it, the likeliest first.
    level
        `refusal` where torch raises, `warning` where it goes wrong in silence, `notice` where it is worth knowing.
    torch_says
        PyTorch's own message.
    part
        What found it: `load`, `trace`, `training` or `activations`.
    """

    kind: str
    module: str
    tensor: str
    message: str
    mends: tuple[Mend, ...] = ()
    level: Level = "refusal"
    torch_says: str = ""
    part: CheckPart = "load"

    @property
    def mend(self) -> Edit | None:
        """The first mend, where it is one edit; None where it is several, or something else."""
        edits = self.mends[0].edits if self.mends else ()
        return edits[0] if len(edits) == 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; `mend` is a step of a recipe, or null."""
        edit = self.mend
        return {"module": self.module, "tensor": self.tensor, "kind": self.kind, "message": self.message,
                "mend": None if edit is None else edit.to_json(), "level": self.level, "torch_says": self.torch_says,
                "mends": [mend.to_json() for mend in self.mends]}  # fmt: skip


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with what raises first, then what goes wrong in silence; causes stay before what they cause."""
    return tuple(sorted(findings, key=lambda one: _LEVELS.index(one.level)))


def is_healthy(findings: list[Finding]) -> bool:
    """Whether nothing was found but what is worth knowing."""
    return all(finding.level == "notice" for finding in findings)
