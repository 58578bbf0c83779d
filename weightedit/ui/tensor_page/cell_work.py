"""What is done with single cells of a page: read, typed, copied, pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from weightedit.core.errors import ConfirmationNeeded, HazardError
from weightedit.core.numbers import NumberError, bits_text, count_text, index_text, value_text
from weightedit.core.reduction import cells
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.values.cell_edits import MOST_COPIED, CellEdit, copied_text, parsed_block, paste_edit, typed_edit

if TYPE_CHECKING:
    from weightedit.ui.tensor_page.page import TensorPage


class CellWork(QObject):
    """Reads cells of a page's tensor and edits them, each as a task."""

    def __init__(self, page: TensorPage, tasks: Tasks) -> None:
        super().__init__(page)
        self._page, self._tasks = page, tasks

    def read(self, row: int, column: int) -> None:
        """Show the value and bits of a cell of the slice in the read-out."""
        page = self._page
        pinned, view = page.pinned, page.selection.view
        if pinned is None:
            return

        def work(progress: TaskProgress) -> tuple[str, str]:
            value = cells(pinned, view, range(row, row + 1), range(column, column + 1)).reshape(-1)[0]
            return value_text(value, pinned.spec.dtype), bits_text(value, pinned.spec.dtype)

        def done(found: tuple[str, str]) -> None:
            page.read_out.show_value(index_text(view.index(pinned.spec.shape, row, column)), *found)

        self._tasks.start("Value", work, on_result=done, on_error=page.show_error, group=self._group("cell"),
                          quiet=True)  # fmt: skip

    def _group(self, what: str) -> str:
        return f"{what} {id(self._page)}"

    def type(self, row: int, column: int, text: str) -> None:
        """Set a cell of the slice to what was typed into it."""
        page = self._page
        if page.pinned is None:
            return
        try:
            self._set(typed_edit(text, row, column, page.selection.view, page.pinned))
        except NumberError as error:
            page.notices.say("refusal", str(error), passing=True)

    def _set(self, edit: CellEdit, accept: tuple[str, ...] = ()) -> None:
        """Apply `set` to cells; a warning is shown and asks once."""
        page = self._page
        document, name, device = page.document, page.slot.name, page.device
        page.notices.clear()

        def work(progress: TaskProgress) -> None:
            document.apply("set", name, region=edit.region, values=edit.values, accept=accept, device=device,
                           progress=progress.report, cancel=progress.cancel)  # fmt: skip

        def failed(error: Exception) -> None:
            if isinstance(error, ConfirmationNeeded):
                warnings = [hazard for hazard in error.hazards if hazard.level == "warning"]
                kinds = tuple(hazard.kind for hazard in warnings)
                first = warnings[0]
                rest = f"{len(warnings) - 1} more: {warnings[1].title}" if len(warnings) > 1 else first.detail
                page.notices.say("warning", first.title, rest, "Set all the same", passing=True)
                assert page.notices.confirm is not None
                page.notices.confirm.clicked.connect(lambda: self._set(edit, kinds))
            elif isinstance(error, HazardError):
                first = error.hazards[0]
                page.notices.say("refusal", first.title, first.detail, passing=True)
            else:
                page.notices.say("refusal", str(error), passing=True)

        def done(_: None) -> None:
            page.status.emit(f"Set {name} {edit.region}.")

        self._tasks.start("Set values", work, on_result=done, on_error=failed)

    def copy(self) -> None:
        """Put the picked cells on the clipboard, as text that reads back to the same bits."""
        page = self._page
        page.notices.move_on()
        pinned, view = page.pinned, page.selection.view
        if pinned is None:
            return
        height, width = page.selection.size
        rows, columns = page.selection.cells() or (range(height), range(width))
        if len(rows) * len(columns) > MOST_COPIED:
            page.status.emit(f"Copying takes up to {count_text(MOST_COPIED)} values; "
                             f"{count_text(len(rows) * len(columns))} are selected.")  # fmt: skip
            return

        def work(progress: TaskProgress) -> str:
            return copied_text(pinned, view, rows, columns)

        def done(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            count = len(rows) * len(columns)
            page.status.emit(f"Copied {count_text(count)} {'value' if count == 1 else 'values'}.")

        self._tasks.start("Copying", work, on_result=done, on_error=page.show_error, group=self._group("copy"))

    def paste(self) -> None:
        """Set cells from the clipboard, from the first picked cell on."""
        page = self._page
        if page.pinned is None:
            return
        try:
            block = parsed_block(QGuiApplication.clipboard().text(), page.pinned.spec.dtype)
            picked = page.selection.cells()
            self._set(paste_edit(block, page.values_pane.current_cell(), picked, page.selection.view,
                                 page.selection.shape))  # fmt: skip
        except NumberError as error:
            page.notices.say("refusal", str(error), passing=True)

    def cancel(self) -> None:
        """Stop reading and copying."""
        for what in ("copy", "cell"):
            self._tasks.cancel_group(self._group(what))
