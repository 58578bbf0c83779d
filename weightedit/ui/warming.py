"""What is imported and made after the first paint: torch, in a worker, and the area of tensors."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightedit.ui.settings import Settings
    from weightedit.ui.tasks import TaskProgress, Tasks
    from weightedit.ui.workbench import Workbench

MakeWorkbench = Callable[["Tasks", "Settings"], "Workbench"]


def warm_up(progress: TaskProgress) -> tuple[str, list[str]]:
    """Import what tensors need, in a worker, after the window was painted; returns torch's version and devices."""
    import torch

    from weightedit.core.devices import devices

    importlib.import_module("weightedit.ui.workbench")
    importlib.import_module("weightedit.doctor.runnable")  # which the window asks once a document is there
    return torch.__version__, devices()


def real_workbench(tasks: Tasks, settings: Settings) -> Workbench:
    """Make the area of tensors."""
    from weightedit.ui.workbench import Workbench

    return Workbench(tasks, settings)
