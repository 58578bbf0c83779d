"""Text out of cells and text into cells: copying a block, and what typing or pasting one asks the document to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weightedit.core.numbers import Number, NumberError, count_text, parse_number, value_texts
from weightedit.core.pinned import PinnedTensor
from weightedit.core.reduction import SliceView, cells
from weightedit.core.region import Box
from weightedit.core.selecting import region_text

MOST_COPIED = 1_000_000


@dataclass(frozen=True)
class CellEdit:
    """Values for a rectangle of cells, as `set` takes them."""

    region: str
    values: Any
    rows: range
    columns: range


def copied_text(pinned: PinnedTensor, view: SliceView, rows: range, columns: range) -> str:
    """Return cells as lines of values parted by tabs, each reading back to the same bits."""
    texts = value_texts(cells(pinned, view, rows, columns), pinned.spec.dtype)
    width = max(len(columns), 1)
    return "\n".join("\t".join(texts[start : start + width]) for start in range(0, len(texts), width))


def parsed_block(text: str, dtype: str) -> list[list[Number]]:
    """Return the numbers of a pasted block; raises `NumberError` naming the cell that does not read."""
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    block: list[list[Number]] = []
    for number, line in enumerate(lines):
        parts = line.split("\t") if "\t" in line else line.replace(",", " ").split()
        try:
            block.append([parse_number(part, dtype) for part in parts])
        except NumberError as error:
            raise NumberError(f"Line {number + 1} of what was pasted does not read: {error}") from None
    if not block or len({len(line) for line in block}) != 1:
        widths = sorted({len(line) for line in block})
        if not block:
            raise NumberError("There are no values to paste.")
        raise NumberError(f"The pasted lines have {widths[0]} to {widths[-1]} values; a block has as many in each.")
    return block


def paste_edit(block: list[list[Number]], at: tuple[int, int], picked: tuple[range, range] | None, view: SliceView,
               shape: tuple[int, ...]) -> CellEdit:  # fmt: skip
    """Return what pasting a block at a cell asks for; one value fills all that is picked.

    Raises
    ------
    NumberError
        If the block reaches past the slice.
    """
    if len(block) == len(block[0]) == 1 and picked is not None:
        rows, columns = picked
        return CellEdit(_region(view, shape, rows, columns), block[0][0], rows, columns)
    height, width = view.size(shape)
    rows, columns = range(at[0], at[0] + len(block)), range(at[1], at[1] + len(block[0]))
    if rows.stop > height or columns.stop > width:
        raise NumberError(
            f"The pasted block of {count_text(len(rows))} × {count_text(len(columns))} values reaches past the slice, "
            f"which has {count_text(height - at[0])} rows and {count_text(width - at[1])} columns from here."
        )
    return CellEdit(_region(view, shape, rows, columns), _in_order(block, view), rows, columns)


def typed_edit(text: str, row: int, column: int, view: SliceView, pinned: PinnedTensor) -> CellEdit:
    """Return what typing into one cell asks for; raises `NumberError`."""
    value = parse_number(text, pinned.spec.dtype)
    rows, columns = range(row, row + 1), range(column, column + 1)
    return CellEdit(_region(view, pinned.spec.shape, rows, columns), value, rows, columns)


def _region(view: SliceView, shape: tuple[int, ...], rows: range, columns: range) -> str:
    box = view.box(shape, rows, columns)
    if box.numel == 1:
        box = Box(box.axes, tuple(range(len(shape))))
    return region_text(box, shape)


def _in_order(block: list[list[Number]], view: SliceView) -> Any:
    """Lay rows and columns out in the order of the tensor's dimensions."""
    if view.rows_dim is None:
        return block[0] if view.columns_dim is not None else block[0][0]
    if view.columns_dim is not None and view.columns_dim < view.rows_dim:
        return [list(line) for line in zip(*block, strict=True)]
    return block
