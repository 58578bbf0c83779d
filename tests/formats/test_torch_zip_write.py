"""What is written as torch zip loads in torch, and where only values changed everything else keeps its bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests import checkpoints
from tests.formats.documents import TORCH_ZIP, Held, bits, fill, rebind, same, slot_bits
from tests.formats.test_torch_zip_open import Call, Sub, odd_objects, saved
from weightedit.core.errors import CheckpointError
from weightedit.core.slots import HeldTensor

ZIPS = [
    checkpoints.tied_gpt2, checkpoints.tied_parameters, checkpoints.training, checkpoints.shared_views,
    checkpoints.non_contiguous, checkpoints.dragging_slice, checkpoints.small_shapes_zip,
    checkpoints.low_precision_zip, checkpoints.all_dtypes_zip, checkpoints.hostile_names_zip,
    checkpoints.names_that_print_alike, checkpoints.whole_module, checkpoints.evil,
]  # fmt: skip


def load(path: Path, **options: Any) -> Any:
    return torch.load(path, weights_only=False, **options)


def records(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("make", ZIPS)
def test_without_an_edit_the_file_is_the_same(make, tmp_path):
    path = make(tmp_path)
    Held.open(path).write(tmp_path / "out.pt")
    assert (tmp_path / "out.pt").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["khmer_ocr_ocm/assets/model.pth", "silero_vad/data/silero_vad.jit"])
def test_a_real_file_without_an_edit_is_the_same(name, real_checkpoint, tmp_path):
    path = real_checkpoint(name)
    Held.open(path).write(tmp_path / "out.pt")
    assert (tmp_path / "out.pt").read_bytes() == path.read_bytes()


def test_values_change_and_only_their_record_does(tmp_path):
    path = checkpoints.training(tmp_path)
    before = records(path)
    held = Held.open(path)
    fill(held.slots["model.conv.weight"], 3)
    held.write(path)
    after = records(path)  # reads every record, and its checksum
    changed = {name for name in before if before[name] != after[name]}
    assert len(changed) == 1
    assert next(iter(changed)).startswith("training/data/")
    loaded = load(path)
    assert set(bits(loaded["model"]["conv.weight"])) == {3}
    assert loaded["args"].name == "small"


def test_an_edited_torchscript_archive_still_runs(real_checkpoint, tmp_path):
    path = real_checkpoint("silero_vad/data/silero_vad.jit")
    held = Held.open(path)
    name = next(name for name, slot in held.slots.items() if slot.spec.numel > 100)
    fill(held.slots[name], 0)
    held.write(tmp_path / "out.jit")
    before, after = records(path), records(tmp_path / "out.jit")
    assert len([key for key in before if before[key] != after[key]]) == 1
    rebind(held.slots[name], torch.zeros(3))
    with pytest.raises(CheckpointError, match="TorchScript"):
        held.write(tmp_path / "other.jit")


def test_a_deflated_storage_that_changed_is_stored(tmp_path):
    path = saved(tmp_path, {"a": torch.zeros(1000), "b": torch.ones(10)})
    raw = records(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in raw.items():
            archive.writestr(name, data)
    held = Held.open(path)
    fill(held.slots["a"], 1)
    held.write(path)
    assert records(path)["saved/data.pkl"] == raw["saved/data.pkl"]
    assert set(bits(load(path)["a"])) == {1}
    assert bits(load(path)["b"]) == bits(torch.ones(10))


def rewritten(path: Path, out: Path) -> Path:
    """Write with a new pickle: an entry more, which torch.load shows again."""
    held = Held.open(path)
    held.opened.root["one more"] = 1
    held.write(out)
    assert records(out)[next(n for n in records(out) if n.endswith("data.pkl"))] != b""
    return out


@pytest.mark.parametrize("make", [make for make in ZIPS if make not in (checkpoints.whole_module, checkpoints.evil)])
def test_a_new_pickle_says_the_same(make, tmp_path):
    path = make(tmp_path)
    loaded = load(rewritten(path, tmp_path / "out.pt"))
    assert loaded.pop("one more") == 1
    same(loaded, load(path))


@pytest.mark.filterwarnings("ignore:torch.quantize_per:UserWarning", "ignore:torch.per:UserWarning")
def test_odd_objects_survive_a_new_pickle(tmp_path):
    parameter = nn.Parameter(torch.ones(3), requires_grad=False)
    parameter.note = "kept"
    plain = torch.ones(2)
    plain.note = "kept"
    value = odd_objects() | {
        "q": torch.quantize_per_tensor(torch.arange(4.0), 0.5, 1, torch.quint8), "p": parameter, "plain": plain,
        "sub": torch.ones(4).as_subclass(Sub), "conj": torch.full((2,), 1 + 2j).conj(),
        "grad": torch.ones(2, requires_grad=True),
    }  # fmt: skip
    sparse = value.pop("sparse")
    loaded = load(rewritten(saved(tmp_path, value | {"sparse": sparse}), tmp_path / "out.pt"))
    assert loaded.pop("one more") == 1
    assert torch.equal(loaded.pop("sparse").to_dense(), sparse.to_dense())
    for key in ("array", "scalar", "text", "slotted", "slice", "made", "listed"):
        assert repr(loaded[key]) == repr(value[key]) or key in ("slotted", "made")
        if key in ("slotted", "made"):
            assert type(loaded[key]) is type(value[key])
        del loaded[key], value[key]
    assert loaded["p"].note == loaded["plain"].note == "kept"
    assert loaded["conj"].is_conj()
    assert (loaded["q"].q_scale(), loaded["q"].q_zero_point()) == (0.5, 1)
    same(loaded, value)


def test_code_in_a_file_goes_through_a_new_pickle_unharmed(tmp_path):
    marker = tmp_path / "ran"
    path = saved(tmp_path, {"w": torch.ones(1), "x": Call(print, ("hello",)), "evil": Call(open, (str(marker), "w"))})
    rewritten(path, tmp_path / "out.pt")
    assert not marker.exists()
    root = Held.open(tmp_path / "out.pt").opened.root
    assert repr(root["x"].type) in ("builtins.print", "__builtin__.print")
    assert root["evil"].args == (str(marker), "w")


def test_ties_survive_and_can_be_undone(tmp_path):
    path = checkpoints.tied_parameters(tmp_path)
    one, two = checkpoints.TIED
    loaded = load(rewritten(path, tmp_path / "out.pt"))
    assert loaded[one] is loaded[two]
    held = Held.open(path)
    root = held.opened.root
    root[two] = HeldTensor(root[one].described)
    held.write(tmp_path / "shared.pt")
    loaded = load(tmp_path / "shared.pt")
    assert loaded[one] is not loaded[two]
    assert loaded[one].data_ptr() == loaded[two].data_ptr()


def test_views_of_one_storage_still_share_it(tmp_path):
    flat = torch.arange(100.0)
    views = {"a": flat[10:20], "b": flat[15:40].view(5, 5), "far": flat[90:], "t": flat[10:16].view(2, 3).T}
    path = saved(tmp_path, views)
    out = rewritten(path, tmp_path / "out.pt")
    loaded = load(out)
    for name, tensor in load(path).items():
        assert torch.equal(loaded[name], tensor)
    loaded["a"][5] = -1
    assert loaded["b"][0, 0] == -1
    assert loaded["t"][2, 1] == -1
    assert loaded["far"].untyped_storage().nbytes() == 4 * (30 + 10)


def test_a_view_does_not_drag_its_storage_along(tmp_path):
    big = torch.arange(1_000_000.0).view(1000, 1000)
    path = saved(tmp_path, {"rows": big[3:5]})
    assert rewritten(path, tmp_path / "out.pt").stat().st_size < 20_000
    columns = saved(tmp_path, {"columns": big[:, :3]})
    out = rewritten(columns, tmp_path / "out.pt")
    assert out.stat().st_size < 30_000
    assert torch.equal(load(out)["columns"], big[:, :3])


def test_a_cast_and_a_new_shape_are_written(tmp_path):
    path = checkpoints.training(tmp_path)
    held = Held.open(path)
    new = torch.randn(3, 2).bfloat16()
    rebind(held.slots["model.conv.weight"], new)
    held.write(path)
    loaded = load(path)
    assert bits(loaded["model"]["conv.weight"]) == bits(new)
    assert loaded["model"]._metadata == checkpoints.trained()[0].state_dict()._metadata
    assert loaded["epoch"] == 3


def test_device_tags_are_kept(real_checkpoint, tmp_path):
    path = real_checkpoint("khmer_ocr_ocm/assets/model.pth")
    out = rewritten(path, tmp_path / "out.pt")
    assert {slot.spec.device for slot in Held.open(out).slots.values()} == {"cuda:0"}
    loaded = load(out, map_location="cpu")
    assert loaded.pop("one more") == 1
    same(loaded, load(path, map_location="cpu"))
    kept = {"version", ".format_version", "byteorder", ".data/serialization_id"}
    for name, data in records(path).items():
        if name.partition("/")[2] in kept:
            assert records(out)[name] == data


@pytest.mark.parametrize("make", [checkpoints.low_precision_safetensors, checkpoints.small_shapes_safetensors])
def test_safetensors_become_a_file_torch_trusts(make, tmp_path):
    held = Held.open(make(tmp_path))
    held.write(tmp_path / "out.pt", TORCH_ZIP)
    loaded = torch.load(tmp_path / "out.pt", weights_only=True)
    assert {name: bits(tensor) for name, tensor in loaded.items()} == {
        name: slot_bits(slot) for name, slot in held.slots.items()}  # fmt: skip
    assert torch.load(tmp_path / "out.pt", mmap=True, weights_only=True).keys() == loaded.keys()
    with zipfile.ZipFile(tmp_path / "out.pt") as archive:
        assert archive.testzip() is None


def test_every_dtype_is_trusted_by_torch(tmp_path):
    path = checkpoints.all_dtypes_zip(tmp_path)
    held = Held.open(path)
    for name in [name for name, value in held.opened.root.items() if not isinstance(value, HeldTensor)]:
        del held.opened.root[name]
    held.write(tmp_path / "out.pt")
    loaded = torch.load(tmp_path / "out.pt", weights_only=True)
    assert {name: bits(tensor) for name, tensor in loaded.items()} == {
        name: slot_bits(slot) for name, slot in held.slots.items()}  # fmt: skip


def test_many_small_and_one_large_record(tmp_path):
    state = {f"t{index}": torch.full((2,), float(index)) for index in range(300)} | {"big": torch.randn(1 << 20)}
    loaded = load(rewritten(saved(tmp_path, state), tmp_path / "out.pt"))
    del loaded["one more"]
    same(loaded, state)
    assert all(not tensor.data_ptr() % 16 for tensor in loaded.values())


class TestLive:
    def test_a_module_is_written_as_its_state_dict(self, tmp_path):
        model = checkpoints.TinyGPT2()
        with weightedit.open(model) as document:
            document.export(tmp_path / "out.pt")
        loaded = torch.load(tmp_path / "out.pt", weights_only=True)
        state = model.state_dict()
        same(loaded, state)
        assert loaded[checkpoints.TIED[0]].data_ptr() == loaded[checkpoints.TIED[1]].data_ptr()

    def test_a_nesting_is_written_as_it_is(self, tmp_path):
        net, optimizer = checkpoints.trained()
        value = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "p": net.head.weight}
        with weightedit.open(value) as document:
            document.export(tmp_path / "out.pt")
        same(load(tmp_path / "out.pt"), value)
