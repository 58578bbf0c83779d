"""safetensors files open as safetensors itself reads them, and whatever is wrong with one is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from tests import checkpoints
from tests.checkpoints import write_safetensors
from tests.formats.documents import Held, bits, slot_bits, tensor_of
from weightedit.core.described.contents import file_inventory
from weightedit.core.errors import CheckpointError
from weightedit.core.progress import Found, Progress
from weightedit.formats import detect
from weightedit.formats.safetensors_rows import TO_TORCH


def assert_as_safetensors_reads(path: Path) -> None:
    held = Held.open(path)
    with safe_open(path, "pt") as file:
        assert set(held.slots) == set(file.keys())
        assert held.opened.metadata == (file.metadata() or {})
        for name, slot in held.slots.items():
            tensor = file.get_tensor(name)
            assert (slot.spec.dtype, slot.spec.shape) == (str(tensor.dtype)[6:], tuple(tensor.shape))
            assert slot_bits(slot) == bits(tensor)
            assert bits(tensor_of(slot.spec, slot.storage.content)) == bits(tensor)


@pytest.mark.parametrize("make", [
    checkpoints.small_shapes_safetensors, checkpoints.low_precision_safetensors, checkpoints.odd_offsets,
    checkpoints.hostile_names_safetensors, checkpoints.safetensors_named_pt,
])  # fmt: skip
def test_every_tensor_is_what_safetensors_reads(make, tmp_path):
    assert_as_safetensors_reads(make(tmp_path))


def test_a_real_file_is_what_safetensors_reads(real_checkpoint):
    assert_as_safetensors_reads(real_checkpoint("silero_vad/data/silero_vad_16k.safetensors"))


def test_every_dtype_of_safetensors(tmp_path):
    names = [name for name in TO_TORCH.values() if hasattr(torch, name)]
    tensors = {name: torch.arange(64, dtype=torch.uint8).bitwise_and(1).view(getattr(torch, name)) for name in names}
    path = tmp_path / "dtypes.safetensors"
    save_file(tensors, path)
    held = Held.open(path)
    for name, tensor in tensors.items():
        assert held.slots[name].spec.dtype == name
        assert held.slots[name].spec.shape == tuple(tensor.shape)
        assert slot_bits(held.slots[name]) == bits(tensor)


def test_the_order_of_the_header_is_kept(tmp_path):
    header = {
        "z": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]},
        "__metadata__": {"z": "1", "a": "2"},
        "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
    }
    held = Held.open(write_safetensors(tmp_path / "a.safetensors", header, b"abcd"))
    assert list(held.slots) == ["z", "a"]
    assert list(held.opened.metadata) == ["z", "a"]
    assert slot_bits(held.slots["z"]) == b"cd"


def test_100_000_tensors_are_described_only_where_someone_looks(tmp_path):
    held = Held.open(checkpoints.many_tensors(tmp_path))
    root = held.opened.root
    assert len(root) == 100_000
    assert all(tensor.is_deferred for tensor in root.values())


def one(**change: object) -> dict[str, object]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | change}


WRONG = {
    "dtype": (one(dtype="F33"), 8, "dtype"),
    "dtype that is no text": (one(dtype=[]), 8, "dtype"),
    "F6": (one(dtype="F6_E2M3", shape=[4], data_offsets=[0, 3]), 3, "F6_E2M3"),
    "odd F4": (one(dtype="F4", shape=[2, 3], data_offsets=[0, 3]), 3, "F4 needs an even last size"),
    "negative size": (one(shape=[-2]), 8, "shape"),
    "size that is a float": (one(shape=[2.0]), 8, "shape"),
    "size that is a truth value": (one(shape=[True]), 4, "shape"),
    "huge product": (one(shape=[1 << 62, 1 << 62]), 8, "63 bits"),
    "product is zero": (one(shape=[0, 1 << 60]), 8, "needs 0 bytes"),
    "offset that is text": (one(data_offsets=["0", "8"]), 8, "offsets"),
    "three offsets": (one(data_offsets=[0, 4, 8]), 8, "offsets"),
    "negative offset": (one(data_offsets=[-8, 0]), 8, "offsets"),
    "offsets turned round": (one(data_offsets=[8, 0]), 8, "needs"),
    "past the end": (one(data_offsets=[8, 16]), 8, "belong to no tensor"),
    "too long": (one(), 9, "is longer than it says"),
    "too short": (one(), 7, "is cut short"),
    "missing item": ({"a": {"dtype": "F32", "shape": [2]}}, 8, "no data_offsets"),
    "item too many": (one(extra=1), 8, "more than"),
    "not a table": ({"a": 3}, 8, "not described"),
    "overlap": (one() | {"b": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]}}, 8, '"a" and "b" overlap'),
    "hole": (one() | {"b": {"dtype": "U8", "shape": [1], "data_offsets": [9, 10]}}, 10, "8 to 9"),
    "metadata": (one() | {"__metadata__": {"a": 1}}, 8, "metadata"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case, tmp_path):
    header, nbytes, word = WRONG[case]
    path = write_safetensors(tmp_path / "bad.safetensors", header, bytes(nbytes))
    with pytest.raises(CheckpointError, match=word) as caught:
        detect(path).open(path, Progress())
    assert "bad.safetensors" in str(caught.value)
    said = "torch has none." if case == "F6" else ("again.", "where it comes from.")
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize("text", [
    '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
    '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"\\u0061":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
    '{"a":{"dtype":"U8","shape":[2],"shape":[2],"data_offsets":[0,2]}}',
    '{"__metadata__":{},"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
    '{"__metadata__":{"k":"v","k":"w"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
])  # fmt: skip
def test_a_key_that_stands_twice_is_an_error(text, tmp_path):
    path = tmp_path / "twice.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + b"ab")
    with pytest.raises(CheckpointError, match="twice"):
        detect(path).open(path, Progress())


@pytest.mark.parametrize("raw", [b'{"a":', b'{"a":NaN,}', b"{\xff}", b"{" * 4000])
def test_a_header_that_is_no_json_is_an_error(raw, tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw)
    with pytest.raises(CheckpointError, match=r"not valid JSON|UTF-8"):
        detect(path).open(path, Progress())


def test_a_header_longer_than_allowed_is_not_read(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}" + bytes(100))
    with pytest.raises(CheckpointError):
        detect(path).open(path, Progress())


@given(st.data())
def test_damaged_headers_open_or_are_refused(tmp_path_factory, data):
    """Whatever byte of a header changes, the answer is a tree or a CheckpointError."""
    text = bytearray(json.dumps(one() | {"__metadata__": {"k": "v"}}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(1, len(text) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "a.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    try:
        held = Held.open(path)
    except CheckpointError:
        return
    for slot in held.slots.values():
        slot_bits(slot)


class TestShards:
    def test_all_tensors_are_there(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        held = Held.open(path)
        index = json.loads(path.read_text())
        assert set(held.slots) == set(index["weight_map"])
        assert len(held.opened.files) == 3
        for name, file in index["weight_map"].items():
            with safe_open(path.parent / file, "pt") as shard:
                assert slot_bits(held.slots[name]) == bits(shard.get_tensor(name))
        assert set(Held.open(path.parent).slots) == set(held.slots)

    def test_the_tensors_of_each_shard_are_told_while_the_rest_is_on_its_way(self, tmp_path):
        """A window lists what is there before the last shard was read: all names, in order, as they will be."""
        index = checkpoints.sharded(tmp_path)
        pieces: list[Found] = []
        shards_read: list[int] = []

        def arrivals(found: Found) -> None:
            pieces.append(found)
            shards_read.append(progress.done)

        progress = Progress(arrivals=arrivals)
        opened = detect(index).open(index, progress)
        slots = file_inventory(opened.root).slots
        assert shards_read == list(range(len(opened.files))) == [0, 1, 2]
        assert [name for piece in pieces for name in piece.names] == [slot.name for slot in slots]
        specs = [(slot.spec.dtype, slot.spec.shape, slot.spec.nbytes) for slot in slots]
        assert [one for piece in pieces for one in zip(piece.dtypes, piece.shapes, piece.nbytes, strict=True)] == specs

    @pytest.mark.parametrize("name", ["../x.safetensors", "/etc/passwd", "https://a/b", "..\\x", "", "a\0b"])
    def test_a_shard_outside_the_folder_is_refused(self, name, tmp_path):
        path = checkpoints.sharded(tmp_path)
        index = json.loads(path.read_text())
        index["weight_map"][next(iter(index["weight_map"]))] = name
        path.write_text(json.dumps(index))
        with pytest.raises(CheckpointError, match="outside its folder") as told:
            Held.open(path)
        assert str(told.value).endswith(f"outside its folder, {path.parent.resolve()}.")

    def test_a_link_out_of_the_folder_is_refused(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        shard = path.parent / "model-00001-of-00003.safetensors"
        shard.rename(tmp_path / "elsewhere.safetensors")
        shard.symlink_to(tmp_path / "elsewhere.safetensors")
        with pytest.raises(CheckpointError, match="outside its folder") as told:
            Held.open(path)
        assert f": a link there leads to {tmp_path.resolve() / 'elsewhere.safetensors'}." in str(told.value)

    def test_the_cache_of_a_hub_links_to_its_blobs(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        snapshot = tmp_path / "models--x" / "snapshots" / "0123"
        blobs = tmp_path / "models--x" / "blobs"
        snapshot.mkdir(parents=True)
        blobs.mkdir()
        for file in path.parent.iterdir():
            file.rename(blobs / file.name)
            (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
        assert len(Held.open(snapshot).slots) == 29

    def test_a_tensor_the_shard_lacks_is_named(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        index = json.loads(path.read_text())
        index["weight_map"]["nowhere"] = "model-00001-of-00003.safetensors"
        path.write_text(json.dumps(index))
        with pytest.raises(CheckpointError, match="nowhere"):
            Held.open(path)

    def test_a_tensor_the_index_lacks_is_noted(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        index = json.loads(path.read_text())
        index["weight_map"].popitem()
        path.write_text(json.dumps(index))
        held = Held.open(path)
        assert len(held.slots) == 29
        assert held.opened.metadata["tensors not in the index"] == "1"

    @pytest.mark.parametrize("text", ["[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "{"])
    def test_an_index_that_is_none_is_refused(self, text, tmp_path):
        path = tmp_path / "model.safetensors.index.json"
        path.write_text(text)
        with pytest.raises(CheckpointError):
            Held.open(path)
