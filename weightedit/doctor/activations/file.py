"""Writes captures as a safetensors file that opens like any other: each tensor once, and the record of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.transaction import Transaction
from weightedit.core.words.paths import counted, shown
from weightedit.core.writing.file_layout import FileLayout, Fresh
from weightedit.doctor.activations.run import METADATA, Run, run_to_text

MOST_HEADER = 100_000_000
"""Bytes; readers of safetensors take no longer header."""
PAIRS = {"complex32": "float16", "complex128": "float64"}
"""Dtypes that safetensors does not have: written as pairs of these along one more dimension, real part first."""


def write_captures(path: Path, run: Run, tensors: Mapping[str, tuple[TensorSpec, ByteSource]],
                   aliases: Mapping[str, str], progress: Progress | None = None) -> Path:  # fmt: skip
    """Write captures to a safetensors file, atomically.

    The same captures give the same bytes, wherever they were kept. The header lists tensors in the order in which they
    were captured; the values lie by falling size of their elements, so that each is aligned.
    Format: https://github.com/huggingface/safetensors#format

    Parameters
    ----------
    path
        Where to; what is there is replaced once the new file is whole and on the disk.
    run
        The record, which is kept in the file's metadata.
    tensors
        By name: row-major, with where the bytes are, from the first on.
    aliases
        Other names of some of them.
    progress
        Told how far writing is.

    Raises
    ------
    CheckpointError
        If the file cannot be written; what was there before is untouched.
    WeightEditError
        If there are so many tensors that no file's header holds them.
    """
    progress = progress or Progress()
    order = sorted(tensors, key=lambda name: -stored(tensors[name][0]).type.itemsize)
    starts: dict[str, int] = {}
    at = 0
    for name in order:
        starts[name] = at
        at += tensors[name][0].nbytes
    head = _header(run, tensors, aliases, starts)
    if len(head) > MOST_HEADER:
        raise WeightEditError(f"{shown(path)} was not written: its header would have {len(head):,} bytes for "
                              f"{counted(len(tensors), 'tensor')} of {counted(len(run.calls), 'call')}, and readers "
                              f"take no more than {MOST_HEADER:,}. Choose fewer modules.")  # fmt: skip
    layout = FileLayout()
    layout.add(Fresh.of(len(head).to_bytes(8, "little") + head))
    for name in order:
        spec, content = tensors[name]
        layout.add(Fresh.part(content, 0, spec.nbytes))
    with Transaction() as transaction:
        progress.begin("Writing captures", layout.nbytes)
        transaction.create(path, layout).lay(progress)
        return transaction.commit()[0]


def stored(spec: TensorSpec) -> TensorSpec:
    """Return what a tensor is in the file: itself, or pairs of its parts."""
    part = PAIRS.get(spec.dtype)
    return spec if part is None else TensorSpec.contiguous(part, (*spec.shape, 2))


def _header(run: Run, tensors: Mapping[str, tuple[TensorSpec, ByteSource]], aliases: Mapping[str, str],
            starts: Mapping[str, int]) -> bytes:  # fmt: skip
    records: dict[str, Any] = {"__metadata__": {"format": "pt", METADATA: run_to_text(run), **aliases}}
    for name, (spec, _) in tensors.items():
        found = stored(spec)
        records[name] = {"dtype": file_dtype(found.dtype), "shape": list(found.shape),
                         "data_offsets": [starts[name], starts[name] + spec.nbytes]}  # fmt: skip
    raw = json.dumps(records, separators=(",", ":")).encode("ascii")
    return raw + b" " * (-len(raw) % 8)


def file_dtype(dtype: str) -> str:
    """Return safetensors' name of a dtype: `F32`, `BF16`, `F8_E4M3FNUZ`."""
    return DTYPES[dtype].short.upper().replace("F8E", "F8_E")
