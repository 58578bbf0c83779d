"""What memory, disk and devices raise is told from faults of the program, and said in words that name the file."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from weightedit.core.errors import CheckpointError
from weightedit.core.words.shortages import Shortage, is_fault, shortage


def raised_by(call):
    with pytest.raises((MemoryError, RuntimeError, OSError)) as told:
        call()
    return told.value


def test_numpy_and_torch_without_memory_say_how_much_was_wanted():
    for call in (lambda: np.empty(1 << 55, np.uint8), lambda: torch.empty(1 << 55, dtype=torch.uint8)):
        error = raised_by(call)
        said = shortage(error)
        assert isinstance(said, Shortage)
        assert said.__cause__ is error
        assert str(said).startswith("Memory ran out: 36.0 PB more were needed. ")
        assert "keeps its edits and its undo" in str(said)
    assert str(shortage(MemoryError())).startswith("Memory ran out. ")


def test_the_system_s_errors_name_the_file(tmp_path):
    missing = raised_by((tmp_path / "gone" / "net.pt").read_bytes)
    assert str(shortage(missing)).startswith(f"{tmp_path}/gone/net.pt cannot be used: no such file or directory. ")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("wb", buffering=0) as full:
            error = raised_by(lambda: full.write(b"x"))
        assert str(shortage(error)).startswith("There is no space left on the disk. ")
    named = OSError(errno.ENOSPC, "No space left on device", "a\n\x1b[31mb.pt")
    assert "disk of a\\n\\x1b[31mb.pt. " in str(shortage(named))


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shape mismatch"), KeyError("w"), OSError("ours")])
def test_anything_else_is_a_fault_of_the_program(error):
    assert shortage(error) is None
    assert is_fault(error)


def test_what_is_said_for_a_person_is_no_fault_and_stays_itself():
    said = CheckpointError("net.pt is cut short.")
    assert shortage(said) is None
    assert not is_fault(said)
    assert not is_fault(KeyboardInterrupt())


def test_a_lost_device_is_said():
    error = RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might …")
    said = "The CUDA device stopped working (CUDA error: an illegal memory access was encountered). "
    assert str(shortage(error)).startswith(said)
