"""An export can be cancelled within one large tensor that is being read back, and the disk is waited for in pieces."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from weightedit.assembly import open_document
from weightedit.core.errors import Cancelled
from weightedit.core.files.file_system import FileSystem
from weightedit.core.writing import laying, pending

MIB = 1 << 20


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "net.pt"
    torch.save({"w": torch.zeros(24 * MIB // 4)}, path)
    return path


def test_reading_one_large_tensor_back_is_cancelled_in_its_midst(checkpoint: Path) -> None:
    asked = threading.Event()
    seen: list[int] = []

    def report(label: str, done: int, total: int) -> None:
        if label == "Verifying" and done:
            seen.append(done)
            asked.set()

    with open_document(checkpoint) as document, pytest.raises(Cancelled):
        document.export(checkpoint.with_name("out.safetensors"), progress=report, cancel=asked)
    assert seen
    assert seen[0] < 24 * MIB
    assert [path.name for path in checkpoint.parent.iterdir()] == ["net.pt"]


def test_what_is_verified_adds_up(checkpoint: Path) -> None:
    seen: list[tuple[int, int]] = []

    def report(label: str, done: int, total: int) -> None:
        if label == "Verifying":
            seen.append((done, total))

    with open_document(checkpoint) as document:
        document.export(checkpoint.with_name("out.safetensors"), progress=report)
    assert seen[-1] == (24 * MIB, 24 * MIB)


def test_the_disk_is_waited_for_while_writing(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wait for all of it at the end could not be cancelled, and takes minutes for a large file on a slow disk."""
    monkeypatch.setattr(laying, "SYNC_EVERY", 4 * MIB)
    monkeypatch.setattr(laying, "LAG", 8 * MIB)
    monkeypatch.setattr(pending, "COPIED", 4 * MIB)
    waited: list[int] = []

    def write_behind(self: FileSystem, handle: int, start: int, nbytes: int, wait: bool) -> None:
        waited.extend([start] if wait else [])

    monkeypatch.setattr(FileSystem, "write_behind", write_behind)
    with open_document(checkpoint) as document:
        document.export(checkpoint.with_name("out.safetensors"))
    assert [at // MIB for at in waited] == [0, 8]
