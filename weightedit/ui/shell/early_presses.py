"""Does what was pressed or dropped before the window had its parts, once they are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, Qt, QUrl
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import QApplication, QLineEdit

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

Early = QKeyEvent | QPointF | list[QUrl]
"""A key, a place that was clicked on, or what was dropped."""


def do_again(window: MainWindow, early: Iterable[Early]) -> None:
    """Press keys, click on places of a window and drop files on it, in order, and before anything that comes now."""
    for one in early:
        if isinstance(one, QPointF):
            click(window, one)
        elif isinstance(one, list):
            drop(window, one)
        else:
            press(window, one)


def press(window: MainWindow, event: QKeyEvent) -> None:
    """Do what a key does now: an open menu or dialog takes it, an action that is on, the menu bar, or the focus."""
    above = QApplication.activePopupWidget() or QApplication.activeModalWidget()
    inside = QApplication.focusWidget() if above is None else above.focusWidget()
    receiver = inside or above or window
    types = isinstance(receiver, QLineEdit) and event.text().isprintable()
    if above is not None or types or not (_act(window, event) or _open_menu(window, event)):
        QApplication.sendEvent(receiver, event)


def _act(window: MainWindow, event: QKeyEvent) -> bool:
    """Trigger the action of a key, where there is one."""
    keys = QKeySequence(event.keyCombination())
    for action in window.actions_of.made.values():
        reaches = action.shortcutContext() == Qt.ShortcutContext.WindowShortcut
        if reaches and action.isEnabled() and keys in action.shortcuts():
            action.trigger()
            return True
    return False


def _open_menu(window: MainWindow, event: QKeyEvent) -> bool:
    """Open the menu that Alt and a letter picks."""
    bar, keys = window.top.bar, QKeySequence(event.keyCombination())
    found = [action for action in bar.actions() if action.isVisible() and QKeySequence.mnemonic(action.text()) == keys]
    if not found or bar.isNativeMenuBar():
        return False
    bar.setActiveAction(found[0])
    return True


def click(window: MainWindow, place: QPointF) -> None:
    """Click on what stands at a place of a window now."""
    receiver = window.childAt(place.toPoint()) or window
    inside, there = receiver.mapFrom(window, place), window.mapToGlobal(place)
    button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for kind, held in ((QEvent.Type.MouseButtonPress, button),
                       (QEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton)):  # fmt: skip
        QApplication.sendEvent(receiver, QMouseEvent(kind, inside, there, button, held, none))


def drop(window: MainWindow, urls: list[QUrl]) -> None:
    """Open the files among what was dropped."""
    from weightedit.ui.files.dropping import local_paths

    if paths := local_paths(urls):
        window.open(paths)
