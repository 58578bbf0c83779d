"""What is selected in the window's texts and copied is the text itself: long names break into lines only on screen."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPlainTextEdit

from tests.ui.pointer import drag
from weightedit.core.errors import CheckpointError
from weightedit.ui.edit_panel.hazard_words import breakable
from weightedit.ui.errors.errors_view import ErrorCard, Notice
from weightedit.ui.inspector.rows import Wrapped
from weightedit.ui.recovery.recovery_notice import LeftoversNotice

CTRL = Qt.KeyboardModifier.ControlModifier
NAME = "transformer.layers." + "attention_projection_" * 6 + "weight"
PATH = "/data/" + "checkpoints-of-last-week/" * 5 + "model.safetensors"
BREAK = "\u200b"


@pytest.fixture(autouse=True)
def clipboard(qapp):
    found = QGuiApplication.clipboard()
    found.setText("before")
    yield found
    found.clear()


def shown(qtbot, widget):
    qtbot.addWidget(widget)
    widget.resize(700, 300)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def select_all_by_mouse(label):
    drag(label, QPoint(1, 2), QPoint(label.width() - 2, label.height() - 2))
    assert label.hasSelectedText()


def hazard():
    made = Notice("warning", breakable(f"Also changes {NAME}"), PATH)
    return made, made.title, f"Also changes {NAME}"


def notice():
    made = Notice("notice", "A title", f"{PATH} is gone. It stays so.")
    return made, made.body, f"{PATH} is gone. It stays so."


def error():
    made = ErrorCard(CheckpointError(f"{PATH} is cut short. Nothing was changed."))
    return made, made.title, f"{PATH} is cut short"


def inspector():
    made = Wrapped("File")
    made.show_text(f"{PATH}\n{NAME}")
    return made, made.lines, f"{PATH}\n{NAME}"


@pytest.mark.parametrize("make", [hazard, notice, error, inspector])
def test_ctrl_c_copies_what_reads_there(qtbot, clipboard, make):
    """A path that is pasted into a shell or an editor must be the path, without characters nobody sees."""
    widget, label, text = make()
    shown(qtbot, widget)
    assert BREAK in QLabel.text(label)  # or nothing is shown here
    select_all_by_mouse(label)
    QTest.keyClick(label, Qt.Key.Key_C, CTRL)
    assert clipboard.text() == text


def test_the_context_menu_copies_it_too(qtbot, clipboard):
    widget, label, text = notice()
    shown(qtbot, widget)
    for chosen in (1, 0):  # Select all, then Copy
        at = QPoint(5, 5)
        QApplication.sendEvent(label, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, label.mapToGlobal(at)))
        menu = next(one for one in label.findChildren(QMenu) if one.isVisible())
        assert [one.text() for one in menu.actions()] == ["&Copy", "Select &all"]
        assert menu.actions()[0].isEnabled() == label.hasSelectedText()
        place = menu.actionGeometry(menu.actions()[chosen]).center()
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert clipboard.text() == text


def test_a_selection_with_breaks_in_it_is_not_dragged_away(qtbot, clipboard):
    """Qt would take along what it shows; pressing on a selection begins another one."""
    widget, label, _ = notice()
    shown(qtbot, widget)
    select_all_by_mouse(label)
    place = QPoint(20, label.height() // 2)
    QTest.mousePress(label, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert not label.hasSelectedText()  # so that moving from here on selects, and drags nothing
    QTest.mouseRelease(label, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def test_lists_and_details_are_copied_as_they_are(qtbot, clipboard):
    told = shown(qtbot, LeftoversNotice("Removed", [PATH, NAME], lambda: None))
    QTest.mouseClick(told.copy_button, Qt.MouseButton.LeftButton)
    assert clipboard.text() == f"{PATH}\n{NAME}"
    card = shown(qtbot, ErrorCard(CheckpointError(f"{PATH} is cut short.", file=PATH)))
    QTest.mouseClick(card.copy, Qt.MouseButton.LeftButton)
    assert (PATH in clipboard.text(), BREAK in clipboard.text()) == (True, False)
    QTest.mouseClick(card.unfold, Qt.MouseButton.LeftButton)
    text = card.findChild(QPlainTextEdit)
    text.setFocus()
    QTest.keyClick(text, Qt.Key.Key_A, CTRL)
    QTest.keyClick(text, Qt.Key.Key_C, CTRL)
    assert (PATH in clipboard.text(), BREAK in clipboard.text()) == (True, False)


def test_text_that_is_selected_is_copied_not_the_cells_below(qtbot, clipboard, open_window, tmp_path):
    """The key means what has the focus and shows a selection; without one it goes on meaning cells."""
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(2, 2)}, path)
    window = open_window(path, real=True)
    window.activateWindow()
    page = window.workbench.page
    page.selection.pick(range(1), range(2))
    page.notices.say("refusal", f"{PATH} cannot be read")
    label = page.notices.findChild(Notice).title
    qtbot.waitUntil(lambda: label.isVisible() and label.width() > 100)
    select_all_by_mouse(label)
    qtbot.waitUntil(label.hasFocus)
    QTest.keyClick(label, Qt.Key.Key_C, CTRL)
    qtbot.waitUntil(lambda: not window.tasks.active)
    assert clipboard.text() == f"{PATH} cannot be read"
