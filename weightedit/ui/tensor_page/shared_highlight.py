"""Shows which cells of other slots change with those that are selected: outlined in their tabs, marked on the strip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.core.document import Change, Document
from weightedit.core.shared.shared_cells import SharedCells, cells_on
from weightedit.core.shared.storage_strip import Span, marks_of
from weightedit.core.slots import Slot
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.page import TensorPage
from weightedit.ui.tensor_page.shared_outline import SharedOutline

if TYPE_CHECKING:
    from weightedit.ui.workbench import Workbench

GROUP = "shared cells"


@dataclass(frozen=True)
class Reached:
    """What changes with a selection.

    Attributes
    ----------
    label
        Of the storage group.
    cells
        Of the other slots.
    marks
        Bytes of the storage, of every slot that they belong to.
    """

    label: str = ""
    cells: Mapping[Slot, SharedCells] = field(default_factory=dict)
    marks: Mapping[Slot, tuple[Span, ...]] = field(default_factory=dict)


NOTHING = Reached()


class SharedHighlight(QObject):
    """Follows the selection of the tab in which cells were selected last.

    Attributes
    ----------
    reached
        What is shown.
    """

    def __init__(self, workbench: Workbench, tasks: Tasks) -> None:
        super().__init__(workbench)
        self._workbench, self._tasks = workbench, tasks
        self._source: TensorPage | None = None
        self._outlines: dict[TensorPage, SharedOutline] = {}
        self.reached = NOTHING
        workbench.tabs.added.connect(self._added)
        workbench.tabs.turned.connect(self._turned)
        workbench.following.changed.connect(self._document_changed)

    def _added(self, page: object) -> None:
        if isinstance(page, TensorPage):
            outline = self._outlines[page] = SharedOutline(page)
            outline.show_cells(self.reached.cells.get(page.slot), self.reached.label)
            page.selection_changed.connect(lambda: self._selected(page))

    def _turned(self) -> None:
        there = set(self._workbench.tabs.all)
        self._outlines = {page: outline for page, outline in self._outlines.items() if page in there}
        if self._source is not None and self._source not in there:
            self._leave()

    def _selected(self, page: TensorPage) -> None:
        if not page.selection.is_empty:
            self._source = page
            self._find(page)
        elif page is self._source:
            self._leave()

    def _document_changed(self, document: Document, _: Change) -> None:
        page = self._source
        if page is not None and page.document is document:
            if page.selection.is_empty or page.is_gone:
                self._leave()
            else:
                self._find(page)

    def _leave(self) -> None:
        self._source = None
        self._tasks.cancel_group(GROUP)
        self._show(NOTHING)

    def _find(self, page: TensorPage) -> None:
        document, slot = page.document, page.slot
        label = document.storage_group(slot)
        boxes = page.selection.picks.boxes
        if label is None:
            self._tasks.cancel_group(GROUP)
            self._show(Reached("", {}, {slot: marks_of(slot.spec, boxes)}))
            return
        specs = [(member, member.spec) for member in document.group_members(label)]
        spec = slot.spec

        def work(progress: TaskProgress) -> Reached:
            cells, marks = {}, {slot: marks_of(spec, boxes)}
            for member, other in specs:
                progress.advance(0)
                found = cells_on(spec, boxes, other) if member is not slot else None
                if found is not None and found.boxes:
                    cells[member], marks[member] = found, marks_of(other, found)
            return Reached(label, cells, marks)

        self._tasks.start("Shared cells", work, on_result=self._show, on_error=lambda _: None, group=GROUP, quiet=True)

    def _show(self, reached: Reached) -> None:
        self.reached = reached
        for page, outline in self._outlines.items():
            outline.show_cells(reached.cells.get(page.slot), reached.label)
        self._workbench.inspector.storage.show_marks(reached.marks)
