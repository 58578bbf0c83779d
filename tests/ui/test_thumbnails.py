"""Thumbnails in the tree: of rows in sight only, of their present content, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest

from tests.ui.conftest import wait_ready
from weightedit.core.values.pinned import PinnedTensor
from weightedit.ui.theme import theme


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of tensors whose pictures were made."""
    from weightedit.ui.plots import tree_pictures

    found: list[str] = []
    make = tree_pictures.tree_picture

    def counted(pinned: PinnedTensor):
        found.append(pinned.name)
        return make(pinned)

    monkeypatch.setattr(tree_pictures, "tree_picture", counted)
    return found


def settled(qtbot, window) -> None:
    """Wait until every row in sight has its picture."""
    thumbnails = window.tree.thumbnails

    def all_there() -> bool:
        return not window.tasks.active and not thumbnails._soon.isActive() and not thumbnails._running

    qtbot.waitUntil(all_there, timeout=20_000)


def drawn(window, name: str) -> QImage:
    """The picture of a tensor; empty where there is none."""
    document = window.current.document
    image = QImage(22, 14, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    done = window.tree.thumbnails.paint(painter, QRectF(1, 1, 20, 12), document.find(name))
    painter.end()
    return image if done else QImage()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    path = tmp_path / "net.pt"
    halves = torch.ones(24, 40)
    halves[:12] = -1
    torch.save({"first": torch.randn(3, 3), "weight": halves, "norm": torch.rand(64), "step": torch.tensor(3),
                "conv": torch.randn(8, 3, 3, 3), "mask": torch.rand(9, 9) > 0.5,
                "odd": torch.full((4, 4), torch.nan)}, path)  # fmt: skip
    return path


def test_each_tensor_has_its_picture_and_a_scalar_keeps_its_icon(qtbot, open_window, checkpoint) -> None:
    window = open_window(checkpoint)
    settled(qtbot, window)
    picture = drawn(window, "weight")
    above, below = picture.pixelColor(10, 4), picture.pixelColor(10, 10)
    assert above.blue() > above.red()  # negative is blue, positive orange
    assert below.red() > below.blue()
    line = drawn(window, "norm")
    colors = {line.pixelColor(x, y).name() for x in range(2, 20) for y in range(2, 12)}
    assert theme.color("canvas").name() in colors
    assert len(colors) > 3
    assert drawn(window, "step").isNull()
    assert drawn(window, "odd").pixelColor(10, 7).name() == theme.color("nan").name()
    rect = window.tree.tree.visualRect(window.tree.tree.rows.find(window.current, "weight"))
    shown = window.tree.tree.viewport().grab().toImage()
    assert above.name() in {shown.pixelColor(x, rect.center().y() - 3).name() for x in range(60)}


def test_only_rows_in_sight_are_read(qtbot, open_window, tmp_path, asked) -> None:
    torch.save({f"t{number:04}": torch.full((4, 4), float(number)) for number in range(2000)}, tmp_path / "many.pt")
    window = open_window(tmp_path / "many.pt")
    settled(qtbot, window)
    view = window.tree.tree
    rows_in_sight = view.viewport().height() // 24 + 2
    assert 10 < len(asked) <= rows_in_sight
    assert asked[0] == "t0000"
    asked.clear()
    view.setFocus()
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    bar.setValue(bar.maximum())  # what was passed over is not made
    settled(qtbot, window)
    assert 10 < len(asked) <= rows_in_sight
    asked.clear()
    bar.setValue(0)
    settled(qtbot, window)
    assert asked == []  # kept


def test_an_edit_refreshes_the_picture_of_what_it_changed(qtbot, open_window, checkpoint, asked) -> None:
    window = open_window(checkpoint)
    settled(qtbot, window)
    before = drawn(window, "weight")
    asked.clear()
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("scale", "weight", factor=-1.0)
    settled(qtbot, window)
    assert asked == ["weight"]
    assert drawn(window, "weight") != before
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.undo()
    settled(qtbot, window)
    assert drawn(window, "weight") == before


def test_an_edit_of_a_live_module_refreshes_too(qtbot, open_window) -> None:
    window = open_window()
    layer = torch.nn.Linear(30, 20)
    window.documents.open_object(layer, None, "layer")
    wait_ready(qtbot, window)
    settled(qtbot, window)
    before = drawn(window, "weight")
    assert not before.isNull()
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", "weight", value=1.0)
    settled(qtbot, window)
    assert drawn(window, "weight") != before


def test_they_wait_while_others_work_and_can_be_turned_off(qtbot, open_window, checkpoint, asked, settings) -> None:
    settings.set("thumbnails", False)
    window = open_window(checkpoint)
    QTest.qWait(1)
    assert not window.tree.thumbnails.is_on
    assert asked == []
    thumbnails = window.tree.thumbnails
    hold = [window.tasks.start("held", lambda progress: progress.cancel.wait(10), on_result=None) for _ in range(2)]
    thumbnails.turn(True)
    qtbot.waitUntil(lambda: thumbnails._soon.isActive() and thumbnails._soon.interval() > 100)
    assert asked == []
    for task in hold:
        task.cancel()
    settled(qtbot, window)
    assert "weight" in asked
    thumbnails.turn(False)
    assert drawn(window, "weight").isNull()


def test_pictures_of_clamped_values_and_of_zeros_do_not_lie(qtbot, open_window, tmp_path) -> None:
    """Clamped, as much is blue as is orange, though both ends lie under every pixel; zeros are the lowest colour."""
    path = tmp_path / "clamped.pt"
    generator = torch.Generator().manual_seed(3)
    torch.save({"clamped": torch.randn(400, 400, generator=generator).clamp(-0.1, 0.1), "zeros": torch.zeros(40, 40)},
               path)  # fmt: skip
    window = open_window(path)
    settled(qtbot, window)
    picture = drawn(window, "clamped")
    inner = [picture.pixelColor(x, y) for x in range(2, 20) for y in range(2, 12)]
    blue = sum(color.blue() > color.red() for color in inner)
    assert 0.25 < blue / len(inner) < 0.75
    ground = theme.color("canvas")
    lowest = drawn(window, "zeros").pixelColor(10, 7)
    assert max(abs(lowest.red() - ground.red()), abs(lowest.blue() - ground.blue())) < 12
