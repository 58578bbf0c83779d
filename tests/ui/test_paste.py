"""A paste always says whether it copies values, replaces or ties, and which storage groups result."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.conftest import wait_ready
from tests.ui.test_replacing import apply, drop, middle, row_of, settle, show
from weightedit.ui.paste.paste_choice import PasteChoice
from weightedit.ui.paste.tensor_mime import carried, mime_of

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    wte = torch.randn(6, 4)
    torch.save({"wte": wte, "head": wte, "other": torch.randn(6, 4), "half": torch.randn(6, 4).half(),
                "row": torch.arange(4.0)}, tmp_path / "net.pt")  # fmt: skip
    torch.save({"far": torch.randn(6, 4)}, tmp_path / "far.pt")
    return tmp_path


@pytest.fixture
def window(open_window, files):
    return open_window(files / "net.pt", real=True)


def paste(qtbot, window, source, target):
    """Copy a tensor in the tree and paste it over another, all by keys."""
    tree = window.tree.tree
    for name, key in ((source, Qt.Key.Key_C), (target, Qt.Key.Key_V)):
        assert tree.select(window.current, name)
        tree.setFocus()
        QTest.keyClick(tree, key, CTRL)
        settle(qtbot, window)
    return card_of(window)


def card_of(window) -> PasteChoice:
    (card,) = [one for one in window.findChildren(PasteChoice) if one.isVisible()]
    return card


def request(window):
    return window.workbench.edit_panel.form.request()


def press(qtbot, window, card, name):
    qtbot.mouseClick(card.segments.buttons[name], Qt.MouseButton.LeftButton)
    settle(qtbot, window)


def titles(window):
    return [hazard.title for hazard in window.workbench.edit_panel.hazards.hazards]


def test_the_choice_is_there_with_the_groups_that_result(qtbot, window):
    card = paste(qtbot, window, "other", "head")
    assert card.title.text() == "Paste other into head"
    assert card.segments.current == "Replace"
    assert request(window).operation == "replace"
    assert card.result.text() == "A new tensor in its place; S1 is head, wte, still tied."
    press(qtbot, window, card, "Copy values")
    assert (request(window).operation, request(window).region) == ("set", None)
    assert card.result.text() == "The tensor stays and gets the values; S1 stays wte, head."
    press(qtbot, window, card, "Tie")
    assert request(window).operation == "tie"
    assert request(window).arguments == {"to": "other"}
    assert card.result.text() == "They become one tensor; S1 is head, other, 96 B."
    assert any("24 values of head are given up" in title for title in titles(window))


@pytest.mark.parametrize(("way", "groups"), [
    ("Copy values", [{"wte", "head"}]), ("Replace", [{"wte", "head"}]), ("Tie", [{"head", "other"}]),
])  # fmt: skip
def test_each_way_does_what_it_says(qtbot, window, files, way, groups):
    document = window.current.document
    held = document.find("head").held.described
    card = paste(qtbot, window, "other", "head")
    press(qtbot, window, card, way)
    apply(qtbot, window)
    assert torch.equal(document.read("head"), document.read("other"))
    assert [{slot.name for slot in document.group_members("S1")}] == groups
    assert (document.find("wte").held.described is held) == (way != "Replace")
    assert torch.equal(document.read("wte"), document.read("head")) == (way != "Tie")
    assert not window.files.strip.isVisible(), "the choice was made"
    window.current.document.export(files / "out.pt")
    found = torch.load(files / "out.pt")
    assert (found["head"].data_ptr() == found["other"].data_ptr()) == (way == "Tie")


def test_keys_choose_go_on_and_leave(qtbot, window):
    card = paste(qtbot, window, "other", "head")
    focus = QApplication.focusWidget
    assert focus() is card.segments.buttons["Replace"], "the keys are on the choice"
    for key, name, operation in ((Qt.Key.Key_T, "Tie", "tie"), (Qt.Key.Key_C, "Copy values", "set"),
                                 (Qt.Key.Key_R, "Replace", "replace"), (Qt.Key.Key_Right, "Tie", "tie"),
                                 (Qt.Key.Key_Right, "Copy values", "set"),
                                 (Qt.Key.Key_Left, "Tie", "tie")):  # fmt: skip
        QTest.keyClick(focus(), key)
        settle(qtbot, window)
        assert (card.segments.current, request(window).operation) == (name, operation)
        assert focus() is card.segments.buttons[name]
    QTest.keyClick(focus(), Qt.Key.Key_Return)
    assert focus() is window.workbench.edit_panel.apply_button
    QTest.keyClick(focus(), Qt.Key.Key_Space)
    settle(qtbot, window)
    document = window.current.document
    assert document.find("head").held is document.find("other").held
    card = paste(qtbot, window, "wte", "other")
    QTest.keyClick(focus(), Qt.Key.Key_Escape)
    settle(qtbot, window)
    assert not window.files.strip.isVisible()
    assert window.workbench.edit_panel.shown is None
    assert document.history.position == 1


def test_a_tensor_of_another_document_cannot_be_tied_and_the_tooltip_says_why(qtbot, window, files):
    window.open([str(files / "far.pt")])
    wait_ready(qtbot, window)
    net, far = window.documents.all
    assert window.tree.tree.select(far, "far")
    window.tree.tree.setFocus()
    QTest.keyClick(window.tree.tree, Qt.Key.Key_C, CTRL)
    settle(qtbot, window)
    assert window.tree.tree.select(net, "other")
    QTest.keyClick(window.tree.tree, Qt.Key.Key_V, CTRL)
    settle(qtbot, window)
    card = card_of(window)
    assert not card.segments.buttons["Tie"].isEnabled()
    assert "one document" in card.segments.buttons["Tie"].toolTip()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_T)
    assert card.segments.current == "Replace"
    assert card.result.text() == "A new tensor in its place; other is alone in its storage."
    press(qtbot, window, card, "Copy values")
    apply(qtbot, window)
    assert torch.equal(net.document.read("other"), far.document.read("far"))


def test_copying_values_shows_the_hazards_of_copy(qtbot, window):
    """A row into a matrix repeats, float32 into float16 rounds: said before, and replacing does neither."""
    card = paste(qtbot, window, "row", "other")
    press(qtbot, window, card, "Copy values")
    kinds = {hazard.kind for hazard in window.workbench.edit_panel.hazards.hazards}
    assert "broadcast" in kinds
    card = paste(qtbot, window, "other", "half")
    press(qtbot, window, card, "Copy values")
    kinds = {hazard.kind for hazard in window.workbench.edit_panel.hazards.hazards}
    assert "precision-loss" in kinds
    press(qtbot, window, card, "Tie")
    assert {hazard.kind for hazard in window.workbench.edit_panel.hazards.hazards} == {"shape-mismatch"}
    assert not window.workbench.edit_panel.apply_button.isEnabled()


def test_selected_cells_of_the_sources_shape_are_offered_its_values(qtbot, window):
    show(qtbot, window, "other")
    window.workbench.page.selection.pick_text("[2, :]")
    settle(qtbot, window)
    drop(window, middle(window), mime_of(carried(window.current, "row")))
    settle(qtbot, window)
    card = card_of(window)
    assert card.title.text() == "Paste row into other [2, :]"
    assert (card.segments.current, request(window).region) == ("Copy values", "[2, :]")
    apply(qtbot, window)
    assert torch.equal(window.current.document.read("other")[2], torch.arange(4.0))


def test_a_tensor_dropped_on_a_row_asks_too_and_another_tensor_ends_it(qtbot, window):
    said = drop(window, row_of(window, "head"), mime_of(carried(window.current, "other")))
    assert said is None or said == "Paste other into head"
    settle(qtbot, window)
    assert card_of(window).title.text() == "Paste other into head"
    show(qtbot, window, "row")
    assert not window.files.strip.isVisible()


def test_another_operation_ends_the_choice(qtbot, window):
    paste(qtbot, window, "other", "head")
    window.workbench.choose_operation("scale")
    settle(qtbot, window)
    assert not window.files.strip.isVisible()


def test_the_choice_holds_in_the_smallest_window(qtbot, window):
    window.resize(1024, 640)
    card = paste(qtbot, window, "other", "head")
    right = card.close_button.mapTo(window, QPoint(card.close_button.width(), 0)).x()
    assert right <= window.width()
    assert all(button.width() >= button.sizeHint().width() for button in card.segments.buttons.values())
    assert QGuiApplication.clipboard().text() == "other"


def test_esc_in_the_choice_leaves_the_keys_on_the_tree(qtbot, window):
    """On the next button, which is the window's Undo, Space would take back an edit."""
    window.activateWindow()
    paste(qtbot, window, "other", "head")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    settle(qtbot, window)
    assert QApplication.focusWidget() is window.tree.tree
    assert window.status.message.text() == ""


def test_looking_at_another_tensor_leaves_the_paste_behind(qtbot, window):
    """What was to replace one tensor is not aimed at the next, nor does it wait for the first."""
    paste(qtbot, window, "other", "head")
    assert window.workbench.edit_panel.apply_button.isEnabled()
    show(qtbot, window, "half")
    settle(qtbot, window)
    assert not window.files.strip.isVisible()
    assert request(window) is None
    assert not window.workbench.edit_panel.apply_button.isEnabled()
    assert window.status.message.text() == ""
    show(qtbot, window, "head")
    settle(qtbot, window)
    assert request(window) is None
