"""The main job as a person does it, by mouse and keyboard: open, find, drag, scale, undo, redo, export, reload."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QLineEdit, QPushButton, QTreeView, QWidget
from pytestqt.qtbot import QtBot

import weightedit
from weightedit.ui.plots.heatmap import Heatmap
from weightedit.ui.window import MainWindow


def bits(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())


def settled(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=60_000)


def drag(widget: QWidget, start: QPoint, stop: QPoint) -> None:
    """Press, move in steps with the button down, and release, as a mouse does."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton

    def send(kind: QMouseEvent.Type, place: QPoint, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
        event = QMouseEvent(kind, QPointF(place), QPointF(widget.mapToGlobal(place)), button, buttons,
                            Qt.KeyboardModifier.NoModifier)  # fmt: skip
        QApplication.sendEvent(widget, event)
        QApplication.processEvents()

    send(QMouseEvent.Type.MouseButtonPress, start, left, left)
    for step in range(1, 9):
        send(QMouseEvent.Type.MouseMove, start + (stop - start) * (step / 8), none, left)
    send(QMouseEvent.Type.MouseButtonRelease, stop, left, none)


def click_tree_row(qtbot: QtBot, window: MainWindow, name: str) -> None:
    """Type the name into the filter and click the row that is left."""
    field = window.findChild(QLineEdit, "filter")
    tree = window.findChild(QTreeView, "tree")
    assert isinstance(field, QLineEdit)
    assert isinstance(tree, QTreeView)
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    field.selectAll()
    qtbot.keyClicks(field, name)
    settled(qtbot, window)

    def row() -> object:
        index = tree.model().index(0, 0)
        while index.isValid() and tree.model().hasChildren(index):
            tree.expand(index)
            if tree.model().canFetchMore(index):
                tree.model().fetchMore(index)
            index = tree.model().index(0, 0, index)
        left = tree.model().rowCount() == 1 and name.endswith(str(index.data()))
        return index if left and not tree.visualRect(index).isEmpty() else None

    qtbot.waitUntil(lambda: row() is not None, timeout=10_000)
    index = row()
    place = tree.visualRect(index).center()
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.keyClick(tree, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: _shown(window) == name, timeout=20_000)
    settled(qtbot, window)


def _shown(window: MainWindow) -> str | None:
    current = window.workbench.current()
    return None if current is None else current[1]


def visible(window: QWidget, kind: type, name: str) -> QWidget | None:
    """Find a visible control by the name a screen reader says."""
    found = (child for child in window.findChildren(kind) if child.accessibleName() == name and child.isVisible())
    return next(found, None)


def named(window: QWidget, kind: type, name: str) -> QWidget:
    found = visible(window, kind, name)
    assert found is not None, f"no visible {kind.__name__} called {name!r}"
    return found


def button(window: QWidget, text: str) -> QPushButton:
    for found in window.findChildren(QPushButton):
        if found.text().strip().startswith(text) and found.isVisible():
            return found
    raise AssertionError(f"no visible button {text!r}")


def choose(qtbot: QtBot, combo: QComboBox, text: str) -> None:
    """Open a combo box by keyboard and type to the entry."""
    combo.setFocus()
    qtbot.keyClicks(combo, text)
    assert combo.currentText().startswith(text), combo.currentText()


def do_the_job(qtbot: QtBot, window: MainWindow, path: Path, name: str, out: Path) -> None:
    original = torch.load(path, weights_only=False, map_location="cpu")
    weight = _at(original, name)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
    click_tree_row(qtbot, window, name)
    (heatmap,) = [one for one in window.findChildren(Heatmap) if one.isVisible()]  # the next page's is made ahead
    viewport = heatmap.graphics.viewport()
    start = heatmap.point_of(weight.shape[0] * 0.25, weight.shape[1] * 0.25).toPoint()
    stop = heatmap.point_of(weight.shape[0] * 0.6, weight.shape[1] * 0.5).toPoint()
    drag(viewport, start, stop)
    settled(qtbot, window)
    field = named(window, QLineEdit, "Region")
    region = field.text()
    assert region.startswith("[")
    assert region != "[:, :]"
    choose(qtbot, named(window, QComboBox, "Operation"), "scale")
    qtbot.waitUntil(lambda: visible(window, QLineEdit, "Factor") is not None, timeout=5_000)
    factor = named(window, QLineEdit, "Factor")
    factor.setFocus()
    qtbot.keyClicks(factor, "0.5")
    apply = button(window, "Apply")
    qtbot.waitUntil(lambda: apply.isEnabled() and not window.tasks.active, timeout=20_000)
    document = window.workbench.current()[0]
    before = bits(document.read(name))
    assert before == bits(weight), "a preview does not change the document"
    qtbot.mouseClick(apply, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: document.can_undo and not window.tasks.active, timeout=20_000)
    expected = weight.detach().clone()
    index = eval(f"numpy_s{region}", {"numpy_s": _Index()})
    expected[index] = expected[index] * 0.5
    assert bits(document.read(name)) == bits(expected)
    assert window.isWindowModified()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not document.can_undo and not window.tasks.active, timeout=20_000)
    assert bits(document.read(name)) == before
    assert not window.isWindowModified()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: document.can_undo and not window.tasks.active, timeout=20_000)
    assert bits(document.read(name)) == bits(expected)
    export(qtbot, window, out)
    again = torch.load(out, weights_only=False, map_location="cpu")
    assert bits(_at(again, name)) == bits(expected)
    _assert_same_but(original, again, name)


