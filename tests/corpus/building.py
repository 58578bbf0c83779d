"""Makes the bytes of checkpoints by hand, right ones and such as no library would write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.corpus.case import Family, Refused, Seen, raw

FLOATS = b"\0\0\x80?\0\0\0@"
"""1.0 and 2.0 as float32."""
TENSOR: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
SEEN: Seen = raw("float32", (2,), FLOATS)


def safetensors(header: Any, data: bytes = FLOATS, length: int | None = None) -> bytes:
    """Return a file: its header as a table, a text or bytes, and its length as it is or another."""
    if isinstance(header, dict):
        header = json.dumps(header, separators=(",", ":"))
    body = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    return (len(body) if length is None else length).to_bytes(8, "little") + body + data


def written(data: bytes, name: str = "model.safetensors") -> Callable[[Path], Path]:
    """Return what makes a file of bytes."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def bad_files(family: Family, rows: dict[str, tuple[bytes, str]], file: str) -> None:
    """Add a case for each row: its name, the bytes, and the words of the refusal."""
    for name, (data, words) in rows.items():
        family.add(name, written(data, file), Refused(words))
