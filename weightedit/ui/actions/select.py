"""Actions that pick cells, rows, columns and regions of the tensor that is shown."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach


def select_by(at: Reach, condition: str) -> None:
    """Open the line that selects by condition, with one in it."""
    at.page.where.choose(condition)


ACTIONS = (
    Action("select-all", "Select the whole tensor", lambda at: at.page.selection.pick_all(),
           "Select every value of the tensor, in all slices.", ("Ctrl+A",), "Select", "tensor", "work"),
    Action("select-rows", "Select whole rows", lambda at: at.page.selection.widen(True),
           "Widen the selected rectangle to its whole rows.", ("Shift+Space",), "Select", "tensor", "work"),
    Action("select-columns", "Select whole columns", lambda at: at.page.selection.widen(False),
           "Widen the selected rectangle to its whole columns.", ("Ctrl+Space",), "Select", "tensor", "work"),
    Action("invert-selection", "Invert the selection", lambda at: at.page.selection.invert(),
           "Select what is not selected; a condition is turned within its own region.", ("Ctrl+Shift+I",), "Select",
           "tensor"),
    Action("region", "Type a region", lambda at: at.page.read_out.focus_region(),
           "Go to the field that takes a region such as [3, 10:20].", ("Ctrl+G",), "Select", "tensor", rule=True),
    Action("copy-region", "Copy the region", lambda at: at.page.blocks.copy_region(),
           "Copy what is selected as text that the region field and a script take.", ("Ctrl+Alt+C",), "Select",
           "tensor"),
    Action("select-where", "Select where…", lambda at: at.page.where.open(),
           "Select the values that fulfil a condition such as abs(w) < 1e-4.", ("Ctrl+Shift+F", "/"), "Select",
           "tensor", rule=True),
    Action("where-nonfinite", "Select NaN and Inf", lambda at: select_by(at, "nonfinite(w)"),
           "Select every NaN and every infinite value.", (), "Select/Ready-made", "tensor"),
    Action("where-zero", "Select zeros", lambda at: select_by(at, "w == 0"), "Select every value that is 0.", (),
           "Select/Ready-made", "tensor"),
    Action("where-outliers", "Select beyond 3 sigma", lambda at: select_by(at, "outliers(w, 3)"),
           "Select the values more than 3 standard deviations from the mean.", (), "Select/Ready-made", "tensor"),
    Action("where-smallest", "Select the smallest 1 %",
           lambda at: select_by(at, "abs(w) <= quantile(abs(w), 0.01)"),
           "Select the hundredth of the values with the smallest magnitude.", (), "Select/Ready-made", "tensor"),
    Action("where-largest", "Select the largest 1 %",
           lambda at: select_by(at, "abs(w) >= quantile(abs(w), 0.99)"),
           "Select the hundredth of the values with the largest magnitude.", (), "Select/Ready-made", "tensor"),
)  # fmt: skip
