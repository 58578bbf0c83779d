"""The notices above the tensors: a file changed on disk, with its choices, and what a reload could not replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.numbers import count_text
from weightedit.ui.documents import OpenDocument
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.widgets.pieces import button_row
from weightedit.ui.widgets.plain import plain

if TYPE_CHECKING:
    from weightedit.core.journals.reloading import FileChange, NotApplied

MOST_LEFT = 6
"""Edits that could not be replayed are named up to here; the rest is counted."""


def edits_text(count: int) -> str:
    """Return `1 edit`, `3 edits`."""
    return f"{count_text(count)} {'edit' if count == 1 else 'edits'}"


def what_changed(opened: OpenDocument, changes: Sequence[FileChange]) -> tuple[str, str]:
    """Return a notice's title and its sentence."""
    first = changes[0]
    gone = all(change.now is None for change in changes)
    files = len(opened.document.files)
    if len(changes) > 1:
        verb = "are gone" if gone else "changed on disk"
        title = f"{len(changes)} of the {count_text(files)} files of {opened.title} {verb}"
        detail = f"{first.sentence} "
    else:
        title = first.sentence.rstrip(".") if gone else f"{first.path.name} changed on disk"
        detail = "" if gone else f"{first.sentence} "
    rest = "Reload, or keep what is open: values not read yet cannot be shown any more."
    if gone:
        rest = "Edits made so far are kept; values not read yet cannot be shown until it is back."
    return title, f"{detail}{rest}"


class ReloadNotice(Notice):
    """One document whose files changed.

    Parameters
    ----------
    opened, changes
        The document, and what happened.
    edits
        How many unsaved edits it has.
    reload
        Called with whether to replay the edits.
    keep
        Called when the person goes on with what is open.
    export
        Called to save elsewhere what can still be read.
    """

    def __init__(self, opened: OpenDocument, changes: Sequence[FileChange], edits: int, reload: Callable[[bool], None],
                 keep: Callable[[], None], export: Callable[[], None]) -> None:  # fmt: skip
        super().__init__("warning", *what_changed(opened, changes))
        self.setObjectName("reload")
        self.opened, self.changes, self.edits = opened, list(changes), edits
        self.replay_button = QPushButton(plain(f"Reload and replay {edits_text(edits)}"))
        self.reload_button = QPushButton("Reload and drop the edits" if edits else "Reload")
        self.keep_button = QPushButton("Keep what is open")
        self.replay_button.clicked.connect(lambda: reload(True))
        self.reload_button.clicked.connect(lambda: reload(False))
        self.export_button = QPushButton("Export what is still readable…")
        self.keep_button.clicked.connect(keep)
        self.export_button.clicked.connect(export)
        there = not any(change.now is None for change in changes)
        if not there or not edits:
            self.replay_button.hide()
        if not there:
            self.reload_button.hide()
        self.keep_button.setProperty("kind", "quiet")
        self.replay_button.setProperty("kind", "primary")
        self.reload_button.setProperty("kind", "" if edits else "primary")
        self.column.addSpacing(4)
        self.column.addLayout(button_row(*self.buttons))

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """The choices, the usual one first."""
        return self.replay_button, self.reload_button, self.export_button, self.keep_button

    def set_busy(self, busy: bool) -> None:
        """Keep the choices off while the file is opened again."""
        for button in self.buttons:
            button.setEnabled(not busy)


class LeftOutNotice(Notice):
    """The edits that do not fit what the file holds now, each with the reason."""

    def __init__(self, opened: OpenDocument, left: Sequence[NotApplied], of: int, dismiss: Callable[[], None],
                 keep_as_recipe: Callable[[], object]) -> None:  # fmt: skip
        fits = "does not fit" if len(left) == 1 else "do not fit"
        super().__init__("warning", f"{count_text(len(left))} of {edits_text(of)} {fits} what {opened.title} holds now")
        self.setObjectName("left-out")
        lines = [f"{one.label}: {one.reason}" for one in left]
        for line in lines[:MOST_LEFT]:
            self.column.addWidget(wrapping(line, "secondary"))
        if len(lines) > MOST_LEFT:
            self.column.addWidget(wrapping(f"and {count_text(len(lines) - MOST_LEFT)} more", "secondary"))
        self.recipe_button = QPushButton("Save them as a recipe…")
        self.recipe_button.clicked.connect(keep_as_recipe)
        self.copy_button = QPushButton("Copy the list")
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText("\n".join(lines)))
        self.dismiss_button = QPushButton("Dismiss")
        self.dismiss_button.clicked.connect(dismiss)
        for button in (self.copy_button, self.dismiss_button):
            button.setProperty("kind", "quiet")
        self.column.addSpacing(4)
        self.column.addLayout(button_row(self.recipe_button, self.copy_button, self.dismiss_button))


class NoticeStrip(QWidget):
    """Notices one below the other, above whatever else is shown; hidden where there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 8, 14, 8)
        self._column.setSpacing(6)
        self.hide()

    @property
    def notices(self) -> list[QFrame]:
        """The notices shown, from the top."""
        items = (self._column.itemAt(place) for place in range(self._column.count()))
        found = (item.widget() for item in items if item is not None)
        return [widget for widget in found if isinstance(widget, QFrame)]

    def of(self, opened: OpenDocument) -> ReloadNotice | None:
        """Return the notice that a document's files changed."""
        return next((one for one in self.notices if isinstance(one, ReloadNotice) and one.opened is opened), None)

    def add(self, notice: QFrame) -> None:
        """Show a notice on top."""
        self._column.insertWidget(0, notice)
        self.show()

    def remove(self, notice: QFrame | None) -> None:
        """Take a notice away."""
        if notice is not None:
            self._column.removeWidget(notice)
            notice.hide()
            notice.deleteLater()
            self.setVisible(bool(self.notices))
