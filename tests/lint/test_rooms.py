"""What opens a file and paints the first window imports neither torch, numpy nor pyqtgraph (design, 2 E and 4)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.lint.sources import PACKAGE, ROOT

SLOW = ("torch", "numpy", "pyqtgraph", "safetensors", "ml_dtypes")
OPENING = (
    "weightedit",
    "weightedit.cli",
    "weightedit.assembly",
    "weightedit.resources",
    "weightedit.formats",
    *(f"weightedit.core.{name}" for name in ("spec", "source", "storage", "slots", "document", "progress", "errors")),
)


def imported_with(*modules: str) -> set[str]:
    """The top-level packages loaded after importing modules in a fresh interpreter."""
    script = (
        f"import importlib, json, sys; sys.path.insert(0, {str(ROOT)!r}); "
        f"[importlib.import_module(name) for name in {modules!r}]; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", OPENING)
def test_opening_imports_nothing_slow(module):
    assert not imported_with(module) & {*SLOW, "PySide6"}


def test_every_format_is_light():
    formats = [f"weightedit.formats.{file.stem}" for file in sorted((PACKAGE / "formats").glob("[!_]*.py"))]
    assert formats
    assert not imported_with(*formats) & {*SLOW, "PySide6"}


def test_the_whole_of_core_and_operations_needs_no_qt():
    rooms = [PACKAGE / "core", PACKAGE / "formats", PACKAGE / "operations"]
    files = [file for room in rooms for file in sorted(room.rglob("*.py"))]
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    assert not imported_with("weightedit.assembly", *modules) & {"PySide6", "shiboken6", "pyqtgraph"}
