"""Looks through a pickle's opcodes before it is read, for what would make the reader take memory or time for nothing.

Python's unpickler keeps its memo in an array as long as the largest index that is put into it, so five bytes of a
file can ask for 64 GB. It hashes what is put into dicts and sets without asking: those opcodes are replaced by others
that hand it to us. Runs of opcodes of known length are skipped by one regular expression, texts one by one.
Meaning of the opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

from __future__ import annotations

import re

from weightedit.core.progress import Ask, unasked
from weightedit.formats.pickle_budget import Unreadable

_PLAIN = rb"[()012NQR\]abelot}\x81\x85-\x89\x8f\x92-\x94]"
_FIXED = rb"[Kqh\x80\x82].|[M\x83]..|[Jj\x84]....|r..[\x00-\x1f]\x00|G.{8}"
_LINES = rb"[ci][^\n]*\n[^\n]*\n|[ILFSVPg][^\n]*\n|p\d{1,6}\n"
_SHORT = rb"|".join(rb"%b(?:%b)" % (ops, rb"|".join(re.escape(size.to_bytes(width, "little")) + rb"." * size
                                                    for size in range(64)))
                    for ops, width in ((rb"[XTB\x8b]", 4), (rb"[CU\x8a\x8c]", 1), (rb"[\x8d\x8e\x96]", 8)))  # fmt: skip
"""Texts no longer than names are: with them a run goes on, where each would be a turn of ours."""
_STEP = _PLAIN + rb"|" + _FIXED + rb"|" + _SHORT + rb"|" + _LINES
_RUN = re.compile(rb"(?:" + _STEP + rb"){0,20000}+", re.DOTALL)
"""Of a few milliseconds at most: between two of them it is asked whether to stop."""
_PLAINS = re.compile(rb"(?:" + _PLAIN + rb"|[usd\x90\x91]){0,20000}+")
_ANY = _FIXED + rb"|" + _LINES + rb"|\x95.{8}|r....|p[^\n]*\n|" + _SHORT
_WITH_ARGUMENT = re.compile(rb"(?:" + _ANY + rb"){0,20000}+", re.DOTALL)
_SIZED = {b"X": 4, b"T": 4, b"B": 4, b"U": 1, b"C": 1, b"\x8c": 1, b"\x8d": 8, b"\x8e": 8, b"\x96": 8, b"\x8a": 1,
          b"\x8b": 4}  # fmt: skip
"""Opcodes followed by a length of so many bytes, and then by as many bytes."""
PUTTING = {b"u": b"t\x86K\x01\x86Q", b"s": b"\x87K\x02\x86Q", b"d": b"tK\x03\x86Q", b"\x90": b"t\x86K\x04\x86Q",
           b"\x91": b"tK\x05\x86Q"}  # fmt: skip
"""Opcodes that hash, and what takes their place: the same objects as a persistent id `(payload, how)`.

