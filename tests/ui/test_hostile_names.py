"""Names out of files are text in the whole window: no markup, no mnemonic, nothing invisible, nothing endless."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QTreeView

from tests.ui.hostile import HUGE, NAMES, RAW, Stalls, checkpoint, look_around, watched
from weightedit.core.errors import CheckpointError
from weightedit.core.words.visible import visible
from weightedit.ui.files.close_dialog import CloseDialog
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.files.export_sheet import Formats
from weightedit.ui.files.export_tensor_dialog import ExportTensorDialog

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def rest(qtbot, window):
    QTest.qWait(5)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=30_000)
    QApplication.processEvents()


@pytest.fixture
def found(monkeypatch):
    with watched(monkeypatch) as watch:
        yield watch


def said(watch):
    return "\n".join(dict.fromkeys(watch.faults))


@pytest.fixture
def window(found, tmp_path, open_window, qtbot):
    made = open_window(checkpoint(tmp_path, huge=False), real=True)
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def test_tree_and_tensor_page(qtbot, window, found):
    """Each tensor opened: tree, tab, header, inspector, values, heatmap, histogram."""
    tree = window.findChild(QTreeView, "tree")
    tree.expandAll()
    look_around(found, window)
    for name in NAMES:
        window.show_tensor(window.current, name)
        rest(qtbot, window)
        for key in (Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_1) if name == NAMES[4] else ():
            QTest.keyClick(window, key, CTRL)
            rest(qtbot, window)
        look_around(found, window)
    assert not found.faults, said(found)
    assert found.seen > 1000


def look_at_tooltips(qtbot, window, found):
    """The pointer rests on each row of the tree: the tooltip shows the name as text."""
    tree = window.findChild(QTreeView, "tree")
    tree.expandAll()
    QApplication.processEvents()
    shown = set()
    for row in range(tree.model().rowCount()):
        index = tree.model().index(row, 0)
        tree.scrollTo(index)
        place = tree.visualRect(index).center()
        if not tree.viewport().rect().contains(place):
            continue
        at = tree.viewport().mapToGlobal(place)
        QApplication.sendEvent(tree.viewport(), QHelpEvent(QHelpEvent.Type.ToolTip, place, at))
        (label,) = [one for one in QApplication.topLevelWidgets() if one.objectName() == "qtooltip_label"] or [None]
        if label is not None and label.isVisible():
            found.check("the tooltip", label.text(), rich=True)
            shown.add(label.text())
    QApplication.sendEvent(tree.viewport(), QHelpEvent(QHelpEvent.Type.ToolTip, QPoint(-1, -1), QPoint(-1, -1)))
    assert len(shown) > 5


def look_at_palette(qtbot, window, found):
    """Ctrl+P lists the names as text, and finds them by letters they have."""
    QTest.keyClick(window, Qt.Key.Key_P, CTRL)
    palette = window.search
    for typed in ("", "bold", "A&B", "zalgo", "line", "bidi", "red"):
        palette.field.selectAll()
        QTest.keyClick(palette.field, Qt.Key.Key_Delete)
        QTest.keyClicks(palette.field, typed)
        qtbot.waitUntil(lambda: not palette._is_searching)
        rest(qtbot, window)
        palette.list.repaint()
        look_around(found, palette)
    QTest.keyClick(palette.field, Qt.Key.Key_Escape)


def look_at_filter(qtbot, window, found):
    """A filter that matches nothing says what was typed."""
    field = window.findChild(QLineEdit, "filter")
    for typed in ("<b>nothing</b>", "A&Bdc", "\u202enothing"):
        field.setText("")
        QGuiApplication.clipboard().setText(typed)
        QTest.keyClick(field, Qt.Key.Key_V, CTRL)
        rest(qtbot, window)
        look_around(found, window)
    QGuiApplication.clipboard().clear()
    field.setText("")
    rest(qtbot, window)


def open_by_row(qtbot, window, found):
    """Enter on each row opens its tensor: no name is changed on its way through Qt, half a surrogate pair neither."""
    tree = window.findChild(QTreeView, "tree")
    for name in (NAMES[4], NAMES[9], NAMES[14]):
        assert window.tree.tree.select(window.current, name)
        tree.setFocus()
        QTest.keyClick(tree, Qt.Key.Key_Return)
        rest(qtbot, window)
        assert window.workbench.current()[1] == name


def copy_by_menu(qtbot, window, found):
    """What is copied is the name, every character of it, and not the way it is shown."""
    tree = window.findChild(QTreeView, "tree")
    for name in (NAMES[0], NAMES[4], NAMES[5], NAMES[8], NAMES[14]):
        assert window.tree.tree.select(window.current, name)
        tree.setFocus()
        at = QPoint(5, 5)
        QApplication.sendEvent(tree.viewport(), QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, at))
        (menu,) = [one for one in tree.findChildren(QMenu) if one.isVisible()]
        for action in menu.actions():
            found.check("menu", action.text(), keys=True)
        next(action for action in menu.actions() if "Copy name" in action.text()).trigger()
        menu.close()
        QApplication.processEvents()
        # A clipboard holds text, which half a surrogate pair is not.
        assert QGuiApplication.clipboard().text() == name.encode("utf-8", "ignore").decode()
    QGuiApplication.clipboard().clear()


def fault_dialog(qtbot, window, found):
    """An unexpected error that quotes names: the dialog and what it copies; the log is in test_unexpected."""

    def broken(progress):
        raise ZeroDivisionError(f"{NAMES[0]} {NAMES[3]} {NAMES[4]} {NAMES[5]} {NAMES[6]} {NAMES[9]}")

    window.tasks.start(f"Counting {visible(NAMES[4])}", broken, on_result=None)
    qtbot.waitUntil(lambda: window.faults.dialog is not None)
    dialog = window.faults.dialog
    look_around(found, dialog)
    found.check("the status", window.status.state.text())
    dialog.copy_button.click()
    for text in (dialog.text.toPlainText(), QGuiApplication.clipboard().text()):
        assert "<b>bold</b>" in text
        assert not [one for one in RAW if one in text and one != "new\nline"]  # a trace has lines of its own
    dialog.accept()
    window.faults.all.clear()
    QGuiApplication.clipboard().clear()


def test_rows_palette_filter_and_menus(qtbot, window, found):
    """What only looks shares one window; what is wrong is told by the step that saw it."""
    for step in (look_at_tooltips, look_at_palette, look_at_filter, open_by_row, copy_by_menu, fault_dialog):
        step(qtbot, window, found)
        assert not found.faults, f"{step.__name__}: {said(found)}"


def test_edits_hazards_history_and_batch(qtbot, window, found):
    """An edit with warnings of one tensor, of all of them, a refused one; history, snapshots, undo, the batch page."""
    document = window.current.document
    for name in (NAMES[0], NAMES[3], NAMES[4], NAMES[10], "group.<i>one</i>"):
        window.show_tensor(window.current, name)
        rest(qtbot, window)
        window.workbench.choose_operation("cast")
        rest(qtbot, window)
        look_around(found, window)
        document.apply("cast", name, dtype="uint8", accept="all")
        document.apply("scale", name, factor=2.0, accept="all")
        rest(qtbot, window)
        look_around(found, window)
    window.run_action("edit-many") if hasattr(window, "run_action") else window.actions_of.run("edit-many")
    rest(qtbot, window)
    look_around(found, window)
    document.undo(accept="all")
    rest(qtbot, window)
    look_around(found, window)
    assert not found.faults, said(found)


def test_dialogs_and_notices(qtbot, window, found, tmp_path):
    """Export, one tensor's export, the question of closing, snapshots, recent files, an error, a drop, a menu."""
    window.show_tensor(window.current, NAMES[3])
    rest(qtbot, window)
    window.current.document.apply("fill", NAMES[3], value=2.0)
    for action, kind in (("export", ExportDialog), ("export-tensor", ExportTensorDialog)):
        window.actions_of.run(action)
        rest(qtbot, window)
        (dialog,) = window.findChildren(kind)
        look_around(found, dialog)
        dialog.reject()
        rest(qtbot, window)
    window.workbench.history.snapshots.taken.emit("A&B <b>snap</b> \u202e\x1b")
    rest(qtbot, window)
    look_around(found, window)
    said_by_file = f"{NAMES[5]} of {NAMES[1]} is <b>bad</b>\n\x1b[31m. Then {NAMES[3]}."
    window.show_error(CheckpointError(said_by_file, file="a\nb"))
    rest(qtbot, window)
    look_around(found, window)
    for card in window.errors.cards:
        card.unfold.click()
        assert not [one for one in RAW if one in card.text.toPlainText()]
    window.close_document(window.current)
    rest(qtbot, window)
    for box in window.findChildren(CloseDialog):
        look_around(found, box)
        box.reject()
    window.current.document.undo()
    window.close_document(window.current)
    rest(qtbot, window)
    assert window.current is None
    look_around(found, window)
    assert not found.faults, said(found)


