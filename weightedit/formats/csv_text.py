"""Numbers out of a table of text, line by line, and what is wrong said with line and column."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from weightedit.core.errors import CheckpointError
from weightedit.core.progress import Progress
from weightedit.core.source import SourceFile

CHUNK = 1 << 20
LONGEST_LINE = 1 << 28
_KINDS = {"q": int, "Q": int, "d": float}
DTYPE_OF = {"q": "int64", "Q": "uint64", "d": "float64"}
"""The dtype of a table by the type code of its numbers."""
_SEPARATORS = (b"\t", b";", b",")


class NotThisKindError(Exception):
    """The table has a number that the type code at hand cannot be."""


def separator_of(line: bytes) -> bytes | None:
    """Return what stands between the numbers of a line: a tab, semicolon or comma; None is any space."""
    return next((mark for mark in _SEPARATORS if mark in line), None)


def is_row(line: bytes) -> bool:
    """Whether a line is numbers and nothing else."""
    cells = line.split(separator_of(line))
    return bool(cells) and all(_is_number(cell) for cell in cells)


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return b"_" not in cell


@dataclass
class Table:
    """What a table is beside its numbers.

    Attributes
    ----------
    separator
        What stands between two numbers; None is any space.
    heading
        The comments in front of the first row, as they are.
    comments
        How many stand between rows.
    rows, columns
        How many there are.
    """

    separator: bytes | None = None
    heading: bytearray = field(default_factory=bytearray)
    comments: int = 0
    rows: int = 0
    columns: int = 0

    def pass_over(self, line: bytes) -> None:
        """Take note of a comment."""
        if self.rows:
            self.comments += 1
        else:
            self.heading += line + b"\n"


def lines(file: SourceFile, table: Table, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """Yield the number and bytes of every line that holds something and is no comment."""
    for number, line in _all_lines(file, progress):
        text = line.strip(b" \r")
        if text.startswith(b"#"):
            table.pass_over(line.rstrip(b"\r"))
        elif text:
            yield number, text


def _all_lines(file: SourceFile, progress: Progress) -> Iterator[tuple[int, bytes]]:
    number, parts, length = 0, [b""], 0  # a line of many chunks is put together once, when its end is there
    for at in range(0, file.size, CHUNK):
        raw = file.read(at, min(CHUNK, file.size - at))
        progress.advance(len(raw))
        if at == 0:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        first, *more = raw.split(b"\n")
        parts.append(first)
        length += len(first)
        if length > LONGEST_LINE:
            raise CheckpointError(f"{file.name} has a line of more than {LONGEST_LINE:,} bytes; it is no table.",
                                  file=file.path, place=f"line {number + 1}")  # fmt: skip
        if not more:
            continue
        for line in (b"".join(parts), *more[:-1]):
            number += 1
            yield number, line
        parts, length = [more[-1]], len(more[-1])
    yield number + 1, b"".join(parts)


def _pieces(line: bytes, separator: bytes | None) -> Iterator[bytes]:
    """Yield a line, a long one in pieces: what is made of its cells takes eight times its bytes."""
    at = 0
    while (end := line.find(separator or b" ", at + CHUNK)) > 0:
        yield line[at:end]
        at = end + 1
    yield line[at:] if at else line


def read_numbers(file: SourceFile, kind: str, room: memoryview, progress: Progress) -> Table:
    """Fill `room` with the numbers of a table, row by row, and return what else it is.

    Parameters
    ----------
    file
        The table.
    kind
        Type code of the numbers: `q`, `Q` or `d`.
    room
        Place for as many numbers as the file can hold.
    progress
        Advanced by bytes.

    Raises
    ------
    NotThisKindError
        If another kind may hold them.
    CheckpointError
        If a row has more or fewer columns than the first, or a cell is no number.
    """
    table = Table()
    at = 0
    convert = _KINDS[kind]
    for number, line in lines(file, table, progress):
        if not table.rows:
            table.separator = separator_of(line)
        columns = 0
        for piece in _pieces(line, table.separator):
            cells = piece.split(table.separator)
            try:
                values = array(kind, map(convert, cells))
            except (ValueError, OverflowError):
                raise _problem(file, table, number, line, columns, cells, kind) from None
            if b"_" in piece:
                raise _problem(file, table, number, line, columns, cells, kind)
            raw = memoryview(values).cast("B")
            room[at : at + raw.nbytes] = raw
            at += raw.nbytes
            columns += len(cells)
            if len(piece) >= CHUNK:
                progress.advance(0)
        if not table.rows:
            table.columns = columns
        elif columns != table.columns:
            raise _uneven(file, table, number, columns)
        table.rows += 1
    return table


def _problem(file: SourceFile, table: Table, number: int, line: bytes, before: int, cells: list[bytes],
             kind: str) -> Exception:  # fmt: skip
    """Return what is wrong with the cells of a line after the first `before`: another kind may do, or one is none."""
    wrong = ((column, cell) for column, cell in enumerate(cells, before + 1) if not _is_number(cell))
    column, cell = next(wrong, (0, b""))
    if not column:
        return NotThisKindError(kind)
    columns = sum(len(piece.split(table.separator)) for piece in _pieces(line, table.separator))
    if table.rows and columns != table.columns:
        return _uneven(file, table, number, columns)
    text = cell.decode("utf-8", "backslashreplace").strip()
    what = f"{text[:40]!r}, which is no number" if text else "empty"
    hint = "" if table.rows else " A heading may stay if it begins with #."
    return CheckpointError(f"{file.name} line {number:,}, column {column:,} is {what}.{hint}", file=file.path,
                           place=f"line {number}, column {column}")  # fmt: skip


def _uneven(file: SourceFile, table: Table, number: int, columns: int) -> CheckpointError:
    return CheckpointError(
        f"{file.name} line {number:,} has {columns:,} columns, and the first row has {table.columns:,}.",
        file=file.path, place=f"line {number}, column {min(columns, table.columns) + 1}")  # fmt: skip
