"""Where every panel stands and whether it is shown, kept from run to run."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu

from weightedit.ui.panels.declared import PANELS, WHERE
from weightedit.ui.panels.place import Panel, Place
from weightedit.ui.settings import Settings


class Panels(QObject):
    """The panels of a window and the places they stand in.

    Parameters
    ----------
    settings
        Where places, sizes and what is hidden are kept.

    Signals
    -------
    changed
        A panel was moved, shown or hidden.
    """

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._places: dict[str, Place] = {}
        self._panels: dict[str, Panel] = {}

    def take(self, places: Iterable[Place], panels: Iterable[Panel]) -> None:
        """Take places and panels in, and put every panel where it stood last."""
        for place in places:
            self._places[place.name] = place
            place.splitterMoved.connect(lambda *_, place=place: self._remember_sizes(place))
        for panel in panels:
            self._panels[panel.declared.name] = panel
            panel.menu_wanted.connect(lambda panel=panel: self._show_menu(panel))
        for name, panel in self._panels.items():
            panel.want(self._settings.flag(f"panels/{name}/shown", True))
            self._put(panel, self._kept_place(panel))
        for place in self._places.values():
            self._give_sizes(place)
        self.changed.emit()

    def _kept_place(self, panel: Panel) -> str:
        allowed = [place for place in panel.declared.places if place in self._places]
        kept = self._settings.text(f"panels/{panel.declared.name}/place")
        return kept if kept in allowed else allowed[0] if allowed else ""

    def _put(self, panel: Panel, to: str) -> None:
        stands = self._stands_in(panel)
        if not to or (stands is not None and stands.name == to):
            return
        if stands is not None:
            stands.leave(panel)
        self._places[to].put(panel)

    def _stands_in(self, panel: Panel) -> Place | None:
        return next((place for place in self._places.values() if panel in place.panels), None)

    # ---- what a person does

    def is_shown(self, name: str) -> bool:
        """Whether a panel is there and nobody has hidden it."""
        return name in self._panels and self._panels[name].is_wanted

    def place_of(self, name: str) -> str:
        """Return where a panel stands."""
        stands = self._stands_in(self._panels[name]) if name in self._panels else None
        return "" if stands is None else stands.name

    def toggle(self, name: str) -> None:
        """Show or hide a panel."""
        self.show(name, not self.is_shown(name))

    def show(self, name: str, on: bool = True) -> None:
        """Show a panel, or hide it."""
        if name in self._panels:
            self._settings.set(f"panels/{name}/shown", on)
            self._panels[name].want(on)
            self.changed.emit()

    def move(self, name: str, to: str) -> None:
        """Put a panel in another place and show it there."""
        panel = self._panels.get(name)
        if panel is None or to not in self._places or to not in panel.declared.places:
            return
        self._settings.set(f"panels/{name}/place", to)
        self._put(panel, to)
        self._give_sizes(self._places[to])
        self.show(name)

    def reset(self) -> None:
        """Put every panel where it began, in the size it had, and show it."""
        for declared in PANELS:
            for key in ("place", "shown"):
                self._settings.set(f"panels/{declared.name}/{key}", None)
        for name in self._places:
            self._settings.set(f"panels/{name}/sizes", None)
        self._settings.set("inspector/shown", None)
        self.take((), ())
        for place in self._places.values():
            place.follow()

    def _show_menu(self, panel: Panel) -> None:
        name = panel.declared.name
        menu = QMenu(panel)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for to in panel.declared.places:
            if to in self._places and to != self.place_of(name):
                menu.addAction(f"Move {WHERE[to]}").triggered.connect(lambda _=False, to=to: self.move(name, to))
        menu.addAction("Hide").triggered.connect(lambda: self.show(name, False))
        menu.addSeparator()
        menu.addAction("Reset panels").triggered.connect(self.reset)
        button = panel.button
        assert button is not None
        menu.popup(button.mapToGlobal(QPoint(0, button.height() + 2)))

    # ---- sizes

    def _remember_sizes(self, place: Place) -> None:
        found = zip(place.panels, place.sizes(), strict=True)
        sizes = [f"{panel.declared.name}:{size}" for panel, size in found if size]
        self._settings.set(f"panels/{place.name}/sizes", ",".join(sizes))

    def _give_sizes(self, place: Place) -> None:
        kept = dict(part.split(":", 1) for part in self._settings.text(f"panels/{place.name}/sizes").split(",")
                    if ":" in part)  # fmt: skip
        usual = {"inspector": 520, "history": 260, "tree": 520, "edit": 700}
        sizes = [int(text) if (text := kept.get(panel.declared.name, "")).isdecimal() else usual[panel.declared.name]
                 for panel in place.panels]  # fmt: skip
        place.setSizes(sizes)
