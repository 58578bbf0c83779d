"""The bytes an edit touched, before and after it, and their hashes: by these recovery knows that it does the same.

Which bytes they are is written down with the hashes, so that they mean the same however a document keeps its contents.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from weightedit.core.commands import Rebind, Write
from weightedit.core.edits.arrange import Arrange
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.source import ByteSource
from weightedit.core.storage import Patched

if TYPE_CHECKING:
    from weightedit.core.commands import Command

MOST_RANGES = 4096
"""Of one command; more are rounded to blocks, so that reading them is not a read per cell."""
MOST_BYTES = 256 << 20
"""Of one edit, on each side; of more, pieces spread evenly are hashed."""
_BLOCK = 4 << 10
_PIECE = 1 << 20
_CHUNK = 1 << 20

Ranges = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Piece:
    """One content that an edit replaced by another, and the bytes that count, as rows of (start, stop).

    Attributes
    ----------
    what
        The command, with dtype and shape of a tensor that is new.
    before, after
        The contents; None where there was or is none.
    was, now
        The ranges of each.
    """

    what: str
    before: ByteSource | None
    after: ByteSource | None
    was: Ranges
    now: Ranges


def pieces_of(commands: Sequence[Command]) -> list[Piece]:
    """Return what commands that are about to be done will touch; contents are held, and nothing is read."""
    return [piece for command in commands for piece in _pieces(command)]


def _pieces(command: Command) -> list[Piece]:
    if isinstance(command, Write):
        ranges = _written(command.before, command.after)
        return [Piece("write", command.before, command.after, ranges, ranges)]
    if isinstance(command, Rebind):
        before, after = command.before[1], command.after[1]
        return [Piece(f"rebind {_text(after)}", before.storage.content, after.storage.content, _extent(before),
                      _extent(after))]  # fmt: skip
    if isinstance(command, Arrange):
        there = {id(value) for _, value in command.before}
        new = [value for _, value in command.after if isinstance(value, HeldTensor) and id(value) not in there]
        return [Piece(f"insert {_text(held.described)}", None, held.storage.content, _whole(0),
                      _extent(held.described)) for held in new]  # fmt: skip
    return [Piece(type(command).__name__.lower(), None, None, _whole(0), _whole(0))]


def _text(described: Described) -> str:
    return f"{described.spec.dtype} {list(described.spec.shape)}"


def _whole(nbytes: int) -> Ranges:
    return np.array([[0, nbytes]] if nbytes else [], np.int64).reshape(-1, 2)


def _extent(described: Described) -> Ranges:
    start, stop = described.spec.extent
    stop = min(stop, described.storage.nbytes) if described.spec.encoding == "plain" else described.storage.nbytes
    return np.array([[start, stop]] if start < stop else [], np.int64).reshape(-1, 2)


def _written(before: ByteSource, after: ByteSource) -> Ranges:
    if not isinstance(after, Patched) or after.base is not (before.base if isinstance(before, Patched) else before):
        return _whole(after.nbytes)
    newest = after.patches.since(before.patches if isinstance(before, Patched) else None)
    if sum(comb.count for comb in newest.combs) > MOST_RANGES:  # rounded, such runs would become one range all the same
        combs = np.array([[comb.start, comb.stop] for comb in newest.combs], np.int64)
        return _rounded(_merged(np.concatenate([combs, newest.table[:2].T])), after.nbytes)
    return _rounded(np.stack(newest.changed(0, after.nbytes), axis=1), after.nbytes)


def _rounded(ranges: Ranges, nbytes: int) -> Ranges:
    """Join ranges to blocks, larger and larger ones, until they are few enough."""
    block = _BLOCK
    while len(ranges) > MOST_RANGES:
        first = np.unique(np.concatenate([ranges[:, 0] // block, (ranges[:, 1] - 1) // block]))
        opens = np.flatnonzero(np.diff(first, prepend=first[0] - 2) != 1)
        closes = np.append(opens[1:], len(first)) - 1
        joined = np.stack([first[opens] * block, np.minimum((first[closes] + 1) * block, nbytes)], axis=1)
        ranges, block = _merged(np.concatenate([joined, ranges[ranges[:, 1] - ranges[:, 0] > block]])), block * 2
    return ranges


def _merged(ranges: Ranges) -> Ranges:
    """Join ranges that overlap or touch."""
    ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ranges[:, 1])
    opens = np.flatnonzero(np.append(True, ranges[1:, 0] > reach[:-1]))
    return np.stack([ranges[opens, 0], np.append(reach[opens[1:] - 1], reach[-1])], axis=1)


def _total(ranges: Ranges) -> int:
    return int((ranges[:, 1] - ranges[:, 0]).sum())


def _spread(ranges: Ranges, most: int) -> Ranges:
    """Return pieces of ranges, spread evenly, of about `most` bytes together."""
    total = _total(ranges)
    if total <= most:
        return ranges
    lengths = ranges[:, 1] - ranges[:, 0]
    ends = np.cumsum(lengths)
    wanted = np.linspace(0, total - _PIECE, max(1, most // _PIECE)).astype(np.int64)
    at = np.searchsorted(ends, wanted, "right")
    starts = ranges[at, 0] + wanted - (ends[at] - lengths[at])
    return _merged(np.stack([starts, np.minimum(starts + _PIECE, ranges[at, 1])], axis=1))


def digest_of(pieces: Sequence[Piece], between: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Return the hashes of what an edit touched, and which bytes these are, as JSON data.

    Parameters
    ----------
    pieces
        Of `pieces_of`.
    between
        Called between reads.

    Raises
    ------
    CheckpointError
        If a file that a content reads from is no longer what it was.
    """
    most = MOST_BYTES // max(1, len(pieces))
    total = sum(max(_total(piece.was), _total(piece.now)) for piece in pieces)
    kept = list(pieces) if total <= MOST_BYTES else [
        replace(piece, was=_spread(piece.was, most), now=_spread(piece.now, most)) for piece in pieces]  # fmt: skip
    return {"whole": total <= MOST_BYTES, "pieces": [[piece.what, _packed(piece.was), _packed(piece.now)]
                                                     for piece in kept],
            "before": _hash(kept, False, between), "after": _hash(kept, True, between)}  # fmt: skip


