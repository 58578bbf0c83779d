"""What is said of a pasted message: what happens, why, where, and which edits would mend it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from weightedit.core.words.visible import message, visible, visible_lines
from weightedit.doctor.finding import Mend

UNKNOWN = "unknown"
MOST_NAMED = 20
"""Tensors that are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of code in a traceback.

    Attributes
    ----------
    file
        As the traceback has it; `cell 3` of a notebook.
    line
        From 1.
    function
        Empty where the traceback has none.
    code
        The line, without its indentation; empty where the traceback has none.
    """

    file: str
    line: int
    function: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        """Make every text one visible line: they come out of what was pasted."""
        for name in ("file", "function", "code"):
            object.__setattr__(self, name, visible(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Caret:
    """Where Python stopped reading.

    Attributes
    ----------
    line, column
        From 1. The column counts characters of `text`; one past its end where something is missing there.
    text
        The line.
    """

    line: int
    column: int
    text: str

    def __post_init__(self) -> None:
        """Put a space for what takes no place or moves the writing, so that the column stays right."""
        object.__setattr__(self, "text", "".join(char if char.isprintable() else " " for char in self.text))

    @property
    def shown(self) -> str:
        """The line, and below it the caret."""
        return f"{self.text}\n{' ' * (self.column - 1)}^"


@dataclass(frozen=True, slots=True)
class Explained:
    """A message in plain words.

    Attributes
    ----------
    kind
        The name of a kind of `kinds()`; `unknown` where the message is none of them.
    title
        What happens, in a few words.
    message
        What happens, with the numbers found in the text.
    why
        The cause, and what to do.
    torch_says
        The line that was recognised; empty where none was.
    frame
        The last line of the person's own code in the traceback; None where it shows none.
    tensors
        Names in the document that fit what the message says, the first of them.
    tensor_count
        How many fit in all.
    mends
        Edits of weights that would do, the likeliest first.
    caret
        Where a piece of code stops being Python.
    causes
        Where one message has several causes: each with how to find out whether it is that one.
    """

    kind: str
    title: str
    message: str
    why: str = ""
    torch_says: str = ""
    frame: Frame | None = None
    tensors: tuple[str, ...] = ()
    tensor_count: int = 0
    mends: tuple[Mend, ...] = ()
    caret: Caret | None = None
    causes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make every text a visible one: there are names and lines of what was pasted in them."""
        for name in ("title", "message", "torch_says"):
            object.__setattr__(self, name, message(getattr(self, name)))
        object.__setattr__(self, "why", visible_lines(self.why))
        object.__setattr__(self, "causes", tuple(message(cause) for cause in self.causes))

    @property
    def is_known(self) -> bool:
        """Whether the message is one of the kinds."""
        return self.kind != UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; the edits of mends are steps of a recipe."""
        return {"kind": self.kind, "title": self.title, "message": self.message, "why": self.why,
                "torch_says": self.torch_says, "frame": None if self.frame is None else asdict(self.frame),
                "tensors": list(self.tensors), "tensor_count": self.tensor_count,
                "mends": [mend.to_json() for mend in self.mends],
                "caret": None if self.caret is None else asdict(self.caret), "causes": list(self.causes)}  # fmt: skip
