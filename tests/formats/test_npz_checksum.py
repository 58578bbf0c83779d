"""Stored arrays of an .npz are given out only when they are the bytes that were written, as numpy does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import weightedit
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.formats.npz import LONGEST_NAME


def flipped(path, at_value):
    """Write two stored arrays and flip one bit of a value of the first."""
    values = np.arange(400_000, dtype="<f8")  # more than is checked at a time
    np.savez(path, hurt=values, whole=np.ones(3, "<f4"))
    data = bytearray(path.read_bytes())
    at = data.index(values[at_value : at_value + 4].tobytes())
    data[at] ^= 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("at_value", [5, 399_990])
def test_a_flipped_bit_is_told_at_the_first_read_of_any_part(tmp_path, at_value):
    path = flipped(tmp_path / "arrays.npz", at_value)
    with np.load(path) as reference, pytest.raises(Exception, match="CRC"):
        _ = reference["hurt"]
    with weightedit.open(path) as document:
        for _ in range(2):  # and not forgotten
            with pytest.raises(CheckpointError) as caught:
                document.read("hurt", region="[7:9]")
            assert str(caught.value).startswith("arrays.npz is damaged: the 3,200,128 bytes of record hurt.npy are not "
                                                "those it promises. Get the file again")  # fmt: skip
            assert caught.value.place == "hurt.npy"
        assert document.read("whole").tolist() == [1, 1, 1]


@pytest.mark.parametrize("target", ["out.safetensors", "out.npz", "out.pt"])
def test_a_damaged_array_is_not_exported_as_if_it_were_whole(tmp_path, target):
    path = flipped(tmp_path / "arrays.npz", 5)
    words = r"arrays\.npz is damaged: .* record hurt\.npy"
    with weightedit.open(path) as document, pytest.raises(CheckpointError, match=words):
        document.export(tmp_path / target)
    assert not (tmp_path / target).exists()


def test_a_name_too_long_for_a_zip_archive_is_refused_before_anything_is_written(tmp_path):
    """The archive counts the bytes of a name in 16 bits."""
    for name, fits in (("n" * (LONGEST_NAME - 4), True), ("n" * (LONGEST_NAME - 3), False), ("ж" * 32_766, False)):
        path = tmp_path / "long.pt"
        torch.save({name: torch.ones(2)}, path)
        with weightedit.open(path) as document:
            if fits:
                document.export(tmp_path / "long.npz")
                with np.load(tmp_path / "long.npz") as reference:
                    assert reference[name].tolist() == [1, 1]
                (tmp_path / "long.npz").unlink()
            else:
                with pytest.raises(EditRefused, match="more than 65,535 bytes"):
                    document.export(tmp_path / "long.npz")
                assert not (tmp_path / "long.npz").exists()
