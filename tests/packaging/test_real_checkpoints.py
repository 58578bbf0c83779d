"""The real checkpoints are installed, and are the kinds of file the list says."""

from __future__ import annotations

import zipfile

import pytest

LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # torch's magic number, pickled with protocol 2
LEGACY = (
    "resemblyzer/pretrained.pt",
    *(f"facenet_pytorch/data/{name}.pt" for name in ("onet", "pnet", "rnet")),
    *(f"lpips/weights/v0.{version}/{name}.pth" for version in (0, 1) for name in ("alex", "squeeze", "vgg")),
)


@pytest.mark.parametrize("name", LEGACY)
def test_legacy_torch(name, real_checkpoint):
    with real_checkpoint(name).open("rb") as file:
        assert file.read(len(LEGACY_MAGIC)) == LEGACY_MAGIC


@pytest.mark.parametrize("name", ["khmer_ocr_ocm/assets/model.pth", "silero_vad/data/silero_vad.jit"])
def test_torch_zip(name, real_checkpoint):
    names = zipfile.ZipFile(real_checkpoint(name)).namelist()
    assert any(record.endswith("/data.pkl") for record in names)
    assert any(record.endswith("/constants.pkl") for record in names) == name.endswith(".jit")


def test_safetensors(real_checkpoint):
    with real_checkpoint("silero_vad/data/silero_vad_16k.safetensors").open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        assert file.read(size).startswith(b'{"')
