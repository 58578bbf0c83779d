"""Actions on the window itself: panels, tabs, theme, help."""

from __future__ import annotations

from weightedit.core.pages.hazards_page import TITLE
from weightedit.ui.actions.action import Action
from weightedit.ui.actions.panels import panel_actions
from weightedit.ui.theme import theme

ACTIONS = (
    Action("palette", "Search everything", lambda at: at.window.search.open(),
           "Find any action, open or recent file, and tensor by a few letters.", ("Ctrl+Shift+P",), "Go"),
    Action("go-to-tensor", "Go to tensor", lambda at: at.window.search.open("tensors"),
           "Find a tensor by a few letters of its name.", ("Ctrl+P",), "Go", "document"),
    *panel_actions(),
    Action("inspector", "Show the right column", lambda at: at.work.body.toggle(),
           "Show or hide the column at the right, where inspector and history begin.", ("Ctrl+I",), "View", "work",
           checked=lambda at: at.work.body.is_shown),
    Action("next-tab", "Next tab", lambda at: at.work.tabs.show_next(), "Show the next of the open tabs.",
           ("Ctrl+Tab",), "Go", "tab", rule=True),
    Action("theme", "Dark or light", lambda at: at.window.choose_theme("light" if theme.name == "dark" else "dark"),
           "Switch between the dark and the light theme.", ("Ctrl+Shift+L",), "View", rule=True),
    Action("settings", "Settings", lambda at: at.window.aside.open("settings"),
           "Choose theme, colour maps, number format, device and budgets.", ("Ctrl+,",), "File", rule=True),
    Action("operations-help", "Operations help", lambda at: at.window.aside.open("operations"),
           "Read what each operation does, takes and is called.", ("Shift+F1",), "Help"),
    Action("silently", TITLE, lambda at: at.window.aside.open("silently"),
           "Read what each hazard is: what PyTorch does, shown by a session, and what the editor does.", (), "Help"),
    Action("errors-help", "Errors that are explained", lambda at: at.window.aside.open("errors"),
           "Read which messages of PyTorch the doctor knows, what they mean and what to do.", (), "Help"),
    Action("faults", "Show unexpected errors", lambda at: at.window.faults.show_again(),
           "Show what went wrong in weightedit itself in this run, with what to copy into a report.", (), "Help",
           "faults"),
    Action("about", "About weightedit", lambda at: at.window.aside.open("about"),
           "See the versions at work here, to copy into a report.", (), "Help", rule=True),
    Action("keys", "Keys", lambda at: at.window.aside.open("keys"), "Show every action and its keys.", ("F1",), "Help"),
)  # fmt: skip
