"""Texts as Qt has to be given them so that names out of files stand there as text: never markup, never mnemonics.

Qt reads labels and tooltips as rich text where they look like it, `&` in buttons, menus and tabs as the mark of a key,
and `[*]` in a window's title as the place of the modified mark. Whatever is no literal goes through here, which a lint
test watches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from html import escape
from textwrap import wrap

from PySide6.QtGui import QClipboard, QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, Qt
from PySide6.QtWidgets import QLabel, QMenu, QWidget

from weightedit.core.words.visible import LONGEST, LONGEST_MESSAGE, visible, visible_lines

LONGEST_ON_A_BUTTON = 120
LONGEST_DETAILS = 50_000
BREAK = "\u200b"
"""Where a line may break; in a visible text it is always one of ours."""
WIDEST_TIP = 140
"""Characters after which a line of a tooltip is broken: Qt draws it as wide as it is, past the screen's end."""


def plain(text: str) -> str:
    """Return a text, such as a file's name, as it must be given to a button, menu or tab to be read as it is."""
    return visible(text, LONGEST_ON_A_BUTTON).replace("&", "&&")


@lru_cache(maxsize=1024)  # those of actions are asked for each time they are turned on or off
def tip(text: str) -> str:
    """Return a text of one or more lines as it must be given to a tooltip or status tip to be read as it is."""
    lines = (part for line in visible_lines(text).split("\n") for part in _broken(line))
    shown = "\n".join(lines)
    if not Qt.mightBeRichText(shown):
        return shown
    return f"<span>{escape(shown, quote=False).replace(chr(10), '<br>')}</span>"


def aloud(text: str) -> str:
    """Return a text as a screen reader is given it."""
    return visible_lines(text)


def row_text(text: str) -> str:
    """Return the text of a row in a list or of a choice, of one or more lines."""
    return visible_lines(text, LONGEST)


def lines_text(text: str) -> str:
    """Return a long text of many lines, such as the details of an error, as it can be shown and copied."""
    return visible_lines(text, LONGEST_DETAILS)


def title_text(text: str) -> str:
    """Return a part of a window's title as it must be given to be read as it is."""
    return visible(text, LONGEST_ON_A_BUTTON).replace("[*]", "[*][*]")


class Breaking(str):
    """A text that was made visible already, with `BREAK` where its lines may break."""

    __slots__ = ()


def breaking(text: str, broken: Callable[[str], str]) -> Breaking:
    """Return a text that a label shows as it is; `broken` puts each `BREAK` into the visible text."""
    return Breaking(broken(visible_lines(text)))


class Label(QLabel):
    """A label of plain text: each line of it is what it looks like, and there is never more of it than can be laid out.

    Parameters
    ----------
    text
        What it shows.
    parent
        The widget it is in.
    most
        Characters it shows at most.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None, most: int = LONGEST_MESSAGE) -> None:
        super().__init__(parent)
        self._most = most
        self.setTextFormat(Qt.TextFormat.PlainText)
        if text:
            self.setText(text)

    def setText(self, text: str) -> None:
        """Show another text."""
        super().setText(text if isinstance(text, Breaking) else visible_lines(text, self._most))

    # ---- copying: Qt would put the places where lines may break on the clipboard too

    @property
    def picked(self) -> str:
        """What is selected, as it reads."""
        return self.selectedText().replace(BREAK, "").replace("\u2029", "\n").replace("\u2028", "\n")

    def copy_picked(self) -> None:
        """Put what is selected on the clipboard."""
        if text := self.picked:
            QGuiApplication.clipboard().setText(text)

    def select_all(self) -> None:
        """Select the whole text."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.setSelection(0, len(super().text().encode("utf-16-le")) // 2)

    @property
    def _is_selectable(self) -> bool:
        return bool(self.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy."""
        if self._is_selectable and event.matches(QKeySequence.StandardKey.Copy):
            self.copy_picked()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin anew on a selection with breaks in it, which Qt would drag away as it is."""
        extends = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if event.button() == Qt.MouseButton.LeftButton and not extends and BREAK in self.selectedText():
            self.setSelection(0, 0)
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Keep what is selected for the middle button, where the system has such a clipboard."""
        super().mouseReleaseEvent(event)
        clipboard = QGuiApplication.clipboard()
        if clipboard.supportsSelection() and self.hasSelectedText():
            clipboard.setText(self.picked, QClipboard.Mode.Selection)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy."""
        if not self._is_selectable:
            super().contextMenuEvent(event)
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction("&Copy", self.copy_picked)
        copy.setEnabled(self.hasSelectedText())
        menu.addAction("Select &all", self.select_all)
        menu.popup(event.globalPos())


def _broken(line: str) -> list[str]:
    return [line] if len(line) <= WIDEST_TIP else wrap(line, WIDEST_TIP, drop_whitespace=False)
