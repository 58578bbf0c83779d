"""Actions on what slots share: each shows an edit's form on the tensors selected in the tree, or on the one shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from weightedit.ui.actions.action import Action, Reach

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument


def meant(at: Reach) -> tuple[OpenDocument, str, list[str]] | None:
    """Return the tensor that is meant, and all that are selected in the tree where it is among them, else it alone."""
    target = at.window.files.importing.target()
    if target is None or at.window.workbench is None:
        return None
    found, name = target
    selected = [one for document, one in at.window.tree.tree.selected_tensors() if document is found]
    return found, name, selected if name in selected else [name]


def share(at: Reach, operation: str) -> None:
    """Show the form of an operation on the tensors selected in the tree, or on the one that is shown."""
    from weightedit.ui.edit_panel.form import SEVERAL

    target = meant(at)
    if target is None:
        return
    found, name, selected = target
    several = len(selected) > 1
    at.window.show_tensor(found, name)
    work = at.work
    work.tabs.keep(work.page)
    form = work.edit_panel.form
    if several:
        work.set_selected(found.document, selected)
    work.choose_operation(operation)
    place = form.target.findData(SEVERAL)
    if several and place >= 0 and place != form.target.currentIndex():
        form.target.setCurrentIndex(place)
        form.changed.emit()


def _sharer(operation: str) -> Callable[[Reach], None]:
    return lambda at: share(at, operation)


ACTIONS = (
    Action("tie", "Tie to…", _sharer("tie"),
           "Let the selected tensors hold the very tensor that another one holds; the edit panel shows what they give "
           "up.", (), "Edit", "any-tensor", rule=True),
    Action("untie", "Untie…", _sharer("untie"),
           "Give each selected tensor a copy of its own; the edit panel shows what it no longer shares.", (), "Edit",
           "any-tensor"),
    Action("retie", "Retie…", _sharer("retie"),
           "Make one tensor again of the selected ones that hold the same bits.", (), "Edit", "several"),
)  # fmt: skip
