"""Holds folders while a save exchanges names in them, so that no two saves do so at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from weightedit.core.errors import WeightEditError
from weightedit.core.files.file_lock import try_lock

_PATIENCE = 30.0
_PAUSE = 0.01


class FolderBusy(WeightEditError):
    """Another save goes on in the folder, and did not end in the time one waits for it."""


class FolderLocks:
    """Holds folders while names in them are exchanged, against other programs of this kind.

    Use it in `with`. Where folders cannot be locked (on Windows, and on some network file systems) nothing is held.

    Parameters
    ----------
    folders
        Those whose names are exchanged.
    patience
        Seconds to wait for another that holds one of them.

    Attributes
    ----------
    held
        Whether all of them are: then no other process is in the midst of an exchange there.

    Raises
    ------
    FolderBusy
        On entering, if another holds one of them for longer.
    """

    def __init__(self, folders: Iterable[Path], patience: float = _PATIENCE) -> None:
        self._folders = sorted(set(folders))  # in one order for everybody, or two would wait for each other
        self._patience = patience
        self._handles: list[int] = []
        self.held = False

    def __enter__(self) -> FolderLocks:
        if os.name != "posix":  # pragma: no cover
            return self
        until = time.monotonic() + self._patience
        try:
            each = [self._hold(folder, until) for folder in self._folders]
        except BaseException:
            self._release()
            raise
        self.held = all(each)
        return self

    def _hold(self, folder: Path, until: float) -> bool:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False  # who cannot look into a folder may write there all the same
        self._handles.append(handle)
        try:
            while not try_lock(handle):
                if time.monotonic() >= until:
                    raise FolderBusy(f"Another save into the folder {folder} goes on; nothing was changed. "
                                     "Try again when it is done.")  # fmt: skip
                time.sleep(_PAUSE)
        except OSError:
            return False
        return True

    def _release(self) -> None:
        handles, self._handles = self._handles, []
        for handle in handles:
            os.close(handle)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:  # fmt: skip
        self._release()
