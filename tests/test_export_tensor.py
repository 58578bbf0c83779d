"""One tensor or region to a file of its own and back: numpy, torch and safetensors read the same bits."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import weightedit
from tests import checkpoints
from tests.formats.documents import bits
from tests.test_cli import call, run_here, said
from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import Cancelled, CheckpointError, EditRefused
from weightedit.core.writing.alone import holds, row_major

TENSORS = {
    "matrix": checkpoints.values(6, 5), "transposed": checkpoints.values(4, 7, seed=1).t(),
    "cube": checkpoints.values(3, 4, 5, seed=2), "half": checkpoints.values(9, dtype=torch.float16),
    "brain": checkpoints.values(3, 4, dtype=torch.bfloat16), "eight": checkpoints.values(3, 4).to(torch.float8_e4m3fn),
    "whole": torch.arange(-6, 6).reshape(3, 4), "flags": torch.tensor([[True, False], [False, True]]),
    "scalar": torch.tensor(2.5), "expanded": torch.arange(3.0).expand(4, 3), "empty": torch.zeros(0, 3),
    "complex": torch.complex(checkpoints.values(4), checkpoints.values(4, seed=3)),
    "chalf": torch.complex(checkpoints.values(3), checkpoints.values(3, seed=4)).to(torch.complex32),
    "odd": torch.tensor([[float("nan"), float("inf"), -0.0], [1e-45, 3.4e38, 0.1]]),
}  # fmt: skip


@pytest.fixture
def document(tmp_path: Path) -> Any:
    torch.save(TENSORS, tmp_path / "source.pt")
    with weightedit.open(tmp_path / "source.pt") as opened:
        yield opened


REGIONS = [("matrix", None), ("matrix", "[2, :]"), ("matrix", "[[4, 1], 1::2]"), ("transposed", None),
           ("transposed", "[1:6:2, ::3]"), ("cube", None), ("cube", "[:, 2, 1:]"), ("half", "[3:]"), ("whole", "[-1]"),
           ("flags", None), ("scalar", None), ("expanded", None), ("empty", None), ("complex", "[1:3]"), ("odd", None),
           ("cube", "[1, 2, 3]")]  # fmt: skip


def picked(name: str, region: str | None) -> torch.Tensor:
    """The same by torch's own indexing."""
    return TENSORS[name] if region is None else eval(f"t{region}", {"t": TENSORS[name]})


@pytest.mark.parametrize(("name", "region"), REGIONS)
def test_a_region_is_what_torch_indexes(name, region, document, tmp_path):
    """In every format, to the bit; a slice does not drag its storage along."""
    wanted = picked(name, region).contiguous()
    report = document.export_tensor(name, tmp_path / "a.npy", region)
    assert (report.format_name, report.tensors, report.hazards) == ("npy", 1, ())
    array = np.load(tmp_path / "a.npy")
    assert (array.shape, array.tobytes()) == (tuple(wanted.shape), bits(wanted))
    document.export_tensor(name, tmp_path / "a.npz", region)
    with np.load(tmp_path / "a.npz") as archive:
        assert archive[name].tobytes() == bits(wanted)
    document.export_tensor(name, tmp_path / "a.safetensors", region)
    document.export_tensor(name, tmp_path / "a.pt", region)
    for loaded in (load_file(tmp_path / "a.safetensors"), torch.load(tmp_path / "a.pt")):
        assert list(loaded) == [name]
        assert (loaded[name].dtype, loaded[name].shape) == (wanted.dtype, wanted.shape)
        assert bits(loaded[name]) == bits(wanted)
    if name == "matrix":
        assert loaded[name].untyped_storage().nbytes() == wanted.nbytes


@pytest.mark.parametrize(("name", "region"), [
    ("matrix", None), ("transposed", "[::2]"), ("cube", "[1, :, :]"), ("half", None), ("brain", None), ("eight", None),
    ("whole", None), ("flags", None), ("scalar", None), ("odd", None),
])  # fmt: skip
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_table_reads_back_to_the_same_bits(name, region, suffix, document, tmp_path):
    """By numpy, in the precision it was stored in; one dimension is one column."""
    wanted = picked(name, region).contiguous()
    path = tmp_path / f"a.{suffix}"
    document.export_tensor(name, path, region)
    read = np.loadtxt(path, delimiter="\t" if suffix == "tsv" else ",", ndmin=2)
    assert read.shape == (wanted.shape if wanted.ndim == 2 else (wanted.numel(), 1))
    with np.errstate(all="ignore"):
        back = torch.from_numpy(read.astype(np.float32)).to(wanted.dtype).reshape(wanted.shape)
    nan = wanted != wanted
    assert bool((back != back)[nan].all())
    assert bits(back[~nan]) == bits(wanted[~nan])


