"""Actions that change tensors or take changes back, and the clipboard."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach


def show_history(at: Reach) -> None:
    """Show the history panel, and the column it is in where that is out of sight, as in a small window."""
    at.window.panels.show("history")
    body = at.work.body
    if not body.is_shown and body.side.isAncestorOf(at.work.history):
        body.toggle()


def search_history(at: Reach) -> None:
    """Go to the search of the history."""
    show_history(at)
    at.work.history.focus_search()


def compare_opened(at: Reach) -> None:
    """Compare the present with the beginning of the history."""
    show_history(at)
    at.work.history.compare_with_opened()



ACTIONS = (
    Action("undo", "Undo", lambda at: at.window.steps.undo(), "Take the last edit back, bit for bit.",
           ("Ctrl+Z",), "Edit", "undo"),
    Action("redo", "Redo", lambda at: at.window.steps.redo(), "Apply the edit that was undone last again.",
           ("Ctrl+Shift+Z",), "Edit", "redo"),
    Action("search-history", "Search the history", search_history,
           "Find a step by what was done and where.", (), "Edit/History", "work"),
    Action("compare-opened", "Compare with how it was opened", compare_opened,
           "List the tensors that differ from the beginning of the history.", (), "Edit/History", "undo"),
    Action("apply", "Apply the edit", lambda at: at.work.apply(),
           "Apply the edit that is described, of one tensor or of many.", ("Ctrl+Return", "Ctrl+Enter"), "Edit", "tab",
           rule=True),
    Action("leave", "Leave preview, clear selection", lambda at: at.work.leave(),
           "Leave the preview; without one, clear the selection.", ("Esc",), "Edit", "tensor", "work"),
    Action("copy", "Copy cells", lambda at: at.page.copy(), "Copy the selected cells as text that reads back exactly.",
           ("Ctrl+C",), "Edit", "tensor", "work", rule=True),
    Action("paste", "Paste cells", lambda at: at.page.paste(), "Set the selected cells from the clipboard.",
           ("Ctrl+V",), "Edit", "tensor", "work"),
    Action("copy-pytorch", "Copy as PyTorch", lambda at: at.work.edit_panel.copy_as_pytorch(),
           "Copy the edit as lines of PyTorch.", ("Ctrl+Shift+C",), "Edit", "tensor"),
)  # fmt: skip
