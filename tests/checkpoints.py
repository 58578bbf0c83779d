"""Test checkpoints, written by torch and safetensors themselves, or byte by byte where those would refuse.

Each function writes into a folder and returns the path to open.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2)
TIED = ("transformer.wte.weight", "lm_head.weight")
EVIL_MARKER = "code-from-the-file-ran"


def values(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    """Normal values, the same on every run."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


# ---------------------------------------------------------------- models and training checkpoints


class TinyGPT2(nn.Module):
    """GPT-2's names and shapes, small; `lm_head.weight` is the very Parameter of `transformer.wte.weight`."""

    def __init__(self, vocabulary: int = 64, positions: int = 16, width: int = 24, layers: int = 2) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocabulary, width),
                "wpe": nn.Embedding(positions, width),
                "h": nn.ModuleList(self.block(width) for _ in range(layers)),
                "ln_f": nn.LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight

    @staticmethod
    def block(width: int) -> nn.ModuleDict:
        attention = nn.ModuleDict({"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width)})
        mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})
        return nn.ModuleDict(
            {"ln_1": nn.LayerNorm(width), "attn": attention, "ln_2": nn.LayerNorm(width), "mlp": mlp}
        )


class SmallNet(nn.Module):
    """A convolution, a BatchNorm with its int64 buffer, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(images)).amax((2, 3)).relu())


def trained() -> tuple[SmallNet, torch.optim.Adam]:
    """A SmallNet and its Adam after two steps, the same on every run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = SmallNet()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        for _ in range(2):
            optimizer.zero_grad()
            net(torch.randn(8, 1, 8, 8)).square().mean().backward()
            optimizer.step()
    return net, optimizer


def tied_gpt2(folder: Path) -> Path:
    """Zip: a state_dict whose TIED names are one storage."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TinyGPT2()
    torch.save(model.state_dict(), folder / "tied_gpt2.pt")
    return folder / "tied_gpt2.pt"


def tied_parameters(folder: Path) -> Path:
    """Zip: `{name: nn.Parameter}`, the TIED names holding one and the same Parameter."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TinyGPT2()
    torch.save(dict(model.named_parameters(remove_duplicate=False)), folder / "tied_parameters.pt")
    return folder / "tied_parameters.pt"


def training(folder: Path) -> Path:
    """Zip: model (an OrderedDict with `_metadata`), Adam's state_dict, epoch, args, note."""
    net, optimizer = trained()
    checkpoint = {
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 3,
        "args": argparse.Namespace(lr=1e-2, name="small", layers=[1, 2]),
        "note": "text",
    }
    torch.save(checkpoint, folder / "training.ckpt")
    return folder / "training.ckpt"


def whole_module(folder: Path) -> Path:
    """Zip: a pickled nn.Module, `torch.save(module)`."""
    torch.save(trained()[0], folder / "module.pt")
    return folder / "module.pt"


def legacy(folder: Path) -> Path:
    """Legacy torch (before 1.6): a sequence of pickles, then the storages."""
    torch.save(trained()[0].state_dict(), folder / "legacy.pt", _use_new_zipfile_serialization=False)
    return folder / "legacy.pt"


# ---------------------------------------------------------------- layouts of storages


def shared_views(folder: Path) -> Path:
    """Zip: three overlapping views of one storage of 24 float32, and one tensor of its own."""
    base = torch.arange(24.0)
    views = {"whole": base.view(4, 6), "row": base[6:12], "tail": base[20:], "alone": torch.ones(3)}
    torch.save(views, folder / "shared_views.pt")
    return folder / "shared_views.pt"


