"""Actions on the tree of modules and tensors."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach


def go_to_filter(at: Reach) -> None:
    """Go to the filter of the tree, showing the tree first."""
    at.window.panels.show("tree")
    at.window.tree.focus_filter()


ACTIONS = (
    Action("rename", "Rename…", lambda at: at.window.tree.tree.edit_current(),
           "Give the entry selected in the tree another name, or another prefix to all entries below a group.",
           ("F2",), "Edit", "entry-or-group", "tree", rule=True),
    Action("set-value", "Set value…", lambda at: at.window.tree.tree.edit_value(),
           "Set the number, text or list selected in the tree.", (), "Edit", "value", "tree"),
    Action("duplicate-entry", "Duplicate", lambda at: at.window.entry_edits.duplicate(),
           "Put a copy of the entry or group selected in the tree after it.", (), "Edit", "entry-or-group", "tree"),
    Action("move-entry-up", "Move up", lambda at: at.window.entry_edits.move(-1),
           "Move the entry selected in the tree before the one above it.", ("Alt+Up",), "Edit", "entry", "tree"),
    Action("move-entry-down", "Move down", lambda at: at.window.entry_edits.move(1),
           "Move the entry selected in the tree after the one below it.", ("Alt+Down",), "Edit", "entry", "tree"),
    Action("delete-entry", "Delete from the checkpoint", lambda at: at.window.entry_edits.delete(),
           "Take the entries selected in the tree out of the checkpoint; undo brings them back.", ("Del",), "Edit",
           "entry-or-group", "tree"),
    Action("filter", "Filter the tree", go_to_filter, "Show only the tensors whose names match.", ("Ctrl+F",), "View",
           "document", rule=True),
)  # fmt: skip
