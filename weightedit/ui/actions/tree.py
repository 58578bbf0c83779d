"""Actions on the tree of modules and tensors."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach


def go_to_filter(at: Reach) -> None:
    """Go to the filter of the tree, showing the tree first."""
    if not at.window.tree.isVisible():
        at.window.toggle_tree()
    at.window.tree.focus_filter()


ACTIONS = (
    Action("rename", "Rename tensor…", lambda at: at.window.tree.tree.edit_current(),
           "Give the tensor selected in the tree another name.", ("F2",), "Edit", "selected", "tree", rule=True),
    Action("filter", "Filter the tree", go_to_filter, "Show only the tensors whose names match.", ("Ctrl+F",), "View",
           "document", rule=True),
)  # fmt: skip
