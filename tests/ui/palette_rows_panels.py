"""What the actions on panels are seen to do when the palette runs them."""

from __future__ import annotations

from typing import Any

from tests.ui.palette_rows import Desk, row
from weightedit.ui.panels.declared import PANELS


def content(desk: Desk, name: str) -> Any:
    widgets = {"tree": desk.window.tree, "inspector": desk.work.inspector, "history": desk.work.history,
               "edit": desk.work.edit_panel}  # fmt: skip
    return widgets[name]


def shows(name: str) -> None:
    @row("tree" if name == "tree" else f"panel-{name}")
    def _(desk: Desk) -> None:
        assert content(desk, name).isVisible()
        desk.do()
        assert not content(desk, name).isVisible()
        assert not desk.window.actions_of[desk.name].isChecked()
        desk.do()
        assert content(desk, name).isVisible()


def moves(name: str, to: str, elsewhere: str) -> None:
    @row(f"move-{name}-{to}")
    def _(desk: Desk) -> None:
        desk.window.panels.move(name, elsewhere)
        assert desk.window.panels.place_of(name) == elsewhere
        desk.do()
        place = desk.window.left if to == "left" else desk.work.places[to]
        assert place.isAncestorOf(content(desk, name))
        assert content(desk, name).isVisible()


for _panel in PANELS:
    shows(_panel.name)
    for _to in _panel.places:
        moves(_panel.name, _to, next(other for other in _panel.places if other != _to))


@row("reset-panels")
def _(desk: Desk) -> None:
    desk.window.panels.move("history", "bottom")
    desk.window.panels.toggle("edit")
    desk.do("inspector")
    desk.do()
    assert all(content(desk, panel.name).isVisible() for panel in PANELS)
    assert [desk.window.panels.place_of(panel.name) for panel in PANELS] == [panel.places[0] for panel in PANELS]
