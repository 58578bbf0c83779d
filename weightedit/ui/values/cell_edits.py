"""Text out of cells and text into cells: copying a block, and what typing or pasting one asks the document to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightedit.core.errors import WeightEditError
from weightedit.core.reduction import SliceView
from weightedit.core.stage import tensor_from
from weightedit.core.values.blocks import Grid, filled, fit, in_order, repeated
from weightedit.core.values.codes import Array
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.values.series import continued
from weightedit.core.words.number_formats import NumberFormat
from weightedit.core.words.numbers import NumberError, count_text, parse_number
from weightedit.ui.values.clipboard import Block

MOST_COPIED = 1_000_000
MOST_FILLED = 16_000_000
"""Values that are copied or pasted, and filled, in one go."""
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


@dataclass(frozen=True)
class CellEdit:
    """Values for a region, as `set` takes them.

    Attributes
    ----------
    region, values
        Of the edit.
    said
        What was done, for the status bar.
    ask
        What a person should agree to first; empty where nothing surprises.
    button
        What agreeing is called.
    """

    region: Any
    values: Any
    said: str
    ask: str = ""
    button: str = ""


def read_grid(pinned: PinnedTensor, view: SliceView, grid: Grid) -> Block:
    """Return the stored values of a grid of cells."""
    values = view.flat(pinned.read(view.box(pinned.spec.shape, grid.rows, grid.columns)))
    return Block(np.ascontiguousarray(values), pinned.spec.dtype)


def block_text(block: Block, shape: NumberFormat | None = None) -> str:
    """Return a block as lines of values parted by tabs, each reading back to the same bits."""
    texts = (shape or NumberFormat()).texts(block.values, block.dtype)
    width = max(block.values.shape[1], 1)
    return "\n".join("\t".join(texts[start : start + width]) for start in range(0, len(texts), width))


def parsed_block(text: str, dtype: str) -> Array:
    """Return the numbers of a pasted block, an array of Python numbers, `(rows, columns)`.

    Raises
    ------
    NumberError
        Naming the cell that does not read, or saying that lines differ in length.
    """
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    if not lines:
        raise NumberError("There are no values to paste.")
    block: list[list[Any]] = []
    for number, line in enumerate(lines):
        block.append([])
        for place, part in enumerate(_cells_of(line, number)):
            try:
                block[-1].append(parse_number(part, dtype))
            except NumberError as error:
                raise NumberError(f"Line {number + 1}, value {place + 1} of what was pasted does not read: {error}") \
                    from None  # fmt: skip
    widths = sorted({len(line) for line in block})
    if len(widths) != 1:
        raise NumberError(f"The pasted lines have {widths[0]} to {widths[-1]} values; a block has as many in each.")
    made = np.empty((len(block), widths[0]), object)
    for row, found in enumerate(block):
        made[row, :] = found
    if made.size > MOST_COPIED:
        raise NumberError(f"Pasting takes up to {count_text(MOST_COPIED)} values; these are {count_text(made.size)}.")
    return made


def _cells_of(line: str, number: int) -> list[str]:
    """Part a line at its tabs; without any, at commas or spaces where that cannot be read in two ways."""
    if "\t" in line:
        return line.split("\t")
    odd = next((word for word in line.split() if _THOUSANDS.fullmatch(word)), None)
    if odd is not None and ", " not in line:
        raise NumberError(f"Line {number + 1}: {odd} may be one number or several; write {odd.replace(',', '')}, "
                          "or part values with tabs.")  # fmt: skip
    if "," in line:
        return line.split(",")
    return line.split()


def paste_edit(block: Array | Block, at: tuple[int, int], picked: Grid | None, region: Any, view: SliceView,
               shape: tuple[int, ...]) -> CellEdit:  # fmt: skip
    """Return what pasting asks for; one value fills all that is picked, whatever its form.

    Parameters
    ----------
    block
        Numbers that were typed, or stored values.
    at
        Row and column of the first cell where one or none is picked.
    picked
        What is picked as a grid; None where nothing is, or it is none.
    region
        What is picked as a region; None where nothing is.
    view, shape
        The slice, and the shape of the tensor.

    Raises
    ------
    WeightEditError
        If the block reaches past the slice or does not divide what is picked.
    """
    values = block.values if isinstance(block, Block) else block
    if values.size == 1 and region is not None:
        return CellEdit(region, _given(values[0, 0] if not isinstance(block, Block) else values.reshape(()), block),
                        "Pasted one value into what is selected.")  # fmt: skip
    size: tuple[int, int] = (values.shape[0], values.shape[1])
    target, times = fit(size, picked, at, view.size(shape))
    if target.numel > MOST_COPIED:
        raise WeightEditError(f"Pasting fills up to {count_text(MOST_COPIED)} values; {count_text(target.numel)} are "
                              "selected.")  # fmt: skip
    words = f"{count_text(size[0])} × {count_text(size[1])}"
    whole = f"{count_text(target.shape[0])} × {count_text(target.shape[1])}"
    ask = f"The block of {words} values repeats {count_text(times)} times over the {whole} that are selected" \
        if times > 1 else ""  # fmt: skip
    laid = in_order(repeated(values, target.shape), view)
    return CellEdit(target.region(view, shape), _given(laid, block), f"Pasted {whole} values.", ask,
                    f"Paste {count_text(target.numel)} values")


def _given(values: Any, block: Array | Block) -> Any:
    if isinstance(block, Block):
        return tensor_from(np.array(values, order="C"), block.dtype)  # a copy that may have no dimensions
    return values.tolist() if isinstance(values, np.ndarray) else values


def typed_edit(text: str, row: int, column: int, view: SliceView, pinned: PinnedTensor) -> CellEdit:
    """Return what typing into one cell asks for; raises `NumberError`."""
    value = parse_number(text, pinned.spec.dtype)
    region = Grid(range(row, row + 1), range(column, column + 1)).region(view, pinned.spec.shape)
    return CellEdit(region, value, f"Set {pinned.name} {region}.")


def fill_edit(pinned: PinnedTensor, view: SliceView, source: Grid, target: Grid, as_series: bool) -> CellEdit:
    """Return what filling cells beside a block asks for: the block again, or its straight line continued.

    Raises
    ------
    WeightEditError
        If there are too many cells, or a series of values that are no numbers is asked for.
    """
    if target.numel > MOST_FILLED:
        raise WeightEditError(f"Filling takes up to {count_text(MOST_FILLED)} values; these are "
                              f"{count_text(target.numel)}. Use the fill operation instead.")  # fmt: skip
    axis = 0 if source.columns == target.columns else 1
    backwards = (target.rows[0] < source.rows[0]) if axis == 0 else (target.columns[0] < source.columns[0])
    count = target.shape[axis]
    block = view.flat(pinned.read(view.box(pinned.spec.shape, source.rows, source.columns)))
    dtype = pinned.spec.dtype
    if as_series:
        laid, dtype = continued(block, dtype, count, axis, backwards)
    else:
        laid = filled(block, count, axis, backwards)
    given = tensor_from(np.ascontiguousarray(in_order(laid, view)), dtype)
    done = f"Filled {count_text(target.shape[0])} × {count_text(target.shape[1])} values."
    return CellEdit(target.region(view, pinned.spec.shape), given, done)
