"""A long import lets other threads go first between its modules."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from weightedit.core import kernels
from weightedit.core.kernels.gently import gently


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of a module and another one, which nobody has imported."""
    folder = tmp_path / "imported_gently"
    folder.mkdir()
    (folder / "__init__.py").write_text("from imported_gently import a, b")
    for name in "ab":
        (folder / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder.name
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_others_go_first_before_each_module(package: str) -> None:
    asked: list[int] = []
    before = list(sys.meta_path)
    with gently(lambda: asked.append(threading.get_ident())):
        __import__(package)
    assert asked == [threading.get_ident()] * 3
    assert sys.meta_path == before


def test_imports_of_another_thread_wait_for_nobody(package: str) -> None:
    asked: list[str] = []
    with gently(lambda: asked.append("asked")):
        thread = threading.Thread(target=__import__, args=(package,))
        thread.start()
        thread.join()
    assert package in sys.modules
    assert asked == []


def test_an_import_that_fails_leaves_no_finder(package: str) -> None:
    before = list(sys.meta_path)
    with pytest.raises(ImportError), gently(lambda: None):
        __import__(f"{package}.not_there")
    assert sys.meta_path == before


def test_loading_compiled_loops_asks_between_its_steps() -> None:
    """In a process of its own: in this one other tests may have loaded them."""
    if not kernels.is_installed():
        pytest.skip("numba is not installed")
    script = """import threading
from weightedit.core import kernels
asked = []
kernels.load_gently(lambda: asked.append(threading.get_ident()))
kernels.prepare(wait=True)
print(kernels.state_text(), threading.get_ident() in asked, len(asked) > 100)"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "loaded False True"  # numba alone is 300 modules
