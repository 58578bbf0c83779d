"""What a row of the tree says, and that painting it asks the model little."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QModelIndex, QRect
from PySide6.QtGui import QImage, QPainter

from tests.ui.conftest import wait_ready
from weightedit.ui.theme import theme
from weightedit.ui.tree import row_painter
from weightedit.ui.tree.model import Column, TreeModel
from weightedit.ui.tree.row_painter import RowPainter

LONG = "a_name_that_is_much_longer_than_the_column_it_stands_in_and_goes_on"


class Recorder(QPainter):
    """Paints, and keeps each text with the place it is painted into."""

    def __init__(self, image: QImage) -> None:
        super().__init__(image)
        self.said: list[tuple[QRect, str]] = []

    def drawText(self, place, flags, text):  # noqa: N802
        self.said.append((place if isinstance(place, QRect) else place.toRect(), text))
        super().drawText(place, flags, text)


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    """A tree that is laid out; its first tensors share their storage, others come after."""
    tied = torch.ones(4, 3)
    torch.save({"head": tied, "tail": tied, "big": torch.zeros(300, 400, dtype=torch.float16), LONG: torch.zeros(2),
                "deep": {LONG: {"w": torch.zeros(1)}}, "epoch": 3}, tmp_path / "net.pt")  # fmt: skip
    made = open_window(tmp_path / "net.pt")
    made.tree.tree.expandAll()
    wait_ready(qtbot, made)
    qtbot.waitUntil(lambda: made.tree.tree.viewport().width() > 300)
    return made


def row_of(view, name: str) -> QModelIndex:
    index = view.model().index(0, 0)
    while index.isValid() and index.data() != name:
        index = view.indexBelow(index)
    assert index.isValid()
    return index


def painted(view, name: str, selected: bool = False) -> tuple[list[tuple[QRect, str]], QImage]:
    """Paint one row alone."""
    image = QImage(view.viewport().size(), QImage.Format.Format_RGB32)
    image.fill(theme.color("panel"))
    recorder = Recorder(image)
    view.row_painter.begin()
    view.row_painter.paint(recorder, QRect(0, 0, image.width(), 24), row_of(view, name), selected)
    recorder.end()
    return recorder.said, image


def said(view, name: str) -> list[str]:
    return [text for _, text in painted(view, name)[0]]


def test_a_tensors_row_says_name_shape_dtype_size_and_group(window):
    assert said(window.tree.tree, "big") == ["big", "300 × 400", "f16", "240 kB"]
    assert said(window.tree.tree, "head") == ["head", "4 × 3", "f32", "48 B", "S1"]


def test_the_group_is_painted_in_its_column(window):
    view = window.tree.tree
    place, text = painted(view, "head")[0][-1]
    x, width = view.header().sectionViewportPosition(Column.STORAGE), view.columnWidth(Column.STORAGE)
    assert text == "S1"
    assert x <= place.left() < place.right() <= x + width


def test_a_value_says_what_it_is_and_a_group_how_large(window):
    assert said(window.tree.tree, "epoch") == ["epoch", "3"]
    assert said(window.tree.tree, "deep")[:1] == ["deep"]
    assert "4 B" in said(window.tree.tree, "deep")


def test_a_modified_tensor_has_a_dot(qtbot, window):
    view = window.tree.tree
    warn = theme.color("warn").rgb()

    def dotted() -> bool:
        image = painted(view, "big")[1]
        return any(image.pixel(x, y) == warn for x in range(image.width()) for y in range(24))

    assert not dotted()
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", "big", region="[0, :]", value=1.0)
    assert dotted()


@pytest.mark.parametrize("width", [280, 400, 560])
def test_texts_stay_in_their_columns_and_a_name_runs_into_what_is_empty(qtbot, window, width):
    """Where columns are hidden for lack of room, their texts are not painted, and names get the room."""
    view = window.tree.tree
    view.setFixedWidth(width)
    qtbot.waitUntil(lambda: view.viewport().width() >= width - 12)
    header = view.header()
    columns = {column: (header.sectionViewportPosition(column), header.sectionSize(column))
               for column in Column if not header.isSectionHidden(column)}  # fmt: skip
    texts, _ = painted(view, LONG)
    (name, shown), *others = texts
    assert shown.endswith("…")
    assert len(others) == len(set(columns) & {Column.SHAPE, Column.DTYPE, Column.SIZE})
    for (place, text), (x, across) in zip(others, [columns[one] for one in list(columns)[1:]], strict=False):
        assert (place.left(), place.width()) == (x + 4, across - 8)
        assert text
    inside = view.fontMetrics().horizontalAdvance("2")
    assert name.right() < columns[Column.SHAPE][0] + columns[Column.SHAPE][1] - inside
    alone = painted(view, "deep")[0][0][0]
    assert alone.right() > sum(columns[Column.SHAPE]) - 10, "a dict has no shape: its name may run there"


def test_a_selected_tensor_is_bold_and_its_icon_in_the_accent(window):
    """Where it has no picture, or none yet: one that is read takes the icon's place."""
    view = window.tree.tree
    view.row_painter.thumbnails = None
    plain, strong = painted(view, "big")[1], painted(view, "big", selected=True)[1]
    accent = theme.color("accent").rgb()
    assert plain != strong
    assert any(strong.pixel(x, y) == accent for x in range(100) for y in range(24))
    assert not any(plain.pixel(x, y) == accent for x in range(100) for y in range(24))


def test_painting_asks_the_model_little(qtbot, open_window, tmp_path, monkeypatch):
    """Qt's own way asks ten times for each row's flags alone: 27 ms for the rows in sight where 13 will do."""
    asked, rows = [], []
    flags, paint = TreeModel.flags, RowPainter.paint
    # before anything is painted: Qt looks a method up once
    monkeypatch.setattr(TreeModel, "flags", lambda self, index: asked.append(1) or flags(self, index))
    monkeypatch.setattr(row_painter.RowPainter, "paint", lambda *given: rows.append(1) or paint(*given))
    torch.save({f"w{number}": torch.zeros(2) for number in range(20)}, tmp_path / "net.pt")
    window = open_window(tmp_path / "net.pt")
    view = window.tree.tree
    qtbot.waitUntil(lambda: view.viewport().width() > 300 and view.viewport().height() > 300)
    wait_ready(qtbot, window)
    asked.clear()
    rows.clear()
    view.viewport().repaint()
    assert len(rows) >= 12
    assert 0 < len(asked) <= 3 * len(rows)
