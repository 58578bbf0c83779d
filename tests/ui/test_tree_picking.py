"""Several tensors picked in the tree by mouse and keyboard stay picked while the last of them opens."""

from __future__ import annotations

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.conftest import wait_ready
from weightedit.ui.tree.pace import PAUSE

NONE, CTRL, SHIFT = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier,
                     Qt.KeyboardModifier.ShiftModifier)  # fmt: skip


def test_ctrl_and_shift_pick_several_and_the_form_offers_them(qtbot, open_window, tmp_path):
    torch.save({f"t{number}": torch.ones(2, 2) for number in range(4)}, tmp_path / "net.pt")
    window = open_window(tmp_path / "net.pt", real=True)
    wait_ready(qtbot, window)
    view, target = window.tree.tree, window.workbench.edit_panel.form.target

    def click(row, keys):
        place = view.visualRect(view.rows.index(row, 0)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, keys, place)
        return [name for _, name in view.selected_tensors()]

    click(0, NONE)
    assert click(2, CTRL) == ["t0", "t2"]
    assert click(3, CTRL) == ["t0", "t2", "t3"]
    assert window.workbench.current()[1] == "t3"
    assert target.findText("Selected (3)") >= 0
    assert click(2, CTRL) == ["t0", "t3"]
    click(0, NONE)
    assert click(2, SHIFT) == ["t0", "t1", "t2"]
    click(0, NONE)
    qtbot.keyClick(view, Qt.Key.Key_Down, SHIFT)
    assert [name for _, name in view.selected_tensors()] == ["t0", "t1"]


def test_a_group_whose_name_has_letters_of_patterns_means_what_is_in_it(qtbot, open_window):
    """A key such as `w[0]` is no pattern: `w[0].*` would mean `w0.a`."""
    window = open_window(real=True)
    odd = ("w[0]", "w0", "a*", "ab", "re:x")
    window.documents.open_object({name: {"a": torch.ones(2), "b": torch.ones(2)} for name in odd}, None, "odd")
    qtbot.waitUntil(lambda: window.current is not None and not window.tasks.active, timeout=20_000)
    view, document = window.tree.tree, window.current.document
    for row, name in enumerate(odd):
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, NONE,
                         view.visualRect(view.rows.index(row, 0)).center())  # fmt: skip
        patterns, count = view.selected_patterns(window.current)
        assert count == 2
        document.apply("fill", patterns, value=row + 2.0)
        qtbot.waitUntil(lambda: not window.tasks.active)
        assert [key for key in odd if document.read(f"{key}.a")[0] == row + 2.0] == [name]


def test_everything_selected_counts_each_tensor_once(qtbot, open_window):
    """Containers come with what is in them, which is then not named again in the request that history keeps."""
    net = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()), torch.nn.Linear(2, 1))
    window = open_window(real=True)
    window.documents.open_object(net, None, "net")
    wait_ready(qtbot, window)
    qtbot.waitUntil(lambda: window.current is not None and not window.tasks.active, timeout=20_000)
    view, form = window.tree.tree, window.workbench.edit_panel.form
    view.expandAll()
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_A, CTRL)
    names, count = view.selected_patterns(window.current)
    assert (names, count) == (["0.*", "1.*"], len(net.state_dict()))
    qtbot.waitUntil(lambda: form.target.findText("Selected (4)") >= 0)
    window.workbench.choose_operation("scale")
    QTest.keyClicks(form.fields[0].edit, "2")
    form.target.setCurrentIndex(form.target.findText("Selected (4)"))
    form.target.activated.emit(form.target.currentIndex())
    panel = window.workbench.edit_panel
    qtbot.waitUntil(panel.apply_button.isEnabled)
    with qtbot.waitSignal(panel.applied):
        QTest.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.tasks.active)
    assert window.workbench.history.model.rows[0].where.startswith("4 tensors")
    assert panel.isAncestorOf(QApplication.focusWidget()), "Space or Enter after it means nothing elsewhere"


def test_keys_that_follow_each_other_open_only_what_they_end_at(qtbot, open_window, tmp_path):
    """Each page of tensors that PageDown went through was opened on the way, and a held key stalled the window."""
    torch.save({f"t{number:02}": torch.ones(2, 2) for number in range(30)}, tmp_path / "net.pt")
    window = open_window(tmp_path / "net.pt", real=True)
    wait_ready(qtbot, window)
    view = window.tree.tree
    view.setFocus()
    qtbot.wait(2 * PAUSE)
    opened = []
    view.chosen.connect(lambda _, name: opened.append(name))
    for _ in range(12):
        QTest.keyClick(view, Qt.Key.Key_Down)
    assert opened == ["t01"]  # the first at once
    assert view.selected_tensors()[0][1] == "t12"
    qtbot.waitUntil(lambda: window.workbench.current()[1] == "t12")
    assert opened == ["t01", "t12"]
    qtbot.wait(2 * PAUSE)
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert opened == ["t01", "t12", "t11"]
    QTest.keyClick(view, Qt.Key.Key_Up)
    QTest.keyClick(view, Qt.Key.Key_Return)  # does not wait, and then nothing is opened a second time
    assert window.workbench.current()[1] == "t10"
    qtbot.wait(2 * PAUSE)
    assert opened == ["t01", "t12", "t11"]
    place = view.visualRect(view.rows.index(3, 0)).center()
    QTest.keyClick(view, Qt.Key.Key_Up)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, NONE, place)  # nor does the mouse
    assert window.workbench.current()[1] == "t03"
