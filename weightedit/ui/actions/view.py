"""Actions that choose how a tensor is shown, and move in it."""

from __future__ import annotations

from collections.abc import Callable

from weightedit.ui.actions.action import Action, Reach


def _nonfinite(step: int) -> Callable[[Reach], None]:
    def go(at: Reach) -> None:
        pane = at.page.heatmap_pane if at.page.view_name == "values" else at.show_heatmap()  # the table shows cells too
        pane.go_to_nonfinite(step, at.work.status.emit)

    return go


ACTIONS = (
    Action("heatmap", "Heatmap", lambda at: at.page.set_view("heatmap"), "Show the tensor as a picture.",
           ("Ctrl+1",), "View", "tensor", checked=lambda at: at.page.view_name == "heatmap"),
    Action("values", "Values", lambda at: at.page.set_view("values"), "Show the tensor as a table of numbers.",
           ("Ctrl+2",), "View", "tensor", checked=lambda at: at.page.view_name == "values"),
    Action("histogram", "Histogram", lambda at: at.page.set_view("histogram"),
           "Show how often values occur, before and after an edit that is previewed.", ("Ctrl+3",), "View", "tensor",
           checked=lambda at: at.page.view_name == "histogram"),
    Action("profiles", "Rows and columns", lambda at: at.page.set_view("profiles"),
           "Show norms, means and zeros of each row or column.", ("Ctrl+4",), "View", "tensor",
           checked=lambda at: at.page.view_name == "profiles"),
    Action("spectrum", "Singular values", lambda at: at.page.set_view("spectrum"),
           "Show the singular values and the ranks that follow.", ("Ctrl+5",), "View", "tensor",
           checked=lambda at: at.page.view_name == "spectrum"),
    Action("zoom-in", "Zoom in", lambda at: at.show_heatmap().heatmap.zoom_in(), "Show fewer cells, larger.",
           ("+", "="), "View", "tensor", "work", rule=True),
    Action("zoom-out", "Zoom out", lambda at: at.show_heatmap().heatmap.zoom_out(), "Show more cells, smaller.",
           ("-",), "View", "tensor", "work"),
    Action("fit", "Show the whole tensor", lambda at: at.show_heatmap().heatmap.fit(),
           "Fit the slice that is shown into the picture.", ("0",), "View", "tensor", "work"),
    Action("next-nonfinite", "Next NaN or Inf", _nonfinite(1),
           "Go to the next value that is not finite, in any slice.", ("N",), "Go", "tensor", "work", rule=True),
    Action("previous-nonfinite", "Previous NaN or Inf", _nonfinite(-1),
           "Go to the value before that is not finite, in any slice.", ("Shift+N",), "Go", "tensor", "work"),
)  # fmt: skip