def test_what_a_table_cannot_be_is_refused(document, tmp_path):
    for name, what in (("cube", "the tensor is 3 × 4 × 5"), ("empty", "0 × 3"), ("complex", "complex64 values")):
        with pytest.raises(EditRefused, match=what):
            document.export_tensor(name, tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(("name", "dtype"), [("brain", "float32"), ("brain", "f64"), ("eight", "float32"),
                                             ("chalf", "complex64"), ("whole", "int64")])  # fmt: skip
def test_numpy_gets_a_dtype_that_holds_every_value(name, dtype, document, tmp_path):
    """What numpy lacks is never written under another name by itself."""
    if name != "whole":
        with pytest.raises(EditRefused, match=r"numpy has no dtype for .* such as (float32|complex64)"):
            document.export_tensor(name, tmp_path / "a.npy")
    document.export_tensor(name, tmp_path / "a.npy", dtype=dtype)
    array = torch.from_numpy(np.load(tmp_path / "a.npy"))
    assert bits(array.to(TENSORS[name].dtype)) == bits(TENSORS[name])
    assert str(array.dtype).removeprefix("torch.") == {"f64": "float64"}.get(dtype, dtype)


def test_a_dtype_that_rounds_is_refused(document, tmp_path):
    for name, dtype, what in (("matrix", "float16", "float16 does not hold every value of float32"),
                              ("whole", "float64", "float64 does not hold every value of int64"),
                              ("matrix", "float31", "no dtype of torch")):  # fmt: skip
        with pytest.raises(EditRefused, match=what):
            document.export_tensor(name, tmp_path / "a.npy", dtype=dtype)


def test_a_wider_dtype_really_holds_every_value():
    """All values of the small dtypes, and the ends of the integers, through torch and back."""
    for source, facts in DTYPES.items():
        for target in DTYPES:
            if not holds(target, source):
                continue
            if facts.itemsize <= 2 and facts.family != "complex":
                raw = torch.arange(1 << (8 * facts.itemsize), dtype=torch.int64)
                raw = raw.to(torch.uint8) if facts.itemsize == 1 else raw.to(torch.uint16)
                values = raw.view(getattr(torch, source)) if source != "bool" else torch.tensor([True, False])
            elif facts.is_integer:
                ends = torch.iinfo(getattr(torch, source))
                values = torch.tensor([ends.min, ends.max], dtype=getattr(torch, source))
            else:
                continue
            back = values.to(getattr(torch, target)).to(values.dtype)
            same = back.view(torch.uint8) == values.view(torch.uint8)
            nan = values.to(torch.float64).isnan().repeat_interleave(facts.itemsize)
            assert bool((same | nan).all()), (source, target)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (1, 1, 7), (4, 1, 2, 3)])
def test_any_range_of_elements_is_boxes_in_order(shape):
    """Writers ask for bytes from anywhere to anywhere."""
    count = int(np.prod(shape))
    flat = np.arange(count).reshape(shape)
    for first in range(count):
        for last in range(first, count + 1):
            boxes = list(row_major(shape, first, last))
            parts = [flat[np.ix_(*axes)].reshape(-1) if axes else flat.reshape(-1) for axes in boxes]
            found = np.concatenate(parts) if parts else np.empty(0, int)
            assert found.tolist() == list(range(first, last))


def test_an_edit_that_is_not_saved_is_exported(document, tmp_path):
    document.apply("fill", "matrix", region="[1, :]", value=9.0)
    document.export_tensor("matrix", tmp_path / "a.npy", "[1, :2]")
    assert np.load(tmp_path / "a.npy").tolist() == [9, 9]
    assert document.is_modified
    assert torch.load(tmp_path / "source.pt")["matrix"][1, 0] != 9


def test_a_live_parameter_is_exported(tmp_path):
    module = torch.nn.Linear(3, 2)
    with weightedit.open(module) as document:
        document.export_tensor("weight", tmp_path / "a.safetensors")
        document.export_tensor("weight", tmp_path / "a.pt", "[0]")
    assert torch.equal(load_file(tmp_path / "a.safetensors")["weight"], module.weight)
    assert torch.equal(torch.load(tmp_path / "a.pt")["weight"], module.weight[0])


