"""Files of torch before 1.6 open as torch.load reads them, are written in their own form, and nothing in them runs."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import weightedit
from tests import checkpoints
from tests.formats.documents import TORCH_LEGACY, Held, bits, fill, rebind, same
from tests.formats.test_torch_zip_open import assert_alike
from tests.formats.torch_files import Old, Tensor, floats, legacy_file, storage
from weightedit.core.described.placeholder import Placeholder
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.progress import Progress

REAL = (
    "resemblyzer/pretrained.pt", *(f"facenet_pytorch/data/{name}.pt" for name in ("onet", "pnet", "rnet")),
    *(f"lpips/weights/v0.{version}/{name}.pth" for version in (0, 1) for name in ("alex", "squeeze", "vgg")),
)  # fmt: skip
MAKERS = [checkpoints.tied_gpt2, checkpoints.tied_parameters, checkpoints.training, checkpoints.shared_views,
          checkpoints.non_contiguous, checkpoints.dragging_slice, checkpoints.small_shapes_zip,
          checkpoints.whole_module]  # fmt: skip


def load(path: Path, **options: Any) -> Any:
    return torch.load(path, weights_only=False, map_location="cpu", **options)


def as_legacy(path: Path, **options: Any) -> Path:
    """Save what a zip holds in the old form."""
    out = path.with_name("legacy.pt")
    torch.save(load(path), out, _use_new_zipfile_serialization=False, **options)
    return out


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")
def test_every_tensor_is_what_torch_loads(make, tmp_path):
    """Values, strides, ties and views, and the values that are no tensors."""
    path = as_legacy(make(tmp_path))
    assert_alike(Held.open(path).opened.root, load(path))


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_every_pickle_protocol_is_read(protocol, tmp_path):
    path = as_legacy(checkpoints.training(tmp_path), pickle_protocol=protocol)
    assert_alike(Held.open(path).opened.root, load(path))


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_what_torch_loads(name, real_checkpoint, tmp_path):
    """LSTM views of one storage, Adam state, convolutions that are not contiguous; written again they are the same."""
    path = real_checkpoint(name)
    with weightedit.open(path) as document:
        found = checkpoints_flat(load(path))
        assert [slot.path for slot in document.slots] == list(found)
        for key, tensor in found.items():
            info = document.tensors[key]
            assert (info.shape, info.stride, info.offset) == (
                tuple(tensor.shape), tensor.stride(), tensor.storage_offset())  # fmt: skip
            assert bits(document.read(key)) == bits(tensor)
        groups: dict[int, set[str | None]] = {}
        for key, tensor in found.items():
            groups.setdefault(tensor.untyped_storage()._cdata, set()).add(document.tensors[key].storage_group)
        assert all(len(labels) == 1 for labels in groups.values())
        document.export(tmp_path / "out.pt", format="torch legacy")
    assert (tmp_path / "out.pt").read_bytes() == path.read_bytes()


def checkpoints_flat(value: Any, path: tuple = ()) -> dict[tuple, torch.Tensor]:
    """The tensors in dicts and lists by their keys."""
    if isinstance(value, torch.Tensor):
        return {path: value}
    found: dict[tuple, torch.Tensor] = {}
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, one in pairs:
        found |= checkpoints_flat(one, (*path, key))
    return found


def test_storage_is_shared_by_the_lstm_of_a_real_file(real_checkpoint):
    """All weights of an LSTM lie in one flat storage: an edit must know."""
    with weightedit.open(real_checkpoint("resemblyzer/pretrained.pt")) as document:
        group = document.tensors["model_state.lstm.weight_ih_l0"].storage_group
        assert len(document.group_members(group)) == 12


def test_the_byte_order_of_the_machine_is_not_that_of_the_file(tmp_path):
    """torch writes little-endian everywhere and does not look at the flag when it reads."""
    root = {"a": Tensor(storage("1", 2), 0, (2,), (1,))}
    system = {"protocol_version": 1001, "little_endian": False, "type_sizes": {"short": 2, "int": 4, "long": 8}}
    path = legacy_file(tmp_path / "big.pt", root, [("1", 2, floats(1.5, -2))], system=system)
    assert load(path)["a"].tolist() == [1.5, -2.0]
    assert weightedit.open(path).read("a").tolist() == [1.5, -2.0]


def test_views_of_storages_share_the_whole_one(tmp_path):
    """torch until 0.4 kept storages that are views; what lies over them still shares."""
    data = floats(*range(10))
    root = {
        "whole": Tensor(storage("1", 10), 0, (2, 5), (5, 1)),
        "view": Tensor(storage("1", 10, ("2", 3, 4)), 1, (3,), (1,)),
        "again": Tensor(storage("1", 10, ("2", 3, 4)), 0, (2, 2), (1, 2)),
    }
    path = legacy_file(tmp_path / "views.pt", root, [("1", 10, data)])
    theirs = load(path)
    document = weightedit.open(path)
    for name, tensor in theirs.items():
        assert bits(document.read(name)) == bits(tensor)
        assert document.tensors[name].storage_group == "S1"
    document.apply("fill", "view", value=9.0)
    document.save()
    assert load(path)["whole"].reshape(-1).tolist() == [0, 1, 2, 3, 9, 9, 9, 7, 8, 9]
    document.apply("rename", "whole", to="all")
    document.save()
    assert load(path)["again"].tolist() == [[3, 9], [9, 9]]


def test_parameters_of_the_first_versions_are_parameters(tmp_path):
    """torch before 0.4 pickled a call of the class and a state, where later versions call a function."""
    root = {"weight": Old(over()["a"]), "frozen": Old(over(offset=1, size=(2,))["a"], False)}
    path = legacy_file(tmp_path / "old.pt", root, DATA[:1])
    theirs = load(path)
    held = Held.open(path)
    assert_alike(held.opened.root, theirs)
    assert {name: (slot.spec.kind, slot.spec.requires_grad) for name, slot in held.slots.items()} == {
        "weight": ("parameter", True), "frozen": ("parameter", False),
    }  # fmt: skip
    held.opened.root["one more"] = 1
    held.write(tmp_path / "out.pt")
    again = load(tmp_path / "out.pt")
    assert again.pop("one more") == 1
    same(again, theirs)


def test_a_state_that_is_none_changes_nothing(tmp_path):
    """Only whether a gradient is wanted, and hooks, may follow; not any attribute."""
    path = legacy_file(tmp_path / "odd.pt", {"weight": Old(over()["a"], {"storage": 1})}, DATA[:1])
    with pytest.raises(CheckpointError, match="sets attributes"):
        Held.open(path)


# ---------------------------------------------------------------- writing


def test_a_save_changes_the_bytes_of_the_edit_alone(tmp_path):
    path = as_legacy(checkpoints.training(tmp_path))
    before = path.read_bytes()
    with weightedit.open(path) as document:
        info = document.tensors["model.conv.weight"]
        document.apply("set", "model.conv.weight", region="[1, 0, 2, :]", values=[7.0, 8.0, 9.0])
        document.save()
        assert not document.is_modified
        document.undo()
        document.save()
        assert path.read_bytes() == before
        document.redo()
        document.save()
    after = path.read_bytes()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    assert len(after) == len(before)
    assert changed[-1] - changed[0] < 3 * info.dtype.itemsize
    assert load(path)["model"]["conv.weight"][1, 0, 2].tolist() == [7.0, 8.0, 9.0]


@pytest.mark.parametrize("make", [make for make in MAKERS if make is not checkpoints.whole_module],
                         ids=lambda make: make.__name__)  # fmt: skip
def test_a_new_pickle_says_the_same(make, tmp_path):
    """Something is added, so that everything is written anew; torch reads it, ties and values too."""
    path = as_legacy(make(tmp_path))
    held = Held.open(path)
    held.opened.root["one more"] = 1
    held.write(tmp_path / "out.pt")
    loaded = load(tmp_path / "out.pt")
    assert loaded.pop("one more") == 1
    same(loaded, load(path))
    ties = [[t.untyped_storage()._cdata for t in checkpoints_flat(root).values()] for root in (loaded, load(path))]
    assert [ties[0].index(one) for one in ties[0]] == [ties[1].index(one) for one in ties[1]]


def test_another_shape_and_dtype_are_written_and_what_follows_the_checkpoint_stays(tmp_path):
    """Several torch.save into one file are read one after the other."""
    path = as_legacy(checkpoints.small_shapes_zip(tmp_path))
    first = path.read_bytes()
    path.write_bytes(first * 2)
    held = Held.open(path)
    name, slot = next((name, slot) for name, slot in held.slots.items() if slot.spec.numel > 3)
    rebind(slot, torch.ones(2, 5, dtype=torch.float16))
    held.write(path)
    with path.open("rb") as file:
        one, two = load(file), load(file)  # type: ignore[arg-type]
    assert one[name].dtype == torch.float16
    assert one[name].shape == (2, 5)
    assert two[name].dtype == torch.int64
    assert path.read_bytes().endswith(first)


@pytest.mark.parametrize("make", [checkpoints.training, checkpoints.shared_views, checkpoints.tied_parameters])
def test_both_ways_between_the_old_and_the_new_form(make, tmp_path):
    path = make(tmp_path)
    with weightedit.open(path) as document:
        document.export(tmp_path / "old.pt", format="torch legacy")
    with weightedit.open(tmp_path / "old.pt") as document:
        assert document.format_name == "torch legacy"
        document.export(tmp_path / "new.pt")
    with weightedit.open(tmp_path / "new.pt") as document:
        assert document.format_name == "torch zip"
    for written in ("old.pt", "new.pt"):
        same(load(tmp_path / written), load(path))


def test_a_legacy_file_becomes_safetensors(tmp_path, real_checkpoint):
    from safetensors.torch import load_file

    path = real_checkpoint("facenet_pytorch/data/pnet.pt")
    with weightedit.open(path) as document:
        document.export(tmp_path / "out.safetensors")
    theirs = load(path)
    assert {name: bits(tensor) for name, tensor in load_file(tmp_path / "out.safetensors").items()} == {
        name: bits(tensor) for name, tensor in theirs.items()
    }


def test_what_torch_would_not_read_back_is_refused(tmp_path):
    """torch writes uint16 in the old form and fails to load it; nothing is written here."""
    torch.save({"a": torch.ones(2, dtype=torch.uint16), "b": torch.ones(2)}, tmp_path / "new.pt")
    with weightedit.open(tmp_path / "new.pt") as document, pytest.raises(EditRefused, match=r"no dtype for uint16"):
        document.export(tmp_path / "old.pt", format="torch legacy")
    assert not (tmp_path / "old.pt").exists()


def test_an_export_to_its_own_file_is_a_save(tmp_path):
    """The suffix means torch zip for any other file, and must not refuse this one."""
    path = as_legacy(checkpoints.training(tmp_path))
    with weightedit.open(path) as document:
        document.apply("fill", "model.conv.bias", value=1.0)
        assert document.export(path).format_name == "torch legacy"
        assert not document.is_modified


# ---------------------------------------------------------------- hostile files

GOOD = {"a": Tensor(storage("1", 3), 0, (3,), (1,)), "b": Tensor(storage("2", 2), 0, (2,), (1,))}
DATA = [("1", 3, floats(1, 2, 3)), ("2", 2, floats(4, 5))]


def over(key: Any = "1", numel: int = 3, offset: int = 0, size: tuple = (3,), stride: tuple = (1,), **more: Any) -> Any:
    return {"a": Tensor(storage(key, numel, **more), offset, size, stride)}


WRONG: dict[str, tuple[dict, str]] = {
    "numel larger than the pickle": ({"root": GOOD, "storages": [("1", 4, floats(1, 2, 3)), DATA[1]]},
                                     "storage 1 says it has 4 elements"),
    "numel negative": ({"root": GOOD, "storages": [("1", -1, floats(1, 2, 3)), DATA[1]]}, "says it has -1 elements"),
    "numel past the file": ({"root": over(numel=1 << 40, size=(1 << 40,)), "storages": [("1", 1 << 40, b"")]},
                            "should have 4,398,046,511,104 bytes and the whole file has"),
    "numel negative in the pickle": ({"root": over(numel=-3), "storages": DATA[:1]}, "cannot be read"),
    "storage cut off": ({"root": GOOD, "storages": [DATA[0], ("2", 2, floats(4))]}, "storage 2 reaches byte"),
    "key twice": ({"root": GOOD, "storages": DATA, "keys": ["1", "1", "2"]}, "names 1 twice"),
    "key missing": ({"root": GOOD, "storages": DATA, "keys": ["1"]}, "lacks storage 2"),
    "key unknown": ({"root": GOOD, "storages": DATA, "keys": ["1", "2", "3"]}, "storage 3, which nothing refers to"),
    "keys no list": ({"root": GOOD, "storages": DATA, "keys": 7}, "no list of keys"),
    "tensor past its storage": ({"root": over(size=(4,)), "storages": DATA[:1]}, 'tensor "a" reaches byte 16'),
    "size negative": ({"root": over(size=(-3,)), "storages": DATA[:1]}, 'tensor "a" has the shape'),
    "offset negative": ({"root": over(offset=-1), "storages": DATA[:1]}, "cannot be read"),
    "view past its storage": ({"root": over(view=("v", 2, 2), size=(2,)), "storages": DATA[:1]}, "cannot be read"),
    "view of negative size": ({"root": over(view=("v", 2, -2), size=(2,)), "storages": DATA[:1]}, "cannot be read"),
    "tensor past its view": ({"root": over(view=("v", 1, 1), size=(2,)), "storages": DATA[:1]}, "reaches element 2"),
    "bare view": ({"root": {"a": storage("1", 3, ("v", 0, 1))}, "storages": DATA[:1]}, "without a tensor"),
    "key no text": ({"root": over(key=7), "storages": DATA[:1]}, "cannot be read"),
    "location no text": ({"root": over(location=None), "storages": DATA[:1]}, "cannot be read"),
    "version": ({"root": GOOD, "storages": DATA, "version": 1000}, "protocol version 1000"),
    "system information": ({"root": GOOD, "storages": DATA, "system": [1]}, "system information"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_malformed_file_gets_one_sentence(what, tmp_path):
    options, sentence = WRONG[what]
    path = legacy_file(tmp_path / "wrong.pt", **options)
    with pytest.raises(CheckpointError) as caught:
        Held.open(path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("wrong.pt ")
    assert "\n" not in str(caught.value)
    assert caught.value.file == os.fspath(path)


def test_a_file_cut_short_anywhere_is_said_to_be(tmp_path):
    """At every byte of a small file: never a struct.error, a KeyError or a wrong tensor."""
    raw = legacy_file(tmp_path / "good.pt", GOOD, DATA).read_bytes()
    path = tmp_path / "cut.pt"
    for length in range(16, len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(CheckpointError, match="cut short"):
            TORCH_LEGACY.open(path, Progress())


def test_damaged_bytes_open_or_are_an_error_with_a_sentence(tmp_path):
    raw = bytearray(legacy_file(tmp_path / "good.pt", GOOD, DATA).read_bytes())
    path, draw = tmp_path / "odd.pt", random.Random(3)
    for _ in range(400):
        damaged = bytearray(raw)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(15, len(raw))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            opened = TORCH_LEGACY.open(path, Progress())
        except CheckpointError as error:
            assert str(error).endswith(".")  # noqa: PT017
        else:
            opened.files[0].close()


def test_code_in_a_file_stays_data(tmp_path):
    """The payload would make a file; it opens as a placeholder, is kept by a save, and never runs."""
    marker = tmp_path / checkpoints.EVIL_MARKER
    root = {"model": GOOD["a"], "payload": checkpoints.Evil(marker)}
    path = legacy_file(tmp_path / "evil.pt", root, DATA[:1])
    with weightedit.open(path) as document:
        assert document.read("model").tolist() == [1, 2, 3]
        assert isinstance(document.origin.root["payload"], Placeholder)
        document.apply("fill", "model", value=2.0)
        document.save()
        document.apply("cast", "model", dtype="float16")
        document.save()
    assert not marker.exists()
    load(path)
    assert marker.exists()  # torch.load would have run it: the payload is still what it was


def test_values_are_read_only_when_looked_at(tmp_path, monkeypatch):
    """Opening a file of any size reads its pickles and eight bytes for each storage."""
    from weightedit.core.source import SourceFile

    root = {"a": Tensor(storage("1", 1 << 20), 0, (1 << 20,), (1,))}
    path = legacy_file(tmp_path / "large.pt", root, [("1", 1 << 20, bytes(4 << 20))])
    read: list[int] = []
    whole = SourceFile.read_into

    def counted(self: SourceFile, buffer: memoryview, offset: int) -> None:
        read.append(buffer.nbytes)
        whole(self, buffer, offset)

    monkeypatch.setattr(SourceFile, "read_into", counted)
    document = weightedit.open(path)
    assert sum(read) < 32 << 10
    assert float(document.read("a").sum()) == 0.0
    assert sum(read) > 4 << 20


def test_fill_reaches_the_file(tmp_path):
    """By the format alone, without a document around it."""
    path = legacy_file(tmp_path / "a.pt", GOOD, DATA)
    held = Held.open(path)
    fill(held.slots["b"], 0)
    held.write(path)
    assert [tensor.tolist() for tensor in load(path).values()] == [[1, 2, 3], [0, 0]]