def non_contiguous(folder: Path) -> Path:
    """Zip: a transposed, a channels_last, a strided and an expanded (stride 0) tensor."""
    tensors = {
        "transposed": values(6, 4).t(),
        "channels_last": values(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "strided": values(10)[::2],
        "expanded": values(5, 1).expand(5, 7),
    }
    torch.save(tensors, folder / "non_contiguous.pt")
    return folder / "non_contiguous.pt"


def dragging_slice(folder: Path) -> Path:
    """Zip: one row of 8 values that drags a storage of 1000 × 8 along (pytorch #40157)."""
    torch.save({"row": values(1000, 8)[500]}, folder / "dragging_slice.pt")
    return folder / "dragging_slice.pt"


# ---------------------------------------------------------------- dtypes and shapes


def small_shapes() -> dict[str, torch.Tensor]:
    """0-dim and empty tensors, and int64 and bool buffers."""
    return {
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0),
        "no_columns": torch.empty(3, 0),
        "num_batches_tracked": torch.tensor(2**53 + 1),
        "position_ids": torch.arange(12).view(1, 12),
        "mask": torch.tensor([[True, False], [False, True]]),
    }


def small_shapes_zip(folder: Path) -> Path:
    """Zip: 0-dim, empty, int64 and bool tensors."""
    torch.save(small_shapes(), folder / "small_shapes.pt")
    return folder / "small_shapes.pt"


def small_shapes_safetensors(folder: Path) -> Path:
    """Safetensors: 0-dim, empty, int64 and bool tensors."""
    safetensors.torch.save_file(small_shapes(), folder / "small_shapes.safetensors")
    return folder / "small_shapes.safetensors"


def low_precision() -> dict[str, torch.Tensor]:
    """The same 6 × 8 values as bfloat16, float16 and both float8 kinds, with NaN and infinities where they exist."""
    base = values(6, 8)
    base[0, :3] = torch.tensor([float("nan"), float("inf"), float("-inf")])
    kinds = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    kinds |= {str(dtype).removeprefix("torch."): dtype for dtype in FLOAT8}
    return {f"layer.{name}": base.to(dtype) for name, dtype in kinds.items()}


def low_precision_zip(folder: Path) -> Path:
    """Zip: bfloat16, float16 and float8 tensors."""
    torch.save(low_precision(), folder / "low_precision.pt")
    return folder / "low_precision.pt"


def low_precision_safetensors(folder: Path) -> Path:
    """Safetensors: bfloat16, float16 and float8 tensors, with file metadata."""
    path = folder / "low_precision.safetensors"
    safetensors.torch.save_file(low_precision(), path, metadata={"format": "pt", "made by": "a test"})
    return path


def all_dtypes() -> dict[str, torch.Tensor]:
    """A 4 × 6 tensor of random bytes for every dtype this torch can view bytes as."""
    tensors = {}
    for name in sorted(name for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype)):
        dtype = getattr(torch, name)
        key = str(dtype).removeprefix("torch.")
        data = torch.randint(0, 256, (4, 6 * dtype.itemsize), generator=torch.Generator().manual_seed(1))
        data = data.bitwise_and(1) if dtype == torch.bool else data
        try:
            tensors[key] = data.to(torch.uint8).view(dtype)
        except RuntimeError:  # quantized dtypes have no plain view
            continue
    return tensors


def all_dtypes_zip(folder: Path) -> Path:
    """Zip: every dtype torch can save."""
    tensors = {}
    for name, tensor in all_dtypes().items():
        try:
            torch.save(tensor, folder / "probe.pt")
            torch.load(folder / "probe.pt")
        except Exception:  # a dtype without serialization in this torch is no part of the file
            continue
        tensors[name] = tensor
    (folder / "probe.pt").unlink(missing_ok=True)
    torch.save(tensors, folder / "all_dtypes.pt")
    return folder / "all_dtypes.pt"


# ---------------------------------------------------------------- safetensors, byte by byte


def write_safetensors(path: Path, header: dict[str, Any], data: bytes) -> Path:
    """Write header and data as they are, in their order and without padding."""
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def odd_offsets(folder: Path) -> Path:
    """Safetensors: `weight`, 2 × 3 bfloat16 (1 … 6), begins at an odd byte of the file."""
    codes = torch.tensor([1, 2, 3], dtype=torch.int8)
    weight = torch.arange(1.0, 7.0).to(torch.bfloat16).view(2, 3)
    data = bytes(codes.view(torch.uint8).tolist()) + bytes(weight.view(torch.uint8).flatten().tolist())
    header: dict[str, Any] = {
        "codes": {"dtype": "I8", "shape": [3], "data_offsets": [0, 3]},
        "weight": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [3, 15]},
        "__metadata__": {"padding": ""},
    }
    if len(json.dumps(header)) % 2:  # 8 + header + 3 shall be odd
        header["__metadata__"]["padding"] = " "
    return write_safetensors(folder / "odd_offsets.safetensors", header, data)


