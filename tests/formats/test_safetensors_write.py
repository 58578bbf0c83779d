"""What is written as safetensors loads in safetensors, and what was not edited keeps its bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save_file

import weightedit
from tests import checkpoints
from tests.checkpoints import write_safetensors
from tests.formats.documents import SAFETENSORS, Held, bits, fill, rebind, slot_bits
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.progress import Progress
from weightedit.core.slots import Slot
from weightedit.core.transaction import Transaction
from weightedit.formats.verify import verify


def header_of(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


@pytest.mark.parametrize("make", [
    checkpoints.small_shapes_safetensors, checkpoints.low_precision_safetensors, checkpoints.odd_offsets,
    checkpoints.hostile_names_safetensors,
])  # fmt: skip
def test_without_an_edit_the_file_is_the_same(make, tmp_path):
    path = make(tmp_path)
    Held.open(path).write(tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == path.read_bytes()


def test_a_real_file_without_an_edit_is_the_same(real_checkpoint, tmp_path):
    path = real_checkpoint("silero_vad/data/silero_vad_16k.safetensors")
    Held.open(path).write(tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == path.read_bytes()


def test_the_order_of_keys_and_metadata_survives_a_change_of_shape(tmp_path):
    header = {
        "z": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
        "__metadata__": {"z": "1", "a": "ö"},
        "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
    }
    path = write_safetensors(tmp_path / "a.safetensors", header, b"abcd" + bytes(8))
    held = Held.open(path)
    rebind(held.slots["a"], torch.tensor([1, 2, 3], dtype=torch.int8))
    held.write(tmp_path / "out.safetensors")
    written = json.loads(header_of(tmp_path / "out.safetensors"))
    assert [name for name in written if name != "__metadata__"] == ["z", "a"]
    assert list(written["__metadata__"].items()) == [("z", "1"), ("a", "ö")]
    assert len(header_of(tmp_path / "out.safetensors")) % 8 == 0
    loaded = load_file(tmp_path / "out.safetensors")
    assert torch.equal(loaded["a"], torch.tensor([1, 2, 3], dtype=torch.int8))
    assert bits(loaded["z"]) == bytes(8)


def test_values_change_and_the_header_does_not(tmp_path):
    path = checkpoints.low_precision_safetensors(tmp_path)
    before, header = load_file(path), header_of(path)
    held = Held.open(path)
    name = next(iter(held.slots))
    fill(held.slots[name], 1)
    held.write(path)
    after = load_file(path)
    assert header_of(path) == header
    assert set(bits(after[name])) == {1}
    assert all(bits(after[other]) == bits(before[other]) for other in before if other != name)


@given(st.lists(st.sampled_from(["float64", "float32", "bfloat16", "uint8", "bool", "int64", "float8_e5m2"]),
                min_size=1, max_size=8), st.randoms())  # fmt: skip
def test_any_mix_of_dtypes_loads(tmp_path_factory, dtypes, random):
    """Tensors stay aligned for readers that need it, whatever the order of names."""
    folder = tmp_path_factory.mktemp("mix")
    state = {}
    for index, name in enumerate(dtypes):
        shape = [random.randint(0, 3) for _ in range(random.randint(0, 3))]
        values = torch.tensor(range(torch.Size(shape).numel()), dtype=torch.float32).reshape(shape)
        state[f"t{index}"] = values.to(getattr(torch, name))
    torch.save(state, folder / "a.pt")
    Held.open(folder / "a.pt").write(folder / "a.safetensors", SAFETENSORS)
    loaded = load_file(folder / "a.safetensors")
    assert list(json.loads(header_of(folder / "a.safetensors")))[1:] == list(state)
    for name, tensor in state.items():
        assert (loaded[name].dtype, loaded[name].shape) == (tensor.dtype, tensor.shape)
        assert bits(loaded[name]) == bits(tensor)


def test_packed_4_bit_numbers_keep_their_shape(tmp_path):
    header = {"a": {"dtype": "F4", "shape": [2, 8], "data_offsets": [0, 8]},
              "b": {"dtype": "U8", "shape": [1], "data_offsets": [8, 9]}}  # fmt: skip
    held = Held.open(write_safetensors(tmp_path / "a.safetensors", header, bytes(range(9))))
    assert held.slots["a"].spec.shape == (2, 4)
    rebind(held.slots["b"], torch.zeros(3, dtype=torch.uint8))
    held.write(tmp_path / "out.safetensors")
    assert json.loads(header_of(tmp_path / "out.safetensors"))["a"]["shape"] == [2, 8]


class TestSharing:
    def save(self, folder: Path, **tensors: torch.Tensor) -> Held:
        torch.save(tensors, folder / "a.pt")
        return Held.open(folder / "a.pt")

    def test_tied_weights_are_refused_copied_or_aliased(self, tmp_path):
        held = Held.open(checkpoints.tied_gpt2(tmp_path))
        out = tmp_path / "out.safetensors"
        with pytest.raises(EditRefused, match="share their values"):
            held.write(out, SAFETENSORS)
        assert not out.exists()
        held.write(out, SAFETENSORS, shared="copy")
        first, second = (load_file(out)[name] for name in checkpoints.TIED)
        assert bits(first) == bits(second)
        held.write(out, SAFETENSORS, shared="alias")
        with safe_open(out, "pt") as file:
            assert checkpoints.TIED[1] not in file.keys()  # noqa: SIM118
            assert file.metadata()[checkpoints.TIED[1]] == checkpoints.TIED[0]
        model = checkpoints.TinyGPT2()
        assert load_model(model, out) == (set(), [])
        assert bits(model.lm_head.weight) == slot_bits(held.slots[checkpoints.TIED[0]])

    def test_views_that_do_not_meet_are_no_conflict(self, tmp_path):
        flat = torch.randn(10, 10)
        held = self.save(tmp_path, a=flat[:5], b=flat[5:], left=flat[:0])
        held.write(tmp_path / "a.safetensors", SAFETENSORS)
        halves = self.save(tmp_path, left=flat[:, :5], right=flat[:, 5:])
        halves.write(tmp_path / "b.safetensors", SAFETENSORS)
        assert bits(load_file(tmp_path / "b.safetensors")["right"]) == bits(flat[:, 5:])

    def test_views_that_overlap_in_part_have_no_alias(self, tmp_path):
        flat = torch.randn(10)
        held = self.save(tmp_path, a=flat[:6], b=flat[4:])
        for shared in (None, "alias"):
            with pytest.raises(EditRefused):
                held.write(tmp_path / "a.safetensors", SAFETENSORS, shared=shared)
        held.write(tmp_path / "a.safetensors", SAFETENSORS, shared="copy")
        assert bits(load_file(tmp_path / "a.safetensors")["b"]) == bits(flat[4:])


class TestHazards:
    def test_what_is_lost_is_listed(self, tmp_path):
        held = Held.open(checkpoints.training(tmp_path))
        found = SAFETENSORS.hazards(held.contents(SAFETENSORS), None)
        assert [(hazard.kind, hazard.level) for hazard in found] == [("values-dropped", "warning")]
        assert "epoch" in found[0].targets
        assert "nesting" in found[0].message

    def test_its_own_file_loses_nothing(self, tmp_path):
        held = Held.open(checkpoints.low_precision_safetensors(tmp_path))
        assert SAFETENSORS.hazards(held.contents(), None) == []

    def test_dtypes_it_lacks_are_refused(self, tmp_path):
        torch.save({"a": torch.ones(2, dtype=torch.complex128)}, tmp_path / "a.pt")
        held = Held.open(tmp_path / "a.pt")
        assert [hazard.level for hazard in SAFETENSORS.hazards(held.contents(SAFETENSORS), None)] == ["refusal"]
        with pytest.raises(EditRefused, match="complex128"):
            held.write(tmp_path / "a.safetensors", SAFETENSORS)

    def test_the_name_of_the_metadata_is_refused(self, tmp_path):
        torch.save({"__metadata__": torch.ones(2)}, tmp_path / "a.pt")
        with pytest.raises(EditRefused, match="__metadata__"):
            Held.open(tmp_path / "a.pt").write(tmp_path / "a.safetensors", SAFETENSORS)


class TestShards:
    def snapshot(self, folder: Path) -> dict[str, tuple[bytes, int]]:
        return {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()}

    def test_only_the_shard_that_changed_is_written(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        before = self.snapshot(path.parent)
        held = Held.open(path)
        name, file = next(iter(json.loads(path.read_text())["weight_map"].items()))
        fill(held.slots[name], 7)
        assert held.write(path) == [path.parent / file]
        after = self.snapshot(path.parent)
        assert {key for key in before if before[key] != after[key]} == {file}
        assert set(bits(load_file(path.parent / file)[name])) == {7}

    def test_a_new_size_changes_the_index_too_and_its_other_entries_stay(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        index = json.loads(path.read_text())
        index["metadata"]["note"] = "kept"
        path.write_text(json.dumps(index))
        held = Held.open(path)
        name = next(iter(index["weight_map"]))
        rebind(held.slots[name], torch.zeros(3))
        assert held.write(path)[-1] == path
        written = json.loads(path.read_text())
        files = [load_file(file) for file in path.parent.glob("*.safetensors")]
        assert written["metadata"] == {"note": "kept", "total_size": sum(t.nbytes for f in files for t in f.values())}
        assert list(written["weight_map"].items()) == list(index["weight_map"].items())

    def test_elsewhere_all_of_it_is_written(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        out = tmp_path / "out"
        out.mkdir()
        Held.open(path).write(out)
        mine, theirs = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in (out, path.parent))
        assert mine == theirs

    def test_shards_become_one_file_and_one_file_shards(self, tmp_path):
        path = checkpoints.sharded(tmp_path)
        held = Held.open(path)
        held.write(tmp_path / "one.safetensors")
        assert set(load_file(tmp_path / "one.safetensors")) == set(held.slots)
        done = Held.open(tmp_path / "one.safetensors").write(tmp_path / "cut.safetensors", shard_size=10_000)
        assert done[0].name == f"cut-00001-of-{len(done) - 1:05}.safetensors"
        assert done[-1].name == "cut.safetensors.index.json"
        again = Held.open(done[-1])
        assert {name: slot_bits(slot) for name, slot in again.slots.items()} == {
            name: slot_bits(slot) for name, slot in held.slots.items()}  # fmt: skip
        assert json.loads(done[-1].read_text())["metadata"]["total_size"] == sum(
            slot.spec.nbytes for slot in held.slots.values())  # fmt: skip


def test_a_wrong_byte_is_found_before_anything_is_replaced(tmp_path):
    path = checkpoints.low_precision_safetensors(tmp_path)
    before = path.read_bytes()
    held = Held.open(path)
    contents = held.contents()
    with Transaction() as transaction:
        SAFETENSORS.write(contents, path, transaction, progress=Progress())
        (pending,) = transaction.pending
        pending.finish()
        data = bytearray(pending.temporary.read_bytes())
        data[-1] ^= 1
        pending.temporary.write_bytes(data)
        with pytest.raises(Exception, match="reading the new file back failed"):
            verify(SAFETENSORS, transaction, contents, Progress())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_two_tensors_of_one_name_are_an_error_and_not_one_tensor(tmp_path):
    held = Held.open(checkpoints.small_shapes_safetensors(tmp_path))
    contents = held.contents()
    first, last = contents.slots[0], contents.slots[-1]
    contents.slots = [*contents.slots[:-1], Slot(last.owner, last.key, last.path, first.name, last.held)]
    with Transaction() as transaction, pytest.raises(CheckpointError, match=f"name {first.name}"):
        SAFETENSORS.write(contents, tmp_path / "out.safetensors", transaction, progress=Progress())


def test_verifying_counts_the_tensors(tmp_path):
    held = Held.open(checkpoints.small_shapes_safetensors(tmp_path))
    contents = held.contents()
    with Transaction() as transaction:
        SAFETENSORS.write(contents, tmp_path / "out.safetensors", transaction, progress=Progress())
        contents.slots = [*contents.slots, contents.slots[0]]
        with pytest.raises(CheckpointError, match="Nothing was written"):
            verify(SAFETENSORS, transaction, contents, Progress())
    assert not (tmp_path / "out.safetensors").exists()


def test_requires_grad_that_a_file_cannot_hold_is_said(tmp_path):
    save_file({"a": torch.ones(2), "b": torch.ones(2)}, tmp_path / "a.safetensors")
    document = weightedit.open(tmp_path / "a.safetensors")
    assert document.save().hazards == ()
    document.apply("requires_grad", "a", value=True)
    for report in (document.export(tmp_path / "b.safetensors"), document.save()):
        assert [(hazard.kind, hazard.level, hazard.targets) for hazard in report.hazards] == [
            ("values-dropped", "warning", ("a",))
        ]
        assert "requires_grad of 1 tensor (a)" in report.hazards[0].detail


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_shared_is_none_copy_or_alias(suffix, tmp_path):
    with pytest.raises(EditRefused) as caught:
        weightedit.open({"a": torch.ones(2)}).export(tmp_path / f"a.{suffix}", shared="bogus")  # type: ignore[arg-type]
    assert [hazard.kind for hazard in caught.value.hazards] == ["argument"]


def test_an_alias_never_overwrites_what_the_metadata_says(tmp_path):
    weight = torch.ones(2)
    document = weightedit.open({"a": weight, "format": weight})
    with pytest.raises(EditRefused, match="format"):
        document.export(tmp_path / "a.safetensors", shared="alias")
    assert document.export(tmp_path / "a.safetensors", shared="copy").tensors == 2
    swapped = weightedit.open({"format": weight, "a": weight})
    assert swapped.export(tmp_path / "b.safetensors", shared="alias").tensors == 1
    with safe_open(tmp_path / "b.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "a": "format"}
