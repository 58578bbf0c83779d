"""Starts our child on one trusted file: isolated from the person's Python, a small environment, an empty folder."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightedit.core.progress import Progress
from weightedit.doctor.process import Process, Start

CHILD = Path(__file__).with_name("child.py")
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "SYSTEMDRIVE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What of the environment goes along: no keys, tokens or settings."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended.

    Attributes
    ----------
    status
        Its exit status; negative for a signal, None where its time was up.
    report
        What it reported, as read from JSON; None where that is none.
    output, output_nbytes
        The first of what was printed, and how many bytes in all.
    """

    status: int | None
    report: Any
    output: str
    output_nbytes: int


def run_child(asked: dict[str, Any], seconds: float, progress: Progress) -> Ended:
    """Run the child until it ends, its time is up, or the person stops it; nothing of it is left running.

    Parameters
    ----------
    asked
        What it is told.
    seconds
        How long it may take.
    progress
        Asked now and then whether to stop.

    Raises
    ------
    Cancelled
        If it was stopped.
    OSError
        If no process could be started.
    """
    with tempfile.TemporaryDirectory(prefix="weightedit-module-", ignore_cleanup_errors=True) as folder:
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"HOME": folder, "TMPDIR": folder, "TEMP": folder, "TMP": folder, "OMP_NUM_THREADS": "1",
                        "CUDA_VISIBLE_DEVICES": "", "PATH": os.defpath}  # fmt: skip
        with Process(Start(["-I", str(CHILD)], folder, environment), seconds, progress) as process:
            process.tell(json.dumps(asked).encode("ascii"))
            report = process.rest()
            return Ended(process.status, _read(report), process.output, process.output_nbytes)


def _read(data: bytes | None) -> Any:
    try:
        return None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None
