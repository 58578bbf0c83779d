"""The edits of many tensors that are open in a workbench's tabs, and the ways into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from weightedit.core.document import Document
from weightedit.ui.batch.page import BatchPage
from weightedit.ui.batch.pattern_field import offered
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.edit import Edit
    from weightedit.ui.workbench import Workbench


class Batches(QObject):
    """Pages of edits of many.

    Parameters
    ----------
    work
        The workbench whose tabs they are in.
    tasks
        Where they work.
    """

    def __init__(self, work: Workbench, tasks: Tasks) -> None:
        super().__init__(work)
        self._work, self._tasks = work, tasks

    @property
    def page(self) -> BatchPage | None:
        """The page that is shown; None where that is no edit of many."""
        shown = self._work.tabs.shown
        return shown if isinstance(shown, BatchPage) else None

    def set_device(self, name: str) -> None:
        """Compute on another device from now on."""
        for page in self._work.tabs.every:
            if isinstance(page, BatchPage):
                page.form.device = name
                page.form.changed.emit()

    def open(self, document: Document, targets: tuple[str, ...] = (), operation: str = "",
             arguments: Mapping[str, Any] | None = None) -> BatchPage:  # fmt: skip
        """Show an edit of many in a new tab, of these tensors and with this operation if they are known."""
        page = BatchPage(document, self._tasks)
        page.form.device = self._work.device
        if operation:
            page.form.choose(operation)
        for made in page.form.fields:
            if arguments and made.declared.name in arguments:
                made.set_value(arguments[made.declared.name])
        page.form.set_targets(targets)
        page.opened.connect(lambda name: self._work.open_beside(document, name))
        page.place.connect(lambda name, region: self._work.show_place(document, name, region))
        page.elsewhere.connect(lambda edit: self._describe(document, edit))
        page.retitled.connect(self._work.tabs.retitle)
        page.recipe_wanted.connect(lambda edit: self._save(document, edit))
        page.undo_wanted.connect(self._work.undo)
        page.left.connect(lambda: self._work.tabs.close_page(page))
        page.told.connect(self._work.told)
        self._work.tabs.add(page)
        self._complete(page)
        page.focus_first()
        return page

    def _describe(self, document: Document, edit: Edit) -> None:
        """Describe an edit of one tensor where that tensor is."""
        self._work.open_beside(document, edit.targets[0])
        self._work.edit_panel.form.take(edit)

    def _save(self, document: Document, edit: Edit) -> None:
        self._work.recipe_wanted.emit(document, (edit,))

    def _complete(self, page: BatchPage) -> None:
        """Let the field of tensors complete names; there may be very many."""
        names = page.document.tensors

        def work(progress: TaskProgress) -> list[str]:
            return offered(names)

        self._tasks.start("Names", work, on_result=page.form.pattern.offer, group=f"names {id(page)}", quiet=True)