def test_renaming_begins_with_what_can_be_shown_and_changes_nothing_by_itself(qtbot, window, found):
    """A field cannot show a line break; to leave it as it was must not write the escape into the name."""
    tree = window.findChild(QTreeView, "tree")
    document = window.current.document
    for name, typed in ((NAMES[4], None), (NAMES[8], None), (NAMES[6], "plain.name")):
        assert window.tree.tree.select(window.current, name)
        tree.setFocus()
        QTest.keyClick(tree, Qt.Key.Key_F2)
        (field,) = [one for one in tree.findChildren(QLineEdit, "rename") if one.isVisible()]
        found.check("the field", field.text())
        if typed is not None:
            field.selectAll()
            QTest.keyClicks(field, typed)
        QTest.keyClick(field, Qt.Key.Key_Return)
        rest(qtbot, window)
        assert (name in document.tensors) == (typed is None)
    assert "plain.name" in document.tensors
    assert not found.faults, said(found)


def test_names_and_texts_of_10_mb_hold_nothing_up(qtbot, open_window, found, tmp_path):
    """The longest stall of the window while a name of 10 MB is opened, shown, filtered, searched and copied."""
    window = open_window(checkpoint(tmp_path), real=True)
    window.activateWindow()
    tree = window.findChild(QTreeView, "tree")
    with Stalls(window) as stalls:
        tree.expandAll()
        rest(qtbot, window)
        window.tree.tree.select(window.current, HUGE)
        window.show_tensor(window.current, HUGE)
        rest(qtbot, window)
        for typed in ("wwwx", "hw", "*ww*wz*"):
            QTest.keyClicks(window.findChild(QLineEdit, "filter"), typed)
            rest(qtbot, window)
            window.findChild(QLineEdit, "filter").setText("")
            QTest.keyClick(window, Qt.Key.Key_P, CTRL)
            QTest.keyClicks(window.search.field, typed)
            qtbot.waitUntil(lambda: not window.search._is_searching, timeout=20_000)
            QTest.keyClick(window.search.field, Qt.Key.Key_Escape)
        window.workbench.choose_operation("fill")
        rest(qtbot, window)
        QTest.keyClick(window, Qt.Key.Key_Return, CTRL)
        rest(qtbot, window)
    look_around(found, window)
    assert not found.faults, said(found)
    assert stalls.longest < 0.3


