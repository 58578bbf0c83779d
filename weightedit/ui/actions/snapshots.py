"""Actions on the snapshots of the current document."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from weightedit.core.described.targets import matcher
from weightedit.ui.actions.action import Action, Reach
from weightedit.ui.actions.edit import show_history
from weightedit.ui.history.snapshots_view import SnapshotsView


def shown(at: Reach) -> SnapshotsView:
    """Show the history panel, and return the list of snapshots in it."""
    show_history(at)
    return at.work.history.snapshots


def restore_meant(at: Reach) -> None:
    """Restore what is selected in the tree, groups too, or the tensor that is shown."""
    names = _meant(at)
    if names:
        shown(at).restore(names)
    else:
        at.window.status.say(f"No tensor of {at.document.title} is selected or shown.", "warning")


def _meant(at: Reach) -> list[str]:
    """Return the tensors and patterns selected in the tree, or the tensor that is shown where the keys are elsewhere.

    The tensor that is shown stands for all that is selected where it is among them, as for other actions on several.
    """
    panel, focus = at.window.tree, QApplication.focusWidget()
    selected, _ = panel.tree.selected_patterns(at.document)
    if focus is not None and panel.isAncestorOf(focus) and panel.tree.is_picked("group"):
        return selected
    target = at.window.files.importing.target()
    if target is None or target[0] is not at.document:
        return selected
    groups = (one for one in selected if not one.startswith("re:"))  # which here is a name, and no pattern
    is_among = target[1] in selected or any(matcher(group)(target[1]) for group in groups)
    return selected if is_among else [target[1]]


ACTIONS = (
    Action("take-snapshot", "Take snapshot…", lambda at: shown(at).ask_name(),
           "Keep every tensor as it is now, under a name, to compare with later and to go back to.", (),
           "Edit/Snapshots", "work"),
    Action("compare-snapshot", "Compare with the snapshot", lambda at: shown(at).compare_button.click(),
           "List the tensors that differ from the snapshot selected in the history panel.", (), "Edit/Snapshots",
           "snapshot", rule=True),
    Action("restore-snapshot", "Restore the snapshot", lambda at: shown(at).restore(),
           "Put the tensors that differ back to the snapshot selected in the history panel, as one step.", (),
           "Edit/Snapshots", "snapshot"),
    Action("restore-selected", "Restore only what is selected", restore_meant,
           "Put the tensors and groups selected in the tree, or the tensor that is shown, back to the snapshot "
           "selected in the history panel.", (), "Edit/Snapshots", "snapshot-of-tensor"),
    Action("delete-snapshot", "Delete the snapshot", lambda at: shown(at).drop(),
           "Delete the snapshot selected in the history panel; its button asks first.", (), "Edit/Snapshots",
           "snapshot"),
)  # fmt: skip
