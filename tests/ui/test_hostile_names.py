"""Names out of files are text in the whole window: no markup, no mnemonic, nothing invisible, nothing endless."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QTreeView

from tests.ui.hostile import NAMES, checkpoint, look_around, watched

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


def test_tooltips_of_rows(qtbot, window, found):
    """The pointer rests on each row of the tree: the tooltip shows the name as text."""
    tree = window.findChild(QTreeView, "tree")
    tree.expandAll()
    QApplication.processEvents()
    shown = set()
    for row in range(tree.model().rowCount()):
        index = tree.model().index(row, 0)
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
    assert not found.faults, said(found)
    assert len(shown) > 5


def test_palette(qtbot, window, found):
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
    assert not found.faults, said(found)


def test_filter_that_matches_nothing(qtbot, window, found):
    field = window.findChild(QLineEdit, "filter")
    for typed in ("<b>nothing</b>", "A&Bdc", "\u202enothing"):
        field.setText("")
        QGuiApplication.clipboard().setText(typed)
        QTest.keyClick(field, Qt.Key.Key_V, CTRL)
        rest(qtbot, window)
        look_around(found, window)
    QGuiApplication.clipboard().clear()
    assert not found.faults, said(found)


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
