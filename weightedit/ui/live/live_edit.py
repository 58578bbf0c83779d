"""`weightedit.edit`: a window on the objects of running code, which goes on with what was made of them."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QEventLoop, Qt, QThread, QTimer

from weightedit.core.errors import WeightEditError
from weightedit.ui.app import application, make_window
from weightedit.ui.running import process
from weightedit.ui.running.event_loop import goes_on
from weightedit.ui.running.interrupt import interruptible
from weightedit.ui.settings import Settings

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

_open: list[tuple[MainWindow, Any]] = []
"""The windows that code opened and nobody has closed, each with what it was opened on."""
_waiting: list[Callable[[], None]] = []
"""What looks, whenever one of them is closed, whether it was the one that is waited for."""


def edit(module: Any, optimizer: Any = None) -> None:
    """Open the window on a live module.

    Blocks until the window is closed, unless events are handled once this returns: inside a running Qt application,
    and at IPython's prompt after `%gui qt`. There the window stays and this returns at once. A debugger's prompt
    handles none, so there it blocks.

    Where a window on the same object is open already, that one comes to the front.

    Parameters
    ----------
    module
        A module, or any nesting of modules, state_dicts, dicts and lists.
    optimizer
        Kept in step with edits.

    Raises
    ------
    WeightEditError
        If there is no display, this is not the thread that may show windows, this is nothing to open, or the
        optimizer is none of its own; before there is a window.
    """
    from weightedit.assembly import check_live

    _check_thread()
    check_live(module, optimizer)
    app, made = application()
    before = [window for window, _ in _open]
    window = next((window for window, root in _open if root is module), None)
    if window is None:
        if not made:
            process.keep_look(app)
        window = _opened(module, optimizer)
    else:
        before.remove(window)
        _take_optimizer(window, module, optimizer)
        _bring_forward(window)
    if not goes_on():
        _wait_for(window, before)


def _check_thread() -> None:
    app = QCoreApplication.instance()
    if app is None:
        may = threading.current_thread() is threading.main_thread()
    else:
        may = QThread.currentThread() == app.thread()
    if not may:
        raise WeightEditError(f"weightedit.edit was called in the thread {threading.current_thread().name!r}, and only "
                              "the main thread may show a window; call it there.")  # fmt: skip


def _opened(module: Any, optimizer: Any) -> MainWindow:
    """Make a window that opens an object as soon as it is painted."""
    window = make_window(Settings.of_this_person())
    window.files.looks_back = False  # it is there for this object
    window.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)  # the application may be somebody else's
    process.enter(window, own=False)
    if not _open:
        atexit.register(_close_all)
    _open.append((window, module))
    title = _title(module)

    def begin() -> None:
        window.documents.open_object(module, optimizer, title)

    def named(opened: OpenDocument) -> None:
        if opened.document.origin.root is module:
            opened.document.origin.title = title

    def gone() -> None:
        _open[:] = [pair for pair in _open if pair[0] is not window]
        process.leave(window)
        _forget_all(window)
        if not _open:
            atexit.unregister(_close_all)
        window.deleteLater()
        for look in list(_waiting):
            look()

    window.painted.connect(lambda: QTimer.singleShot(0, begin))
    window.documents.added.connect(named)
    window.closed.connect(gone)
    return window


def _forget_all(window: MainWindow) -> None:
    """Keep nothing of a model alive: a window's own objects may wait for Python's collector."""
    from weightedit.core.live.letting_go import let_go

    for opened in window.documents.all:
        if window.workbench is not None:
            window.workbench.forget(opened.document)
        if opened.document.is_live:
            let_go(opened.document)


def _title(module: Any) -> str:
    """Return what the object is called: the caller's name for it, or its class where it has none."""
    kind = type(module).__name__
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "weightedit":
        frame = frame.f_back
    if frame is None:
        return kind
    for names in (frame.f_locals, frame.f_globals):
        for name, value in names.items():
            if value is module and not name.startswith("_"):
                return name
    return kind


def _bring_forward(window: MainWindow) -> None:
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


def _take_optimizer(window: MainWindow, module: Any, optimizer: Any) -> None:
    """Keep another optimizer in step from now on, where one was given."""
    for opened in window.documents.all:
        if optimizer is not None and opened.document.origin.root is module:
            opened.document.origin.optimizer = optimizer


def _wait_for(window: MainWindow, before: list[MainWindow]) -> None:
    """Handle events until a window and those opened meanwhile are closed."""
    loop = QEventLoop()

    def look() -> None:
        if all(left in before for left, _ in _open):
            loop.quit()

    def close(again: bool) -> None:
        for left, _ in list(_open):
            if left not in before:
                left.closing.may_close |= again
                left.close()

    _waiting.append(look)
    try:
        with interruptible(close):
            loop.exec()
    finally:
        _waiting.remove(look)


def _close_all() -> None:
    """Stop what windows do in the background before Python ends under them."""
    for window, _ in list(_open):
        window.closing.may_close = True
        window.close()