class _Index:
    def __getitem__(self, index: object) -> object:
        return index


def export(qtbot: QtBot, window: MainWindow, out: Path) -> None:
    """Press Ctrl+Shift+S, type the path, press Export."""
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in window.findChildren(QDialog)), timeout=10_000)
    dialog = next(dialog for dialog in window.findChildren(QDialog) if dialog.isVisible())
    path = dialog.findChild(QLineEdit, "path")
    assert isinstance(path, QLineEdit)
    path.selectAll()
    qtbot.keyClicks(path, str(out))
    go = dialog.findChild(QPushButton, "export")
    qtbot.waitUntil(lambda: go.isEnabled() and not window.tasks.active, timeout=20_000)
    qtbot.mouseClick(go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: out.exists() and not window.tasks.active, timeout=60_000)


def _at(checkpoint: object, name: str) -> torch.Tensor:
    """Find a tensor by its dotted name, keys that hold dots included."""
    if name == "":
        assert isinstance(checkpoint, torch.Tensor)
        return checkpoint
    assert isinstance(checkpoint, dict)
    key = next(key for key in checkpoint if name == str(key) or name.startswith(f"{key}."))
    return _at(checkpoint[key], name[len(str(key)) + 1 :])


def _assert_same_but(first: object, second: object, name: str) -> None:
    """Everything else went out as it came, types and order included."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert list(first) == list(second)
        for key in first:
            rest = name[len(str(key)) + 1 :] if name == str(key) or name.startswith(f"{key}.") else "another tensor"
            _assert_same_but(first[key], second[key], rest)
    elif isinstance(first, list | tuple):
        for one, other in zip(first, second, strict=True):
            _assert_same_but(one, other, "another tensor")
    elif isinstance(first, torch.Tensor):
        assert first.shape == second.shape
        assert name == "" or bits(first) == bits(second)
    else:
        assert first == second


def test_the_main_job_on_a_real_checkpoint(qtbot, open_window, real_checkpoint: Callable[[str], Path], tmp_path):
    path = tmp_path / "model.pth"
    shutil.copy(real_checkpoint("khmer_ocr_ocm/assets/model.pth"), path)
    with weightedit.open(path) as document:
        name = next(info.name for info in document.tensors.values() if len(info.shape) == 2 and min(info.shape) > 32)
    window = open_window(path, real=True)
    do_the_job(qtbot, window, path, name, tmp_path / "out.pth")


@pytest.mark.window
def test_the_main_job_in_a_real_window(qtbot, open_window, tmp_path):
    path = tmp_path / "digits.pt"
    shutil.copy(Path(__file__).parents[2] / "resources" / "demo" / "digits.pt", path)
    window = open_window(path, real=True)
    do_the_job(qtbot, window, path, "model.encoder.project.weight", tmp_path / "out.pt")


def test_one_edit_of_several_tensors_selected_in_the_tree(qtbot, open_window, tmp_path):
    torch.save({f"layer{i}.weight": torch.full((4, 4), float(i + 1)) for i in range(4)}, tmp_path / "many.pt")
    window = open_window(tmp_path / "many.pt", real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
    tree = window.findChild(QTreeView, "tree")
    assert isinstance(tree, QTreeView)
    tree.setFocus()
    qtbot.keyClick(tree, Qt.Key.Key_Home)
    for _ in range(8):
        qtbot.keyClick(tree, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    settled(qtbot, window)
    target = named(window, QComboBox, "Apply to")
    texts = [target.itemText(row) for row in range(target.count())]
    assert "Selected (4)" in texts, texts
    choose(qtbot, named(window, QComboBox, "Operation"), "fill")
    choose(qtbot, target, "Selected")
    qtbot.waitUntil(lambda: visible(window, QLineEdit, "Value") is not None, timeout=5_000)
    field = named(window, QLineEdit, "Value")
    field.setFocus()
    qtbot.keyClicks(field, "0.5")
    apply = button(window, "Apply")
    qtbot.waitUntil(lambda: apply.isEnabled() and not window.tasks.active, timeout=20_000)
    document = window.workbench.current()[0]
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: document.can_undo and not window.tasks.active, timeout=20_000)
    assert all(bits(document.read(name)) == bits(torch.full((4, 4), 0.5)) for name in document.tensors)
    assert len(document.history) == 1
