"""Where compiled kernels are kept, and the process of its own that compiles them: a compiler holds up all threads."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

_COMPILE = """import os
if hasattr(os, "nice"):
    os.nice(10)  # nobody waits for it
from weightedit.core.kernels import compiled
compiled.load(lambda: False)"""
_LOOK = 0.2
"""Seconds between two looks whether the program ends meanwhile."""
UNUSED = 60 * 24 * 3600
"""Seconds after which kernels that nobody loaded, such as those of an older release, are removed."""
DONE = "complete"
"""The file that says that all kernels are there; its time is when they were loaded last."""


class NotCompiled(RuntimeError):
    """The compiler ended without having made the kernels.

    Attributes
    ----------
    said
        The last of what it wrote.
    """

    def __init__(self, code: int, said: str) -> None:
        last = said.strip().splitlines()[-1:] or [f"it ended with code {code}"]
        super().__init__(f"Loops cannot be compiled, numpy does their work: {last[0]}")
        self.said = said


@cache
def folder() -> Path | None:
    """Return the folder for kernels compiled from such sources here; None where nothing can be written.

    What is in the sources, wherever they lie, the versions that compile them and the processor are part of its name: so
    that what is complete in a folder is what numba finds there, for every checkout and installation on a machine.
    """
    from weightedit.core.files.folders import cache_folder

    made_of = hashlib.blake2b(digest_size=8)
    for source in sorted(Path(__file__).resolve().parent.glob("*.py")):
        made_of.update(repr((source.name, source.read_bytes())).encode())
    made_of.update(repr((sys.version, version("numba"), version("llvmlite"), _processor())).encode())
    found = cache_folder() / "kernels" / made_of.hexdigest()
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=found):
            return found
    except OSError:
        return None


class Locator:
    """Says to numba where it keeps a function: in `folder`, the name of which says all that it depends on.

    Its own ways also ask where a source lies, and when it was written: each checkout would compile everything again.
    """

    def __init__(self, kept_in: Path, line: int) -> None:
        self._kept_in, self._line = kept_in, line

    @classmethod
    def from_function(cls, function: Any, source: str) -> Locator | None:
        """Return where a function is kept; None where nothing is."""
        kept_in = folder()
        return None if kept_in is None else cls(kept_in, function.__code__.co_firstlineno)

    def ensure_cache_path(self) -> None:
        """Make the folder, which `folder` did."""

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self._kept_in)

    def get_source_stamp(self) -> str:
        """Return what changes when any of the sources does."""
        return self._kept_in.name

    def get_disambiguator(self) -> str:
        """Return what tells functions of one name apart."""
        return str(self._line)


def version(package: str) -> str:
    """Return the version of an installed package, or nothing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """Return what tells processors apart as far as it is known: a home folder may be that of many machines."""
    told = f"{platform.machine()} {platform.processor()}"
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as first:
            lines = [line for line, _ in zip(iter(first.readline, "\n"), range(64), strict=False)]
    except OSError:
        return told
    return told + "".join(line for line in lines if line.startswith(("model", "flags", "Features", "CPU ")))


def compile_them(is_ending: Callable[[], bool]) -> bool:
    """Compile kernels in a process of its own, unless they are kept already; returns whether they are.

    Parameters
    ----------
    is_ending
        Asked now and then; the compiler is stopped where the program ends.

    Raises
    ------
    NotCompiled
        If that process fails.
    OSError
        If it cannot be started.
    """
    where = folder()
    if where is None or getattr(sys, "frozen", False):
        return False
    done = where / DONE
    if not done.exists():
        if not _compiled(is_ending):
            return False
        _remove_unused(where)
    done.touch()
    return True


def _compiled(is_ending: Callable[[], bool]) -> bool:
    package = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryFile() as said:
        # -P: else Python would first import what lies in the folder one is in, which may be a downloaded one
        child = subprocess.Popen([sys.executable, "-P", "-c", _COMPILE], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=said,
                                 env=os.environ | {"PYTHONPATH": paths})  # fmt: skip
        while True:
            try:
                code = child.wait(_LOOK)
                break
            except subprocess.TimeoutExpired:
                if is_ending():
                    child.kill()
                    child.wait()
                    return False
        if code:
            said.seek(max(0, said.seek(0, os.SEEK_END) - (16 << 10)))
            raise NotCompiled(code, said.read().decode("utf-8", "replace"))
    return True


def _remove_unused(mine: Path) -> None:
    """Remove folders like this one that nobody loaded kernels from for long."""
    for other in mine.parent.iterdir():
        if other == mine or not re.fullmatch("[0-9a-f]{16}", other.name):
            continue
        try:
            times = [path.stat().st_mtime for path in (other, other / DONE) if path.exists()]
        except OSError:
            continue
        if times and max(times) < time.time() - UNUSED:
            shutil.rmtree(other, ignore_errors=True)
