"""Each kind is recognised in what the installed torch really says, with its numbers, wherever the text came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor.explain.provoked_dtypes import DTYPES
from tests.doctor.explain.provoked_gradients import GRADIENTS
from tests.doctor.explain.provoked_layers import LAYERS
from tests.doctor.explain.provoked_losses import LOSSES
from tests.doctor.explain.provoked_modules import MODULES
from tests.doctor.explain.provoked_shapes import SHAPES
from tests.doctor.explain.provoked_training import TRAINING
from tests.doctor.explain.provoking import Provoked, bare_of, traceback_of
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import Frame
from weightedit.doctor.explain.kinds import kinds

PROVOKED = (*SHAPES, *LAYERS, *LOSSES, *DTYPES, *GRADIENTS, *TRAINING, *MODULES)
ELSEWHERE = {"Loading weights": "test_loading.py", "Files": "test_files.py", "Python": "test_syntax.py"}
"""Subjects whose kinds are provoked in tests of their own."""
BY_TEXT = {
    "two-devices", "input-device", "input-dtype", "module-device", "cuda-not-compiled", "cuda-driver", "cuda-memory",
    "cuda-assert", "cuda-kernel", "cuda-address", "cuda-ordinal", "cublas", "cudnn", "cuda-fork", "no-backend",
    "saved-on-device", "saved-on-number", "unused-in-ddp", "worker-died", "spawn-main",
}  # fmt: skip
"""Kinds that need a GPU, a build without one, or a process that ends: test_devices.py."""


def names(provoked: Provoked) -> str:
    return f"{provoked.kind}: {provoked.message[:40]}"


@pytest.mark.parametrize("provoked", PROVOKED, ids=names)
def test_what_torch_says_is_explained(provoked):
    text, bare = traceback_of(provoked.fails), bare_of(provoked.fails)
    found = explain(text)
    assert (found.kind, found.message) == (provoked.kind, provoked.message)
    assert found.torch_says in text
    assert found.why or found.causes
    assert_frame_is_of_the_test(found.frame)
    assert (explain(bare).kind, explain(bare).message) == (provoked.kind, provoked.message)
    assert explain(bare.split(": ", 1)[1]).message == provoked.message


def assert_frame_is_of_the_test(frame: Frame | None) -> None:
    """The last line of the person's own code is named, which here is one of the tables of what fails."""
    assert frame is not None
    path = Path(frame.file)
    assert path.name.startswith("provoked_")
    assert frame.code
    assert frame.code in path.read_text(encoding="utf-8").split("\n")[frame.line - 1]


def test_every_kind_is_provoked():
    done = {provoked.kind for provoked in PROVOKED} | BY_TEXT
    assert done >= {kind.name for kind in kinds() if kind.subject not in ELSEWHERE}
    assert len({provoked.kind for provoked in PROVOKED}) >= 100
