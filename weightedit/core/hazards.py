"""What an edit would do silently, said beforehand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from weightedit.core.words.visible import message, visible

if TYPE_CHECKING:
    from weightedit.core.edit import Edit

Level = Literal["notice", "warning", "refusal"]
LEVELS: tuple[Level, ...] = ("refusal", "warning", "notice")


@dataclass(frozen=True, slots=True)
class Hazard:
    """One thing a person should know before the edit happens.

    Attributes
    ----------
    kind
        The row of the hazard table, such as `overflow`.
    level
        `notice` is worth knowing, `warning` needs a yes, `refusal` cannot be done.
    title
        What happens, with a count: *Overflow: 14 become +Inf*.
    detail
        Where, how large, and what to do; a full sentence or empty.
    targets
        Names of the tensors it is about.
    count
        How many values, slots or whatever the title counts.
    places
        The first few regions it happens at, such as `[1310, 3964]`.
    alternatives
        Edits that would work instead.
    labels
        What the link to each alternative says, such as `Take rows 0–4`; where there are fewer than alternatives,
        the rest are named after their operation.
    """

    kind: str
    level: Level
    title: str
    detail: str = ""
    targets: tuple[str, ...] = ()
    count: int = 0
    places: tuple[str, ...] = ()
    alternatives: tuple[Edit, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make every text one visible line: there are names out of files and texts of other programs in them."""
        object.__setattr__(self, "title", message(self.title))
        object.__setattr__(self, "detail", message(self.detail))
        object.__setattr__(self, "labels", tuple(visible(said) for said in self.labels))

    @property
    def message(self) -> str:
        """Title and detail as sentences."""
        return f"{self.title}. {self.detail}".strip() if self.detail else f"{self.title}."


def refusal(kind: str, title: str, detail: str = "", *, targets: Iterable[str] = (), count: int = 0,
            alternatives: Iterable[Edit] = (), labels: Iterable[str] = ()) -> Hazard:  # fmt: skip
    """Make the hazard of an edit that cannot be done."""
    return Hazard(kind, "refusal", title, detail, tuple(targets), count, (), tuple(alternatives), tuple(labels))
