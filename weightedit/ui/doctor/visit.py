"""What the doctor's room has of one document, kept while another one is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightedit.doctor.checkup import Checkup
from weightedit.ui.doctor.ground import Ground
from weightedit.ui.tasks import Task

if TYPE_CHECKING:
    from weightedit.ui.doctor.activations_pane import ActivationsPane
    from weightedit.ui.documents import OpenDocument


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of activations.

    Attributes
    ----------
    state, says
        For the card: a word for its icon, and a few that say it.
    show
        Shows it in the pane.
    ground
        The place in history it is of; None where nothing in it depends on that.
    again
        Asks for the same once more.
    """

    state: str
    says: str
    show: Callable[[ActivationsPane], None]
    ground: Ground | None = None
    again: Callable[[], None] | None = None


@dataclass(eq=False, slots=True)
class Visit:
    """What the room has of one document.

    Attributes
    ----------
    opened
        The document; None where none is open.
    found, ground, mended
        What the last check came to, the place in history it is of, and those that its mends led to.
    outcome
        What the last activations came to.
    part
        Which part is shown.
    task, doing, trains
        What runs, whether that is a `check` or `activations`, and whether the check takes a training step.
    said
        Level, title and body of what is said above the parts; None for nothing.
    texts
        What the fields said when another document was looked at.
    is_gone
        Whether the document was closed.
    """

    opened: OpenDocument | None
    found: Checkup | None = None
    ground: Ground | None = None
    mended: list[Ground] = field(default_factory=list)
    outcome: Outcome | None = None
    part: str = "trace"
    task: Task[Any] | None = None
    doing: str = ""
    trains: bool = False
    said: tuple[str, str, str] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    is_gone: bool = False

    def is_left(self, ground: Ground | None) -> bool:
        """Whether the document is elsewhere in its history than a result is of."""
        return ground is not None and self.opened is not None and not ground.holds(self.opened.document)

    def is_past(self, part: str) -> bool:
        """Whether what there is of a part was found before the document changed."""
        if part == "activations":
            return self.outcome is not None and self.is_left(self.outcome.ground)
        return self.is_left(self.ground)
