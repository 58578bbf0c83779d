"""The log of faults in the state folder: bounded, shared by several processes, without values of weights.

It holds what nobody expected, as Python's `logging` under the name `weightedit`, and beside it what Python writes when
the process itself crashes. A log that cannot be written is no error.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from weightedit.core.files.folders import state_folder
from weightedit.core.words.visible import visible

NAME = "weightedit"
"""Of the logger."""
LARGEST = 1 << 20
"""Bytes of the log after which it is put aside; one older log is kept."""
LARGEST_CRASH = 256 << 10
LONGEST_LINE = 2_000
MARGIN = "  | "
"""Begins every line of a record but its first, so that no text out of a file passes for a record of its own."""


def log_path() -> Path:
    """Return where the log is; it need not exist."""
    return state_folder() / "weightedit.log"


def crash_path() -> Path:
    """Return where Python writes which functions were running when the process crashed; it need not exist."""
    return state_folder() / "weightedit-crash.log"


class Logbook(logging.Handler):
    """Appends records to the log: each in one write, to whatever file has the name at that moment."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Append one record; where that cannot be done, nothing happens."""
        with contextlib.suppress(OSError):
            path = log_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            _put_aside(path, LARGEST)
            data = self._lines(record).encode("utf-8", "backslashreplace")
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                os.write(handle, data)
            finally:
                os.close(handle)

    def _lines(self, record: logging.LogRecord) -> str:
        first, *rest = self.format(record).split("\n")
        lines = [visible(first, LONGEST_LINE), *(MARGIN + visible(line, LONGEST_LINE) for line in rest)]
        return "\n".join(lines) + "\n"


def _put_aside(path: Path, largest: int) -> None:
    """Begin a new file where one is large; of two processes that do so at once, one finds it done."""
    if not path.exists() or path.stat().st_size < largest:
        return
    with _alone(path.with_suffix(".lock")) as mine:
        if mine and path.stat().st_size >= largest:
            path.replace(path.with_suffix(".old.log"))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold a file that one process alone can make; one that was left by a crash is taken over after a minute."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > 60:
            path.unlink()
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def keep_log() -> Callable[[], None]:
    """Write the log from now on; returns what ends that."""
    logger, handler = logging.getLogger(NAME), Logbook()
    level = logger.level
    logger.addHandler(handler)
    if not logger.isEnabledFor(logging.WARNING) or level == logging.NOTSET:
        logger.setLevel(logging.INFO)

    def put_back() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)

    return put_back


def keep_crashes() -> Callable[[], None]:
    """Have Python write a trace of every thread where the process crashes; returns what ends that.

    Where the program around the window does so already, or the folder cannot be written, nothing happens.
    """
    if faulthandler.is_enabled():
        return lambda: None
    try:
        file = _crash_file()
    except OSError:
        return lambda: None
    faulthandler.enable(file)

    def put_back() -> None:
        faulthandler.disable()
        file.close()

    return put_back


def _crash_file() -> IO[str]:
    path = crash_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    _put_aside(path, LARGEST_CRASH)
    file = path.open("a", encoding="utf-8")
    try:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {os.getpid()} begins\n")
        file.flush()
    except OSError:
        file.close()
        raise
    return file
