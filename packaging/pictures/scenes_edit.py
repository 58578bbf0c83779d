"""Scenes of editing: the forms of operations, hazards, history, and values typed in the tree."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit
from shooting import Shooting

WEIGHT = "model.encoder.project.weight"


def forms(at: Shooting, files: Path) -> None:
    """Forms with many fields, wrong input, and a long list of operations."""
    at.open(files / "digits.pt", WEIGHT)
    at.operation("initialize", Method="kaiming_normal")
    at.take("form-initialize")
    at.operation("insert_rows")
    at.take("form-insert-rows")
    at.operation("expression", Formula="w * 0.5 + mean(w, 0")
    at.take("form-expression-wrong")
    at.operation("expression", Formula="where(abs(w) < 0.02, 0, w * 0.5)")
    at.take("form-expression")
    at.operation("prune")
    at.take("form-prune")
    at.operation("low_rank")
    at.take("form-low-rank")
    at.operation("scale", Factor="half")
    at.take("form-scale-wrong")
    at.operation("multiply")
    at.take("form-multiply")
    at.operation("normalize")
    at.take("form-normalize")
    at.take_popup("operations-open", at.control(QComboBox, "Operation"))
    at.take_menu("menu-operations", "Operations", "Shape")


def hazards(at: Shooting, files: Path) -> None:
    """Show what an edit would cost, said beside it."""
    at.open(files / "digits.pt", "model.decoder.weight")
    at.operation("cast", **{"To dtype": "float8_e4m3fn"})
    at.take("hazards-cast")
    at.show(WEIGHT)
    at.operation("scale", Factor="1e39")
    at.take("hazards-overflow")
    at.show("model.head.weight")
    at.operation("delete_rows", Rows="3")
    at.take("hazards-tied")
    at.operation("reshape", Shape="7, 7")
    at.take("refusal-reshape")


def history(at: Shooting, files: Path) -> None:
    """Edits in a list, some of them taken back, and values typed in the tree."""
    at.open(files / "digits.pt", WEIGHT)
    at.take("history-empty")
    at.operation("scale")
    for number in range(4):
        at.region(f"[{number}, :]")
        at.apply("scale", Factor=f"0.{number + 2}")
    at.region("[16:48, 64:160]")
    at.apply("clamp", Minimum="-0.1", Maximum="0.1")
    at.show("model.decoder.weight")
    at.region("[27, :]")
    at.apply("fill", Value="0")
    at.do("undo")
    at.operation("scale", Factor="2")
    at.take("history")
    at.do("compare-opened")
    at.take("history-compared")
    at.do("search-history")
    at.app.focusWidget().setText("clamp")
    at.take("history-searched")


def snapshots(at: Shooting, files: Path) -> None:
    """Take snapshots, keep one apart from the file, compare and restore with a warning, and delete one."""
    at.open(files / "digits.pt", WEIGHT)
    view = at.window.workbench.history.snapshots
    at.do("take-snapshot")
    at.take("snapshot-name")
    view.name.returnPressed.emit()
    at.rest()
    at.operation("scale")
    at.apply("scale", Factor="0.5")
    at.do("take-snapshot")
    view.name.setText("half")
    view.name.returnPressed.emit()
    at.rest()
    at.apply("fill", Value="0")
    at.take("snapshots")
    at.do("compare-snapshot")
    at.take("snapshot-compared")
    at.window.current.document.apply("delete", "model.decoder.bias", accept="all")
    at.rest()
    view.list.setCurrentRow(1)
    at.do("restore-snapshot")
    at.take("snapshot-asks")
    at.do("delete-snapshot")
    at.take("snapshot-delete")


def devices(at: Shooting, files: Path) -> None:
    """Move tensors of a file from the GPU they were saved on."""
    at.open(files / "digits.pt", WEIGHT)
    at.window.current.document.apply("to_device", "*encoder*", device="cuda:0", accept="all")
    at.rest()
    at.do("move-to-cpu")
    at.take("device-move")


def tree(at: Shooting, files: Path) -> None:
    """Several documents, a value being typed, a name being typed, the menu of a row, and a filter."""
    for name in ("digits.pt", "kinds.pt", "vision.pt"):
        at.open(files / name)
    rows = at.window.tree.tree
    at.take("tree-several")
    documents = at.window.documents.all
    rows.expandRecursively(rows.rows.index(2, 0), 1)
    at.rest()
    rows.select(documents[2], "state_dict.fc.weight")
    at.rest()
    at.window.activateWindow()
    rows.edit_current()
    at.take("tree-renaming")
    at.key(rows.findChild(QLineEdit, "rename"), Qt.Key.Key_Escape)
    document = rows.rows.index(2, 0)
    config = rows.rows.index(rows.rows.rowCount(document) - 2, 0, document)
    rows.expand(config)
    rows.setCurrentIndex(rows.rows.index(1, 0, config))
    at.rest()
    rows.edit_value()
    at.take("tree-value")
    at.key(rows.findChild(QLineEdit, "rename"), Qt.Key.Key_Escape)
    field = at.window.tree.filter
    field.setText("bn*.weight")
    at.take("tree-filtered")
    field.setText("lm_head")
    at.take("tree-filter-nothing")


SCENES = {"forms": forms, "hazards": hazards, "history": history, "snapshots": snapshots,
          "devices": devices, "tree": tree}
