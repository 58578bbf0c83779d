"""Where compiled kernels are kept, and the process of its own that compiles them: a compiler holds up all threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

_COMPILE = "from weightedit.core.kernels import compiled; compiled.load(lambda: False)"
_LOOK = 0.2
"""Seconds between two looks whether the program ends meanwhile."""


@cache
def folder() -> Path | None:
    """Return the folder that kernels compiled from these sources are kept in; None where nothing can be written."""
    from weightedit.core.folders import cache_folder

    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.blake2b(b"".join(source.read_bytes() for source in sources), digest_size=8).hexdigest()
    found = cache_folder() / "kernels" / digest
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=found):
            return found
    except OSError:
        return None


def compile_them(is_ending: Callable[[], bool]) -> bool:
    """Compile kernels in a process of its own, unless they are kept already; returns whether they are."""
    where = folder()
    if where is None or getattr(sys, "frozen", False):
        return False
    done = where / "complete"
    if done.exists():
        return True
    package = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.Popen([sys.executable, "-c", _COMPILE], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": paths})  # fmt: skip
    while True:
        try:
            if child.wait(_LOOK) == 0:
                done.touch()
            return done.exists()
        except subprocess.TimeoutExpired:
            if is_ending():
                child.kill()