def test_the_proposed_file_is_one_that_can_be_seen_and_a_save_goes_to_the_file_itself(qtbot, window, found, tmp_path):
    """A direction mark in a proposed name would show another suffix than the one that is written."""
    own = window.current.document.path
    window.actions_of.run("export")
    rest(qtbot, window)
    (dialog,) = window.findChildren(ExportDialog)
    found.check("the field", dialog.path.text())
    assert dialog.target.name == "A&B <b>bold<br> _gpj_[31m-edited.pt"
    qtbot.waitUntil(dialog.export.isEnabled)
    dialog.export.click()
    rest(qtbot, window)
    assert (tmp_path / "A&B <b>bold<br> _gpj_[31m-edited.pt").is_file()
    sheet = ExportDialog(window.current, Formats.known(), window.tasks, window, saves=True)
    found.check("the field", sheet.path.text())
    assert sheet.target == own
    sheet.path.setText(str(tmp_path / "typed.pt"))
    assert sheet.target == tmp_path / "typed.pt"
    sheet.reject()
    sheet.deleteLater()
    assert not found.faults, said(found)


def test_a_long_name_in_an_error_leaves_room_for_the_window(qtbot, open_window, tmp_path):
    """The card names as much as is read; all of it is in the details."""
    window = open_window()
    window.resize(1024, 640)
    name = "table." + "<table><tr><td>" * 200
    window.show_error(CheckpointError(f"{name} is cut short. Nothing was changed."))
    (card,) = window.errors.cards
    qtbot.waitUntil(card.isVisible)
    QApplication.processEvents()
    assert card.height() < window.height() // 3
    assert card.title.text().replace("\u200b", "").startswith("table.<table>")
    qtbot.mouseClick(card.copy, Qt.MouseButton.LeftButton)
    assert name in QGuiApplication.clipboard().text()
