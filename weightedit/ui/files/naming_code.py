"""Says of opened files that name code what they name, that nothing of it was run, and what would run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted, some
from weightedit.core.words.visible import visible
from weightedit.ui.documents import OpenDocument
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.files.reload_notice import NoticeStrip
from weightedit.ui.widgets.pieces import button_row
from weightedit.ui.widgets.plain import aloud

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

MOST_FILES, MOST_NAMES = 2, 4
"""Files, and names of one of them, that are shown; the rest is counted, and copied."""
NOT_RUN = "Opening imported and ran nothing of it; torch.load(…, weights_only=False) or pickle would import and run it."


class CodeNotice(Notice):
    """The files that name code, with what they name.

    Parameters
    ----------
    files
        The documents, the latest first.
    dismiss
        Called when the person has read it.
    """

    def __init__(self, files: Sequence[OpenDocument], dismiss: Callable[[], None]) -> None:
        names = [visible(one.title, 120) for one in files]
        title = f"{names[0]} names code" if len(files) == 1 else f"{count_text(len(files))} open files name code"
        super().__init__("warning", f"{title} that other programs may run", NOT_RUN)
        self.setObjectName("names-code")
        named = [some(one.code, MOST_NAMES) for one in files[:MOST_FILES]]
        lines = [f"It names {named[0]}." if len(files) == 1 else f"{name}: {what}"
                 for name, what in zip(names, named, strict=False)]  # fmt: skip
        if len(files) > MOST_FILES:
            lines.append(f"and {counted(len(files) - MOST_FILES, 'more file')}")
        for at, line in enumerate(lines):
            self.column.insertWidget(1 + at, wrapping(line, "secondary"))
        self.copy_button, self.dismiss_button = QPushButton("Copy the names"), QPushButton("Dismiss")
        whole = [f"{name}: {visible(one)}" for name, found in zip(names, files, strict=True) for one in found.code]
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText("\n".join(whole)))
        self.dismiss_button.clicked.connect(dismiss)
        self.dismiss_button.setProperty("kind", "quiet")
        for button in (self.copy_button, self.dismiss_button):
            button.setAccessibleName(aloud(f"{button.text()}: {title}"))
        self.column.addSpacing(4)
        self.column.addLayout(button_row(self.copy_button, self.dismiss_button))


class NamingCode(QObject):
    """Keeps one notice for all open files that name code and of which nobody has dismissed it."""

    def __init__(self, window: MainWindow, strip: NoticeStrip) -> None:
        super().__init__(window)
        self._strip = strip
        self._told: list[OpenDocument] = []
        self._notice: CodeNotice | None = None
        window.documents.added.connect(self._added)
        window.documents.removed.connect(self._removed)

    def _added(self, found: OpenDocument) -> None:
        if found.code:
            self._told.insert(0, found)
            self._show()

    def _removed(self, found: OpenDocument) -> None:
        if found in self._told:
            self._told.remove(found)
            self._show()

    def _dismiss(self) -> None:
        self._told.clear()
        self._show()

    def _show(self) -> None:
        self._strip.remove(self._notice)
        self._notice = CodeNotice(self._told, self._dismiss) if self._told else None
        if self._notice is not None:
            self._strip.add(self._notice)
