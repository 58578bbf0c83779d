"""A whole tensor on the clipboard or on its way by mouse: which one it is, and its bytes for another window."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMimeData

from weightedit.core.dtypes import DTYPES
from weightedit.core.edit import TensorValue
from weightedit.ui.documents import OpenDocument

NAMED = "application/x-weightedit-tensor"
"""JSON: which window's which document, the tensor's name, and its file where the file holds it as it is."""
BYTES = "application/x-weightedit-values"
"""One line of JSON with dtype and shape, then the bytes, row-major and little-endian."""
THIS_WINDOW = uuid.uuid4().hex
MOST_BYTES = 64 << 20
"""A larger tensor is not put on the clipboard by its bytes, only by its name and file."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A tensor that is carried.

    Attributes
    ----------
    window, document
        The process and the document it comes from.
    name, title
        The tensor, and what its document is called.
    file
        The file that holds it as it is; None where an edit made it.
    value
        Its bytes, if they came along.
    """

    window: str
    document: int
    name: str
    title: str
    file: str | None
    value: bytes | None = None
    dtype: str = ""
    shape: tuple[int, ...] = ()


def carried(found: OpenDocument, name: str) -> Carried:
    """Describe a tensor of an open document."""
    document = found.document
    slot = document.find(name)
    own = document.path is not None and slot is not None and not slot.is_modified
    file = str(Path(str(document.path)).absolute()) if own else None
    return Carried(THIS_WINDOW, id(document), name, found.title, file)


def mime_of(tensor: Carried, value: TensorValue | None = None) -> QMimeData:
    """Return what goes on the clipboard; as text it is the tensor's name."""
    made = QMimeData()
    said = {"window": tensor.window, "document": tensor.document, "name": tensor.name, "title": tensor.title,
            "file": tensor.file}  # fmt: skip
    made.setData(NAMED, json.dumps(said).encode())
    made.setText(tensor.name)
    if value is not None:
        head = json.dumps({"dtype": value.dtype, "shape": list(value.shape)}).encode()
        made.setData(BYTES, head + b"\n" + bytes(value.data))
    return made


def carried_by(mime: QMimeData | None) -> Carried | None:
    """Return the tensor that is carried; None where there is none, or it does not read."""
    if mime is None or not mime.hasFormat(NAMED):
        return None
    try:
        said = json.loads(bytes(mime.data(NAMED).data()))
        file = said["file"]
        tensor = Carried(str(said["window"]), int(said["document"]), str(said["name"]), str(said["title"]),
                         None if file is None else str(file))  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None
    return _with_bytes(tensor, bytes(mime.data(BYTES).data())) if mime.hasFormat(BYTES) else tensor


def _with_bytes(tensor: Carried, data: bytes) -> Carried:
    head, _, values = data.partition(b"\n")
    try:
        said = json.loads(head)
        dtype, shape = str(said["dtype"]), tuple(map(int, said["shape"]))
        nbytes = DTYPES[dtype].itemsize
    except (ValueError, KeyError, TypeError):
        return tensor
    for size in shape:
        nbytes *= size
    if len(values) != nbytes or min(shape, default=0) < 0:
        return tensor
    return Carried(tensor.window, tensor.document, tensor.name, tensor.title, tensor.file, values, dtype, shape)
