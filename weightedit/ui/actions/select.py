"""Actions that pick cells, rows, columns and regions of the tensor that is shown."""

from __future__ import annotations

from weightedit.ui.actions.action import Action

ACTIONS = (
    Action("select-all", "Select the whole tensor", lambda at: at.page.selection.pick_all(),
           "Select every value of the tensor, in all slices.", ("Ctrl+A",), "Select", "tensor", "work"),
    Action("region", "Type a region", lambda at: at.page.read_out.focus_region(),
           "Go to the field that takes a region such as [3, 10:20].", ("Ctrl+G",), "Select", "tensor"),
)  # fmt: skip
