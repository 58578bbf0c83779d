"""Actions on the snapshots of the current document."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach
from weightedit.ui.actions.edit import show_history
from weightedit.ui.actions.sharing import meant
from weightedit.ui.history.snapshots_view import SnapshotsView


def shown(at: Reach) -> SnapshotsView:
    """Show the history panel, and return the list of snapshots in it."""
    show_history(at)
    return at.work.history.snapshots


def restore_meant(at: Reach) -> None:
    """Restore the tensors selected in the tree, or the one that is shown."""
    target = meant(at)
    if target is not None and target[0] is at.document:
        shown(at).restore(target[2])


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
           "Put the tensors selected in the tree, or the one that is shown, back to the snapshot selected in the "
           "history panel.", (), "Edit/Snapshots", "snapshot-of-tensor"),
    Action("delete-snapshot", "Delete the snapshot", lambda at: shown(at).drop(),
           "Delete the snapshot selected in the history panel; its button asks first.", (), "Edit/Snapshots",
           "snapshot"),
)  # fmt: skip