def _hash(pieces: Sequence[Piece], after: bool, between: Callable[[], None]) -> str:
    found = blake2b(digest_size=16)
    for piece in pieces:
        content, ranges = (piece.after, piece.now) if after else (piece.before, piece.was)
        found.update(f"{piece.what} {_total(ranges)};".encode())
        if content is None:
            continue
        for start, stop in ranges.tolist():
            for at in range(start, stop, _CHUNK):
                buffer = bytearray(min(_CHUNK, stop - at))
                content.read_into(memoryview(buffer), at)
                found.update(buffer)
                between()
    return found.hexdigest()


def differs(pieces: Sequence[Piece], recorded: Mapping[str, Any],
            between: Callable[[], None] = lambda: None) -> str | None:  # fmt: skip
    """Compare what an edit is about to do with what it did.

    Returns
    -------
    str or None
        `before` where the bytes it was applied to are others, `after` where it makes others of the same, None where
        both are as recorded.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the record makes no sense.
    """
    given = recorded["pieces"]
    if [piece.what for piece in pieces] != [what for what, _, _ in given]:
        return "after"
    same = [replace(piece, was=_unpacked(was), now=_unpacked(now))
            for piece, (_, was, now) in zip(pieces, given, strict=True)]  # fmt: skip
    for after in (False, True):
        name = "after" if after else "before"
        if not all(_fits(piece, after) for piece in same) or _hash(same, after, between) != recorded[name]:
            return name
    return None


def _fits(piece: Piece, after: bool) -> bool:
    content, ranges = (piece.after, piece.now) if after else (piece.before, piece.was)
    return content is None or not len(ranges) or int(ranges[:, 1].max()) <= content.nbytes


def _packed(ranges: Ranges) -> Any:
    """Return ranges as JSON: numbers where they are few, the compressed steps from one to the next otherwise."""
    flat = ranges.reshape(-1)
    if len(flat) <= 16:
        return flat.tolist()
    return base64.b64encode(zlib.compress(np.diff(flat, prepend=0).astype("<i8").tobytes())).decode("ascii")


def _unpacked(given: Any) -> Ranges:
    if isinstance(given, list):
        flat = np.array(given, np.int64)
    else:
        steps = zlib.decompressobj()
        data = steps.decompress(base64.b64decode(given, validate=True), 16 * (MOST_RANGES + MOST_BYTES // _PIECE) + 16)
        flat = np.cumsum(np.frombuffer(data, "<i8")).astype(np.int64)
    ranges = flat.reshape(-1, 2)
    if len(ranges) and (int(ranges.min()) < 0 or bool((ranges[:, 0] >= ranges[:, 1]).any())):
        raise ValueError("a range of bytes ends before it begins")
    return ranges
