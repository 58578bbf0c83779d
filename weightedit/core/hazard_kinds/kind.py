"""What a kind of hazard is: what PyTorch does, what the editor does, and a session that shows the former."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weightedit.core.hazards import Level

Chapter = Literal["Shapes and regions", "Values and dtypes", "Shared storage", "Live modules", "Devices and files",
                  "Asked by the editor"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class HazardKind:
    """One kind of hazard, as people read about it.

    Attributes
    ----------
    kind
        What `Hazard.kind` says, such as `overflow`.
    chapter
        Under which heading it stands.
    title
        A few words for people.
    torch
        What PyTorch does, in one or two sentences; empty for what only the editor asks about.
    editor
        What weightedit does.
    levels
        Every level a hazard of this kind may have.
    example
        A Python session on bare torch with what it really prints, in the form of `doctest`; `torch` and `nn` are
        imported. Empty where `torch` is.
    """

    kind: str
    chapter: Chapter
    title: str
    torch: str
    editor: str
    levels: tuple[Level, ...]
    example: str = ""
