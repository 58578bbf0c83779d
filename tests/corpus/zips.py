"""Makes zip archives field by field, so that any of them can lie, and torch checkpoints in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.formats.torch_files import Pid, Tensor, pickled

STORED, DEFLATED = 0, 8


@dataclass
class Record:
    """One file of an archive: what it holds, and fields that its two headers state otherwise."""

    name: str | bytes
    data: bytes = b""
    method: int = STORED
    flags: int = 0
    raw: bytes | None = None
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    descriptor: bytes = b""
    before: bytes = b""
    listed: bool = True

    @property
    def stored(self) -> bytes:
        """The bytes as they lie in the archive."""
        if self.raw is not None:
            return self.raw
        if self.method != DEFLATED:
            return self.data
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.data) + packer.flush()

    def facts(self, more: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a header, those of `more` in place of the right ones."""
        name = self.name if isinstance(self.name, bytes) else self.name.encode()
        facts = {"signature": b"", "flags": self.flags, "method": self.method, "crc": zlib.crc32(self.data),
                 "stored": len(self.stored), "size": len(self.data), "name": name, "extra": b"", "comment": b"",
                 "disk": 0, "offset": 0}  # fmt: skip
        return facts | more


def archive(*records: Record, prefix: bytes = b"", gap: bytes = b"", end: dict[str, Any] | None = None,
            end64: dict[str, Any] | None = None, comment: bytes = b"", tail: bytes = b"",
            directory: bytes | None = None) -> bytes:  # fmt: skip
    """Return an archive; offsets count from its first byte, `prefix` included."""
    out, listed = bytearray(prefix), b""
    for record in records:
        out += record.before
        offset = len(out)
        local = record.facts({"signature": b"PK\3\4"} | record.local)
        out += struct.pack("<4sHHHHHLLLHH", local["signature"], 20, local["flags"], local["method"], 0, 33,
                           local["crc"], local["stored"], local["size"], local.get("name_length", len(local["name"])),
                           len(local["extra"]))  # fmt: skip
        out += local["name"] + local["extra"] + record.stored + record.descriptor
        if record.listed:
            listed += _central(record, offset)
    out += gap
    start = len(out)
    listed = listed if directory is None else directory
    count = sum(record.listed for record in records)
    facts = {"disk": 0, "first": 0, "here": count, "count": count, "size": len(listed), "start": start,
             "comment": len(comment)}  # fmt: skip
    out += listed
    if end64 is not None:
        wide = facts | end64
        at = wide.get("at", len(out))
        out += struct.pack("<4sQHHLLQQQQ", wide.get("signature", b"PK\6\6"), 44, 45, 45, wide["disk"], wide["first"],
                           wide["here"], wide["count"], wide["size"], wide["start"])  # fmt: skip
        out += struct.pack("<4sLQL", b"PK\6\7", 0, at, wide.get("disks", 1))
    facts |= end or {}
    out += struct.pack("<4sHHHHLLH", b"PK\5\6", facts["disk"], facts["first"], facts["here"], facts["count"],
                       facts["size"], facts["start"], facts["comment"])  # fmt: skip
    return bytes(out) + comment + tail


def _central(record: Record, offset: int) -> bytes:
    facts = record.facts({"signature": b"PK\1\2", "offset": offset} | record.central)
    fixed = struct.pack("<4sHHHHHHLLLHHHHHLL", facts["signature"], 20, 20, facts["flags"], facts["method"], 0, 33,
                        facts["crc"], facts["stored"], facts["size"], facts.get("name_length", len(facts["name"])),
                        facts.get("extra_length", len(facts["extra"])), len(facts["comment"]), facts["disk"], 0, 0,
                        facts["offset"])  # fmt: skip
    return bytes(fixed + facts["name"] + facts["extra"] + facts["comment"])


# ---------------------------------------------------------------- checkpoints of torch

W = struct.pack("<6f", *range(1, 7))
"""The bytes of the tensor that every archive of this module holds: 1 to 6 in two rows."""
PREFIX = "archive/"


def storage(key: str = "0", numel: int = 6, kind: Any = None, location: str = "cpu") -> Pid:
    import torch

    return Pid(("storage", kind or torch.FloatStorage, key, location, numel))


def tensor(size: tuple[int, ...] = (2, 3), stride: tuple[int, ...] = (3, 1), offset: int = 0, **of: Any) -> Tensor:
    return Tensor(storage(**of), offset, size, stride)


def sound_pickle() -> bytes:
    return pickled({"w": tensor()})


def parts(pickle: bytes | None = None, storages: dict[str, bytes] | None = None, prefix: str = PREFIX) -> list[Record]:
    """Return the records of a checkpoint, to be changed one by one."""
    storages = {"0": W} if storages is None else storages
    return [
        Record(f"{prefix}data.pkl", sound_pickle() if pickle is None else pickle),
        Record(f"{prefix}byteorder", b"little"),
        *(Record(f"{prefix}data/{key}", data) for key, data in storages.items()),
        Record(f"{prefix}version", b"3\n"),
    ]


def checkpoint(pickle: bytes | None = None, storages: dict[str, bytes] | None = None) -> bytes:
    return archive(*parts(pickle, storages))


def with_record(index: int, **changes: Any) -> bytes:
    """Return a checkpoint one record of which is changed: 0 the pickle, 2 the storage."""
    records = parts()
    for name, value in changes.items():
        setattr(records[index], name, value)
    return archive(*records)


Made = Callable[[Path], Path]
