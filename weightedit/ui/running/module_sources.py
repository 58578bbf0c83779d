"""Spares imports a look at the source of every module, which PySide takes to find out what uses it.

It looks for the sake of its `__feature__` switches, which nobody uses here. Reading and keeping the lines of torch's
800 modules takes a quarter of the time of its import, and 20 MB for good.
"""

from __future__ import annotations

import sys
from types import ModuleType

import PySide6.QtCore  # noqa: F401  # which begins to look

FEATURES = "shibokensupport.feature"
"""The module of PySide that looks; its version 6.11 asks `_mod_uses_pyside` of each module once."""
OURS = "weightedit.ui"


def leave_unread() -> None:
    """Say by its name whether a module uses PySide; for a process that is ours alone, before all else is imported."""
    found = sys.modules.get(FEATURES)
    if hasattr(found, "_mod_uses_pyside"):
        vars(found)["_mod_uses_pyside"] = _uses_pyside


def _uses_pyside(module: ModuleType) -> bool:
    return module.__name__.startswith(OURS)
