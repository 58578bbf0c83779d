"""On real checkpoints preflight says just what plain torch finds: no alarm without a cause, and no silence with one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from tests.alarms import TRIALS, a_few, checkpoints, compare, losses
from tests.conftest import REAL_CHECKPOINTS

PATHS = [
    "facenet_pytorch/data/onet.pt", "facenet_pytorch/data/pnet.pt", "facenet_pytorch/data/rnet.pt",
    "khmer_ocr_ocm/assets/model.pth", "resemblyzer/pretrained.pt", "silero_vad/data/silero_vad.jit",
    "silero_vad/data/silero_vad_16k.safetensors",
    *(f"lpips/weights/v0.{version}/{name}.pth" for version in (0, 1) for name in ("alex", "squeeze", "vgg")),
]  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
def test_preflight_says_what_torch_finds(name, real_checkpoint):
    """Kind, tensors and count of every hazard of 27 edits of tensors of each kind in a real file."""
    found = compare(real_checkpoint(name), chosen=a_few)
    assert found.edits >= len(TRIALS)
    assert found.hazards
    assert not found.wrong, "\n".join(found.wrong)


def test_every_real_checkpoint_is_compared():
    here = [str(path.relative_to(REAL_CHECKPOINTS)) for path in checkpoints(REAL_CHECKPOINTS)]
    assert sorted(PATHS) == sorted(Path(path).as_posix() for path in here)


def test_the_oracle_counts_what_is_put_there():
    """The oracle itself, on values counted by hand."""
    w = torch.tensor([1.0, 70000.0, 1e-9, 0.1, -math.inf, math.nan, 65504.0, -1e38, 0.0])
    assert losses(w, w, torch.float16, converts=True) == {"overflow": 2, "underflow": 1, "precision-loss": 1}
    assert losses(w, w, torch.float64, converts=True) == {}
    assert losses(w, w * 10, torch.float32, scales=True) == {"overflow": 1}
    assert losses(w[:4], w[:4], torch.int8, converts=True) == {"truncation": 3}
    assert losses(torch.tensor([300, 1]), torch.tensor([300, 1]), torch.int8, converts=True) == {"overflow": 1}
