"""The application: makes the window, shows it before anything slow is imported, and runs until it is closed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from PySide6.QtCore import QCoreApplication, QObject, QTimer
from PySide6.QtWidgets import QApplication

from weightedit.core.errors import WeightEditError
from weightedit.ui.running.collecting import paused, set_apart
from weightedit.ui.settings import Settings
from weightedit.ui.theme import system_theme, theme
from weightedit.ui.widgets.icons import app_icon
from weightedit.ui.window import MainWindow

SETTLED_AFTER = 300
"""Milliseconds without any task after which the window shows all it will show by itself."""
LOOK_EVERY = 50
PATIENCE = 120_000
LAST_THEME = "theme-last"
"""The setting that says what the system's theme was: to ask takes a tenth of the time to the first paint."""
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
    import ctypes  # needed where there is an X server only

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


def make_window(settings: Settings, size: tuple[int, int] | None = None, chosen: str | None = None, *,
                first: bool = False) -> MainWindow:  # fmt: skip
    """Make and show a window, with its theme on.

    Parameters
    ----------
    settings
        What is remembered.
    size
        Width and height; None takes the place the window had last time.
    chosen
        `dark` or `light` for this run; None takes what was chosen before, then the system's.
    first
        Whether it is shown before its parts are imported.
    """
    app, _ = application()
    app.setStyle("Fusion")
    chosen = chosen or settings.text("theme")
    last = settings.text(LAST_THEME) if first else ""
    theme.switch(chosen or last or system_theme())
    if not first:
        app.setWindowIcon(app_icon())
    window = MainWindow(settings, first=first)
    geometry = settings.data("window/geometry")
    if size is not None or geometry is None or not window.restoreGeometry(geometry):
        window.resize(*(size or (1400, 900)))
    window.show()
    return window


def own_window(settings: Settings, size: tuple[int, int] | None = None, chosen: str | None = None) -> MainWindow:
    """Make the window of a process that is ours alone: it is painted first, then filled.

    No garbage is looked for until it is ready: nothing that is imported meanwhile is any, and each pass over it all
    would hold events up for a tenth of a second. Parameters as those of `make_window`.
    """
    hold = contextlib.ExitStack()
    hold.enter_context(paused())
    window = make_window(settings, size, chosen, first=True)

    def enter() -> None:
        from weightedit.ui.running import process

        set_apart()
        hold.close()  # for as long as the window's own collector takes to take over
        process.enter(window)
        hold.enter_context(paused())
        window.ready.connect(hold.close)

    window.furnished.connect(enter)
    window.closed.connect(hold.close)
    return window


def follow_system(settings: Settings) -> None:
    """Turn the system's theme on, and keep it for the first paint of the next run."""
    name = system_theme()
    settings.set(LAST_THEME, name)
    if theme.name != name:
        theme.switch(name)


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
    window = own_window(settings, None if remembered else size, theme)
    errors: list[BaseException] = []
    window.failed.connect(errors.append)
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
            from weightedit.ui.described import described

            print(described(window), flush=True)
        window.close()

    def enter() -> None:
        app.setWindowIcon(app_icon())
        if not theme and not settings.text("theme"):
            follow_system(settings)
        window.files.looks_back = not passing
        if paths:
            window.open(list(paths))  # before anything is seen of a start page
        if passing:
            Settling(window, finish)

    window.furnished.connect(enter)
    window.closed.connect(app.quit)
    app.exec()
    return leave(window, status)


def leave(window: MainWindow, status: int) -> int:
    """Put back what a window changed in the process once it is closed, and return the exit status.

    Raises
    ------
    BaseException
        Why the window could not be made, where it was closed for that.
    """
    assert window.loading is not None
    if window.loading.error is not None:
        raise window.loading.error
    if window.is_furnished:
        from weightedit.ui.running import process

        process.leave(window)
    window.deleteLater()
    QCoreApplication.processEvents()
    if window.loading.is_importing or (window.is_furnished and not window.closing.all_stopped):
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