SETITEMS gives `((into, (key, value, …)), 1)`, SETITEM `((into, key, value), 2)`, DICT `((key, value, …), 3)`, ADDITEMS
`((into, (item, …)), 4)`, FROZENSET `((item, …), 5)`.
"""
_FRAME = 9
"""Bytes of the opcode that says how many bytes to read ahead; it changes nothing, and would no longer be right."""
MOST_MEMORY = 256 << 20
"""Bytes of memory that the objects of any pickle may take, by an estimate."""
MEMORY_PER_BYTE = 32
"""And for each byte of it: two bytes make an empty list of 64, as Python writes them."""
_MEMORY = {b"]": 64, b"l": 64, b"t": 64, b"\x85": 64, b"\x86": 64, b"\x87": 64, b"}": 64, b"d": 64, b"s": 120,
           b"u": 120, b"\x8f": 216, b"\x91": 216, b"R": 128, b"\x81": 128, b"\x92": 128, b"o": 128,
           b"i": 128}  # fmt: skip
"""What these opcodes make takes about so many bytes; the first item of a dict makes it larger."""
_MAKING = b"".join(_MEMORY)
_BESIDE = 16
"""And each byte of any opcode: places on the stack and in a list, numbers of three bytes, texts of four."""
_TEXT = 64
"""What a text or bytes take beside their length, the place on the stack included."""
_MOST_RUNS = 4_000_000
"""Turns of a few seconds in all. They are taken only where most bytes look like containers and few are."""
_UNASKED = 1 << 17
"""Bytes that are looked through between two questions whether to stop; at one turn of ours for each they take 0.1 s."""
_LONG = b"Kqh\x80\x82M\x83Jj\x84G\x95ciILFSVPg"
"""Opcodes with a number or lines after them, which the end of the data may cut off."""


def guarded(data: bytes, nbytes: int | None = None, ask: Ask = unasked) -> bytes:
    """Check that no opcode asks for more than a pickle of this length can need, and return what is safe to read.

    Parameters
    ----------
    data
        The pickle.
    nbytes
        What it takes in its file, where that is less.
    ask
        Called in between; what it raises ends the look.

    Returns
    -------
    bytes
        The same pickle with the opcodes of `PUTTING` replaced, and without frames.

    Raises
    ------
    Unreadable
        If it asks for too much. Whatever else is wrong with the pickle is left to its reader to say.
    """
    _check_memory(data, len(data) if nbytes is None else nbytes, ask)
    pieces: list[bytes] = []
    at = copied = asked = 0
    run, putting, put = _RUN.match, PUTTING.get, pieces.append
    while True:
        start = at
        at = run(data, at).end()  # type: ignore[union-attr]  # it may be empty
        op = data[at : at + 1]
        if at >= asked:
            ask()
            asked = at + _UNASKED
        instead = putting(op)
        if instead is not None:  # by far the most of them, so first
            put(data[copied:at])
            put(instead)
            copied = at = at + 1
        elif (width := _SIZED.get(op)) is not None:
            length = int.from_bytes(data[at + 1 : at + 1 + width], "little")
            at += 1 + width + length
            if at > len(data):
                raise Unreadable(f"it ends within {length:,} bytes of text")
        elif op == b"\x95":
            pieces.append(data[copied:at])
            copied = at = at + _FRAME
        elif op == b"r":
            _check_index(int.from_bytes(data[at + 1 : at + 5], "little"), data)
            at += 5
        elif op == b"p":
            end = data.find(b"\n", at)
            if end < 0:
                break  # cut off; going on from 0 would never end
            text = data[at + 1 : end].strip()
            if not text.isdigit() or len(text) > 20:  # the reader would take `4_294_967_280` too
                raise Unreadable("it numbers an object by something that is no number")
            _check_index(int(text), data)
            at = end + 1
        elif op in (b"\x97", b"\x98"):
            raise Unreadable("it refers to buffers that are not in it")
        elif at == start:  # else the run was so long that it was cut, or the next turn ends here
            break
    return b"".join((*pieces, data[copied:])) if pieces else data


def _check_memory(data: bytes, nbytes: int, ask: Ask) -> None:
    """Refuse a pickle of so many containers that they alone would take far more memory than the file has bytes."""
    most = MOST_MEMORY + MEMORY_PER_BYTE * nbytes
    making = len(data) - len(data.translate(None, _MAKING))
    if len(data) * _BESIDE + making * max(_MEMORY.values()) <= most or _taken(data, 0, len(data)) <= most:
        return  # more than these opcodes were counted: numbers and texts may hold the same bytes
    taken = at = asked = 0
    for _ in range(_MOST_RUNS):
        if at >= asked:
            ask()
            asked = at + _UNASKED
        end = _PLAINS.match(data, at).end()  # type: ignore[union-attr]  # it may be empty
        taken += _taken(data, at, end) if end > at else 0
        at = _WITH_ARGUMENT.match(data, end).end()  # type: ignore[union-attr]
        taken += (at - end) * _BESIDE
        width = _SIZED.get(data[at : at + 1])
        if width is not None:
            length = int.from_bytes(data[at + 1 : at + 1 + width], "little")
            at += 1 + width + length
            taken += _TEXT + length
        elif at == end and not _PLAINS.match(data, at).group():  # type: ignore[union-attr]
            break  # the end, or what the reader will refuse
        if taken > most:
            break
    else:
        taken = len(data) * max(_MEMORY.values())
    if taken > most:
        raise Unreadable(f"what it describes in {nbytes:,} bytes would take {taken >> 20:,} MiB of memory or more")


def _taken(data: bytes, start: int, stop: int) -> int:
    """Return what opcodes without an argument make, if nothing but them is in a part of a pickle."""
    return (stop - start) * _BESIDE + sum(data.count(op, start, stop) * each for op, each in _MEMORY.items())


def end_of_pickle(data: bytes, at: int, ask: Ask = unasked) -> tuple[int, bool]:
    """Find where the pickle that is being scanned ends, without reading it.

    Parameters
    ----------
    data
        As many bytes as there are so far.
    at
        Where an opcode begins.
    ask
        Called in between; what it raises ends the search.

    Returns
    -------
    int, bool
        The byte past its last opcode and True; or the opcode that `data` cuts off, from which to go on, and False.

    Raises
    ------
    Unreadable
        If a byte is no opcode.
    """
    asked = 0
    while True:
        start = at
        at = _RUN.match(data, at).end()  # type: ignore[union-attr]  # it may be empty
        op = data[at : at + 1]
        if at >= asked:
            ask()
            asked = at + _UNASKED
        if op == b".":
            return at + 1, True
        width = _SIZED.get(op)
        if width is not None:
            end = at + 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "little")
        elif op in PUTTING or op in (b"\x97", b"\x98"):
            end = at + 1
        elif op == b"\x95":
            end = at + _FRAME
        elif op == b"r":
            end = at + 5
        elif op == b"p":
            end = data.find(b"\n", at) + 1 or len(data) + 1
        elif op and at > start and _RUN.match(data, at).end() > at:  # type: ignore[union-attr]  # a run that was cut
            continue
        elif op and op not in _LONG:
            raise Unreadable(f"byte {at:,} of it, {op[0]:#04x}, is no opcode")
        else:
            end = len(data) + 1
        if end > len(data):
            return at, False
        at = end


def _check_index(index: int, data: bytes) -> None:
    if index > len(data):  # each object takes at least one byte
        raise Unreadable(f"it numbers an object {index:,} and can hold {len(data):,} at most")
