"""The guard that fails tests where the window works on files or tensors in its own thread can itself fail them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weightedit
from tests.ui.gui_thread import ALLOWED, ROOT, guard, in_a_worker, watched

WORK = {
    "open": "open(path, 'rb').close()",
    "Path.read_bytes": "path.read_bytes()",
    "os.stat": "os.stat(path)",
    "os.listdir": "os.listdir(path.parent)",
    "write": "path.with_suffix('.new').write_bytes(b'')",
    "Document.read": "document.read('w')",
    "Document.undo": "document.undo() if document.can_undo else document.preflight('scale', 'w', factor=1.0)",
    "torch function": "torch.sum(tensor)",
    "torch method": "tensor.max()",
    "torch operator": "tensor * 2",
    "numpy sum": "np.sum(array)",
    "numpy min": "np.min(array)",
    "numpy histogram": "np.histogram(array)",
}
"""What a window should never do in its own thread."""
FINE = {
    "a small array": "np.sum(array[:100])",
    "a small tensor": "tensor[:100].sum()",
    "a tensor's shape": "(tensor.shape, tensor.dtype, tensor.numel())",
}


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """What the work is done on: a file, a document, a tensor and an array of more than 65,536 elements."""
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(300, 300)}, path)
    return {"path": path, "document": weightedit.open(path), "tensor": torch.ones(1 << 17), "array": np.ones(1 << 17),
            "np": np, "torch": torch, "os": os}  # fmt: skip


def as_the_window(source: str, given: dict[str, Any], place: str = "made_up.py") -> Callable[[], None]:
    """Return a function that does a piece of work as if it stood in a module of the window."""
    space: dict[str, Any] = dict(given)
    exec(compile(f"def work():\n    {source}\n", str(ROOT / "weightedit" / "ui" / place), "exec"), space)
    found: Callable[[], None] = space["work"]
    return found


@pytest.fixture(autouse=True)
def leave_no_trace() -> Any:
    """Let the guard of this test itself find nothing: what is done here is done for it."""
    yield
    guard.found.clear()


@pytest.mark.parametrize("what", WORK)
def test_work_in_the_gui_thread_is_found(what: str, given: dict[str, Any]) -> None:
    with watched() as seen:
        as_the_window(WORK[what], given)()
    assert any("made_up.py work" in place for place in seen.found), seen.found


@pytest.mark.parametrize("what", WORK)
def test_the_same_work_in_a_worker_is_let_be(what: str, given: dict[str, Any]) -> None:
    with watched() as seen:
        in_a_worker(as_the_window(WORK[what], given))
    assert not seen.found


@pytest.mark.parametrize("what", FINE)
def test_what_takes_no_time_is_let_be(what: str, given: dict[str, Any]) -> None:
    with watched() as seen:
        as_the_window(FINE[what], given)()
    assert not seen.found


def test_what_a_test_does_itself_is_let_be(given: dict[str, Any]) -> None:
    with watched() as seen:
        given["path"].read_bytes()
        torch.sum(given["tensor"])
    assert not seen.found


def test_every_exception_names_code_that_is_there() -> None:
    for place in ALLOWED:
        file, function = place.split(" ")
        text = (ROOT / "weightedit" / "ui" / file).read_text()
        assert function == "<lambda>" or f"def {function}(" in text, place