def many_tensors(folder: Path, count: int = 100_000) -> Path:
    """Safetensors: `count` tensors of one float32 each, `layers.7.unit.3.weight` and so on."""
    header = {
        f"layers.{i // 100}.unit.{i % 100}.weight": {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]}
        for i in range(count)
    }
    return write_safetensors(folder / "many_tensors.safetensors", header, bytes(4 * count))


def huge_tensor(folder: Path, nbytes: int = 256 << 20, columns: int = 4096) -> Path:
    """Safetensors: one float32 tensor `weight` of about `nbytes`, in a sparse file where the system has them."""
    rows = nbytes // (4 * columns)
    size = 4 * columns * rows
    header = {"weight": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, size]}}
    path = write_safetensors(folder / "huge_tensor.safetensors", header, b"")
    os.truncate(path, path.stat().st_size + size)
    return path


def sharded(folder: Path) -> Path:
    """Write a folder with three safetensors shards of TinyGPT2 (untied) and their index; the index is returned."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = {name: tensor.clone() for name, tensor in TinyGPT2().state_dict().items()}
    shards = folder / "sharded"
    shards.mkdir()
    names = list(state)
    weight_map = {}
    for number in range(3):
        shard = f"model-{number + 1:05}-of-00003.safetensors"
        part = {name: state[name] for name in names[number::3]}
        safetensors.torch.save_file(part, shards / shard, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, shard)
    index = {
        "metadata": {"total_size": sum(tensor.nbytes for tensor in state.values())},
        "weight_map": {name: weight_map[name] for name in names},
    }
    path = shards / "model.safetensors.index.json"
    path.write_text(json.dumps(index, indent=2), encoding="utf-8")
    return path


# ---------------------------------------------------------------- names and structures that trip programs


def hostile_names() -> dict[str, torch.Tensor]:
    """One tensor of one distinct value under each name that trips a program somewhere."""
    names = ["", "a", "a.b", "a.b.c", "a..b", ".", "type", "train", "weight", "0", "größe.重み.🔥", "with space"]
    names += ["__class__", "/", "../up", "*", "[0]", "re:x", "line\nbreak", ".".join(["deep"] * 1000)]
    return {name: torch.tensor([float(i)]) for i, name in enumerate(names)}


def hostile_names_zip(folder: Path) -> Path:
    """Zip: a flat state_dict with hostile names."""
    torch.save(hostile_names(), folder / "hostile_names.pt")
    return folder / "hostile_names.pt"


def hostile_names_safetensors(folder: Path) -> Path:
    """Safetensors: hostile names."""
    safetensors.torch.save_file(hostile_names(), folder / "hostile_names.safetensors")
    return folder / "hostile_names.safetensors"


def names_that_print_alike(folder: Path) -> Path:
    """Zip: `{"a": {"b": …}, "a.b": …, 1: …, "1": …}`; paths differ, dotted names do not."""
    one, two, three, four = (torch.tensor([value]) for value in (1.0, 2.0, 3.0, 4.0))
    nested = {"a": {"b": one}, "a.b": two, 1: three, "1": four}
    torch.save(nested, folder / "print_alike.pt")
    return folder / "print_alike.pt"


class Evil:
    """Runs a shell command when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f'echo ran > "{self.marker}"',)


def evil(folder: Path) -> Path:
    """Zip: a state_dict beside an object that writes EVIL_MARKER into the folder when it is unpickled."""
    contents = {"model": {"weight": values(2, 3)}, "payload": Evil(folder / EVIL_MARKER)}
    torch.save(contents, folder / "evil.pt")
    return folder / "evil.pt"


