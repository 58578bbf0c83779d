"""What the window remembers from one run to the next; the only place that knows QSettings."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings


class Settings:
    """Choices by name.

    Parameters
    ----------
    path
        The file they are kept in; None keeps them for this run only, as for pictures and tests.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._store = None if path is None else QSettings(str(path), QSettings.Format.IniFormat)
        self._values: dict[str, object] = {}

    @classmethod
    def of_this_person(cls) -> Settings:
        """Open the settings of the person at the keyboard; WEIGHTEDIT_SETTINGS names another file."""
        if chosen := os.environ.get("WEIGHTEDIT_SETTINGS"):
            return cls(Path(chosen))
        native = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "weightedit", "weightedit")
        return cls(Path(native.fileName()))

    def _get(self, key: str) -> object:
        return self._values.get(key) if self._store is None else self._store.value(key)

    def set(self, key: str, value: str | int | bool | QByteArray | None) -> None:
        """Remember a value; None forgets it."""
        stored: object = ("true" if value else "false") if isinstance(value, bool) else value
        if self._store is None:
            self._values[key] = stored
        elif stored is None:
            self._store.remove(key)
        else:
            self._store.setValue(key, stored)

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value = self._get(key)
        return value if isinstance(value, str) else default

    def number(self, key: str, default: int) -> int:
        """Return a whole number; the default where the file holds something else."""
        try:
            return int(str(self._get(key)))
        except ValueError:
            return default

    def flag(self, key: str, default: bool) -> bool:
        """Return a yes or no."""
        return {"true": True, "false": False}.get(str(self._get(key)), default)

    def data(self, key: str) -> QByteArray | None:
        """Return bytes, such as a window's geometry."""
        value = self._get(key)
        return value if isinstance(value, QByteArray) else None
