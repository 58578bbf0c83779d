"""Blocks of a page's cells: copied, pasted, filled and cleared, each as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from weightedit.core.errors import RegionError, WeightEditError
from weightedit.core.values.blocks import Grid, grid_of
from weightedit.core.words.number_formats import NumberFormat
from weightedit.core.words.numbers import count_text
from weightedit.ui.paste.clipboard import put
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.cell_work import CellWork
from weightedit.ui.values.cell_edits import (
    MOST_COPIED,
    CellEdit,
    block_text,
    fill_edit,
    parsed_block,
    paste_edit,
    read_grid,
)
from weightedit.ui.values.clipboard import Block, block_of, mime_of

if TYPE_CHECKING:
    from weightedit.ui.tensor_page.page import TensorPage


class BlockWork(QObject):
    """Copies cells, pastes into them and fills them."""

    def __init__(self, page: TensorPage, cells: CellWork, tasks: Tasks) -> None:
        super().__init__(page)
        self._page, self._cells, self._tasks = page, cells, tasks

    # ---- copying

    def copy(self, shape: NumberFormat | None = None) -> None:
        """Put the picked cells on the clipboard: text that reads back to the same bits, and the stored bytes.

        Parameters
        ----------
        shape
            Another format for the text, such as hex bits.
        """
        page = self._page
        page.notices.move_on()
        pinned, view = page.pinned, page.selection.view
        if pinned is None:
            return
        try:
            grid = grid_of(page.selection.picks, view, page.selection.shape)
        except RegionError as error:
            self._cells.refuse(error)
            return
        if grid.numel > MOST_COPIED:
            page.status.emit(f"Copying takes up to {count_text(MOST_COPIED)} values; {count_text(grid.numel)} are "
                             "selected.")  # fmt: skip
            return

        def work(progress: TaskProgress) -> tuple[str, Block]:
            block = read_grid(pinned, view, grid)
            return block_text(block, shape), block

        def done(found: tuple[str, Block]) -> None:
            put(mime_of(*found))
            page.status.emit(f"Copied {count_text(grid.numel)} {'value' if grid.numel == 1 else 'values'}.")

        self._tasks.start("Copying", work, on_result=done, on_error=page.show_error, group=self._group)

    def copy_region(self) -> None:
        """Put what is picked on the clipboard as text that the region field and `region=` take."""
        region = self._page.selection.region
        if region is None or isinstance(region, str):
            text = self._page.selection.text
        else:
            text = "[" + ", ".join(f'"{one}"' for one in region) + "]"
        QGuiApplication.clipboard().setText(text)
        self._page.status.emit(f"Copied {text}" if len(text) < 60 else "Copied the region.")

    # ---- pasting

    def paste(self) -> None:
        """Set cells from the clipboard: what is picked, or a block from the picked cell on."""
        page = self._page
        pinned, selection = page.pinned, page.selection
        if pinned is None:
            return
        mime = QGuiApplication.clipboard().mimeData()
        block, text = block_of(mime), QGuiApplication.clipboard().text()
        view, shape, region, picks = selection.view, selection.shape, selection.region, selection.picks
        at = page.values_pane.current_cell()

        def work(progress: TaskProgress) -> CellEdit:
            given = parsed_block(text, pinned.spec.dtype) if block is None else block
            single = (given.values if isinstance(given, Block) else given).size == 1
            grid: Grid | None = None
            if picks and not single:
                grid = grid_of(picks, view, shape)
            return paste_edit(given, at, grid, region, view, shape)

        self._tasks.start("Pasting", work, on_result=self._cells.set, on_error=self._failed, group=self._group)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, WeightEditError):
            self._cells.refuse(error)
        else:
            self._page.show_error(error)

    # ---- filling

    def fill(self, source: tuple[range, range], target: tuple[range, range], as_series: bool) -> None:
        """Repeat a block over the cells beside it, or continue its series."""
        page = self._page
        pinned, view = page.pinned, page.selection.view
        if pinned is None:
            return
        page.notices.clear()
        rows, columns = (range(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(source, target, strict=True))

        def work(progress: TaskProgress) -> CellEdit:
            return fill_edit(pinned, view, Grid(*source), Grid(*target), as_series)

        def done(edit: CellEdit) -> None:
            page.selection.pick(rows, columns)
            self._cells.set(edit, "Filled")

        self._tasks.start("Filling", work, on_result=done, on_error=self._failed, group=self._group)

    def fill_along(self, down: bool) -> None:
        """Repeat the first row (column) of what is picked over the rest; of a single one, what stands before it."""
        picked = self._page.selection.cells()
        if picked is None:
            self._page.status.emit("Filling takes one rectangle of cells; select one first.")
            return
        rows, columns = picked
        lines = rows if down else columns
        if len(lines) == 1 and not lines.start:
            self._page.status.emit(f"There is no {'row above' if down else 'column before'} to fill from.")
            return
        first = lines[:1] if len(lines) > 1 else range(lines.start - 1, lines.start)
        rest = lines[1:] if len(lines) > 1 else lines
        if down:
            self.fill((first, columns), (rest, columns), False)
        else:
            self.fill((rows, first), (rows, rest), False)

    def clear(self) -> None:
        """Set what is picked to 0; nothing where nothing is, which would mean the whole tensor."""
        page = self._page
        region, count = page.selection.region, page.lookup.total
        if page.selection.is_empty:
            page.status.emit("No cells are selected to be cleared; the fill operation takes a whole tensor.")
            return
        what = "the selected values" if count is None else "1 value" if count == 1 else f"{count_text(count)} values"
        self._cells.apply("fill", region, {"value": 0}, f"Set {what} of {page.name} to 0.")

    @property
    def _group(self) -> str:
        return f"block {id(self._page)}"

    def cancel(self) -> None:
        """Stop copying, pasting and filling that have not begun to write."""
        self._tasks.cancel_group(self._group)
