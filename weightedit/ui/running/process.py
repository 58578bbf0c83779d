"""What windows change in the process they are in, which may be somebody's training script, and put back at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from weightedit.core.files.logbook import keep_crashes, keep_log
from weightedit.ui.errors.hooks import catch_in_threads, catch_in_window, catch_unraisable, log_messages, log_start
from weightedit.ui.running import collecting, priority
from weightedit.ui.running.collector import Collector

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

_windows: list[MainWindow] = []
_collectors: list[Collector] = []
_put_back: list[Callable[[], None]] = []


def enter(window: MainWindow, own: bool = True) -> None:
    """Keep large documents from stalling a window, and show errors in it that would get lost in a terminal.

    Parameters
    ----------
    window
        The window that was made.
    own
        Whether the process is ours, and no program goes on around the window.
    """
    if not _windows:
        collector = Collector(lambda: any(one.tasks.active for one in _windows), own)
        _collectors.append(collector)
        _put_back.extend((_share_time(), collecting.take_back, _collect_again, keep_log(), keep_crashes()))
        _put_back.extend((catch_in_window(_latest), catch_in_threads(_latest), catch_unraisable(_latest)))
        _put_back.append(log_messages())
        priority.turn(own)
        _put_back.append(lambda: priority.turn(False))
        log_start(own)
    _windows.append(window)
    window.documents.added.connect(lambda _: collecting.set_apart())
    window.documents.removed.connect(lambda _: _look_through(own))
    if own:
        window.ready.connect(_load_gently)
        window.ready.connect(lambda: None if window.documents.is_opening else collecting.set_apart())


def _latest() -> MainWindow | None:
    return _windows[-1] if _windows else None


def _load_gently() -> None:
    """Let the window go first while compiled loops are loaded; what imports them comes after the first paint."""
    from weightedit.core import kernels

    kernels.load_gently(priority.after_you)


def _look_through(own: bool) -> None:
    """Find what a closed document has left, as soon as nobody would notice.

    It ends by itself. Where the process is ours what was set apart with it stays so: with torch there are so many
    objects that a pass over all of them holds the window up for a fifth of a second.
    """
    if not own:
        collecting.take_back()
    for collector in _collectors:
        collector.full_soon()


def _collect_again() -> None:
    for collector in _collectors:
        collector.put_back()
        collector.deleteLater()
    _collectors.clear()


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
