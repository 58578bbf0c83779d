"""A tensor of a file, of the clipboard or of another document takes a tensor's place by way of the edit panel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from safetensors.torch import save_file

from tests.ui.conftest import wait_ready
from weightedit.ui.files.dropping import DropMark
from weightedit.ui.paste.clipboard import put
from weightedit.ui.paste.source_card import SourceCard
from weightedit.ui.paste.tensor_mime import NAMED, carried, mime_of
from weightedit.ui.tree.dragging import Dragging

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def files(tmp_path):
    torch.save({"enc": {"weight": torch.zeros(4, 6), "bias": torch.zeros(6)}, "head": torch.zeros(2, 4)},
               tmp_path / "net.pt")  # fmt: skip
    save_file({"a.big": torch.ones(50, 50), "b.fits": torch.full((4, 6), 2.0, dtype=torch.float16),
               "c.other": torch.arange(24.0).reshape(6, 4)}, tmp_path / "parts.safetensors")  # fmt: skip
    np.save(tmp_path / "row.npy", np.arange(6, dtype=np.float32))
    return tmp_path


@pytest.fixture
def window(open_window, files):
    return open_window(files / "net.pt", real=True)


def show(qtbot, window, name):
    window.show_tensor(window.current, name)
    settle(qtbot, window)


def settle(qtbot, window):
    QTest.qWait(1)
    panel = window.workbench.edit_panel
    qtbot.waitUntil(lambda: not window.tasks.active and not panel._pause.isActive(), timeout=20_000)


def mime(*paths):
    made = QMimeData()
    made.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return made


def drop(window, place, carried_mime):
    """Drag over a place of the window, and let go there; gives what is said while it is over it."""
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, carried_mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    mark = window.findChild(DropMark)
    said = mark.words.text() if mark.isVisible() else None
    event = QDropEvent(QPointF(place), Qt.DropAction.CopyAction, carried_mime, buttons, keys)
    QApplication.sendEvent(window, event)
    assert not mark.isVisible()
    return said


def row_of(window, name):
    tree = window.tree.tree
    index = tree.rows.find(window.current, name)
    tree.scrollTo(index)
    return tree.viewport().mapTo(window, tree.visualRect(index).center())


def middle(window):
    page = window.workbench.page
    return page.mapTo(window, page.rect().center())


def apply(qtbot, window):
    panel = window.workbench.edit_panel
    qtbot.waitUntil(panel.apply_button.isEnabled)
    qtbot.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
    settle(qtbot, window)


def test_a_file_dropped_on_a_row_of_the_tree_previews_and_applies(qtbot, window, files):
    said = drop(window, row_of(window, "enc.bias"), mime(files / "row.npy"))
    assert said == "Paste row.npy into enc.bias"
    settle(qtbot, window)
    assert window.workbench.current()[1] == "enc.bias"
    assert torch.equal(window.current.document.read("enc.bias"), torch.zeros(6))  # only a preview yet
    assert window.workbench.edit_panel.shown is not None
    apply(qtbot, window)
    assert torch.equal(window.current.document.read("enc.bias"), torch.arange(6.0))
    assert len(window.documents) == 1


def test_a_file_dropped_on_the_page_is_for_its_tensor_and_asks_which_one(qtbot, window, files):
    show(qtbot, window, "enc.weight")
    said = drop(window, middle(window), mime(files / "parts.safetensors"))
    assert said == "Paste parts.safetensors into enc.weight"
    settle(qtbot, window)
    (card,) = window.findChildren(SourceCard)
    listed = [card.list.item(at).text() for at in range(card.list.count())]
    assert listed == ["b.fits  ·  4 × 6  ·  f16  ·  same shape", "c.other  ·  6 × 4  ·  f32  ·  as many values",
                      "a.big  ·  50 × 50  ·  f32"]  # fmt: skip
    QTest.keyClick(card.list, Qt.Key.Key_Down)
    QTest.keyClick(card.list, Qt.Key.Key_Return)
    settle(qtbot, window)
    assert window.files.strip.notices == [window.files.importing.pasting.card]  # which tensor is answered, how is asked
    apply(qtbot, window)
    assert not window.files.strip.isVisible()
    assert torch.equal(window.current.document.read("enc.weight"), torch.arange(24.0).reshape(6, 4))


def test_a_checkpoint_dropped_on_the_page_can_be_opened_after_all(qtbot, window, files):
    show(qtbot, window, "enc.weight")
    drop(window, middle(window), mime(files / "parts.safetensors"))
    settle(qtbot, window)
    (card,) = window.findChildren(SourceCard)
    QTest.mouseClick(card.open_file, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)
    assert [found.title for found in window.documents.all] == ["net.pt", "parts.safetensors"]
    assert not window.files.strip.isVisible()


def test_the_list_is_filtered_and_left_by_keyboard(qtbot, window, files):
    show(qtbot, window, "enc.weight")
    window.files.importing.offer(str(files / "parts.safetensors"), window.current, "enc.weight")
    settle(qtbot, window)
    (card,) = window.findChildren(SourceCard)
    QTest.keyClicks(card.filter, "other")
    assert card.list.count() == 1
    QTest.keyClick(card.filter, Qt.Key.Key_Escape)
    assert not window.files.strip.isVisible()
    assert window.workbench.edit_panel.shown is None


def test_several_files_or_one_beside_the_tensors_are_opened(qtbot, window, files):
    show(qtbot, window, "enc.weight")
    assert drop(window, middle(window), mime(files / "row.npy", files / "parts.safetensors")) is None
    wait_ready(qtbot, window)
    assert [found.title for found in window.documents.all] == ["net.pt", "row.npy", "parts.safetensors"]
    torch.save({"x": torch.zeros(1)}, files / "x.pt")
    assert drop(window, QPoint(5, 5), mime(files / "x.pt")) is None
    wait_ready(qtbot, window)
    assert len(window.documents) == 4


def test_cells_of_the_sources_shape_get_its_values(qtbot, window, files):
    show(qtbot, window, "enc.weight")
    window.workbench.page.selection.pick_text("[2, :]")
    settle(qtbot, window)
    drop(window, middle(window), mime(files / "row.npy"))
    settle(qtbot, window)
    request = window.workbench.edit_panel.form.request()
    assert (request.operation, request.region) == ("set", "[2, :]")
    apply(qtbot, window)
    expected = torch.zeros(4, 6)
    expected[2] = torch.arange(6.0)
    assert torch.equal(window.current.document.read("enc.weight"), expected)


def test_a_file_that_is_no_checkpoint_is_said(qtbot, window, files):
    (files / "notes.md").write_text("# hello")
    with qtbot.waitSignal(window.failed):
        drop(window, row_of(window, "enc.bias"), mime(files / "notes.md"))
    assert "notes.md" in window.errors.cards[0].title.text()


def test_an_edited_tensor_of_another_document_comes_by_every_bit(qtbot, window, files):
    nan = torch.tensor([0x7FC12345], dtype=torch.int32).view(torch.float32).item()
    window.open([str(files / "parts.safetensors")])
    wait_ready(qtbot, window)
    net, parts = window.documents.all
    with qtbot.waitSignal(window.documents.changed):
        parts.document.apply("set", "c.other", region="[0, :]", values=torch.tensor([nan, -0.0, 1e-45, 3.0]))
    assert window.tree.tree.select(parts, "c.other")
    window.tree.tree.setFocus()
    settle(qtbot, window)
    QTest.keyClick(window.tree.tree, Qt.Key.Key_C, CTRL)
    settle(qtbot, window)
    assert QGuiApplication.clipboard().text() == "c.other"
    assert window.tree.tree.select(net, "head")
    QTest.keyClick(window.tree.tree, Qt.Key.Key_V, CTRL)
    settle(qtbot, window)
    apply(qtbot, window)
    assert torch.equal(net.document.read("head", raw=True), parts.document.read("c.other", raw=True))
    window.documents.close(parts)  # what was taken from it stays
    assert torch.isnan(net.document.read("head")[0, 0])


def test_an_unchanged_tensor_of_another_document_is_named_by_its_file(qtbot, window, files):
    window.open([str(files / "parts.safetensors")])
    wait_ready(qtbot, window)
    net, parts = window.documents.all
    window.files.importing.take(carried(parts, "b.fits"), net, "enc.weight")
    settle(qtbot, window)
    request = window.workbench.edit_panel.form.request()
    assert request.arguments == {"source": (str(files / "parts.safetensors"), "b.fits")}


def test_a_tensor_of_another_window_comes_by_its_bytes(qtbot, window, files):
    made = mime_of(carried(window.current, "enc.bias"))
    other = made.data(NAMED).data().replace(b'"window": "', b'"window": "another ').replace(b"net.pt", b"gone.pt")
    foreign = QMimeData()
    foreign.setData(NAMED, other)
    foreign.setData("application/x-weightedit-values",
                    b'{"dtype": "float16", "shape": [2]}\n' + np.array([1.5, -2], np.float16).tobytes())  # fmt: skip
    put(foreign)
    assert window.tree.tree.select(window.current, "head")
    window.tree.tree.setFocus()
    QTest.keyClick(window.tree.tree, Qt.Key.Key_V, CTRL)
    settle(qtbot, window)
    field = window.workbench.edit_panel.form.fields[0]
    assert field.edit.text() == "2 values of float16"
    apply(qtbot, window)
    assert torch.equal(window.current.document.read("head"), torch.tensor([1.5, -2.0], dtype=torch.float16))


def test_a_tensor_dragged_onto_another_takes_its_place(qtbot, window):
    show(qtbot, window, "enc.weight")
    drop(window, row_of(window, "head"), mime_of(carried(window.current, "enc.weight")))
    settle(qtbot, window)
    assert window.workbench.edit_panel.form.request().arguments == {"source": "enc.weight"}
    assert window.workbench.current()[1] == "head"


def test_dragging_in_the_tree_carries_the_tensor(qtbot, window, monkeypatch):
    carried_away = []
    dragging = window.tree.tree.findChild(Dragging)
    monkeypatch.setattr(dragging, "drag", lambda found, name: carried_away.append(name))
    tree = window.tree.tree
    view, start = tree.viewport(), tree.visualRect(tree.rows.find(window.current, "enc.bias")).center()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for step in (2, 30, 60):
        QTest.mouseMove(view, start + QPoint(step, step))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + QPoint(60, 60))
    assert carried_away == ["enc.bias"]
    assert [name for _, name in tree.selected_tensors()] == ["enc.bias"]  # the rows passed over are not selected
    QTest.mouseMove(view, start + QPoint(5, 90))
    assert len(carried_away) == 1


def test_nothing_to_paste_is_said(qtbot, window):
    QGuiApplication.clipboard().setText("plain text")
    assert window.tree.tree.select(window.current, "head")
    window.tree.tree.setFocus()
    QTest.keyClick(window.tree.tree, Qt.Key.Key_V, CTRL)
    assert "no tensor on the clipboard" in window.status.message.text()
