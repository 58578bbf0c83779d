"""Scenes of a cast that is previewed: the loss map, its cells and numbers, what is left, and typed values."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from shooting import Shooting

WEIGHT = "model.encoder.project.weight"


def casts(at: Shooting, files: Path) -> None:
    """Show a cast to float16 with a few values past its range, from each side."""
    at.open(files / "digits.pt", WEIGHT)
    for region, value in (("[3, 40]", "70144"), ("[27, 110:113]", "-68000"), ("[:, ::7]", "3e-9"), ("[9, 9]", "nan")):
        at.region(region)
        at.apply("fill", Value=value)
    at.do("leave")
    at.region("[:, :]")
    at.operation("cast", **{"To dtype": "float16"})
    at.take("cast-loss-map")
    header = at.page.header
    for side in ("After", "Before"):
        header.sides.buttons[side].click()
        at.take(f"cast-{side.lower()}")
    header.sides.buttons["Loss map"].click()
    dims = at.page.dims
    dims.levels.setCurrentIndex(dims.levels.findData("absolute"))
    dims.levels.activated.emit(dims.levels.currentIndex())
    at.take("cast-loss-absolute")
    dims.levels.setCurrentIndex(dims.levels.findData("relative"))
    dims.levels.activated.emit(dims.levels.currentIndex())
    pane = at.page.heatmap_pane
    QTest.mouseMove(pane.heatmap.graphics.viewport(), pane.heatmap.point_of(3.5, 40.5).toPoint())
    at.take("cast-hover")
    at.operation("cast", **{"To dtype": "float16", "Values past ±65,504": "Clamp to ±65,504"})
    at.take("cast-clamped")
    at.operation("cast", **{"To dtype": "int8"})
    at.take("cast-to-integers")
    form = at.window.workbench.edit_panel.form
    names = tuple(at.window.current.document.tensors)
    form.set_selected(names, len(names))
    form.target.setCurrentIndex(form.target.findData("several"))
    form.target.activated.emit(form.target.currentIndex())
    for chip in form.leave.ready.values():
        chip.click()
    form.leave.edit.setText("re:.*bias")
    at.key(form.leave.edit, Qt.Key.Key_Return)
    form.area.ensureWidgetVisible(form.leave.edit)
    at.take("cast-keep-as-they-are")


def typed_values(at: Shooting, files: Path) -> None:
    """Show what typed numbers are stored as: in a form, and in a cell."""
    at.open(files / "digits.pt", WEIGHT)
    at.apply("cast", **{"To dtype": "bfloat16"})
    at.region("[2, 3]")
    at.operation("fill", Value="0.1")
    at.take("typed-rounded")
    at.operation("fill", Value="1e39")
    at.take("typed-lost")
    at.page.set_view("values")
    at.rest()
    table = at.page.values_pane.table
    table.setFocus()
    QTest.keyClicks(table, "0")
    QTest.keyClicks(at.app.focusWidget(), ".1")
    at.take("typed-cell")
    at.key(at.app.focusWidget(), Qt.Key.Key_Escape)


SCENES = {"casts": casts, "typed": typed_values}
