"""What the libraries read that the formats belong to, to compare with what weightedit reads."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from tests.formats.documents import bits
from tests.fuzz.cases import Case

Found = dict[tuple[Any, ...], Any]
"""By path: the spec, and the values as a torch tensor or None."""


def compare(case: Case, path: Path, found: Found) -> str:
    """Compare with what the reference reads.

    Returns
    -------
    str
        Empty where both read the same; what differs, after an exclamation mark; or why the reference takes it not.
    """
    load = _LOADERS.get(case.format)
    if load is None:
        return ""
    try:
        theirs = load(path)
    except Exception as error:  # whatever a reference raises, it does not take the file
        return f"{type(error).__name__}: {_reason(str(error))}"
    return _difference(case.format, found, theirs)


def _reason(said: str) -> str:
    """Return what is particular in a long message of torch."""
    start = said.find("WeightsUnpickler error:")
    return " ".join(said[max(start, 0) :].split())[:110]


def _difference(format: str, found: Found, theirs: dict[tuple[Any, ...], torch.Tensor]) -> str:
    mine = {path: both for path, both in found.items() if both[1] is not None}
    for path, tensor in theirs.items():
        if path not in mine:
            if path in found or any(part != part for part in path):
                continue  # it has no plain form, or a key that is not equal to itself
            return f"!{path!r:.80} is read by the reference only"
        spec, value = mine[path]
        dtype = str(tensor.dtype).removeprefix("torch.")
        if format == "csv":
            value, tensor, dtype = value.to(torch.float64), tensor.to(torch.float64), spec.dtype
        if (spec.dtype, spec.shape) != (dtype, tuple(tensor.shape)):
            return f"!{path!r:.80} is {spec.dtype} {spec.shape} here and {dtype} {tuple(tensor.shape)} there"
        if spec.encoding == "plain" and raw(value) != raw(tensor):
            return f"!{path!r:.80} has other values than the reference reads"
    if format != "torch zip" and format != "torch legacy" and len(theirs) != len(found):
        return f"!{len(found)} tensors here and {len(theirs)} there"
    return ""


def raw(value: Any) -> bytes:
    """Return the bytes of a tensor's values; nothing for none."""
    if value is None or not isinstance(value, torch.Tensor):
        return b""
    if value.is_quantized:
        return bits(value.int_repr())
    return b"" if value.layout != torch.strided else bits(value)


def _torch(path: Path) -> dict[tuple[Any, ...], torch.Tensor]:
    root = torch.load(path, map_location="cpu", weights_only=True)
    return dict(_tensors(root, ()))


def _tensors(value: Any, path: tuple[Any, ...]) -> Any:
    if len(path) > 50:
        return
    if isinstance(value, torch.Tensor):
        if value.layout == torch.strided and not value.is_nested:
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _tensors(item, (*path, index))


def _safetensors(path: Path) -> dict[tuple[Any, ...], torch.Tensor]:
    return {(name,): tensor for name, tensor in safetensors.torch.load(path.read_bytes()).items()}


def _shards(path: Path) -> dict[tuple[Any, ...], torch.Tensor]:
    table = json.loads(path.read_text())["weight_map"]
    found = {}
    for shard in dict.fromkeys(table.values()):
        for name, tensor in safetensors.torch.load((path.parent / shard).read_bytes()).items():
            found[name,] = tensor
    return found


def _npy(path: Path) -> dict[tuple[Any, ...], torch.Tensor]:
    return {("array",): _from_numpy(np.load(path))}


def _npz(path: Path) -> dict[tuple[Any, ...], torch.Tensor]:
    with np.load(path) as archive:
        return {(name,
                 ): _from_numpy(archive[name]) for name in archive.files if f"{name}.npy" in archive.zip.namelist()}


def _from_numpy(array: Any) -> torch.Tensor:
    native = np.array(array, array.dtype.newbyteorder("="), order="C", ndmin=array.ndim)
    return torch.from_numpy(native)


def _csv(path: Path) -> dict[tuple[Any, ...], torch.Tensor]:
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    first = next((line for line in data.split(b"\n") if line.strip() and not line.strip().startswith(b"#")), b"")
    mark = next((mark for mark in "\t;," if mark.encode() in first), None)
    array = np.loadtxt(data.decode("latin1").split("\n"), delimiter=mark, ndmin=2)
    return {("array",): torch.from_numpy(array)}


_LOADERS = {"safetensors": _safetensors, "shards": _shards, "npy": _npy, "npz": _npz, "csv": _csv, "torch zip": _torch,
            "torch legacy": _torch}  # fmt: skip


def journal_records(data: bytes) -> list[Any]:
    """Read whole records by the words of the format, slowly."""
    found: list[Any] = []
    before = 0
    while len(data) >= 8:
        length, check = struct.unpack("<II", data[:8])
        payload, data = data[8 : 8 + length], data[8 + length :]
        if len(payload) != length or not 0 < length <= 64 << 20 or zlib.crc32(payload, before) != check:
            break
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError):
            break
        if not isinstance(value, dict):
            break
        found.append(value)
        before = check
    return found