def test_the_source_and_what_was_there_before_stay(document, tmp_path):
    before = (tmp_path / "source.pt").read_bytes()
    with pytest.raises(EditRefused, match="is one of the files"):
        document.export_tensor("matrix", tmp_path / "source.pt")
    (tmp_path / "a.npy").write_bytes(b"old")
    for options, error in (
        ({"region": "[99]"}, "does not fit"), ({"format": "torch tar"}, "no format 'torch tar'"),
        ({"name": "nothing"}, "no tensor 'nothing'"), ({"path": "a.xyz"}, "names no format"),
    ):  # fmt: skip
        given = {"name": "matrix", "path": "a.npy", **options}
        with pytest.raises(EditRefused, match=error):
            document.export_tensor(given.pop("name"), tmp_path / given.pop("path"), **given)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        document.export_tensor("matrix", tmp_path / "a.npy", cancel=cancel)
    with pytest.raises(CheckpointError, match="no folder"):
        document.export_tensor("matrix", tmp_path / "none" / "a.npy")
    assert (tmp_path / "a.npy").read_bytes() == b"old"
    assert (tmp_path / "source.pt").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npy", "source.pt"]


def test_a_large_region_is_written_in_a_small_memory(tmp_path):
    """A column block of a wide matrix, 32 MB of 64, in pieces."""
    import tracemalloc

    torch.save({"w": torch.zeros(2048, 8192)}, tmp_path / "large.pt")
    with weightedit.open(tmp_path / "large.pt") as document:
        document.read("w", "[0, :1]")
        tracemalloc.start()
        try:
            document.export_tensor("w", tmp_path / "a.npy", "[:, 1000:5096]")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert np.load(tmp_path / "a.npy", mmap_mode="r").shape == (2048, 4096)
    assert peak < 48 << 20


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv", "pt", "safetensors"])
def test_a_tensor_is_replaced_by_one_of_a_file(suffix, document, tmp_path):
    """What was exported comes back through replace, by the name it has in its file."""
    path = tmp_path / f"other.{suffix}"
    document.export_tensor("transposed", path)
    name = "array" if suffix in ("npy", "csv") else "transposed"
    document.apply("fill", "transposed", value=0.0)
    document.apply("set", "transposed", values=(path, name), accept="all")
    assert bits(document.read("transposed")) == bits(TENSORS["transposed"].contiguous())
    document.apply("replace", "matrix", source=(str(path), name), accept="all")
    assert document.tensors["matrix"].shape == (7, 4)


# ---------------------------------------------------------------- weightedit extract


def test_extract_writes_a_region(tmp_path):
    path = checkpoints.training(tmp_path)
    out = said("extract", path, "model.conv.weight", tmp_path / "a.npy", "--region", "[0, 0, :, 1:]")
    assert out.startswith("Exported and read back, 1 tensor, ")
    wanted = torch.load(path, weights_only=False)["model"]["conv.weight"][0, 0, :, 1:]
    assert np.load(tmp_path / "a.npy").tobytes() == bits(wanted)


def test_extract_says_what_is_wrong_in_one_line(tmp_path, capsys):
    path = checkpoints.low_precision_zip(tmp_path)
    with weightedit.open(path) as document:
        name = next(name for name, info in document.tensors.items() if info.dtype_name == "bfloat16")
    for arguments, what in (
        ((path, name, tmp_path / "a.npy"), "numpy has no dtype for bfloat16"),
        ((path, "no.such", tmp_path / "a.npy"), "no.such"),
        ((path, name, tmp_path / "a.npy", "--dtype", "int8"), "int8 does not hold every value of bfloat16"),
        ((path, name, tmp_path / "a.npy", "--region", "[99999999]"), "does not fit"),
        ((tmp_path / "none.pt", name, tmp_path / "a.npy"), "there is no such file"),
    ):  # fmt: skip
        status, _, err = run_here(capsys, "extract", *arguments)
        assert (status, err.count("\n")) == (2, 1)
        assert err.startswith("weightedit: ")
        assert what in err
    assert run_here(capsys, "extract", path, name, tmp_path / "a.npy", "--dtype", "float32")[0] == 0
    assert np.load(tmp_path / "a.npy").dtype == np.float32
    assert call("extract", "--help").returncode == 0


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv", "tsv", "pt", "safetensors"])
def test_the_printed_code_reads_the_same_file(suffix, document, tmp_path):
    """Copy as PyTorch names the library that reads what the tensor was taken from."""
    from weightedit.core.pages.as_pytorch import as_pytorch

    path = tmp_path / f"other.{suffix}"
    document.export_tensor("transposed", path)
    name = "array" if suffix in ("npy", "csv", "tsv") else "transposed"
    edit = document.apply("set", "transposed", values=(str(path), name), accept="all")
    by_hand = {"transposed": torch.zeros(7, 4)}
    exec(as_pytorch(document, edit), {"checkpoint": by_hand})
    assert bits(by_hand["transposed"]) == bits(TENSORS["transposed"].contiguous())
