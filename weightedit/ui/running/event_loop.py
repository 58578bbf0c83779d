"""Whether a window lives on once the code that opened it goes on: only where something handles events meanwhile."""

from __future__ import annotations

import os
import sys
from bdb import Bdb
from types import FrameType
from typing import Any

from PySide6.QtCore import QThread

DEBUGGERS = frozenset({"bdb", "pdb", "IPython.core.debugger", "IPython.terminal.debugger"})
"""Modules whose prompt waits for a line without handling events."""


def goes_on() -> bool:
    """Return whether events are handled after the caller returns.

    True inside a running `exec()` of any Qt application, and at IPython's prompt after `%gui qt`, whose loop runs
    only while it waits for a line and so cannot be seen running from here. False in a plain script, also one that
    made a QApplication and has not run it, in Python's own prompt, and at the prompt of a debugger wherever that is.
    """
    if in_debugger(sys._getframe(1)):
        return False
    return QThread.currentThread().loopLevel() > 0 or prompt_runs_qt(_ipython())


def in_debugger(frame: FrameType | None) -> bool:
    """Return whether this code was called at a debugger's prompt, or is stepped through by one."""
    if isinstance(getattr(sys.gettrace(), "__self__", None), Bdb):
        return True
    while frame is not None:
        if frame.f_globals.get("__name__") in DEBUGGERS:
            return True
        frame = frame.f_back
    return False


def _ipython() -> Any:
    """Return IPython's shell, without importing what nobody uses."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def prompt_runs_qt(shell: Any) -> bool:
    """Return whether a prompt of IPython, in a terminal or a notebook, handles the events of this Qt.

    Parameters
    ----------
    shell
        What `IPython.get_ipython()` returns; None outside of IPython.
    """
    if shell is None:
        return False
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:  # a notebook, a console of Spyder
        name = getattr(getattr(kernel, "eventloop", None), "__name__", "")
        return name.startswith("loop_qt") and _is_this_qt(getattr(kernel, "app", None))
    if not getattr(getattr(shell, "parent", None), "interact", True):
        return False  # `ipython --gui=qt script.py` ends with its script
    if os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False  # there its prompt waits without running the loop
    hook = getattr(shell, "_inputhook", None)
    active = getattr(shell, "active_eventloop", None) or ""
    its_qt = getattr(sys.modules.get(getattr(hook, "__module__", "")), "QtCore", None)
    return hook is not None and active.startswith("qt") and getattr(its_qt, "__name__", "").startswith("PySide6")


def _is_this_qt(application: Any) -> bool:
    return application is None or type(application).__module__.startswith("PySide6")
