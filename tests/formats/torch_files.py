"""Old torch files made by hand, right and wrong ones: nothing saves them any more."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class Pid:
    """Stands where the pickle refers to something outside of it."""

    def __init__(self, pid: Any) -> None:
        self.pid = pid


class Tensor:
    """Pickles as the call that rebuilds a tensor over a storage."""

    def __init__(self, storage: Any, offset: int, size: tuple, stride: tuple) -> None:
        self.args = storage, offset, size, stride, False, OrderedDict()

    def __reduce__(self) -> Any:
        return torch._utils._rebuild_tensor_v2, self.args


class Old:
    """Pickles as torch before 0.4 did a parameter: a call of its class, and its state."""

    def __init__(self, data: Tensor, requires_grad: Any = True, kind: Any = torch.nn.Parameter) -> None:
        self.parts = kind, (data,), (requires_grad, False, OrderedDict())

    def __reduce__(self) -> Any:
        return self.parts


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.pid if isinstance(obj, Pid) else None


def pickled(root: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, 2).dump(root)
    return buffer.getvalue()


def storage(key: Any, numel: int, view: Any = None, kind: Any = torch.FloatStorage, location: Any = "cpu") -> Pid:
    return Pid(("storage", kind, key, location, numel, view))


def legacy_file(path: Path, root: Any, storages: Iterable[tuple[Any, int, bytes]], *, keys: Any = None,
                magic: Any = MAGIC, version: Any = 1001, system: Any = SYSTEM, tail: bytes = b"") -> Path:  # fmt: skip
    """Write a file; `storages` are (key, number of elements it claims, bytes)."""
    storages = list(storages)
    head = b"".join(pickle.dumps(value, 2) for value in (magic, version, system))
    listed = pickle.dumps([key for key, _, _ in storages] if keys is None else keys, 2)
    body = b"".join(struct.pack("<q", numel) + data for _, numel, data in storages)
    path.write_bytes(head + pickled(root) + listed + body + tail)
    return path


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


# ---------------------------------------------------------------- tar

STORAGES = [(11, "cpu", torch.FloatStorage, floats(*range(12))),
            (12, "cpu", torch.LongStorage, struct.pack("<2q", 7, -9))]  # fmt: skip
VIEWS = [(13, 11, 4, 6)]
TENSORS = [(21, 11, (3, 4), (4, 1), 0), (22, 13, (3, 2), (1, 3), 0), (23, 12, (2,), (1,), 0), (24, 13, (2,), (2,), 1)]
"""Key, storage, size, stride, offset: one whole, one transposed over a view, a LongTensor, a strided one."""


def tar_members(*, storages: Any = None, views: Any = None, tensors: Any = None, root: Any = None) -> dict[str, bytes]:
    """What each member of such an archive holds."""
    storages = STORAGES if storages is None else storages
    tensors = TENSORS if tensors is None else tensors
    raw = pickle.dumps(len(storages), 2)
    for key, location, kind, data in storages:
        raw += pickle.dumps((key, location, kind), 2)
        raw += struct.pack("<q", len(data) // (8 if kind is torch.LongStorage else 4)) + data
    raw += pickle.dumps(VIEWS if views is None else views, 2)
    meta = pickle.dumps(len(tensors), 2)
    for key, over, size, stride, offset in tensors:
        meta += pickle.dumps((key, over, torch.FloatTensor), 2)
        meta += struct.pack(f"<ii{2 * len(size) + 1}q", len(size), 0, *size, *stride, offset)
    if root is None:
        root = OrderedDict(whole=Pid("21"), transposed=Pid("22"), counts=Pid("23"), epoch=3, strided=Pid("24"))
    return {"sys_info": pickle.dumps(SYSTEM, 2), "pickle": pickled(root), "tensors": meta, "storages": raw}


def tar_file(path: Path, members: dict[str, bytes] | None = None, *, format: int = tarfile.PAX_FORMAT) -> Path:
    """Write an archive as torch did: a time stamp with a fraction gives every member a header of its own."""
    with tarfile.open(path, "w:", format=format) as archive:
        for name, data in (tar_members() if members is None else members).items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1483228800.5  # type: ignore[assignment]
            archive.addfile(info, io.BytesIO(data))
    return path
