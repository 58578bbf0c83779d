"""A file that another program cuts short or rewrites while it is looked at: said calmly, and the rest is exported."""

from __future__ import annotations

import os

import pytest
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from tests.ui.conftest import wait_ready
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.files.lost_values import TITLE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows keeps a file that is open from being changed so")


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.manual_seed(0)
    torch.save({"a": torch.randn(256, 256), "b": torch.randn(256, 256), "c": torch.randn(256, 256)}, path)
    return path


@pytest.fixture
def window(open_window, checkpoint, qtbot):
    made = open_window(checkpoint, real=True)
    made.files.watching._soon.setInterval(10)
    made.show_tensor(made.current, "b")
    wait_ready(qtbot, made)
    with qtbot.waitSignal(made.documents.changed):
        made.current.document.apply("fill", "a", value=7.0)
    return made


def truncated(path):
    os.truncate(path, 4096)


def rewritten(path):
    with path.open("r+b") as file:
        file.seek(9_000)
        file.write(b"\x42" * 200_000)


def look(qtbot, window):
    window.files.watching.look()
    qtbot.waitUntil(lambda: window.files.strip.of(window.current) is not None)
    return window.files.strip.of(window.current)


def said(page):
    return [label.text() for label in page.nothing.findChildren(QLabel)] if page.nothing is not None else []


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize("change", [truncated, rewritten])
def test_values_that_are_lost_go_out_of_sight(change, qtbot, window, checkpoint):
    """What is on the screen would pass for what the file holds; the notice above says how to go on."""
    page = window.workbench.page
    assert page.nothing is None
    change(checkpoint)
    look(qtbot, window)
    qtbot.waitUntil(lambda: TITLE in said(page))
    assert any("net.pt is no longer the file that was opened" in text for text in said(page))
    assert not page.notices.isVisible()
    section = window.workbench.inspector.statistics
    assert {cell.text() for cell in section.values.values()} == {"–"}
    assert section.note.text() == "cannot be read any more"
    window.show_tensor(window.current, "a")  # all of it is ours
    wait_ready(qtbot, window)
    assert section.note.text() == "whole tensor"
    assert section.values["mean"].text() == "7"
    assert window.workbench.page.nothing is None
    assert torch.equal(window.current.document.read("a"), torch.full((256, 256), 7.0))


@pytest.mark.parametrize("change", [truncated, rewritten])
def test_scrolling_plotting_and_editing_a_file_that_was_cut_short(change, qtbot, window, checkpoint):
    """Nothing was noticed yet: whoever reads first is told, and the window goes on."""
    window.files.watching._timer.stop()
    window.files.watching._hints.removePaths(window.files.watching._hints.files())
    page = window.workbench.page
    change(checkpoint)
    heatmap = page.heatmap_pane.heatmap
    place = heatmap.mapTo(heatmap.window(), heatmap.rect().center())
    for _ in range(3):  # zoom in, which asks for values
        QTest.wheelEvent(heatmap.window().windowHandle(), QPointF(place), QPoint(0, 240))
    page.set_view("histogram")
    page.set_view("values")
    window.show_tensor(window.current, "c")
    qtbot.waitUntil(lambda: bool(window.files.strip.notices), timeout=5_000)
    qtbot.waitUntil(lambda: TITLE in said(window.workbench.page))
    document = window.current.document
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(window.actions_of["redo"].isEnabled)
    assert document.history.position == 0
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: document.history.position == 1)
    assert torch.equal(document.read("a"), torch.full((256, 256), 7.0))


@pytest.mark.parametrize(("change", "kept"), [(truncated, ["a"]), (rewritten, ["a"]), (os.unlink, ["a", "b", "c"])],
                         ids=["truncated", "rewritten", "deleted"])  # fmt: skip
def test_what_is_still_readable_is_exported_from_the_notice(change, kept, qtbot, window, checkpoint, tmp_path):
    """The way on that loses least: one press, with what is left out said before."""
    change(checkpoint)
    notice = look(qtbot, window)
    press(qtbot, notice.export_button)
    (dialog,) = window.findChildren(ExportDialog)
    assert dialog.windowTitle() == "Export what is still readable of net.pt"
    qtbot.waitUntil(dialog.export.isEnabled)
    shown = " ".join(found.title.text() for found in dialog._notices)
    if len(kept) == 1:
        assert "2 tensors left out" in shown
        assert dialog.export.text() == "Export 1 tensor with the loss"
    else:
        assert "left out" not in shown
        assert dialog.export.text() == "Export 3 tensors"
    target = tmp_path / "rest.pt"
    dialog.path.setText(str(target))
    qtbot.waitUntil(dialog.export.isEnabled)
    with qtbot.waitSignal(window.filing.saved):
        press(qtbot, dialog.export)
    assert list(torch.load(target)) == kept
    report = window.status.message.text()
    without = " without 2 tensors" if len(kept) == 1 else ""
    assert report.startswith(f"Exported rest.pt{without} and read it back, {len(kept)} tensor")
    assert "names" not in report  # each of them has one
    assert window.status.message.toolTip() == report  # a narrow window cuts it
    assert torch.equal(torch.load(target)["a"], torch.full((256, 256), 7.0))
    assert window.isWindowModified()
    assert not window.errors.cards


