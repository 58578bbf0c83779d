"""Actions that show, hide and move panels, made from the panels that are declared."""

from __future__ import annotations

from weightedit.ui.actions.action import Action
from weightedit.ui.panels.declared import PANELS, WHERE, Declared

MENU = "View/Panels"


def panel_actions() -> list[Action]:
    """Make a check mark of each panel, a move for each of its places, and what puts everything back."""
    made = [_shows(panel) for panel in PANELS]
    moves = [_moves(panel, to) for panel in PANELS for to in panel.places]
    back = Action("reset-panels", "Reset panels", lambda at: at.window.panels.reset(),
                  "Put every panel where it began and show it.", (), MENU, rule=True)  # fmt: skip
    return [*made, *moves, back]


def _shows(panel: Declared) -> Action:
    name, keys = panel.name, ("Ctrl+B",) if panel.name == "tree" else ()
    return Action(name if name == "tree" else f"panel-{name}", f"Show {panel.title}",
                  lambda at: at.window.panels.toggle(name), f"Show or hide {panel.title}; it keeps its place.",
                  keys, MENU, "document" if name == "tree" else "work",
                  checked=lambda at: at.window.panels.is_shown(name))  # fmt: skip


def _moves(panel: Declared, to: str) -> Action:
    name = panel.name
    return Action(f"move-{name}-{to}", f"Move {panel.title} {WHERE[to]}",
                  lambda at: at.window.panels.move(name, to), f"Put {panel.title} there; the place is remembered.",
                  (), MENU, "work", rule=to == panel.places[0])  # fmt: skip
