"""Numbers out of a table of text, line by line, and what is wrong said with line and column."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

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
    heading: bytes = b""
    comments: int = 0
    rows: int = 0
    columns: int = 0

    def pass_over(self, line: bytes) -> None:
        """Take note of a comment."""
        if self.rows:
            self.comments += 1
        else:
            self.heading += line + b"\n"


def lines(file: SourceFile, table: Table) -> Iterator[tuple[int, bytes]]:
    """Yield the number and bytes of every line that holds something and is no comment."""
    for number, line in _all_lines(file):
        text = line.strip(b" \r")
        if text.startswith(b"#"):
            table.pass_over(line.rstrip(b"\r"))
        elif text:
            yield number, text


def _all_lines(file: SourceFile) -> Iterator[tuple[int, bytes]]:
    number, rest = 0, b""
    for at in range(0, file.size, CHUNK):
        raw = file.read(at, min(CHUNK, file.size - at))
        if at == 0:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        *whole, rest = (rest + raw).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise CheckpointError(f"{file.name} has a line of more than {LONGEST_LINE:,} bytes; it is no table.",
                                  file=file.path, place=f"line {number + len(whole) + 1}")  # fmt: skip
        for line in whole:
            number += 1
            yield number, line
    yield number + 1, rest


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
    at = done = 0
    convert = _KINDS[kind]
    for number, line in lines(file, table):
        if not table.rows:
            table.separator = separator_of(line)
        cells = line.split(table.separator)
        if not table.rows:
            table.columns = len(cells)
        elif len(cells) != table.columns:
            raise CheckpointError(
                f"{file.name} line {number:,} has {len(cells):,} columns, and the first row has {table.columns:,}.",
                file=file.path, place=f"line {number}, column {min(len(cells), table.columns) + 1}")  # fmt: skip
        try:
            values = array(kind, map(convert, cells))
        except (ValueError, OverflowError):
            raise _problem(file, number, cells, kind, first=not table.rows) from None
        if b"_" in line:
            raise _problem(file, number, cells, kind, first=not table.rows)
        raw = memoryview(values).cast("B")
        room[at : at + raw.nbytes] = raw
        at += raw.nbytes
        table.rows += 1
        done += len(line) + 1
        if done > CHUNK:
            progress.advance(done)
            done = 0
    return table


def _problem(file: SourceFile, number: int, cells: list[bytes], kind: str, *, first: bool) -> Exception:
    """Return what is wrong with a line: another kind may do, or a cell is no number at all."""
    for column, cell in enumerate(cells, 1):
        if not _is_number(cell):
            text = cell.decode("utf-8", "backslashreplace").strip()
            what = f"{text[:40]!r}, which is no number" if text else "empty"
            hint = " A heading may stay if it begins with #." if first else ""
            return CheckpointError(f"{file.name} line {number:,}, column {column:,} is {what}.{hint}", file=file.path,
                                   place=f"line {number}, column {column}")  # fmt: skip
    return NotThisKindError(kind)
