"""What windows change in the process they are in, which may be somebody's training script, and put back at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from weightedit.ui import collecting

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]
_windows: list[MainWindow] = []
_put_back: list[Callable[[], None]] = []


def enter(window: MainWindow) -> None:
    """Keep large documents from stalling a window, and show errors in it that would get lost in a terminal."""
    if not _windows:
        _put_back.extend((_share_time(), _show_unexpected(), collecting.take_back))
    _windows.append(window)
    window.documents.added.connect(lambda _: collecting.set_apart())
    window.documents.removed.connect(lambda _: collecting.take_back())


def leave(window: MainWindow) -> None:
    """Put everything back once the last window is gone."""
    if window in _windows:
        _windows.remove(window)
    if not _windows:
        for put_back in reversed(_put_back):
            put_back()
        _put_back.clear()


def _share_time() -> Callable[[], None]:
    interval = sys.getswitchinterval()
    collecting.take_turns()
    ours = sys.getswitchinterval()

    def put_back() -> None:
        if sys.getswitchinterval() == ours:
            sys.setswitchinterval(interval)

    return put_back


def _show_unexpected() -> Callable[[], None]:
    """Show an exception that reached the event loop in the window that was opened last, besides where it goes else."""
    before: Hook = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        if isinstance(error, Exception) and _windows:
            _windows[-1].show_error(error)

    sys.excepthook = hook

    def put_back() -> None:
        if sys.excepthook is hook:  # whoever put another one on top of it goes on with theirs
            sys.excepthook = before

    return put_back


def keep_look(app: QApplication) -> None:
    """Remember the look of somebody's own application: ours is that of the whole application while a window is open."""
    if _windows:
        return
    style, palette, font = app.style().objectName(), app.palette(), app.font()
    sheet, icon = app.styleSheet(), app.windowIcon()

    def put_back() -> None:
        app.setStyleSheet(sheet)
        app.setStyle(style)
        app.setPalette(palette)
        app.setFont(font)
        app.setWindowIcon(icon)

    _put_back.append(put_back)
