"""The tar archives of the first torch open as torch.load reads them, read only; malformed ones get one sentence."""

from __future__ import annotations

import os
import pickle
import random
import struct
import tarfile
from typing import Any

import pytest
import torch

import weightedit
from tests import checkpoints
from tests.formats.documents import Held, bits, slot_bits
from tests.formats.torch_files import STORAGES, Pid, floats, tar_file, tar_members
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.progress import Progress
from weightedit.formats.torch_tar import TorchTar


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_tensor_is_what_torch_loads(format, tmp_path):
    """Views of one storage stay views of it; torch.load still reads the form."""
    path = tar_file(tmp_path / "old.pt", format=format)
    theirs = torch.load(path, weights_only=False)
    held = Held.open(path)
    assert list(held.opened.root) == list(theirs)
    assert held.opened.root["epoch"] == 3
    for name, slot in held.slots.items():
        assert (slot.spec.shape, slot.spec.stride) == (tuple(theirs[name].shape), theirs[name].stride())
        assert f"torch.{slot.spec.dtype}" == str(theirs[name].dtype)
        assert slot_bits(slot) == bits(theirs[name])
    shared = {name for name, slot in held.slots.items() if slot.storage is held.slots["whole"].storage}
    assert shared == {"whole", "transposed", "strided"}


def test_it_is_viewed_edited_and_exported_but_not_saved(tmp_path):
    path = tar_file(tmp_path / "old.pt")
    before = path.read_bytes()
    with weightedit.open(path) as document:
        assert document.format_name == "torch tar"
        document.apply("fill", "strided", value=50.0)
        with pytest.raises(EditRefused, match=r"torch tar is read and not written.*torch zip"):
            document.save()
        document.export(tmp_path / "new.pt")
    assert path.read_bytes() == before
    loaded = torch.load(tmp_path / "new.pt", weights_only=False)
    assert loaded["whole"].reshape(-1).tolist() == [0, 1, 2, 3, 4, 50, 6, 50, 8, 9, 10, 11]
    assert loaded["transposed"].untyped_storage()._cdata == loaded["whole"].untyped_storage()._cdata
    assert loaded["counts"].tolist() == [7, -9]


def test_code_in_it_stays_data(tmp_path):
    marker = tmp_path / checkpoints.EVIL_MARKER
    members = tar_members(root={"weight": Pid("21"), "payload": checkpoints.Evil(marker)})
    with weightedit.open(tar_file(tmp_path / "evil.pt", members)) as document:
        assert list(document.tensors) == ["weight"]
    assert not marker.exists()


def one(key: Any = 21, over: Any = 11, size: tuple = (3,), stride: tuple = (1,), offset: int = 0) -> list:
    return [(key, over, size, stride, offset)]


WRONG: dict[str, tuple[dict[str, bytes], str]] = {
    "tensor past its storage": (tar_members(tensors=one(size=(13,)), root={"a": Pid("21")}),
                                'tensor "a" reaches byte 52'),
    "negative size": (tar_members(tensors=one(size=(-3,)), root={"a": Pid("21")}), 'tensor "a" has the shape'),
    "negative offset": (tar_members(tensors=one(offset=-1), root={"a": Pid("21")}), "is damaged"),
    "storage missing": (tar_members(tensors=one(over=99), root={"a": Pid("21")}), "lacks storage 99"),
    "tensor missing": (tar_members(root={"a": Pid("77")}), "refers to '77', which it does not hold"),
    "key twice": (tar_members(storages=[STORAGES[0], STORAGES[0]], root={}), "holds the key 11 twice"),
    "tensor key twice": (tar_members(tensors=one() + one(), root={}), "holds the key 21 twice"),
    "view past its storage": (tar_members(views=[(13, 11, 4, 9)]), "a view of elements 4 to 13"),
    "view of nothing": (tar_members(views=[(13, 99, 0, 1)]), "lacks storage 99"),
    "views no list": (tar_members(views=3), "views of storages are no list"),
    "count too large": ({**tar_members(), "storages": b"\x80\x02M\xff\xff."}, "is cut short"),
    "count negative": ({**tar_members(), "storages": b"\x80\x02J\xff\xff\xff\xff."}, "no number of storages"),
    "storage too large": ({**tar_members(), "storages": pickle.dumps(1, 2)
                           + pickle.dumps((1, "cpu", torch.FloatStorage), 2) + struct.pack("<q", 1 << 60)},
                          "should have 1,152,921,504,606,846,976 elements"),
    "no pickle": ({name: data for name, data in tar_members().items() if name != "pickle"}, "without pickle"),
    "another archive": ({"readme.txt": b"hello"}, "is a tar archive without storages"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_malformed_archive_gets_one_sentence(what, tmp_path):
    members, sentence = WRONG[what]
    path = tar_file(tmp_path / "wrong.pt", members)
    with pytest.raises(CheckpointError) as caught:
        Held.open(path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("wrong.pt ")
    assert caught.value.file == os.fspath(path)


def test_a_member_twice_and_a_wrong_checksum_are_refused(tmp_path):
    path = tar_file(tmp_path / "twice.pt", format=tarfile.USTAR_FORMAT)
    raw = path.read_bytes()
    body = raw[: len(raw) // 512 * 512].rstrip(b"\0")
    body += bytes(-len(body) % 512)
    path.write_bytes(body + body + bytes(1024))
    with pytest.raises(CheckpointError, match="holds the member sys_info twice"):
        Held.open(path)
    path.write_bytes(b"x" + raw[1:])
    with pytest.raises(CheckpointError, match="checksum of the member at byte 0"):
        Held.open(path)


def test_an_archive_cut_short_anywhere_is_an_error(tmp_path):
    """All but the zeros at its end are needed."""
    raw = tar_file(tmp_path / "good.pt", format=tarfile.USTAR_FORMAT).read_bytes()
    path = tmp_path / "cut.pt"
    for length in range(300, len(raw.rstrip(b"\0")), 37):
        path.write_bytes(raw[:length])
        with pytest.raises(CheckpointError):
            TorchTar().open(path, Progress())


def test_damaged_bytes_open_or_are_an_error_with_a_sentence(tmp_path):
    """Inside the members, where checksums say nothing."""
    raw = bytearray(tar_file(tmp_path / "good.pt", format=tarfile.USTAR_FORMAT).read_bytes())
    path, draw = tmp_path / "odd.pt", random.Random(5)
    spots = [at for at, byte in enumerate(raw) if byte and b"ustar" not in raw[at // 512 * 512 : at // 512 * 512 + 263]]
    for _ in range(400):
        damaged = bytearray(raw)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.choice(spots)] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            opened = TorchTar().open(path, Progress())
        except CheckpointError as error:
            assert str(error).endswith(".")  # noqa: PT017
        else:
            opened.files[0].close()


def test_nothing_is_extracted(tmp_path):
    """torch unpacks the archive to a folder; here its bytes are read where they are."""
    path = tar_file(tmp_path / "old.pt", {**tar_members(), "../outside": floats(1)})
    with weightedit.open(path) as document:
        assert document.read("counts").tolist() == [7, -9]
    assert [file.name for file in tmp_path.iterdir()] == ["old.pt"]
