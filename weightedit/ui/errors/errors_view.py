"""Errors and hazards as they stand in the window: what is wrong, in one sentence, details folded."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.errors import CheckpointError, WeightEditError
from weightedit.core.words.shortages import Shortage
from weightedit.core.words.visible import visible
from weightedit.ui.errors.answers import About
from weightedit.ui.theme import mono_font, ui_font
from weightedit.ui.widgets.pieces import IconLabel, icon_button, label, restyle
from weightedit.ui.widgets.plain import BREAK, Breaking, breaking, lines_text, plain

LEVELS = {"notice": ("info", "info"), "warning": ("warning", "warn"), "refusal": ("refusal", "bad"),
          "ok": ("check", "ok")}  # fmt: skip
LONGEST_TITLE = 400
"""Characters of an error's title: with more, a name out of a file would fill the window; the details have all."""
CODE_WORDS = ("torch", "weightedit", "safetensors", "numpy")
"""Names that are written small also at the beginning of a sentence."""


def title_and_body(error: BaseException) -> tuple[str, str]:
    """Split an error's message into the sentence that is the title and the rest."""
    if not isinstance(error, WeightEditError):
        return "Something went wrong in weightedit itself", f"{type(error).__name__}: {error}"
    first, *rest = re.split(r"(?<=\w[.;:]) ", str(error), maxsplit=1)
    body = rest[0] if rest else ""
    return first.rstrip(".;:"), sentence(body)


def sentence(text: str) -> str:
    """Begin a text with a capital where it begins with a word; code such as `torch.save(…` stays as it is."""
    word = re.match(r"([a-z]+)[,;:]?(\s|$)", text)
    return text if word is None or word[1] in CODE_WORDS else text[:1].upper() + text[1:]


def folder_of(error: BaseException) -> str:
    """Return where the file of an error is, unless its message says so already."""
    if not isinstance(error, CheckpointError) or not error.file:
        return ""
    folder = str(Path(error.file).expanduser().absolute().parent)
    return "" if folder in str(error) else f"Folder: {folder}"


def details(error: BaseException, doing: str = "") -> str:
    """Return what belongs into a report: the whole message, file, place, what was going on, and the versions.

    The trace of what led to it is in it for what nobody expected: a refusal is meant, and its trace says nothing.
    """
    from weightedit.ui.asides.about import versions

    lines = [str(error)] if isinstance(error, WeightEditError) else \
        ["".join(traceback.format_exception(error)).rstrip()]  # fmt: skip
    if isinstance(error, Shortage) and error.__cause__ is not None:
        lines.append(f"cause: {type(error.__cause__).__name__}: {error.__cause__}")
    if isinstance(error, CheckpointError):
        lines += [f"file: {visible(error.file)}"] if error.file else []
        lines += [f"place: {visible(error.place)}"] if error.place else []
    lines += [f"during: {visible(doing)}"] if doing else []
    return "\n".join([*lines, ", ".join(f"{name} {version}" for name, version in versions().items())])


def wrapping(text: str, role: str = "") -> QLabel:
    """Make a label that breaks its text into lines and can be copied from."""
    made = label(text if isinstance(text, Breaking) else breaking(text, broken), role)
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return made


def broken(text: str) -> str:
    """Let words that no card has room for go on in the next line."""
    return re.sub(r"\S{81,}", lambda word: re.sub(".{20}", f"\\g<0>{BREAK}", word[0]), text)


class ErrorCard(QFrame):
    """One error: a title, a sentence, and details that unfold and can be copied.

    Attributes
    ----------
    error
        What is told of.
    about
        What was refused, which a success answers.
    """

    dismissed = Signal()

    def __init__(self, error: BaseException, doing: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("error")
        self.setProperty("surface", "panel")
        self.error = error
        self.about: About | None = None
        title, body = title_and_body(error)
        body = "\n".join(filter(None, (body, folder_of(error))))
        self.title, self.body = wrapping(visible(title, LONGEST_TITLE)), wrapping(body, "secondary")
        self.title.setFont(ui_font(13, QFont.Weight.DemiBold))
        self.title.setProperty("role", "strong")
        self.doing = label(doing, "caption")
        # Shown before it has a parent, a label would be a window of its own for a moment, and take the focus.
        if not body:
            self.body.hide()
        if not doing or isinstance(error, WeightEditError):
            self.doing.hide()
        self.text = QPlainTextEdit(lines_text(details(error, doing)))
        self.text.setReadOnly(True)
        self.text.setFont(mono_font(11))
        self.text.setProperty("mono", True)
        self.text.setFixedHeight(92 if isinstance(error, WeightEditError) else 150)
        self.text.hide()
        self.unfold = QPushButton("▸ Details")
        self.unfold.setProperty("kind", "link")
        self.unfold.clicked.connect(self._fold)
        self.copy = QPushButton("Copy details")
        self.copy.setProperty("kind", "link")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.details))
        self.close_button = icon_button("close", "Dismiss", 22, 12)
        self.close_button.clicked.connect(self.dismissed)
        self._lay_out()

    def _lay_out(self) -> None:
        self._links = links = QHBoxLayout()
        links.setSpacing(14)
        links.addWidget(self.unfold)
        links.addWidget(self.copy)
        links.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(4)
        for widget in (self.title, self.body, self.doing):
            column.addWidget(widget)
        column.addLayout(links)
        column.addWidget(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 10, 10)
        row.setSpacing(10)
        row.addWidget(IconLabel("file-x", 18, "bad"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)

    def offer(self, text: str, call: Callable[[], None]) -> QPushButton:
        """Add a way on, such as doing it all the same; the card goes when it is taken."""
        button = QPushButton(plain(text))
        button.setProperty("kind", "warning")
        button.setProperty("small", True)
        button.clicked.connect(call)
        button.clicked.connect(self.dismissed)
        self._links.insertWidget(0, button)
        return button

    @property
    def details(self) -> str:
        """What belongs into a report of it."""
        return self.text.toPlainText()

    def _fold(self) -> None:
        self.text.setVisible(self.text.isHidden())
        self.unfold.setText("▸ Details" if self.text.isHidden() else "▾ Details")


class Notice(QFrame):
    """One hazard on its tint: icon, title, and a sentence."""

    def __init__(self, level: str, title: str, body: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("notice", level)
        name, token = LEVELS[level]
        self.title = wrapping(title)
        self.title.setFont(ui_font(12, QFont.Weight.DemiBold))
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 10, 8)
        row.setSpacing(8)
        self._icon = IconLabel(name, 16, token)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        self.column = QVBoxLayout()
        self.column.setSpacing(3)
        self.column.addWidget(self.title)
        self.body = wrapping(body, "secondary")
        self.column.addWidget(self.body)
        if not body:
            self.body.hide()
        row.addLayout(self.column, 1)

    def set_level(self, level: str) -> None:
        """Become a notice of another level."""
        self._icon.show_icon(*LEVELS[level])
        restyle(self, "notice", level)
