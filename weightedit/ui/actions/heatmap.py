"""Actions of the heatmap: tiles, levels, colour maps, the crosshair, and going to cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from weightedit.ui.actions.action import Action, Reach

if TYPE_CHECKING:
    from weightedit.core.values.places import Extreme

MAPS = {"Tide": "blue, page, orange; for signed values", "Dusk": "from the page to bright; for magnitudes",
        "viridis": "dark violet to yellow", "cividis": "dark blue to yellow, alike for most colour vision",
        "magma": "black to light yellow", "grey": "black to white", "CET-CBD1": "blue, white, ochre; diverging",
        "CET-CBL2": "black to yellow by way of blue"}  # fmt: skip
LEVELS = {"symmetric": ("Symmetric levels", "± the 99.9th percentile of the magnitudes"),
          "minmax": ("Levels from minimum to maximum", "the smallest and the largest value"),
          "percentile 0.1": ("Levels from the 0.1th to the 99.9th percentile", "all but a thousandth at either end"),
          "percentile 1": ("Levels from the 1st to the 99th percentile", "all but a hundredth at either end"),
          "percentile 5": ("Levels from the 5th to the 95th percentile", "all but a twentieth at either end"),
          "log": ("Logarithmic levels", "the largest magnitude, by powers of ten down to a thousandth of it"),
          "row": ("Levels of each row", "the largest magnitude of each row, so that small rows show"),
          "tile": ("Levels of each tile", "the largest magnitude of each tile, so that small tiles show")}  # fmt: skip


def _turn_tiles(at: Reach) -> None:
    pane = at.show_heatmap()
    if not pane.tiles.can_be:
        at.work.status.emit("Tiles need a tensor of two or more dimensions.")
    pane.tiles.turn(pane.tiling is None)


def _dead(step: int) -> Callable[[Reach], None]:
    def go(at: Reach) -> None:
        pane = at.show_heatmap()
        if pane.tiling is None:
            at.work.status.emit("Dead tiles are looked for while tiles are shown; T shows them.")
        elif not (pane.picking.next_dead(step) if step else pane.picking.pick_dead()):
            at.work.status.emit(f"{pane.tiles.sentence()}.")

    return go


def _turn_crosshair(at: Reach) -> None:
    at.show_heatmap()
    at.page.dims.crosshair.toggle()


def _turn_phase(at: Reach) -> None:
    pane = at.show_heatmap()
    if pane.pinned is None or pane.pinned.spec.type.family != "complex":
        at.work.status.emit("Only complex values have a phase.")
    pane.show_phase(not pane.leveling.is_phase)


def _extreme(kind: Extreme) -> Callable[[Reach], None]:
    return lambda at: at.show_heatmap().going.to_extreme(kind, at.work.status.emit)


def _picked(step: int) -> Callable[[Reach], None]:
    def go(at: Reach) -> None:
        make = at.page.lookup.matcher()
        if make is None or at.page.selection.is_empty:
            at.work.status.emit("Nothing is selected.")
        else:
            at.show_heatmap().going.to_picked(step, make, at.work.status.emit)

    return go


def _map(name: str, text: str) -> Action:
    return Action(f"map-{name}", f"Colour map {name}", lambda at: at.show_heatmap().choose_map(name),
                  f"Draw this kind of values in {name}: {text}.", (), "View/Colour map", "tensor",
                  checked=lambda at: at.page.heatmap_pane.map_name == name)  # fmt: skip


def _levels(choice: str) -> Action:
    title, text = LEVELS[choice]
    return Action(f"levels-{choice.replace(' ', '-')}", title, lambda at: _choose_levels(at, choice),
                  f"The ends of the colours are {text}.", (), "View/Levels", "tensor",
                  checked=lambda at: at.page.heatmap_pane.levels.source == choice)  # fmt: skip


def _choose_levels(at: Reach, choice: str) -> None:
    pane = at.show_heatmap()
    if choice == "tile" and pane.tiling is None:
        pane.tiles.turn(True)
    if choice in pane.leveling.choices:
        pane.choose_levels(choice)
    else:
        at.work.status.emit("These values have no such levels.")


def _turn_thumbnails(at: Reach) -> None:
    thumbnails = at.window.tree.thumbnails
    thumbnails.turn(not thumbnails.is_on)
    at.window.settings.set("thumbnails", thumbnails.is_on)


ACTIONS = (
    Action("tiles", "Tiles", _turn_tiles,
           "Show kernels, heads or experts side by side, and mark the dead ones.", ("T",), "View", "tensor", "work",
           rule=True, checked=lambda at: at.page.heatmap_pane.tiling is not None),
    Action("next-dead", "Next dead tile", _dead(1), "Go to the next tile whose values are all next to nothing.",
           ("D",), "Go", "tensor", "work"),
    Action("previous-dead", "Previous dead tile", _dead(-1),
           "Go to the tile before whose values are all next to nothing.", ("Shift+D",), "Go", "tensor", "work"),
    Action("select-dead", "Select every dead tile", _dead(0),
           "Select all tiles whose values are all next to nothing, to initialize them anew.", (), "Select", "tensor"),
    Action("crosshair", "Crosshair", _turn_crosshair,
           "Draw lines through the cell under the pointer or the cursor.", ("C",), "View", "tensor", "work",
           checked=lambda at: at.page.dims.crosshair.isChecked()),
    Action("phase", "Phase of complex values", _turn_phase, "Show the phase in place of the magnitude.", (), "View",
           "tensor", checked=lambda at: at.page.heatmap_pane.leveling.is_phase),
    *(_map(name, text) for name, text in MAPS.items()),
    *(_levels(choice) for choice in LEVELS),
    Action("go-to-index", "Go to index…", lambda at: at.page.go_to.ask(),
           "Type an index such as 12, 40, and see that cell.", ("Ctrl+J",), "Go", "tensor", rule=True),
    Action("largest", "Go to the largest value", _extreme("largest"),
           "Go to the largest value of the tensor; again, to the next one in order.", ("L",), "Go", "tensor", "work"),
    Action("smallest", "Go to the smallest value", _extreme("smallest"),
           "Go to the smallest value of the tensor; again, to the next one in order.", ("Shift+L",), "Go", "tensor",
           "work"),
    Action("largest-magnitude", "Go to the largest magnitude", _extreme("magnitude"),
           "Go to the value furthest from 0; again, to the next one in order.", ("M",), "Go", "tensor", "work"),
    Action("next-picked", "Next selected cell", _picked(1),
           "Show the next cell that is selected, as by a condition; the selection stays.", ("F3",), "Go", "tensor"),
    Action("previous-picked", "Previous selected cell", _picked(-1),
           "Show the cell before that is selected; the selection stays.", ("Shift+F3",), "Go", "tensor"),
    Action("thumbnails", "Thumbnails in the tree", _turn_thumbnails, "Show a small picture of each tensor in the tree.",
           (), "View", rule=True, checked=lambda at: at.window.tree.thumbnails.is_on),
)  # fmt: skip
