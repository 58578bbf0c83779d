"""Editing that is killed: what a window's crash leaves, made by a process that has imported torch already."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.warm import warm
from weightedit.assembly import open_document


def kill_editing(path: Path) -> None:
    """Edit a file four times, undo the last edit, and be killed."""
    ended = warm().run(f"{__name__}:edit_until_killed", {"path": str(path)})
    assert ended.was_killed, ended


def edit_until_killed(arguments: dict[str, Any], _report: Callable[[str], None]) -> None:
    """Run in the child alone."""
    document = open_document(arguments["path"], journal=True)
    document.apply("fill", "a.weight", value=7.0)
    with document.grouped("Set 2 cells"):
        document.apply("fill", "a.weight", region="[0, 0]", value=1.0)
        document.apply("fill", "a.weight", region="[0, 1]", value=2.0)
    document.apply("scale", "b.bias", factor=0.5)
    document.undo()
    os.kill(os.getpid(), signal.SIGKILL)
