"""An edit that the journal cannot take is refused in one place, with the way on, for as long as that is so."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import wait_ready
from weightedit.ui.values.delegate import CellEditor


@pytest.fixture
def blocked(tmp_path, monkeypatch):
    """Give what stands where the folder of the journals would be."""
    found = tmp_path / "state"
    found.write_text("no folder")
    monkeypatch.setenv("WEIGHTEDIT_STATE", str(found))
    return found


@pytest.fixture
def window(qtbot, open_window, tmp_path, blocked):
    path = tmp_path / "net.pt"
    torch.save({"w": torch.zeros(3, 3), "v": torch.zeros(2)}, path)
    made = open_window(path, real=True)
    made.workbench.page.set_view("values")
    wait_ready(qtbot, made)
    return made


def rest(qtbot, window):
    QTest.qWait(1)
    qtbot.waitUntil(lambda: not window.tasks.active and not window.workbench.edit_panel._pause.isActive())


def type_into_first_cell(qtbot, window, text):
    table = window.workbench.page.values_pane.table
    table.setFocus()
    table.setCurrentIndex(table.model().index(0, 0))
    QTest.keyClick(table, Qt.Key.Key_F2)
    editor = table.findChild(CellEditor)
    editor.selectAll()
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    rest(qtbot, window)


def value(window):
    return window.current.document.read("w")[0, 0].item()


def test_a_typed_cell_is_refused_once(qtbot, window):
    """The card names the cause and the way on; a second sentence below it would only cover the cells."""
    type_into_first_cell(qtbot, window, "5")
    (card,) = window.errors.cards
    assert "journal" in card.title.text()
    assert not window.workbench.page.notices.isVisible()
    type_into_first_cell(qtbot, window, "6")
    assert len(window.errors.cards) == 1
    assert value(window) == 0


def test_an_applied_edit_is_refused_once_and_can_be_applied_again(qtbot, window, blocked):
    """The panel keeps the edit, and Apply stays on: it is not the edit that is wrong."""
    panel = window.workbench.edit_panel
    window.workbench.choose_operation("fill")
    QTest.keyClicks(panel.form.fields[0].edit, "4")
    rest(qtbot, window)
    QTest.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
    rest(qtbot, window)
    assert len(window.errors.cards) == 1
    assert not any(hazard.kind == "unrecordable" for hazard in panel.hazards.hazards)
    assert panel.apply_button.isEnabled()
    blocked.unlink()
    QTest.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
    rest(qtbot, window)
    assert value(window) == 4
    assert not window.errors.cards  # journals can be written again


def test_the_card_goes_when_the_journal_is_switched_off_in_the_settings(qtbot, window):
    type_into_first_cell(qtbot, window, "5")
    window.actions_of["settings"].trigger()
    box = window.aside.current.journal
    qtbot.waitUntil(box.isVisible)
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert not window.preferences.journal
    assert not window.errors.cards


def test_the_card_goes_with_the_document(qtbot, window):
    type_into_first_cell(qtbot, window, "5")
    assert window.errors.cards
    window.actions_of["close-file"].trigger()
    qtbot.waitUntil(lambda: not window.documents.all)
    assert not window.errors.cards
