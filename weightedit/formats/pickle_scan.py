"""Looks through a pickle's opcodes before it is read, for numbers that would make the reader take memory for nothing.

Python's unpickler keeps its memo in an array as long as the largest index that is put into it, so five bytes of a
file can ask for 64 GB. Runs of opcodes of known length are skipped by one regular expression, texts one by one.
Meaning of the opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

from __future__ import annotations

import pickle
import re

_PLAIN = rb"[()012NQR\]abdelostu}\x81\x85-\x89\x8f-\x94\x97\x98]"
_FIXED = rb"[Kqh\x80\x82].|[M\x83]..|[Jj\x84]....|r..[\x00-\x1f]\x00|[G\x95].{8}"
_LINES = rb"[ci][^\n]*\n[^\n]*\n|[ILFSVPg][^\n]*\n|p\d{1,6}\n"
_RUN = re.compile(rb"(?:" + _PLAIN + rb"|" + _FIXED + rb"|" + _LINES + rb")*+", re.DOTALL)
_SIZED = {b"X": 4, b"T": 4, b"B": 4, b"U": 1, b"C": 1, b"\x8c": 1, b"\x8d": 8, b"\x8e": 8, b"\x96": 8, b"\x8a": 1,
          b"\x8b": 4}  # fmt: skip
"""Opcodes followed by a length of so many bytes, and then by as many bytes."""
_LONG = b"Kqh\x80\x82M\x83Jj\x84G\x95ciILFSVPg"
"""Opcodes with a number or lines after them, which the end of the data may cut off."""


def check_sizes(data: bytes) -> None:
    """Check that no opcode asks for more memory than a pickle of this length can need.

    Raises
    ------
    pickle.UnpicklingError
        If one does. Whatever else is wrong with the pickle is left to its reader to say.
    """
    at = 0
    while True:
        match = _RUN.match(data, at)
        assert match is not None  # it may be empty
        at = match.end()
        op = data[at : at + 1]
        width = _SIZED.get(op)
        if width is not None:
            length = int.from_bytes(data[at + 1 : at + 1 + width], "little")
            at += 1 + width + length
            if at > len(data):
                raise pickle.UnpicklingError(f"it ends within {length:,} bytes of text")
        elif op == b"r":
            _check_index(int.from_bytes(data[at + 1 : at + 5], "little"), data)
            at += 5
        elif op == b"p":
            end = data.find(b"\n", at)
            text = data[at + 1 : end].strip()
            if not text.isdigit() or len(text) > 20:  # the reader would take `4_294_967_280` too
                raise pickle.UnpicklingError("it numbers an object by something that is no number")
            _check_index(int(text), data)
            at = end + 1
        else:
            return


def end_of_pickle(data: bytes, at: int) -> tuple[int, bool]:
    """Find where the pickle that is being scanned ends, without reading it.

    Parameters
    ----------
    data
        As many bytes as there are so far.
    at
        Where an opcode begins.

    Returns
    -------
    int, bool
        The byte past its last opcode and True; or the opcode that `data` cuts off, from which to go on, and False.

    Raises
    ------
    pickle.UnpicklingError
        If a byte is no opcode.
    """
    while True:
        match = _RUN.match(data, at)
        assert match is not None  # it may be empty
        at = match.end()
        op = data[at : at + 1]
        if op == b".":
            return at + 1, True
        width = _SIZED.get(op)
        if width is not None:
            end = at + 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "little")
        elif op == b"r":
            end = at + 5
        elif op == b"p":
            end = data.find(b"\n", at) + 1 or len(data) + 1
        elif op and op not in _LONG:
            raise pickle.UnpicklingError(f"byte {at:,} of it, {op[0]:#04x}, is no opcode")
        else:
            end = len(data) + 1
        if end > len(data):
            return at, False
        at = end


def _check_index(index: int, data: bytes) -> None:
    if index > len(data):  # each object takes at least one byte
        raise pickle.UnpicklingError(f"it numbers an object {index:,} and can hold {len(data):,} at most")
