"""A file system that fails at a chosen operation, and how it is put under the saves of a running program."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.faults.saves import SMALL
from weightedit.core import transaction
from weightedit.core.files.file_system import FileSystem
from weightedit.core.writing import patching, pending

OPERATIONS = tuple(name for name, does in vars(FileSystem).items() if callable(does) and not name.startswith("_"))
ONCE, ITS_KIND, EVERYTHING = "once", "its kind from then on", "everything from then on"


@dataclass(frozen=True, slots=True)
class Fault:
    """Which operation fails, how lastingly and with which error.

    Attributes
    ----------
    name, nth
        The `nth` call of an operation, from 1.
    lasting
        ONCE, ITS_KIND or EVERYTHING.
    code
        Of the error.
    """

    name: str
    nth: int
    lasting: str = ONCE
    code: int = errno.EIO

    def __str__(self) -> str:
        return f"{errno.errorcode[self.code]} at {self.name} {self.nth}, {self.lasting}"


class Failing(FileSystem):
    """Does as it is told but for one fault; counts what it was asked, and whether the fault came.

    A close that fails has closed the file all the same, as the system does it; a write or fsync that fails has done
    nothing.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.asked: Counter[str] = Counter()
        self.came = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in OPERATIONS:
            return found

        def step(*arguments: Any) -> Any:
            self.asked[name] += 1
            if not self._fails(name):
                return found(*arguments)
            self.came = True
            if name == "close":
                found(*arguments)
            assert self.fault is not None
            raise OSError(self.fault.code, os.strerror(self.fault.code))

        return step

    def _fails(self, name: str) -> bool:
        fault = self.fault
        if fault is None:
            return False
        if fault.lasting == EVERYTHING and self.came:
            return True
        place = self.asked[fault.name]
        return name == fault.name and (place == fault.nth or (fault.lasting == ITS_KIND and place > fault.nth))


@contextmanager
def under(system: FileSystem) -> Iterator[FileSystem]:
    """Let every save in this process go through one file system."""
    real, far = transaction.FileSystem, pending.FAR
    transaction.FileSystem = patching.FileSystem = lambda: system  # type: ignore[assignment,misc]
    pending.FAR = SMALL
    try:
        yield system
    finally:
        transaction.FileSystem = patching.FileSystem = real  # type: ignore[misc]
        pending.FAR = far
