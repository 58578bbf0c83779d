"""The application: makes the window, shows it before anything slow is imported, and runs until it is closed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from PySide6.QtCore import QCoreApplication, QObject, QTimer
from PySide6.QtWidgets import QApplication

from weightedit.core.errors import WeightEditError
from weightedit.ui import process
from weightedit.ui.described import described
from weightedit.ui.icons import app_icon
from weightedit.ui.settings import Settings
from weightedit.ui.theme import system_theme, theme
from weightedit.ui.window import MainWindow

SETTLED_AFTER = 300
"""Milliseconds without any task after which the window shows all it will show by itself."""
LOOK_EVERY = 50
PATIENCE = 120_000
WAYLAND = ("WAYLAND_DISPLAY", "WAYLAND_SOCKET")


class Settling(QObject):
    """Calls back once a window has shown what it was asked to show, or has had long enough.

    Parameters
    ----------
    window
        The window.
    then
        Called with whether it settled in time.
    """

    def __init__(self, window: MainWindow, then: Callable[[bool], None]) -> None:
        super().__init__(window)
        self._window = window
        self._then = then
        self._quiet = 0
        self._waited = 0
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _look(self) -> None:
        window = self._window
        self._waited += LOOK_EVERY
        busy = window.workbench is None or bool(window.tasks.active) or window.documents.is_opening
        self._quiet = 0 if busy else self._quiet + LOOK_EVERY
        shown = bool(window.errors.cards or window.faults.all)
        failed = window.workbench is None and shown and not window.tasks.active
        if self._quiet >= SETTLED_AFTER or self._waited >= PATIENCE or failed:
            self._timer.stop()
            self._then(self._quiet >= SETTLED_AFTER)


def has_display(system: str, environment: Mapping[str, str]) -> bool:
    """Return whether Qt has a display to connect to: without one it ends the whole process."""
    if not system.startswith(("linux", "freebsd")) or any(environment.get(name) for name in WAYLAND):
        return True
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime, "wayland-0").exists():  # what Wayland takes where nothing is named
        return True
    asked = [part.split(":")[0] for part in environment.get("QT_QPA_PLATFORM", "").split(";") if part]
    if any(not name.startswith(("xcb", "wayland")) for name in asked):
        return True
    display = environment.get("DISPLAY")
    return bool(display) and answers(str(display))


def answers(display: str) -> bool:
    """Return whether an X server can be connected to; True where the library that would know is not there."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    for call in (xcb.xcb_connection_has_error, xcb.xcb_disconnect):
        call.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)


def application() -> tuple[QApplication, bool]:
    """Return the application, and whether it was made just now.

    Raises
    ------
    WeightEditError
        If there is no display, or an application of this process that cannot show windows.
    """
    found = QCoreApplication.instance()
    if isinstance(found, QApplication):
        return found, False
    if found is not None:
        raise WeightEditError(f"This process has a {type(found).__name__}, which shows no windows; weightedit needs a "
                              "QApplication.")  # fmt: skip
    if not has_display(sys.platform, os.environ):
        display = os.environ.get("DISPLAY")
        why = f"no X server answers at {display}" if display else "DISPLAY and WAYLAND_DISPLAY are not set"
        raise WeightEditError(f"There is no display to show a window on: {why}.")
    app = QApplication(["weightedit"])
    app.setApplicationName("weightedit")
    app.setApplicationDisplayName("weightedit")
    app.setDesktopFileName("weightedit")
    return app, True


def make_window(settings: Settings, size: tuple[int, int] | None = None, chosen: str | None = None) -> MainWindow:
    """Make and show a window, with its theme on.

    Parameters
    ----------
    settings
        What is remembered.
    size
        Width and height; None takes the place the window had last time.
    chosen
        `dark` or `light` for this run; None takes what was chosen before, then the system's.
    """
    app, _ = application()
    app.setStyle("Fusion")
    theme.switch(chosen or settings.text("theme") or system_theme())
    app.setWindowIcon(app_icon())
    window = MainWindow(settings)
    geometry = settings.data("window/geometry")
    if size is not None or geometry is None or not window.restoreGeometry(geometry):
        window.resize(*(size or (1400, 900)))
    window.show()
    return window


def run(paths: Sequence[str], *, smoke: bool = False, shot: Path | None = None, size: tuple[int, int] = (1400, 900),
        theme: str | None = None) -> int:  # fmt: skip
    """Open the window on files and run until it is closed.

    Parameters
    ----------
    paths
        Files and folders to open; none shows the start page.
    smoke
        Print one line that says what was shown, and quit.
    shot
        Write a picture of the window here once it shows everything, and quit.
    size
        Of the window, in pixels; without `smoke` or `shot` the window comes back where it was.
    theme
        `dark` or `light` for this run.

    Returns
    -------
    int
        0, or 2 if with `smoke` or `shot` something could not be shown.
    """
    app, _ = application()
    passing = smoke or shot is not None
    settings = Settings() if passing else Settings.of_this_person()
    remembered = not passing and size == (1400, 900)
    window = make_window(settings, None if remembered else size, theme)
    errors: list[BaseException] = []
    window.failed.connect(errors.append)
    process.enter(window)
    window.files.looks_back = not passing
    status = 0

    def finish(settled: bool) -> None:
        nonlocal status
        status = 0 if settled and not errors else 2
        if shot is not None and not window.grab().save(str(shot)):
            print(f"weightedit: {shot} cannot be written.", file=sys.stderr)
            status = 2
        if not settled and not errors:
            print(f"weightedit: nothing was shown within {PATIENCE // 1000} s.", file=sys.stderr)
        if smoke and status == 0:
            print(described(window), flush=True)
        window.close()

    def begin() -> None:
        if paths:
            window.open(list(paths))
        if passing:
            Settling(window, finish)

    window.painted.connect(lambda: QTimer.singleShot(0, begin))
    window.closed.connect(app.quit)
    app.exec()
    process.leave(window)
    window.deleteLater()
    app.processEvents()
    if not window.closing.all_stopped:
        end_now(status)
    return status


def end_now(status: int) -> NoReturn:
    """End the process at once, without what Python does at its end, under which threads that do not stop would go on.

    Documents are closed already; a temporary file of a save that a hanging disk held up goes at the next start.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
