"""Blocks on the clipboard: text for spreadsheets, and beside it the stored bytes, which keep every bit."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QMimeData

from weightedit.core.dtypes import DTYPES, numpy_dtype
from weightedit.core.values.codes import Array

MIME = "application/x-weightedit-block"
"""One line of JSON with dtype and shape, then the bytes, row-major and little-endian."""


@dataclass(frozen=True)
class Block:
    """Stored values of rows and columns: `values` is `(rows, columns)` as `numpy_dtype(dtype)`."""

    values: Array
    dtype: str


def mime_of(text: str, block: Block | None) -> QMimeData:
    """Return what goes on the clipboard; without a block, text alone."""
    made = QMimeData()
    made.setText(text)
    if block is not None:
        head = json.dumps({"dtype": block.dtype, "shape": list(block.values.shape)}).encode()
        made.setData(MIME, head + b"\n" + np.ascontiguousarray(block.values).tobytes())
    return made


def block_of(mime: QMimeData | None) -> Block | None:
    """Return the stored values on the clipboard; None where there are none, or not as they should be."""
    if mime is None or not mime.hasFormat(MIME):
        return None
    head, _, data = bytes(mime.data(MIME).data()).partition(b"\n")
    try:
        said = json.loads(head)
        dtype, (rows, columns) = str(said["dtype"]), map(int, said["shape"])
        kind = numpy_dtype(dtype)
    except (ValueError, KeyError, TypeError):
        return None
    if rows < 1 or columns < 1 or len(data) != rows * columns * DTYPES[dtype].itemsize:
        return None
    return Block(np.frombuffer(data, kind).reshape(rows, columns), dtype)
