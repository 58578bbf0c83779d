"""Where Python and Qt tell of errors that nobody caught, and how those reach a window and the log."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from weightedit.core.files.logbook import NAME
from weightedit.core.words.shortages import is_fault
from weightedit.core.words.visible import visible
from weightedit.ui.errors.faults import Fault

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]
WindowNow = Callable[[], "MainWindow | None"]
MOST_MESSAGES = 200
"""Different messages of Qt that are logged in one run."""
LEVELS = {QtMsgType.QtWarningMsg: logging.WARNING, QtMsgType.QtCriticalMsg: logging.ERROR,
          QtMsgType.QtFatalMsg: logging.CRITICAL}  # fmt: skip


def catch_in_window(window: WindowNow) -> Callable[[], None]:
    """Show what reaches Qt's event loop, from slots, timers, events and painting, besides where it goes else.

    Parameters
    ----------
    window
        Gives the window that shows it; None while there is none.

    Returns
    -------
    callable
        Puts everything back.
    """
    before: Hook = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        target = window()
        if target is not None and isinstance(error, Exception):
            target.show_error(error)

    sys.excepthook = hook

    def put_back() -> None:
        if sys.excepthook is hook:  # whoever put another one on top of it goes on with theirs
            sys.excepthook = before

    return put_back


def catch_in_threads(window: WindowNow) -> Callable[[], None]:
    """Show what ends a thread of ours; threads of a program around the window are that program's own."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        before(args)
        target, error = window(), args.exc_value
        if target is not None and error is not None and is_fault(error) and _is_ours(args.exc_traceback):
            name = "" if args.thread is None else f" {visible(args.thread.name, 80)}"
            target.faults.take(Fault.of(error, f"in the thread{name}", args.exc_traceback))

    threading.excepthook = hook

    def put_back() -> None:
        if threading.excepthook is hook:
            threading.excepthook = before

    return put_back


def catch_unraisable(window: WindowNow) -> Callable[[], None]:
    """Show what is raised where nobody can catch it: in `__del__`, and in callbacks of weak references."""
    before = sys.unraisablehook

    def hook(args: Any) -> None:
        before(args)
        target, error = window(), args.exc_value
        if target is not None and error is not None and is_fault(error) and _is_ours(args.exc_traceback):
            target.faults.take(Fault.of(error, "while something was let go", args.exc_traceback))

    sys.unraisablehook = hook

    def put_back() -> None:
        if sys.unraisablehook is hook:
            sys.unraisablehook = before

    return put_back


def _is_ours(trace: TracebackType | None) -> bool:
    """Whether code of weightedit is among what was running."""
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == "weightedit":
            return True
        trace = trace.tb_next
    return False


def log_messages() -> Callable[[], None]:
    """Write Qt's warnings to the log, each different one once, besides where they go else."""
    seen: set[str] = set()

    def handler(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        if before is not None:
            before(kind, context, text)
        elif sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)
        if kind in LEVELS and text not in seen and len(seen) < MOST_MESSAGES:
            seen.add(text)
            logging.getLogger(NAME).log(LEVELS[kind], "Qt: %s", text)

    before: Any = qInstallMessageHandler(handler)

    def put_back() -> None:
        now = qInstallMessageHandler(before)
        if now is not handler and now is not None:  # somebody else listens by now, and goes on doing so
            qInstallMessageHandler(now)

    return put_back


def system_text() -> str:
    """Return system, release and processor, as `Linux 6.1.0 x86_64`; `platform.platform` starts a program to ask."""
    import platform

    return f"{platform.system()} {platform.release()} {platform.machine()}"


def log_start(own: bool) -> None:
    """Write which program begins, so that a trace further down can be read."""
    import platform

    import PySide6

    from weightedit import __version__

    whose = "" if own else f" inside {visible(sys.argv[0] if sys.argv else '', 200)}"
    logging.getLogger(NAME).info("weightedit %s begins%s: Python %s, Qt %s, %s", __version__, whose,
                                 platform.python_version(), PySide6.__version__, system_text())  # fmt: skip
