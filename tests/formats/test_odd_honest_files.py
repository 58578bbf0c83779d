"""What people really save beside tensors opens, shows what it is, and comes back the same: nothing of it is run."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import fractions
import io
import pathlib
import pickle
import sys
import types
import uuid
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import weightedit
from tests.formats.documents import same


class Marked(torch.Tensor):
    """A subclass that a checkpoint names."""


def with_a_note() -> torch.Tensor:
    tensor = torch.ones(3)
    tensor.note = "hi"
    return tensor


def quiet(make: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


ROOTS: dict[str, Any] = {
    "namespace": lambda: argparse.Namespace(lr=0.1, w=torch.ones(2)),
    "subclass": lambda: {"w": torch.ones(3).as_subclass(Marked), "note": with_a_note()},
    "numpy": lambda: {"a": np.arange(6.0).reshape(2, 3), "s": np.float32(2.5), "o": np.array([None, 1], object),
                      "t": np.array(["a", "b"]), "r": np.zeros(2, [("a", "<f4")]), "w": torch.ones(2)},
    "standard": lambda: {
        "dd": collections.defaultdict(list, a=[1]), "c": collections.Counter("aab"), "q": collections.deque([1, 2]),
        "when": datetime.datetime(2020, 1, 1), "d": decimal.Decimal("1.5"), "p": pathlib.PurePosixPath("/a"),
        "f": fractions.Fraction(1, 3), "u": uuid.UUID(int=3), "w": torch.ones(2)},
    "module": lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
    "sparse": lambda: quiet(lambda: {"coo": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(),
                                     "bsc": torch.eye(4).to_sparse_bsc((2, 2))}),
    "nested": lambda: quiet(lambda: {"n": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}),
    "meta": lambda: {"m": torch.ones(3, device="meta"), "w": torch.ones(1)},
}  # fmt: skip


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ROOTS)
def test_it_opens_and_comes_back_the_same(name, protocol, new, tmp_path):
    root = ROOTS[name]()
    loads = new or name != "nested"  # torch builds nested tensors of old files before it reads their sizes, and fails
    torch.save(root, tmp_path / "a.pt", pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    with weightedit.open(tmp_path / "a.pt") as document:
        assert name == "meta" or document.slots
        document.export(tmp_path / "b.pt")
        slot = document.slots[0]
        if slot.spec.dtype == "float32":  # and an edit makes it be written anew
            document.apply("fill", slot.name, value=7.0, accept="all")
            document.export(tmp_path / "c.pt")
    if not loads:
        return
    loaded, again = (quiet(lambda path=path: torch.load(tmp_path / path, weights_only=False)) for path in ("a.pt",
                                                                                                           "b.pt"))
    if name in ("sparse", "nested"):
        for mine, theirs in zip(loaded.values(), again.values(), strict=True):
            one, other = (tensor.to_dense() if not tensor.is_nested else tensor.to_padded_tensor(0.0)
                          for tensor in (mine, theirs))  # fmt: skip
            assert torch.equal(one, other)
    elif name not in ("meta", "numpy", "module", "subclass"):
        same(loaded, again)
    if name == "numpy":
        for key in "asotr":
            assert np.array_equal(loaded[key], again[key])
            assert loaded[key].dtype == again[key].dtype
    if (tmp_path / "c.pt").exists():
        quiet(lambda: torch.load(tmp_path / "c.pt", weights_only=False))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_numbers_and_arrays_of_numpy_say_what_they_are(protocol, tmp_path):
    values = {"half": np.float16(0.5), "count": np.int64(-3), "yes": np.bool_(True), "big": np.arange(3, dtype=">i2"),
              "table": np.arange(8.0).reshape(2, 4), "columns": np.asfortranarray(np.eye(2, dtype="u1")), "w":
              torch.ones(1)}  # fmt: skip
    torch.save(values, tmp_path / "a.pt", pickle_protocol=protocol)
    with weightedit.open(tmp_path / "a.pt") as document:
        said = {entry.name: entry.text for entry in document.entries}
    assert said["half"] == "0.5 (numpy float16)"
    assert said["count"] == "-3 (numpy int64)"
    assert said["yes"] == "True (numpy bool)"
    assert said["big"] == "numpy array of 3, int16: 0, 1, 2"
    assert said["table"] == "numpy array of 2 × 4, float64: 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, …"
    assert said["columns"] == "numpy array of 2 × 2, uint8 by columns: 1, 0, 0, 1"
    assert "half.0" not in said


def test_numbers_of_numpy_that_do_not_add_up_stay_objects(tmp_path):
    dtype = b"cnumpy\ndtype\nU\2f8\x85R"
    for arguments in (b")", b"N\x85", b"NN\x86", dtype + b"U\1a\x86", dtype + b"]\x86"):
        rewritten(tmp_path / "a.pt", b"\x80\x02}U\1scnumpy.core.multiarray\nscalar\n" + arguments + b"Rs.")
        with weightedit.open(tmp_path / "a.pt") as document:
            assert document.entries[0].text == "numpy.core.multiarray.scalar"


def rewritten(path: pathlib.Path, data: bytes) -> None:
    """Write an archive of torch with another pickle."""
    import zipfile

    whole = io.BytesIO()
    torch.save({}, whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name.endswith("data.pkl") else old.read(name))


def configuration(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An object put together as omegaconf 2.3 pickles a DictConfig: nodes with metadata, parents in cycles."""
    made: dict[str, type] = {}
    for module, names in {"omegaconf": [], "omegaconf.dictconfig": ["DictConfig"],
                          "omegaconf.listconfig": ["ListConfig"],
                          "omegaconf.nodes": ["AnyNode"], "omegaconf.base": ["ContainerMetadata", "Metadata"]}.items():
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
        for name in names:
            made[name] = type(name, (), {"__module__": module})
            setattr(sys.modules[module], name, made[name])

    def node(kind: str, **state: Any) -> Any:
        built = made[kind]()
        built.__dict__.update(state)
        return built

    def metadata(key: Any, kind: str = "Metadata") -> Any:
        more = {"key_type": Any, "element_type": Any, "resolver_cache": collections.defaultdict(dict)}
        return node(kind, ref_type=Any, object_type=dict, optional=True, key=key, flags={}, flags_root=False,
                    **(more if kind == "ContainerMetadata" else {}))  # fmt: skip

    root = node("DictConfig", _metadata=metadata(None, "ContainerMetadata"), _parent=None, _content={})
    root._content["lr"] = node("AnyNode", _metadata=metadata("lr"), _parent=root, _val=0.1)
    layers = node("ListConfig", _metadata=metadata("layers", "ContainerMetadata"), _parent=root, _content=[])
    layers._content.append(node("AnyNode", _metadata=metadata(0), _parent=layers, _val=64))
    root._content["layers"] = layers
    root._content["name"] = node("AnyNode", _metadata=metadata("name"), _parent=root, _val="${lr}")
    return root


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_configuration_of_omegaconf_opens_without_it(protocol, tmp_path, monkeypatch):
    """Its objects lead back to one another; the library is neither needed nor looked for."""
    torch.save({"cfg": configuration(monkeypatch), "w": torch.ones(2)}, tmp_path / "a.pt", pickle_protocol=protocol)
    before = pickle.dumps(torch.load(tmp_path / "a.pt", weights_only=False)["cfg"], 2)
    for name in [name for name in sys.modules if name.startswith("omegaconf")]:
        monkeypatch.delitem(sys.modules, name)
    with weightedit.open(tmp_path / "a.pt") as document:
        said = {entry.name: entry.text for entry in document.entries}
        assert said["cfg"] == "omegaconf.dictconfig.DictConfig"
        assert said["cfg._content.lr._val"] == "0.1"
        assert said["cfg._content.layers._content.0._val"] == "64"
        document.apply("reshape", "w", shape=(2, 1), accept="all")
        document.export(tmp_path / "b.pt")
    assert not [name for name in sys.modules if name.startswith("omegaconf")]
    configuration(monkeypatch)
    again = torch.load(tmp_path / "b.pt", weights_only=False)["cfg"]
    assert again._content["lr"]._parent is again
    assert len(pickle.dumps(again, 2)) == len(before)


def test_torchscript_is_read_as_data(tmp_path):
    """Its program and constants come along as they are; the weights are edited."""
    quiet(lambda: torch.jit.trace(nn.Linear(3, 2), torch.ones(1, 3)).save(str(tmp_path / "a.pt")))
    with weightedit.open(tmp_path / "a.pt") as document:
        assert {"weight", "bias"} <= set(document.tensors)
        document.apply("fill", "weight", value=2.0)
        document.export(tmp_path / "b.pt")
    loaded = quiet(lambda: torch.jit.load(str(tmp_path / "b.pt")))
    assert loaded.weight.tolist() == [[2.0] * 3] * 2
