"""Zip archives open as torch.load reads them, whatever pickle is inside, and nothing in it ever runs."""

from __future__ import annotations

import argparse
import collections
import copyreg
import io
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests import checkpoints
from tests.formats.documents import TORCH_ZIP, Held, bits, slot_bits, tree
from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import CheckpointError
from weightedit.core.progress import Progress
from weightedit.core.slots import HeldTensor

ZIPS = [
    checkpoints.tied_gpt2, checkpoints.tied_parameters, checkpoints.training, checkpoints.shared_views,
    checkpoints.non_contiguous, checkpoints.dragging_slice, checkpoints.small_shapes_zip,
    checkpoints.low_precision_zip, checkpoints.all_dtypes_zip, checkpoints.hostile_names_zip,
    checkpoints.names_that_print_alike,
]  # fmt: skip


def saved(folder: Path, value: Any, **options: Any) -> Path:
    path = folder / "saved.pt"
    torch.save(value, path, **options)
    return path


def replaced_pickle(path: Path, data: bytes) -> Path:
    """Put another data.pkl into an archive, all records with proper checksums."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    other = path.with_name("other.pt")
    with zipfile.ZipFile(other, "w") as archive:
        for name, raw in records.items():
            archive.writestr(name, data if name.endswith("data.pkl") else raw)
    return other


def assert_alike(mine: Any, theirs: Any) -> None:
    """Compare an opened tree with what torch.load returns."""
    if isinstance(theirs, torch.Tensor):
        if str(theirs.dtype)[6:] not in DTYPES:
            assert isinstance(mine, Placeholder)
            return
        assert isinstance(mine, HeldTensor)
        spec = mine.spec
        assert (spec.dtype, spec.shape) == (str(theirs.dtype)[6:], tuple(theirs.shape))
        assert (spec.stride, spec.offset) == (theirs.stride(), theirs.storage_offset())
        assert (spec.kind == "parameter") == isinstance(theirs, nn.Parameter)
        assert spec.requires_grad == theirs.requires_grad
        assert spec.device == str(theirs.device)
        start, stop = spec.extent
        stored = bytearray(mine.storage.nbytes)
        mine.storage.content.read_into(memoryview(stored))
        assert bytes(stored) == bytes(theirs.untyped_storage().tolist())
        assert 0 <= start <= stop <= len(stored)
    elif isinstance(theirs, dict):
        assert isinstance(mine, dict)
        assert isinstance(mine, collections.OrderedDict) == isinstance(theirs, collections.OrderedDict)
        assert list(mine) == list(theirs)
        assert getattr(mine, "_metadata", None) == getattr(theirs, "_metadata", None)
        for key, value in theirs.items():
            assert_alike(mine[key], value)
    elif isinstance(theirs, list | tuple):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert_alike(a, b)
    elif not isinstance(mine, Placeholder):
        assert mine == theirs


@pytest.mark.parametrize("make", ZIPS)
def test_every_tensor_is_what_torch_loads(make, tmp_path):
    path = make(tmp_path)
    loaded = torch.load(path, weights_only=False)
    held = Held.open(path)
    assert_alike(held.opened.root, loaded)


def test_a_real_file_is_what_torch_loads(real_checkpoint):
    path = real_checkpoint("khmer_ocr_ocm/assets/model.pth")
    loaded = torch.load(path, map_location="cpu", weights_only=False)
    held = Held.open(path)

    def check(mine: Any, theirs: Any) -> None:
        if isinstance(theirs, dict):
            for key, value in theirs.items():
                check(mine[key], value)
        elif isinstance(theirs, torch.Tensor):
            assert b"".join(bytes(c) for c in [slot_bits(by_held[id(mine)])]) == bits(theirs)

    by_held = {id(slot.held): slot for slot in held.slots.values()}
    check(held.opened.root, loaded)
    assert {slot.spec.device for slot in held.slots.values()} == {"cuda:0"}


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning")
def test_a_real_torchscript_archive_opens_as_data(real_checkpoint):
    path = real_checkpoint("silero_vad/data/silero_vad.jit")
    module = torch.jit.load(path)
    held = Held.open(path)
    assert held.opened.origin.is_torchscript
    theirs = sorted(bits(tensor) for tensor in module.state_dict().values())
    mine = [slot_bits(slot) for slot in held.slots.values()]
    for values in theirs:
        assert values in mine


def test_what_is_tied_or_shared_is_one(tmp_path):
    root = Held.open(checkpoints.tied_parameters(tmp_path)).opened.root
    assert root[checkpoints.TIED[0]] is root[checkpoints.TIED[1]]
    root = Held.open(checkpoints.tied_gpt2(tmp_path)).opened.root
    first, second = (root[name] for name in checkpoints.TIED)
    assert first is not second
    assert not first.is_deferred
    assert first.storage is second.storage


def test_a_whole_module_opens_as_a_tree(tmp_path):
    path = checkpoints.whole_module(tmp_path)
    held = Held.open(path)
    state = checkpoints.trained()[0].state_dict()
    assert held.opened.root.is_module
    assert set(held.slots) == set(state)
    for name, slot in held.slots.items():
        assert slot_bits(slot) == bits(state[name])


class Slotted:
    __slots__ = ("a", "b")


class Listed(list):
    pass


class Made:
    def __new__(cls, *, size):
        return super().__new__(cls)

    def __init__(self, *, size):
        self.size = size

    def __getnewargs_ex__(self):
        return (), {"size": 3}


def odd_objects() -> dict[str, Any]:
    slotted = Slotted()
    slotted.a, slotted.b = 1, torch.ones(2)
    listed = Listed([1, torch.zeros(3)])
    listed.name = "x"
    return {
        "args": argparse.Namespace(lr=0.1, w=torch.ones(1)), "scalar": np.float64(1.5), "array": np.arange(6),
        "default": collections.defaultdict(list, a=[1]), "counter": collections.Counter("aab"),
        "slotted": slotted, "listed": listed, "made": Made(size=3), "deque": collections.deque([1, 2]),
        "set": {1, 2}, "frozen": frozenset([3]), "bytes": b"\0\xff", "bytearray": bytearray(b"ab"),
        "complex": 1 + 2j, "range": range(3), "slice": slice(1, 2), "size": torch.Size([2, 3]),
        "device": torch.device("cpu"), "dtype": torch.float16, "type": dict, "function": os.path.join,
        "path": Path("a"), "big": 1 << 90, "negative": -5, "none": None, "nan": float("nan"), "tuple": (1, (2, ())),
        "parameter": nn.Parameter(torch.ones(2)), "ordered": collections.OrderedDict(a=1),
        "sparse": torch.eye(3).to_sparse(), "text": "größe\ud800",
    }  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_and_odd_but_honest_objects_open(protocol, tmp_path):
    value = odd_objects()
    if protocol < 2:
        value = {key: item for key, item in value.items() if key not in ("slotted", "made")}
    if protocol == 0:  # has no form for torch's storages; torch does not read such a file either
        kept = ("parameter", "sparse", "listed", "args")
        value = {key: item for key, item in value.items() if key not in kept} | {"args": argparse.Namespace(w=1)}
    root = Held.open(saved(tmp_path, value, pickle_protocol=protocol)).opened.root
    for key in ("set", "frozen", "bytes", "bytearray", "complex", "range", "slice", "big", "negative", "none", "tuple",
                "ordered", "size", "text"):  # fmt: skip
        assert root[key] == value[key], key
        assert isinstance(root[key], type(value[key])) or key == "size"
    assert root["dtype"] == GlobalName("torch", "float16")
    assert root["type"] in (GlobalName("builtins", "dict"), GlobalName("__builtin__", "dict"))
    assert root["args"].type == GlobalName("argparse", "Namespace")
    assert root["counter"].type == GlobalName("collections", "Counter")
    assert all(not isinstance(item, type) for item in root.values())
    if protocol == 0:
        return
    assert isinstance(root["args"].attributes["w"], HeldTensor)
    assert root["parameter"].spec.kind == "parameter"
    assert root["sparse"].type == GlobalName("torch._utils", "_rebuild_sparse_tensor")


class Sub(torch.Tensor):
    pass


def test_subclasses_and_attributes_keep_their_tensor(tmp_path):
    plain = torch.ones(2)
    plain.note = "kept"
    parameter = nn.Parameter(torch.ones(3))
    parameter.note = "kept"
    path = saved(tmp_path, {"sub": torch.ones(4).as_subclass(Sub), "plain": plain, "p": parameter})
    root = Held.open(path).opened.root
    assert root["sub"].args[1].name == "Sub"
    assert root["sub"].args[2].spec.shape == (4,)
    assert root["plain"].args[3] == {"note": "kept"}
    assert root["p"].spec.kind == "parameter"
    assert root["p"].extras.state == {"note": "kept"}


@pytest.mark.filterwarnings("ignore:torch.quantize_per:UserWarning", "ignore:torch.per:UserWarning")
def test_quantized_and_conjugated_tensors_say_so(tmp_path):
    quantized = torch.quantize_per_tensor(torch.arange(4.0), 0.5, 1, torch.quint8)
    conjugated = torch.ones(2, dtype=torch.complex64).conj()
    root = Held.open(saved(tmp_path, {"q": quantized, "c": conjugated})).opened.root
    assert (root["q"].spec.dtype, root["q"].spec.encoding) == ("quint8", "quantized")
    assert root["c"].spec.encoding == "conjugated"


# ---------------------------------------------------------------- nothing runs


class Call:
    def __init__(self, *how: Any) -> None:
        self.how = how

    def __reduce__(self) -> Any:
        return self.how


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_the_system_runs_nothing(protocol, tmp_path):
    marker = tmp_path / "ran"
    value = {"x": Call(os.system, (f"touch {marker}",)), "y": Call(eval, (f"open({str(marker)!r}, 'w')",)),
             "z": Call(exec, ("import this",)), "g": Call(__import__, ("antigravity",))}  # fmt: skip
    if protocol:
        value["w"] = torch.ones(2)
    root = Held.open(saved(tmp_path, value, pickle_protocol=protocol)).opened.root
    assert not marker.exists()
    assert "this" not in sys.modules
    assert "antigravity" not in sys.modules
    assert isinstance(root["x"], Placeholder)
    assert root["x"].type.name == "system"
    assert root["x"].args == (f"touch {marker}",)
    assert not protocol or isinstance(root["w"], HeldTensor)


def test_no_module_is_imported_by_name(tmp_path):
    path = replaced_pickle(saved(tmp_path, {}), b"\x80\x02cantigravity\nfly\n)R.")
    assert repr(Held.open(path).opened.root.type) == "antigravity.fly"
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("in_use", [False, True])
def test_the_extension_registry_is_not_looked_up(in_use, tmp_path):
    path = replaced_pickle(saved(tmp_path, {}), b"\x80\x02\x82\x07)R.")
    if in_use:
        copyreg.add_extension("os", "getpid", 7)
    try:
        with pytest.raises(CheckpointError, match="extension code"):
            Held.open(path)
    finally:
        if in_use:
            copyreg.remove_extension("os", "getpid", 7)


HOSTILE = {
    "state for a known function":
        b"ctorch._utils\n_rebuild_tensor_v2\nN}X\x06\x00\x00\x00moduleX\x02\x00\x00\x00oss\x86b.",
    "state for a class": b"cposix\nsystem\n}b.",
    "state for a dtype": b"ctorch\nfloat32\nN}X\x04\x00\x00\x00nameX\x02\x00\x00\x00oss\x86b.",
    "call of a dtype": b"ctorch\nfloat32\n)R.",
    "call of a text": b"X\x01\x00\x00\x00a)R.",
    "new of a function": b"ctorch._utils\n_rebuild_tensor_v2\n)\x81.",
    "tensor without storage": b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89Nt)R.",
    "bytearray of a size": b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "nothing on the stack": b"R.",
    "no end": b"}",
    "not a pickle": b"hello",
    "unhashable key": b"}]K\x01s.",
    "storage of no kind": b"(X\x07\x00\x00\x00storageK\x01K\x02K\x03K\x04tQ.",
    "text as persistent id": b"Pabc\n.",
    "empty": b"",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles_are_refused_in_one_sentence(case, tmp_path):
    path = replaced_pickle(saved(tmp_path, {"a": torch.ones(1)}), b"\x80\x02" + HOSTILE[case] if HOSTILE[case] else b"")
    with pytest.raises(CheckpointError) as caught:
        TORCH_ZIP.open(path, Progress())
    assert "other.pt has a pickle that cannot be read" in str(caught.value)
    names = Held.open(saved(tmp_path, {"a": torch.ones(1)})).slots  # and the next file is read as ever
    assert list(names) == ["a"]


def test_an_ordered_dict_cannot_hide_its_items(tmp_path):
    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    state = b"}" + text("items") + text("hidden") + b"s" + text("_metadata") + b"}s"
    pickled = b"\x80\x02ccollections\nOrderedDict\n)R" + text("a") + b"K\x01s" + state + b"b."
    root = Held.open(replaced_pickle(saved(tmp_path, {}), pickled)).opened.root
    assert list(dict.items(root)) == list(root.items())
    assert root.state["items"] == "hidden"
    assert root._metadata == {}


@pytest.mark.parametrize(
    ("size", "stride", "offset", "word"),
    [((5,), (1,), 0, "reaches byte 20"), ((2,), (1,), 3, "reaches byte 20"), ((2, 2), (4, 1), 0, "reaches byte 24"),
     ((2,), (-1,), 3, "stride"), ((-2,), (1,), 0, "shape"), ((1 << 62, 1 << 62), (1, 1), 0, "63 bits")],
)  # fmt: skip
def test_a_tensor_that_leaves_its_storage_is_named(size, stride, offset, word, tmp_path):
    class Lie:
        def __reduce__(self) -> Any:
            storage = torch.zeros(4).storage()
            return torch._utils._rebuild_tensor_v2, (storage, offset, size, stride, False, collections.OrderedDict())

    path = saved(tmp_path, {"model": {"layer": [Lie()]}})
    with pytest.raises(CheckpointError, match=word) as caught:
        Held.open(path)
    assert "model.layer.0" in str(caught.value)


def test_a_storage_smaller_than_it_says_is_an_error(tmp_path):
    path = saved(tmp_path, {"a": torch.zeros(300)})
    with zipfile.ZipFile(path) as archive:
        data = archive.read("saved/data.pkl")
    with pytest.raises(CheckpointError, match="should have 131,068 bytes and has 1,200"):
        Held.open(replaced_pickle(path, data.replace(b"M\x2c\x01", b"M\xff\x7f")))


def test_a_missing_storage_is_named(tmp_path):
    path = saved(tmp_path, {"a": torch.zeros(3)})
    other = tmp_path / "other.pt"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w") as copy:
        for name in archive.namelist():
            if not name.endswith("data/0"):
                copy.writestr(name, archive.read(name))
    with pytest.raises(CheckpointError, match="lacks the record saved/data/0"):
        Held.open(other)


def test_a_big_endian_file_is_refused(tmp_path):
    path = saved(tmp_path, {"a": torch.zeros(3)})
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in records.items():
            archive.writestr(name, b"big" if name.endswith("byteorder") else raw)
    assert data != path.read_bytes()
    with pytest.raises(CheckpointError, match="big-endian"):
        Held.open(path)


def test_deflated_storages_are_inflated_when_read(tmp_path):
    tensors = {"a": torch.arange(100_000), "b": torch.randn(10)}
    path = saved(tmp_path, tensors)
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in records.items():
            archive.writestr(name, raw)
    held = Held.open(path)
    for name, tensor in tensors.items():
        assert slot_bits(held.slots[name]) == bits(tensor)


def test_cycles_and_depth(tmp_path):
    deep: dict[str, Any] = {"w": torch.ones(1)}
    for _ in range(5000):
        deep = {"d": deep}
    looped: list[Any] = [torch.ones(1)]
    looped.append((looped, {"again": looped}))
    space = argparse.Namespace()
    space.me = [space, (space,)]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        buffer = io.BytesIO()
        pickler = pickle._Pickler(buffer, protocol=2)
        pickler.persistent_id = lambda value: None
        pickler.dump({"looped": [1], "space": space})
        path = saved(tmp_path, {"looped": looped, "space": space})
    finally:
        sys.setrecursionlimit(limit)
    root = Held.open(path).opened.root
    assert root["looped"][1][0] is root["looped"]
    assert root["space"].attributes["me"][0] is root["space"]
    pickled = b"\x80\x02" + b"]" + b"(]" * 20_000 + b"e" * 20_000 + b"."
    root = Held.open(replaced_pickle(path, pickled)).opened.root
    depth = 0
    while root:
        root, depth = root[0], depth + 1
    assert depth == 20_000


def test_tensors_alone_in_their_storage_stay_undescribed(tmp_path):
    root = Held.open(saved(tmp_path, {str(i): torch.zeros(1) for i in range(50)})).opened.root
    assert all(held.is_deferred for held in root.values())
    assert tree(root, lambda held: held.spec.shape) == {str(i): (1,) for i in range(50)}
