"""The exceptions that reach a person: one sentence each, naming the file, the tensor and the cause."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING

from weightedit.core.words.visible import message

if TYPE_CHECKING:
    from weightedit.core.hazards import Hazard


class WeightEditError(Exception):
    """Anything weightedit says no to; `str()` is one sentence for a person, on one line whatever names are in it."""

    def __init__(self, text: str = "") -> None:
        super().__init__(message(text))


class CheckpointError(WeightEditError):
    """Something is wrong with a file.

    Parameters
    ----------
    text
        One sentence that names the file, the place and the cause.
    file
        The file it is about.
    place
        Where in the file: a tensor name, a zip record, a byte offset.
    """

    def __init__(self, text: str, *, file: str | PathLike[str] | None = None, place: str | None = None) -> None:
        super().__init__(text)
        self.file = None if file is None else fspath(file)
        self.place = place


class SourceChanged(CheckpointError):
    """The file is no longer the one that was opened; nothing read from it can be trusted."""


class Cancelled(WeightEditError):
    """The person pressed Cancel; nothing was changed."""


class RegionError(WeightEditError):
    """A typed region does not parse or does not fit; `column` is the 0-based place in the text."""

    def __init__(self, said: str, *, text: str = "", column: int = 0) -> None:
        super().__init__(said)
        self.text = text
        self.column = column


class ExpressionError(WeightEditError):
    """A formula or condition does not read or does not fit; `column` is the 0-based place in `text`."""

    def __init__(self, said: str, *, text: str = "", column: int = 0) -> None:
        super().__init__(said)
        self.text = text
        self.column = column


class HazardError(WeightEditError):
    """An edit that was not applied, with the hazards that say why."""

    def __init__(self, hazards: Sequence[Hazard]) -> None:
        self.hazards: tuple[Hazard, ...] = tuple(hazards)
        # Each is one line already; all of them together may be long.
        Exception.__init__(self, " ".join(f"{hazard.message}{_ways(hazard)}" for hazard in self.hazards))


def _ways(hazard: Hazard) -> str:
    """Return what would do instead, as the links of its card say it."""
    return f" What would do: {'; '.join(hazard.labels)}." if hazard.labels and hazard.level != "notice" else ""


class EditRefused(HazardError):
    """The edit cannot be done; each hazard says why, and `alternatives` what would work."""


class ConfirmationNeeded(HazardError):
    """The edit would lose something; pass the kinds in `accept=` to apply it all the same."""

    def __str__(self) -> str:
        kinds = ", ".join(dict.fromkeys(f'"{hazard.kind}"' for hazard in self.hazards if hazard.level == "warning"))
        return f"{super().__str__()} To do it all the same, pass accept={{{kinds}}}."
