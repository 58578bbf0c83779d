"""The shell by mouse and keyboard: opening, saving, exporting, closing, themes, keys, errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QApplication, QLabel

from tests.ui.conftest import wait_ready
from weightedit import __version__
from weightedit.resources import resource
from weightedit.ui.actions import ACTIONS, NEEDS
from weightedit.ui.described import described
from weightedit.ui.errors.errors_view import ErrorCard
from weightedit.ui.files.close_dialog import CloseDialog
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.theme import theme
from weightedit.ui.widgets.plain import BREAK

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2)}, path)
    return path


def edit(qtbot, window, name="a.weight", factor=2.0):
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("scale", [name], factor=factor)


# ---- the start


def test_without_a_file_the_start_page_is_shown(open_window):
    window = open_window()
    assert window.pages.currentWidget() is window.start
    assert not window.tree.isVisible()
    assert not window.top.export.isVisible()
    assert window.status.state.text() == "No file open"
    assert described(window).endswith("showed the start page")


def test_the_demo_opens_from_the_start_page(qtbot, open_window):
    window = open_window()
    qtbot.mouseClick(window.start.demo, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)
    assert window.current.title == "digits.pt"
    assert window.tree.isVisible()
    assert ", model.encoder.conv1.weight as a heatmap" in described(window)
    assert window.windowTitle() == "digits.pt[*] — weightedit"


def test_open_file_asks_and_opens_in_the_background(qtbot, open_window, checkpoint, monkeypatch):
    window = open_window()
    monkeypatch.setattr("weightedit.ui.actions.file.ask_files", lambda *_: [str(checkpoint)])
    qtbot.mouseClick(window.start.file_button, Qt.MouseButton.LeftButton)
    assert window.documents.is_opening
    assert window.pages.currentWidget() is window.opening
    wait_ready(qtbot, window)
    assert window.current.title == "net.pt"
    assert ("open_tensor", "a.weight") in window.workbench.calls


def test_files_are_dropped(qtbot, open_window, checkpoint, tmp_path):
    torch.save({"b": torch.zeros(1)}, tmp_path / "two.pt")
    window = open_window()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in (checkpoint, tmp_path / "two.pt")])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert window.start.card.property("over") is True
    drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(window, drop)
    wait_ready(qtbot, window)
    assert [found.title for found in window.documents.all] == ["net.pt", "two.pt"]


def test_files_stand_in_the_order_they_were_named_in(qtbot, open_window, tmp_path):
    window = open_window()
    paths = [tmp_path / f"{name}.pt" for name in ("c", "a", "b")]
    for number, path in enumerate(paths):
        size = 20_000 if number == 0 else 1  # the first takes longest
        torch.save({f"{path.stem}.{part}": torch.zeros(1, 2) for part in range(size)}, path)
    window.open([str(path) for path in paths])
    wait_ready(qtbot, window)
    assert [found.title for found in window.documents.all] == ["c.pt", "a.pt", "b.pt"]
    roots = window.tree.tree.rows
    assert [roots.index(row, 0).data() for row in range(3)] == ["c.pt", "a.pt", "b.pt"]
    assert window.current.title == "c.pt"
    assert window.workbench.current()[1] == "c.0"


# ---- errors


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.pt", b""), ("notes.safetensors", b"hello, this is text"), ("cut.safetensors", b"\xff\0\0\0\0\0\0\0{}"),
     ("missing.pt", None)],
)  # fmt: skip
def test_a_bad_file_is_said_and_changes_nothing(qtbot, open_window, checkpoint, tmp_path, capsys, name, content):
    window = open_window(checkpoint)
    edit(qtbot, window)
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with qtbot.waitSignal(window.documents.refused):
        window.open([str(path)])
    (card,) = window.errors.cards
    assert card.isVisible()
    assert name in card.title.text()
    assert card.text.isHidden()
    assert [found.title for found in window.documents.all] == ["net.pt"]
    assert window.current.document.is_modified
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("weightedit: ")]
    assert name in line
    if content is None:
        assert str(tmp_path) in card.body.text().replace(BREAK, "")
    card.unfold.click()
    assert card.text.isVisible()
    card.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert str(path) in copied
    assert str(window.errors.cards[0].error) in copied
    assert "Traceback" not in copied  # it is a refusal, and no fault of the program
    assert f"weightedit {__version__}, Python" in copied
    assert f"torch {torch.__version__}".partition("+")[0] in copied
    card.close_button.click()
    assert not window.errors.isVisible()


def test_three_banners_at_most_and_the_rest_is_counted(qtbot, open_window, tmp_path):
    """None of seven refusals goes without a word: each is shown, listed, and copied."""
    window = open_window()
    window.open([str(tmp_path / f"{number}.pt") for number in range(7)])
    qtbot.waitUntil(lambda: not window.documents.is_opening)
    errors, more = window.errors, window.errors.more
    assert len(errors.cards) == 3
    qtbot.waitUntil(lambda: sum(card.isVisible() for card in errors.findChildren(ErrorCard)) == 3)
    assert more.count.isVisible()
    assert more.count.text() == "and 4 more"
    qtbot.mouseClick(more.show_button, Qt.MouseButton.LeftButton)
    listed = more.text.toPlainText()
    shown = " ".join(card.title.text() for card in errors.cards)
    assert more.text.isVisible()
    assert all((f"{number}.pt" in listed) != (f"{number}.pt" in shown) for number in range(7))
    more.copy_button.setFocus()
    qtbot.keyClick(more.copy_button, Qt.Key.Key_Space)
    assert all(f"{number}.pt" in QGuiApplication.clipboard().text() for number in range(7))
    for left in (3, 2, 1):  # of those that are counted, the newest comes up
        qtbot.mouseClick(errors.cards[0].close_button, Qt.MouseButton.LeftButton)
        assert more.count.text() == f"and {left} more"
        assert all(card.isVisible() for card in errors.cards)
        assert len(errors.cards) == 3
    qtbot.mouseClick(more.dismiss_button, Qt.MouseButton.LeftButton)
    assert not errors.all
    assert not errors.isVisible()


def test_an_error_of_our_own_keeps_the_window(qtbot, open_window, checkpoint, capsys):
    window = open_window(checkpoint)

    def fail(progress):
        raise ZeroDivisionError("division by zero")

    with qtbot.waitSignal(window.faults.came):
        window.tasks.start("Statistics", fail, on_result=None)
    assert not window.errors.cards  # a dialog of its own, in tests/ui/test_unexpected.py
    assert window.faults.dialog.sentence.text() == "ZeroDivisionError: division by zero"
    assert window.faults.dialog.where.text() == "It happened in the task Statistics."
    assert "division by zero" in capsys.readouterr().err
    window.faults.dialog.accept()
    assert not window.current.document.is_modified
    window.faults.all.clear()


# ---- edits, save, export, close


def test_title_status_and_actions_follow_the_document(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    assert not window.isWindowModified()
    assert not window.actions_of["undo"].isEnabled()
    assert NEEDS["undo"].says in window.actions_of["undo"].toolTip()
    edit(qtbot, window)
    assert window.isWindowModified()
    assert window.status.state.text() == "Modified · 1 edit since last save"
    assert window.actions_of["undo"].isEnabled()
    with qtbot.waitSignal(window.documents.changed):
        qtbot.keyClick(window, Qt.Key.Key_Z, CTRL)
    assert not window.isWindowModified()
    assert window.status.state.text() == "No changes"
    with qtbot.waitSignal(window.documents.changed):
        qtbot.keyClick(window, Qt.Key.Key_Z, CTRL | SHIFT)
    assert window.isWindowModified()


def test_ctrl_s_saves(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    edit(qtbot, window)
    with qtbot.waitSignal(window.filing.saved):
        qtbot.keyClick(window, Qt.Key.Key_S, CTRL)
    assert torch.equal(torch.load(checkpoint)["a.weight"], torch.arange(6.0).reshape(2, 3) * 2)
    assert not window.isWindowModified()
    assert window.status.message.text().startswith("Saved net.pt and read it back, 2 tensors, ")


def test_what_was_saved_is_not_said_any_more_after_a_change(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    edit(qtbot, window)
    with qtbot.waitSignal(window.filing.saved):
        qtbot.keyClick(window, Qt.Key.Key_S, CTRL)
    assert window.status.message.text().startswith("Saved")
    with qtbot.waitSignal(window.documents.changed):
        qtbot.keyClick(window, Qt.Key.Key_Z, CTRL)
    assert window.isWindowModified()
    assert window.status.message.text() == ""
    assert window.status.message.isHidden()


def export_dialog(qtbot, window):
    qtbot.keyClick(window, Qt.Key.Key_S, CTRL | SHIFT)
    dialog = window.findChild(ExportDialog)
    qtbot.waitUntil(dialog.export.isEnabled)
    return dialog


def test_ctrl_shift_s_exports(qtbot, open_window, checkpoint, tmp_path):
    window = open_window(checkpoint)
    edit(qtbot, window)
    dialog = export_dialog(qtbot, window)
    assert dialog.export.text() == "Export 2 tensors"
    assert dialog.path.selectedText() == "net-edited"
    target = tmp_path / "out.pt"
    dialog.path.setText(str(target))
    qtbot.waitUntil(dialog.export.isEnabled)
    with qtbot.waitSignal(window.filing.saved):
        qtbot.keyClick(dialog.path, Qt.Key.Key_Return)
    assert torch.load(target)["a.weight"][1, 2] == 10.0
    assert window.status.message.text().startswith("Exported out.pt and read it back, 2 tensors, ")
    assert window.isWindowModified()


def test_export_says_what_is_lost_and_asks_about_sharing(qtbot, open_window):
    window = open_window(resource("demo", "digits.pt"))
    dialog = export_dialog(qtbot, window)
    assert dialog.sharing.isHidden()
    dialog.path.setText(str(Path(dialog.path.text()).with_suffix(".safetensors")))
    qtbot.waitUntil(lambda: bool(dialog._notices))
    assert not dialog.sharing.isHidden()
    assert not dialog.export.isEnabled()
    for notice in dialog._notices:
        qtbot.waitUntil(lambda notice=notice: notice.height() >= notice.heightForWidth(notice.width()))
        assert notice.y() > dialog.sharing.geometry().bottom()
        assert notice.geometry().bottom() < dialog.export.y()
    dialog.sharing.setCurrentIndex(1)
    qtbot.waitUntil(dialog.export.isEnabled)
    assert dialog.export.property("kind") == "warning"
    titles = [notice.title.text() for notice in dialog._notices]
    assert any("safetensors keeps" in title for title in titles)
    dialog.reject()


def test_export_over_another_file_names_it(qtbot, open_window, checkpoint, tmp_path):
    window = open_window(checkpoint)
    (tmp_path / "there.pt").write_bytes(b"something else")
    dialog = export_dialog(qtbot, window)
    dialog.path.setText(str(tmp_path / "there.pt"))
    qtbot.waitUntil(lambda: dialog.export.text() == "Replace there.pt")
    dialog.path.setText(str(tmp_path / "nowhere" / "x.pt"))
    qtbot.waitUntil(lambda: dialog.path.property("wrong") is True)
    assert not dialog.export.isEnabled()
    dialog.reject()


@pytest.mark.parametrize("decision", ["save", "discard", "keep"])
def test_closing_asks_about_unsaved_edits(qtbot, open_window, checkpoint, decision):
    window = open_window(checkpoint)
    edit(qtbot, window)
    window.close()
    assert window.isVisible()
    dialog = window.findChild(CloseDialog)
    assert "net.pt" in [label.text() for label in dialog.findChildren(QLabel)]
    assert dialog.save_button.text() == "&Save net.pt"
    if decision == "keep":
        dialog.keep_button.click()
        assert window.isVisible()
        return
    button = dialog.save_button if decision == "save" else dialog.discard_button
    with qtbot.waitSignal(window.closed):
        button.click()
    expected = 2.0 if decision == "save" else 1.0
    assert torch.load(checkpoint)["a.weight"][0, 1] == expected


def test_closing_without_edits_does_not_ask(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    with qtbot.waitSignal(window.closed):
        window.close()
    assert window.findChild(CloseDialog) is None


def test_closing_a_file_goes_back_to_the_start(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    window.actions_of["close-file"].trigger()
    assert window.pages.currentWidget() is window.start
    assert window.windowTitle() == "weightedit"


def test_a_live_module_keeps_its_edits_and_is_not_asked_about(qtbot, open_window):
    window = open_window()
    layer = torch.nn.Linear(3, 2)
    window.documents.open_object(layer, None, "Linear")
    wait_ready(qtbot, window)
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", ["weight"], value=7.0)
    assert (layer.weight == 7).all()
    with qtbot.waitSignal(window.closed):
        window.close()


# ---- theme, panels, keys


def test_ctrl_shift_l_switches_the_theme_and_keeps_it(qtbot, open_window, settings):
    window = open_window()
    qtbot.keyClick(window, Qt.Key.Key_L, CTRL | SHIFT)
    assert theme.name == "light"
    assert settings.text("theme") == "light"
    window.choose_theme("")
    assert settings.text("theme", "none") == "none"


def test_ctrl_b_hides_the_tree(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    qtbot.keyClick(window, Qt.Key.Key_B, CTRL)
    assert not window.tree.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_F, CTRL)
    assert window.tree.isVisible()
    assert window.tree.filter.hasFocus()


def test_f1_lists_every_key(qtbot, open_window):
    window = open_window()
    qtbot.keyClick(window, Qt.Key.Key_F1)
    sheet = window.aside.current
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    assert {"Ctrl+O", "Ctrl+Shift+L", "F2"} <= texts
    assert {action.title.removesuffix("…") for action in ACTIONS} <= texts
    qtbot.keyClicks(sheet.search, "ctrl+shift+l")
    assert sheet.sections() == [("View", [("Ctrl+Shift+L", "Dark or light")])]
    qtbot.mouseClick(sheet.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "View\n  Dark or light: Ctrl+Shift+L\n"
    qtbot.keyClick(sheet.search, Qt.Key.Key_Escape)
    assert window.pages.currentWidget() is window.start


def test_no_two_actions_have_the_same_key():
    keys = [(action.scope, QKeySequence(key).toString()) for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))
    everywhere = {key for scope, key in keys if scope == "window"}
    assert not everywhere & {key for scope, key in keys if scope != "window"}
    assert all(action.needs in ("", *NEEDS) for action in ACTIONS)


def test_every_action_is_in_a_menu_with_its_key(open_window):
    window = open_window()
    for action in ACTIONS:
        assert window.actions_of[action.id] in window.top.menus[action.menu].actions()


def test_operations_come_from_the_document(qtbot, open_window, checkpoint):
    window = open_window()
    assert [action.objectName() for action in window.top.menus["Operations"].actions()] == ["edit-many"]
    assert not window.actions_of["edit-many"].isEnabled()
    window.open([str(checkpoint)])
    wait_ready(qtbot, window)
    qtbot.waitUntil(lambda: len(window.top.menus["Operations"].actions()) > 1)  # they come in a turn of their own
    for one in window.current.document.operations.values():
        group = getattr(one, "group", "")
        menu = window.top.menus[f"Operations/{group}" if group else "Operations"]
        assert f"{one.title}…" in [action.text().replace("&", "") for action in menu.actions()]
    qtbot.keyClick(window, Qt.Key.Key_T, CTRL | SHIFT)
    assert ("choose_operation", "cast") in window.workbench.calls


def test_keys_of_the_work_area_leave_typing_alone(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    window.tree.focus_filter()
    qtbot.keyClicks(window.tree.filter, "n0-")
    assert window.tree.filter.text() == "n0-"
    assert not [call for call in window.workbench.calls if call[0] in ("go_to_nonfinite", "fit", "zoom_out")]
    window.workbench.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    window.workbench.setFocus()
    qtbot.keyClick(window.workbench, Qt.Key.Key_N)
    assert ("go_to_nonfinite", 1) in window.workbench.calls


def test_measures_of_the_bars(open_window, checkpoint, qtbot):
    window = open_window(checkpoint)
    assert (window.top.height(), window.rail.width(), window.status.height()) == (44, 46, 25)
    qtbot.waitUntil(lambda: window.tree.width() == 400)  # laid out by an event that may come later
    assert window.minimumWidth() == 1024
    window.resize(1024, 640)
    assert ("set_drawer", True) in window.workbench.calls


def test_torch_and_memory_are_named(open_window):
    window = open_window()
    assert window.status.torch.text() == f"torch {torch.__version__.split('+')[0]}"
    assert " of " in window.status.memory.text()


def test_a_missing_resource_is_said(open_window, qtbot, monkeypatch):
    window = open_window()
    monkeypatch.setattr("weightedit.ui.actions.file.resource", lambda *_: Path("nowhere/digits.pt"))
    with qtbot.waitSignal(window.documents.refused):
        window.actions_of["open-demo"].trigger()
    assert "digits.pt" in window.errors.cards[0].title.text()