def evil_pickle(folder: Path) -> Path:
    """A bare pickle, no torch file at all, that writes EVIL_MARKER into the folder when it is unpickled."""
    path = folder / "evil.bin"
    path.write_bytes(pickle.dumps(OrderedDict(payload=Evil(folder / EVIL_MARKER)), protocol=2))
    return path


# ---------------------------------------------------------------- right contents under another name


def safetensors_named_pt(folder: Path) -> Path:
    """Safetensors under the name of a torch file; opens, for contents decide."""
    return small_shapes_safetensors(folder).rename(folder / "safetensors_in_truth.pt")


def zip_named_safetensors(folder: Path) -> Path:
    """A torch zip under the name of a safetensors file; opens, for contents decide."""
    return small_shapes_zip(folder).rename(folder / "zip_in_truth.safetensors")


# ---------------------------------------------------------------- files that cannot be opened


def empty_file(folder: Path) -> Path:
    """No bytes at all."""
    path = folder / "empty.safetensors"
    path.write_bytes(b"")
    return path


def text_file(folder: Path) -> Path:
    """Plain text."""
    path = folder / "notes.pt"
    path.write_text("These are not weights.\n" * 20, encoding="utf-8")
    return path


def picture(folder: Path) -> Path:
    """A PNG's first bytes under the suffix of a checkpoint."""
    path = folder / "picture.safetensors"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200))
    return path


def plain_zip(folder: Path) -> Path:
    """A zip that holds no torch checkpoint."""
    path = folder / "documents.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report.txt", "quarterly figures")
    return path


def truncated_zip(folder: Path) -> Path:
    """The first half of a torch zip."""
    return cut(tied_gpt2(folder), folder / "truncated.pt", 0.5)


def truncated_safetensors(folder: Path) -> Path:
    """A safetensors file whose last tensor's bytes are missing."""
    return cut(low_precision_safetensors(folder), folder / "truncated.safetensors", 0.95)


def truncated_header(folder: Path) -> Path:
    """A safetensors file that ends in its header."""
    return cut(low_precision_safetensors(folder), folder / "truncated_header.safetensors", 0.1)


def cut(path: Path, to: Path, share: float) -> Path:
    """Replace a file by its first part, under another name."""
    data = path.read_bytes()
    path.unlink()
    to.write_bytes(data[: int(len(data) * share)])
    return to


def missing_shard(folder: Path) -> Path:
    """A sharded checkpoint whose second file is gone."""
    path = sharded(folder)
    (path.parent / "model-00002-of-00003.safetensors").unlink()
    return path


def empty_folder(folder: Path) -> Path:
    """A folder with nothing in it."""
    path = folder / "nothing"
    path.mkdir()
    return path


def folder_without_weights(folder: Path) -> Path:
    """A folder that holds files, none of them weights."""
    path = folder / "documents"
    path.mkdir()
    (path / "config.json").write_text("{}", encoding="utf-8")
    return path


def unreadable(folder: Path) -> Path:
    """A checkpoint that this user may not read; for root, who may read all, a link that leads to itself."""
    path = low_precision_safetensors(folder).rename(folder / "unreadable.safetensors")
    path.chmod(0)
    if os.access(path, os.R_OK):
        path.unlink()
        path.symlink_to(path.name)
    return path


def nowhere(folder: Path) -> Path:
    """A path at which there is nothing."""
    return folder / "nowhere.pt"


READABLE = (
    tied_gpt2, tied_parameters, training, shared_views, non_contiguous, dragging_slice, small_shapes_zip,
    small_shapes_safetensors, low_precision_zip, low_precision_safetensors, all_dtypes_zip, odd_offsets, sharded,
    hostile_names_zip, hostile_names_safetensors, names_that_print_alike, safetensors_named_pt, zip_named_safetensors,
    legacy,
)  # fmt: skip
BROKEN = (
    empty_file, text_file, picture, plain_zip, truncated_zip, truncated_safetensors, truncated_header, missing_shard,
    empty_folder, folder_without_weights, unreadable, nowhere,
)  # fmt: skip
