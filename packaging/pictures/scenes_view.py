"""Scenes of looking at a tensor: heatmap, tiles, table, histogram, rows and columns, singular values, inspector."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from shooting import Shooting

WEIGHT = "model.encoder.project.weight"


def heatmap(at: Shooting, files: Path) -> None:
    """Show a matrix as a picture, its menus, cross-hair, and a selection by condition."""
    at.open(files / "digits.pt", WEIGHT)
    at.take("heatmap")
    pane = at.page.heatmap_pane
    for _ in range(7):
        pane.heatmap.zoom_in()
    at.take("heatmap-zoomed")
    pane.heatmap.fit()
    at.take_popup("levels-open", at.page.dims.levels)
    at.take_popup("colour-maps-open", at.page.dims.maps)
    at.take_menu("menu-colour-map", "View", "Colour map")
    at.take_menu("menu-select", "Select")
    at.do("crosshair")
    QTest.mouseMove(pane.heatmap.graphics.viewport(), QPoint(300, 120))
    at.take("crosshair")
    at.do("crosshair")
    at.do("go-to-index")
    at.take("go-to-index")
    at.key(at.control(QLineEdit, "Go to index"), Qt.Key.Key_Escape)
    at.do("select-where")
    field = at.control(QLineEdit, "Select where")
    field.setText("abs(w) > 0.06")
    field.textEdited.emit(field.text())
    at.take("where")
    field.setText("abs(w) > 2 * sdt(w)")
    field.textEdited.emit(field.text())
    at.take("where-wrong")


def tiles(at: Shooting, files: Path) -> None:
    """Kernels side by side, with dead filters."""
    at.open(files / "vision.pt", "state_dict.conv1.weight")
    if at.page.heatmap_pane.tiling is None:
        at.do("tiles")
    at.take("tiles")
    at.do("select-dead")
    at.take("tiles-dead-selected")
    at.operation("initialize", Method="kaiming_normal")
    at.take("tiles-preview")
    at.show("state_dict.layer1.0.conv1.weight")
    at.take("slices")
    at.do("tiles")
    at.take("tiles-many")


def table(at: Shooting, files: Path) -> None:
    """Numbers with a selection, in decimal and hexadecimal, and one being typed."""
    at.open(files / "digits.pt", WEIGHT)
    at.do("values")
    at.region("[2:5, 3:7]")
    at.take("values")
    at.do("format-hex")
    at.take("values-hex")
    at.do("format-binary")
    at.take("values-binary")
    at.do("format-fixed")
    at.take("values-fixed")
    at.do("format-shortest")
    grid = at.page.values_pane.table
    at.key(grid, Qt.Key.Key_Equal)
    at.take("values-typing")
    at.key(grid.findChild(QLineEdit), Qt.Key.Key_Escape)
    at.operation("scale", Factor="0.25")
    at.take("values-preview")


def analyses(at: Shooting, files: Path) -> None:
    """Show what is computed of a tensor, before and after an edit."""
    at.open(files / "digits.pt", WEIGHT)
    for name in ("histogram", "profiles", "spectrum"):
        at.do(name)
        at.take(name)
    at.operation("clamp", Minimum="-0.1", Maximum="0.1")
    for name in ("histogram", "profiles", "spectrum"):
        at.do(name)
        at.take(f"{name}-preview")
    at.show("model.decoder.weight")
    for name in ("histogram", "profiles", "spectrum"):
        at.do(name)
        at.take(f"{name}-decoder")
    at.show("model.encoder.norm1.weight")
    for name in ("heatmap", "values", "profiles", "spectrum"):
        at.do(name)
        at.take(f"vector-{name}")


def inspector(at: Shooting, files: Path) -> None:
    """All that is known of a tensor, quantiles open, and where it lies in its file."""
    at.open(files / "digits.pt", "model.head.weight")
    beside = at.window.workbench.inspector
    beside.quantiles.set_open(True)
    at.take("inspector-quantiles")
    beside.tabs.buttons["Place in file"].click()
    at.take("inspector-place")
    beside.quantiles.set_open(False)


def kinds(at: Shooting, files: Path) -> None:
    """Tensors that are drawn in their own ways: bool, whole numbers, complex, one value, none."""
    at.open(files / "kinds.pt")
    for name in ("mask", "tokens", "rotary", "scalar", "empty", "half_of_int8"):
        at.show(name)
        at.take(f"kind-{name}")
    at.show("rotary")
    at.do("phase")
    at.take("kind-phase")
    at.show("long.path.of.modules.that.goes.on.encoder.layers.11.attention.self.query.weight")
    at.take("kind-long-name")


SCENES = {"heatmap": heatmap, "tiles": tiles, "table": table, "analyses": analyses, "inspector": inspector,
          "kinds": kinds}  # fmt: skip
