"""Actions on what slots share: each shows an edit's form on the tensors selected in the tree, or on the one shown."""

from __future__ import annotations

from collections.abc import Callable

from weightedit.ui.actions.action import Action, Reach


def share(at: Reach, operation: str) -> None:
    """Show the form of an operation on the tensors selected in the tree, or on the one that is shown."""
    from weightedit.ui.edit_panel.form import SEVERAL

    window = at.window
    meant = window.files.importing.target()
    if meant is None or window.workbench is None:
        return
    found, name = meant
    selected = [one for document, one in window.tree.tree.selected_tensors() if document is found]
    several = len(selected) > 1 and name in selected
    window.show_tensor(found, name)
    work = window.workbench
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
