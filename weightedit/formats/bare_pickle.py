"""Says of a pickle that is no checkpoint what it is and what it names; nothing of it is run."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from weightedit.core.errors import CheckpointError
from weightedit.core.source import SourceFile
from weightedit.core.words.paths import shown, some
from weightedit.core.words.visible import visible

LOOKED_AT = 64 << 10
"""Bytes that are read for the names in them."""
_NEXT = rb"(?:p\d+\n|[()](?=[SVIFLNRcdltgi()}\]])|\.\s*\Z)"
_TEXTUAL = re.compile(rb"\(*c[\w.]+\n[\w.]+\n" + _NEXT + rb"|\(+[dlt](?:p\d+\n|\.)|\(+i[\w.]+\n[\w.]+\n" + _NEXT)
"""How a pickle of protocol 0 begins: a class or function, or a dict, list or tuple. It has no mark of its own."""
_BINARY = re.compile(rb"[}\]]q\0|\(+[dlt]q\0|\(*c[\w.]+\n[\w.]+\nq\0")
"""How one of protocol 1 begins, which has none either: the first object is numbered 0."""


def protocol_of(head: bytes) -> int | None:
    """Return the protocol of the pickle that a file begins with, or None."""
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return head[1] if len(head) > 1 else 2
    if _BINARY.match(head):
        return 1
    return 0 if _TEXTUAL.match(head) else None


def what_it_is(path: Path, protocol: int) -> CheckpointError:
    """Return the error that says what a bare pickle is, names and what to do included."""
    names = _names(path)
    named = f", and names {some(names)}" if names else ""
    return CheckpointError(
        f"{shown(path)} is a bare pickle of protocol {protocol}, not a checkpoint of torch.save{named}; nothing of it "
        "was run. Write what it holds with torch.save(…) where it comes from.", file=path)  # fmt: skip


def _names(path: Path) -> list[str]:
    """Return the classes and functions that the first part of a pickle names and loading it would import."""
    from weightedit.formats.pickle_budget import Unreadable
    from weightedit.formats.pickle_reader import PickleReader
    from weightedit.formats.pickle_scan import end_of_pickle

    reader = PickleReader(_nothing, _nothing)
    with suppress(Exception):  # it may be cut off or damaged: what it named until there counts
        file = SourceFile(path)
        try:
            data = file.read(0, min(file.size, LOOKED_AT))
            with suppress(Unreadable):
                end, is_whole = end_of_pickle(data, 0)
                data = data[:end] if is_whole else data[:end] + b"."  # what is cut within a text is not begun
            reader.read(data)
        finally:
            file.close()
    return [visible(f"{module}.{name}") for (module, name), known in sorted(reader.named.items()) if not known]


def _nothing(key: str) -> NoReturn:
    raise ValueError(f"there is no storage {key}")
