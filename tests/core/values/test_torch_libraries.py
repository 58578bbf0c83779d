"""Torch's libraries are loaded before its import, which then finds them there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weightedit.core.values import torch_libraries

PROBE = """
import sys
from weightedit.core.values.torch_libraries import load
print(load(), "torch" in sys.modules)
print(any("libtorch_cpu" in line for line in open("/proc/self/maps")))
import torch
print(torch.ones(2, 2).mm(torch.ones(2, 2)).sum().item(), load())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of a process are listed on Linux")
def test_they_are_there_before_torch_and_torch_works_with_them():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == ["True False", "True", "8.0 False"]


def test_what_is_not_there_is_left_to_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its own import says what is wrong."""
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert not torch_libraries.load()
