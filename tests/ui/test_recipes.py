"""Recipes in the window: shown with what they would do, applied as a whole or not at all, run from the start page."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import wait_ready
from weightedit.assembly import open_document
from weightedit.ui.recipe.recipe_card import RecipeCard


@pytest.fixture
def files(tmp_path):
    torch.save({"a": torch.full((2, 3), 300.0), "b": torch.ones(3)}, tmp_path / "net.pt")
    torch.save({"a": torch.full((2, 3), 1.0), "b": torch.ones(3)}, tmp_path / "first.pt")
    return tmp_path


def recipe(files, *edits):
    with open_document(files / "first.pt") as document:
        for operation, name, arguments in edits:
            document.apply(operation, name, **arguments)
        document.recipe.save(files / "fix.json")
    return str(files / "fix.json")


def offered(qtbot, window, path):
    window.files.recipes.offer(path, window.current)
    qtbot.waitUntil(lambda: window.files.recipes._card is not None)
    (card,) = window.findChildren(RecipeCard)
    return card


def test_a_recipe_is_shown_and_then_applied_as_a_whole(qtbot, open_window, files):
    window = open_window(files / "net.pt")
    path = recipe(files, ("scale", "a", {"factor": 2.0}), ("add", "b", {"value": 1.0}))
    card = offered(qtbot, window, path)
    assert [(one.label, one.level) for one in card.checked] == [("scale × 2.0, a", "ok"), ("add + 1.0, b", "ok")]
    assert card.apply_button.text() == "Apply 2 edits"
    assert not window.current.document.is_modified
    QTest.mouseClick(card.apply_button, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)
    assert torch.equal(window.current.document.read("b"), torch.full((3,), 2.0))
    assert window.status.message.text() == "Applied fix.json, 2 edits, to net.pt."
    assert not window.files.strip.isVisible()
    with qtbot.waitSignal(window.documents.changed):
        QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not window.current.document.is_modified  # both at once


def test_a_warning_is_shown_and_pressing_is_the_answer(qtbot, open_window, files):
    window = open_window(files / "net.pt")
    card = offered(qtbot, window, recipe(files, ("cast", "a", {"dtype": "float8_e4m3fnuz"})))
    assert card.checked[0].level == "warning"
    assert card.apply_button.text() == "Apply 1 edit with 1 warning"
    QTest.mouseClick(card.apply_button, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)
    assert window.current.document.tensors["a"].dtype == torch.float8_e4m3fnuz
    assert not window.errors.cards


def test_an_edit_that_does_not_fit_applies_none(qtbot, open_window, files):
    window = open_window(files / "net.pt")
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("rename", "b", to="c")
    card = offered(qtbot, window, recipe(files, ("scale", "a", {"factor": 2.0}), ("add", "b", {"value": 1.0})))
    assert [one.level for one in card.checked] == ["ok", "refusal"]
    with qtbot.waitSignal(window.failed):
        QTest.mouseClick(card.apply_button, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)
    assert torch.equal(window.current.document.read("a"), torch.full((2, 3), 300.0))
    assert "b" in window.errors.cards[0].title.text()


def test_leaving_changes_nothing(qtbot, open_window, files):
    window = open_window(files / "net.pt")
    card = offered(qtbot, window, recipe(files, ("scale", "a", {"factor": 2.0})))
    QTest.mouseClick(card.cancel, Qt.MouseButton.LeftButton)
    assert not window.files.strip.isVisible()
    assert not window.current.document.is_modified


def test_a_recipe_from_the_start_page(qtbot, open_window, files, monkeypatch):
    window = open_window()
    path = recipe(files, ("scale", "a", {"factor": 0.5}))
    monkeypatch.setattr("weightedit.ui.recipe.recipes.ask_recipe", lambda *_: path)
    monkeypatch.setattr("weightedit.ui.recipe.recipes.ask_files", lambda *_: [str(files / "net.pt")])
    QTest.mouseClick(window.start.recipe, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)
    qtbot.waitUntil(lambda: window.files.recipes._card is not None)
    QTest.keyClick(window.files.recipes._card.apply_button, Qt.Key.Key_Space)
    wait_ready(qtbot, window)
    assert torch.equal(window.current.document.read("a"), torch.full((2, 3), 150.0))


def test_what_is_no_recipe_is_said(qtbot, open_window, files):
    window = open_window(files / "net.pt")
    (files / "fix.json").write_text("{}")
    with qtbot.waitSignal(window.failed):
        window.files.recipes.offer(str(files / "fix.json"), window.current)
    assert "fix.json is no recipe" in window.errors.cards[0].title.text()
