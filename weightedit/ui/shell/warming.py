"""What is imported and made after the first paint: torch, in a worker, and the area of tensors."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightedit.ui.settings import Settings
    from weightedit.ui.tasks import TaskProgress, Tasks
    from weightedit.ui.workbench import Workbench

MakeWorkbench = Callable[["Tasks", "Settings"], Iterator["Workbench | None"]]
"""Makes the area of tensors a part at a time; it comes last."""


def warm_up(progress: TaskProgress) -> tuple[str, list[str]]:
    """Import what tensors need, in a worker, after the window was painted; returns torch's version and devices."""
    from weightedit.core.values import torch_libraries

    torch_libraries.load()
    import ml_dtypes  # noqa: F401  # which the first bfloat16 tensor would import while its page is painted
    import numpy.ma  # noqa: F401  # which numpy.unique imports when it is first called, as for a paint
    import torch

    from weightedit.core.values.devices import devices

    importlib.import_module("weightedit.ui.workbench")
    importlib.import_module("weightedit.doctor.trusted_file.runnable")  # which the window asks once a document is there
    return torch.__version__, devices()


def real_workbench(tasks: Tasks, settings: Settings) -> Iterator[Workbench | None]:
    """Make the area of tensors, a part at a time."""
    from weightedit.ui.parts import make_parts
    from weightedit.ui.workbench import Workbench

    for parts in make_parts(tasks, settings):
        yield None if parts is None else Workbench(tasks, settings, parts)
