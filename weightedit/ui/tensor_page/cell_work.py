"""What is done with cells of a page: read, typed, computed; and how an edit of cells is asked for and told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from weightedit.core.errors import ConfirmationNeeded, ExpressionError, HazardError, WeightEditError
from weightedit.core.hazards import Hazard
from weightedit.core.reduction import cells
from weightedit.core.words.numbers import NumberError, bits_text, index_text, value_text
from weightedit.search.expression import parse
from weightedit.ui.recovery.unrecorded import is_unrecorded
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.values.cell_edits import CellEdit, typed_edit

if TYPE_CHECKING:
    from weightedit.ui.tensor_page.page import TensorPage


TOGETHER = 8.0
"""Seconds within which cells typed one after the other are one group of the history."""


def check_formula(text: str) -> tuple[str, int] | None:
    """Return what is wrong with an expression typed after `=`, and its column in it; None where it reads."""
    try:
        parse(text.removeprefix("="))
    except ExpressionError as error:
        return str(error), error.column
    return None


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

        self._tasks.start("Value", work, on_result=done, on_error=page.show_error, group=self._group, quiet=True)

    @property
    def _group(self) -> str:
        return f"cell {id(self._page)}"

    def type(self, row: int, column: int, text: str) -> None:
        """Set a cell of the slice to what was typed into it; after `=`, compute it or all that is picked around it."""
        page = self._page
        if page.pinned is None:
            return
        try:
            if text.startswith("="):
                self._compute(row, column, text[1:].strip())
            else:
                self.set(typed_edit(text, row, column, page.selection.view, page.pinned), "Typed into")
        except NumberError as error:
            page.notices.say("refusal", str(error), passing=True)

    def _compute(self, row: int, column: int, formula: str) -> None:
        page = self._page
        picked = page.selection.rectangles()
        is_inside = picked is None or any(row in rows and column in columns for rows, columns in picked)
        region: Any = page.selection.region
        if region is None or not is_inside:
            cell = page.selection.view.box(page.selection.shape, range(row, row + 1), range(column, column + 1))
            region = index_text([axis[0] for axis in cell.axes])
        where = region if isinstance(region, str) else f"{len(region)} regions"
        self.apply("expression", region, {"formula": formula}, f"Computed {formula} in {page.slot.name} {where}.")

    def set(self, edit: CellEdit, together: str = "") -> None:
        """Apply `set` to cells; what would surprise is said first.

        Edits that follow one another soon are one group of the history where `together` says what they all do.
        """
        page = self._page

        def go() -> None:
            self.apply("set", edit.region, {"values": edit.values}, edit.said, together=together)

        if not edit.ask:
            go()
            return
        page.notices.say("notice", edit.ask, "One edit, which one undo takes back.", edit.button, passing=True)
        assert page.notices.confirm is not None
        page.notices.confirm.clicked.connect(go)

    def apply(self, operation: str, region: Any, arguments: dict[str, Any], said: str,
              accept: tuple[str, ...] = (), together: str = "") -> None:  # fmt: skip
        """Apply an operation to cells as one step; a warning is shown and asks once."""
        page = self._page
        document, name, device = page.document, page.slot.name, page.device
        page.notices.clear()

        def work(progress: TaskProgress) -> list[Hazard]:
            told = document.preflight(operation, name, region=region, device=device, cancel=progress.cancel,
                                      **arguments)  # fmt: skip
            group = document.grouped(f"{together} {name}", (together, name), TOGETHER) if together else nullcontext()
            with group:
                document.apply(operation, name, region=region, accept=accept, device=device, progress=progress.report,
                               cancel=progress.cancel, **arguments)  # fmt: skip
            return [hazard for hazard in told if hazard.level == "notice"]

        def failed(error: Exception) -> None:
            self._refused(error, lambda kinds: self.apply(operation, region, arguments, said, kinds, together))

        def done(told: list[Hazard]) -> None:
            lost = [hazard.title for hazard in told if hazard.kind in ("precision-loss", "non-finite")]
            page.status.emit(" ".join([said, *(f"{title}." for title in lost)]))
            shared = [hazard for hazard in told if hazard.kind == "shared-storage"]
            if shared:
                title = shared[0].title.replace("Also changes", "Also changed")
                page.notices.say("notice", title, shared[0].detail, passing=True)

        self._tasks.start("Set values", work, on_result=done, on_error=failed)

    def _refused(self, error: Exception, again: Callable[[tuple[str, ...]], None]) -> None:
        notices = self._page.notices
        if isinstance(error, ConfirmationNeeded):
            warnings = [hazard for hazard in error.hazards if hazard.level == "warning"]
            kinds = tuple(hazard.kind for hazard in warnings)
            first = warnings[0]
            rest = f"{len(warnings) - 1} more: {warnings[1].title}" if len(warnings) > 1 else first.detail
            notices.say("warning", first.title, rest, "Set all the same", passing=True)
            assert notices.confirm is not None
            notices.confirm.clicked.connect(lambda: again(kinds))
        elif is_unrecorded(error):
            return  # said above, for every tensor
        elif isinstance(error, HazardError):
            first = error.hazards[0]
            notices.say("refusal", first.title, first.detail, passing=True)
        else:
            notices.say("refusal", str(error), passing=True)

    def refuse(self, error: WeightEditError) -> None:
        """Say why cells are not edited."""
        self._page.notices.say("refusal", str(error), passing=True)

    def cancel(self) -> None:
        """Stop reading."""
        self._tasks.cancel_group(self._group)