def test_the_changed_file_itself_is_no_place_for_it(qtbot, window, checkpoint):
    """What another program put there stays."""
    truncated(checkpoint)
    press(qtbot, look(qtbot, window).export_button)
    (dialog,) = window.findChildren(ExportDialog)
    dialog.path.setText(str(checkpoint))
    qtbot.waitUntil(lambda: any("not written over" in found.title.text() + found.body.text()
                                for found in dialog._notices))  # fmt: skip
    assert not dialog.export.isEnabled()
    dialog.reject()
    assert checkpoint.stat().st_size == 4096


def test_ctrl_s_over_a_changed_file_is_refused_with_the_ways_on(qtbot, window, checkpoint):
    """The bytes there are another program's, and the edits are kept."""
    truncated(checkpoint)
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(window.errors.cards))
    assert checkpoint.stat().st_size == 4096
    assert window.isWindowModified()


def test_a_tensor_first_looked_at_after_the_file_was_moved_says_so(qtbot, window, checkpoint):
    """New values are not read from a file that is no longer at its path, though an export could."""
    checkpoint.rename(checkpoint.with_name("away"))
    look(qtbot, window)
    window.show_tensor(window.current, "c")
    page = window.workbench.page
    qtbot.waitUntil(lambda: TITLE in said(page))


def test_at_the_smallest_size_every_choice_is_read_whole(qtbot, window, checkpoint):
    """Buttons that have no room beside each other go on below."""
    window.resize(1024, 640)
    truncated(checkpoint)
    notice = look(qtbot, window)
    qtbot.waitUntil(lambda: notice.isVisible() and notice.width() < 800)
    for button in notice.buttons:
        assert button.width() >= button.sizeHint().width(), button.text()
        assert notice.rect().contains(button.mapTo(notice, button.rect().bottomRight()))
    page = window.workbench.page
    qtbot.waitUntil(lambda: TITLE in said(page))
    title, body = (one for one in page.nothing.findChildren(QLabel) if one.text())
    qtbot.waitUntil(lambda: title.isVisible() and title.height() >= title.sizeHint().height())
    assert title.geometry().bottom() < body.geometry().top()
    assert all(one.isHidden() or one.geometry().bottom() < title.geometry().top()
               for one in page.nothing.findChildren(QLabel) if not one.text())  # fmt: skip


def quiet(qtbot, window):
    QTest.qWait(1)
    panel = window.workbench.edit_panel
    qtbot.waitUntil(lambda: not window.tasks.active and not panel._pause.isActive(), timeout=20_000)


def scale_by(window, factor):
    window.workbench.choose_operation("scale")
    field = window.workbench.edit_panel.form.fields[0].edit
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, factor)
    return field


def test_apply_is_off_for_values_that_are_lost(qtbot, window, checkpoint):
    """It could only be refused; what needs no value, and a tensor that is ours, can still be edited."""
    panel = window.workbench.edit_panel
    field = scale_by(window, "2")
    quiet(qtbot, window)
    assert panel.apply_button.isEnabled()  # with a preview, of before
    truncated(checkpoint)
    look(qtbot, window)
    qtbot.waitUntil(lambda: TITLE in said(window.workbench.page))
    quiet(qtbot, window)
    assert not panel.apply_button.isEnabled()
    assert "net.pt" in panel.apply_button.toolTip()
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    field.selectAll()
    QTest.keyClicks(field, "3")
    assert not panel.apply_button.isEnabled()  # nor before the next preview
    assert panel.apply_button.toolTip().startswith(TITLE)
    quiet(qtbot, window)
    assert not panel.apply_button.isEnabled()
    assert window.current.document.history.position == 1
    window.workbench.choose_operation("delete")
    quiet(qtbot, window)
    assert panel.apply_button.isEnabled()
    window.show_tensor(window.current, "a")
    scale_by(window, "4")
    quiet(qtbot, window)
    assert panel.apply_button.isEnabled()
    qtbot.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
    quiet(qtbot, window)
    assert window.current.document.history.position == 2
