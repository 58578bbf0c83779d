"""The index of a sharded safetensors checkpoint: a table that says in which file each tensor lies.

Format: https://huggingface.co/docs/huggingface_hub/package_reference/serialization, `weight_map`.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from weightedit.core.errors import CheckpointError
from weightedit.core.progress import Ask, unasked
from weightedit.core.words.paths import reason, shown
from weightedit.core.words.visible import visible
from weightedit.formats.detection import with_remedy, within

T = TypeVar("T")
_BLOCK = 1 << 16
"""Values that are gone through at once, in a millisecond or two."""
MOST_INDEX = 100_000_000
"""Bytes."""
PIECE = 1 << 20
"""Bytes of an index that are parsed at once, in some milliseconds."""
_TABLE = re.compile(rb'"weight_map"[ \t\n\r]*:[ \t\n\r]*\{')
_BETWEEN = re.compile(rb'"[ \t\n\r]*,[ \t\n\r]*(?=")')
"""What is between two entries of the table, wherever it is not within a text."""
MOST_SHARDS = 10_000
"""Files; each is held open, and systems allow fewer."""


def read_index(path: Path, ask: Ask = unasked) -> tuple[dict[str, Any], bytes]:
    """Return the content of an index and its bytes; `ask` is called in between, and what it raises ends it.

    Raises
    ------
    CheckpointError
        If it cannot be read, or is no table that names the shard of each tensor once.
    """
    try:
        if path.stat().st_size > MOST_INDEX:
            raise CheckpointError(f"{shown(path)} is too long for an index.", file=path)
        raw = path.read_bytes()
        index = _in_pieces(raw, ask) or _parsed(raw)
    except OSError as error:
        raise CheckpointError(f"{shown(path)} cannot be read: {reason(error)}.", file=path) from error
    except RecursionError as error:
        raise CheckpointError(f"{shown(path)} has tables or lists that are nested too deep.", file=path) from error
    except _Twice as error:
        twice = with_remedy(f'names "{visible(error.key, 100)}" twice.')
        raise CheckpointError(f"{shown(path)} {twice}", file=path, place=error.key) from error
    except ValueError as error:
        where = f" at byte {error.pos:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise CheckpointError(f"{shown(path)} {with_remedy(f'is not valid JSON{where}.')}", file=path) from error
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or _distinct(map(type, weight_map.values())).keys() - {str}:
        raise CheckpointError(f"{shown(path)} has no weight_map that names the shard of each tensor.", file=path)
    if not weight_map:
        raise CheckpointError(f"{shown(path)} names no shard.", file=path)
    assert isinstance(index, dict)
    return index, raw


def _parsed(raw: bytes) -> Any:
    return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)


def _in_pieces(raw: bytes, ask: Ask) -> dict[str, Any] | None:
    """Return the content of a long index, whose table is parsed piece by piece; None where that cannot be done.

    As a long header is, see `safetensors_header`: where each piece reads as members of a table, so does the whole.
    """
    begin = _TABLE.search(raw) if len(raw) > PIECE else None
    if begin is None:
        return None
    start, end = begin.end(), raw.find(b"}", begin.end())
    around = raw[:start] + raw[end:] if end > 0 else b""
    if b"\\" in around or around.count(b'"weight_map"') != 1:
        return None
    index, table = _parsed(around), dict[str, Any]()
    if not isinstance(index, dict) or index.get("weight_map") != {}:
        return None
    number, shared = 0, dict[Any, Any]()  # the name of a shard is one text, however many tensors it holds
    while start < end:
        ask()
        found = _BETWEEN.search(raw, min(start + PIECE, end), end)
        stop, after = (found.start() + 1, found.end()) if found else (end, end)
        try:
            piece = _parsed(b"{%b}" % raw[start:stop])
        except (ValueError, _Twice):  # it was cut within a text, or something is wrong in it
            return None
        if set(map(type, piece.values())) - {str}:
            return None
        table.update(zip(piece, map(shared.setdefault, piece.values(), piece.values()), strict=True))
        number, start = number + len(piece), after
    index["weight_map"] = table
    return index if number == len(table) else None


class _Twice(Exception):  # it stands for a key, and never leaves this module
    """A key that stands twice in one table: JSON readers silently keep the last."""

    def __init__(self, key: str) -> None:
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _Twice(next(key for key, count in counts.items() if count > 1))
    return table


def _distinct(values: Iterable[T]) -> dict[T, None]:
    """Return what is among a million values, in the order in which it is first there; other threads wait for blocks."""
    found, rest = dict[T, None](), iter(values)
    while block := list(islice(rest, _BLOCK)):
        found.update(dict.fromkeys(block))
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def shard_paths(path: Path, weight_map: dict[str, str]) -> dict[str, Path]:
    """Return the file of each shard by the name an index gives it, in the order it first names them.

    Raises
    ------
    CheckpointError
        If one lies outside the folder, or is not there, or there are too many.
    """
    found: dict[str, Path] = {}
    for name in _distinct(weight_map.values()):
        try:
            name.encode("utf-8")
            shard = within(path.parent, name)
            is_there = shard is not None and shard.exists()
        except UnicodeEncodeError:
            raise _wrong(path, name, "which is no Unicode: it has half a surrogate pair") from None
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, to Python before 3.13
            raise _wrong(path, name, f"which cannot be read: {reason(error)}") from error
        if shard is None:
            raise _wrong(path, name, f"which lies outside its folder, {_where(path, name)}")
        if not is_there:
            raise _wrong(path, name, "which is not in the folder")
        found[name] = shard
        if len(found) > MOST_SHARDS:
            raise CheckpointError(f"{shown(path)} names more than {MOST_SHARDS:,} shards.", file=path)
    return found


def _where(path: Path, name: str) -> str:
    """Say which folder a shard should be in, and what leads out of it."""
    folder = os.path.realpath(path.parent)
    if "\0" in name:
        return visible(folder)  # no system has such a name, nor a link of it
    real = os.path.realpath(path.parent / name)
    plain = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118  # what it would be if nothing were a link
    leads = plain != real and plain.startswith(folder + os.sep)
    return visible(folder) + (f": a link there leads to {visible(real)}" if leads else "")


def _wrong(path: Path, name: str, what: str) -> CheckpointError:
    return CheckpointError(f'{shown(path)} names the shard "{visible(name, 100)}", {what}.', file=path, place=name)
