"""A file that another program changes: said once, without a dialog, and reloaded as the person chooses."""

from __future__ import annotations

import os

import pytest
import torch
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication

from tests.ui.conftest import wait_ready
from weightedit.ui.files.reload_notice import LeftOutNotice

WEIGHT = torch.arange(12.0).reshape(3, 4)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"a": WEIGHT, "b": torch.zeros(2, 2)}, path)
    return path


@pytest.fixture
def window(open_window, checkpoint):
    made = open_window(checkpoint, real=True)
    made.files.watching._soon.setInterval(10)
    return made


def replace(path, **tensors):
    """As another program does that writes beside the file and renames."""
    other = path.with_name("other")
    torch.save(tensors, other)
    other.replace(path)


def edit(qtbot, window, operation, name, **arguments):
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply(operation, name, **arguments)


def notice(qtbot, window):
    """Look now, as on a hint of the system or by the timer, and give what is said."""
    window.files.watching.look()
    qtbot.waitUntil(lambda: window.files.strip.of(window.current) is not None)
    return window.files.strip.of(window.current)


def press(qtbot, window, button):
    with qtbot.waitSignal(window.files.reloading.replaced):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)


def test_a_change_is_noticed_by_itself(qtbot, window, checkpoint):
    replace(checkpoint, a=torch.ones(3, 4))
    qtbot.waitUntil(lambda: bool(window.files.strip.notices), timeout=5_000)
    (said,) = window.files.strip.notices
    assert said.title.text() == "net.pt changed on disk"
    assert said.reload_button.text() == "Reload"
    assert not said.replay_button.isVisible()
    assert not window.errors.cards


def test_coming_back_to_the_window_looks_at_the_files(qtbot, window, checkpoint):
    window.files.watching._hints.removePaths(window.files.watching._hints.files())
    replace(checkpoint, a=torch.ones(3, 4))
    QApplication.sendEvent(window, QEvent(QEvent.Type.WindowActivate))
    qtbot.waitUntil(lambda: bool(window.files.strip.notices), timeout=1_500)


def test_reload_and_replay_puts_the_edits_on_the_new_values(qtbot, window, checkpoint):
    window.show_tensor(window.current, "b")
    wait_ready(qtbot, window)
    edit(qtbot, window, "fill", "a", region="[0, :]", value=7.0)
    replace(checkpoint, a=torch.full((3, 4), -1.0), b=torch.ones(2, 2))
    said = notice(qtbot, window)
    assert said.replay_button.text() == "Reload and replay 1 edit"
    press(qtbot, window, said.replay_button)
    document = window.current.document
    expected = torch.full((3, 4), -1.0)
    expected[0] = 7.0
    assert torch.equal(document.read("a"), expected)
    assert window.isWindowModified()
    assert window.workbench.current() == (document, "b")
    assert not window.files.strip.isVisible()
    assert window.status.message.text() == "Reloaded net.pt and replayed 1 edit."
    with qtbot.waitSignal(window.filing.saved):
        qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert torch.equal(torch.load(checkpoint)["a"], expected)


def test_reload_can_drop_the_edits(qtbot, window, checkpoint):
    edit(qtbot, window, "scale", "a", factor=2.0)
    replace(checkpoint, a=torch.ones(5, 5))
    said = notice(qtbot, window)
    assert said.reload_button.text() == "Reload and drop the edits"
    press(qtbot, window, said.reload_button)
    assert torch.equal(window.current.document.read("a"), torch.ones(5, 5))
    assert not window.isWindowModified()
    assert len(window.documents) == 1


def test_what_could_not_be_replayed_is_listed(qtbot, window, checkpoint):
    edit(qtbot, window, "fill", "a", region="[2, :]", value=1.0)
    edit(qtbot, window, "scale", "b", factor=3.0)
    replace(checkpoint, a=torch.ones(1, 4), b=torch.ones(2, 2))
    press(qtbot, window, notice(qtbot, window).replay_button)
    (said,) = window.files.strip.notices
    assert isinstance(said, LeftOutNotice)
    assert said.title.text() == "1 of 2 edits does not fit what net.pt holds now"
    qtbot.mouseClick(said.copy_button, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text().startswith("fill 1.0, a [2, :]: ")
    assert torch.equal(window.current.document.read("b"), torch.full((2, 2), 3.0))
    qtbot.mouseClick(said.dismiss_button, Qt.MouseButton.LeftButton)
    assert not window.files.strip.isVisible()


def test_keeping_what_is_open_is_not_asked_again_until_the_next_change(qtbot, window, checkpoint):
    replace(checkpoint, a=torch.ones(3, 4))
    qtbot.mouseClick(notice(qtbot, window).keep_button, Qt.MouseButton.LeftButton)
    assert not window.files.strip.isVisible()
    with qtbot.waitSignal(window.tasks.idle):
        window.files.watching.look()
    assert not window.files.strip.notices
    replace(checkpoint, a=torch.zeros(9, 9))
    notice(qtbot, window)


def test_a_deleted_file_is_said_and_may_come_back(qtbot, window, checkpoint):
    data = checkpoint.read_bytes()
    checkpoint.unlink()
    said = notice(qtbot, window)
    assert said.title.text() == "net.pt was moved or deleted"
    assert not said.reload_button.isVisible()
    checkpoint.write_bytes(data)
    window.files.watching.look()
    qtbot.waitUntil(lambda: window.files.strip.of(window.current) not in (None, said))
    assert window.files.strip.of(window.current).reload_button.isVisible()


def test_a_file_cut_short_is_said_when_it_is_read(qtbot, window, checkpoint):
    window.files.watching._timer.stop()
    window.files.watching._hints.removePaths(window.files.watching._hints.files())
    os.truncate(checkpoint, 100)
    window.show_tensor(window.current, "b")
    qtbot.waitUntil(lambda: bool(window.files.strip.notices), timeout=5_000)
    assert "was cut short, from " in window.files.strip.notices[0].body.text()


def test_our_own_save_is_not_announced(qtbot, window, checkpoint):
    edit(qtbot, window, "scale", "a", factor=2.0)
    with qtbot.waitSignal(window.filing.saved):
        qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    for _ in range(2):
        with qtbot.waitSignal(window.tasks.idle):
            window.files.watching.look()
    assert not window.files.strip.notices


def test_a_change_after_our_own_save_is_noticed_by_itself(qtbot, window, checkpoint):
    edit(qtbot, window, "scale", "a", factor=2.0)
    with qtbot.waitSignal(window.filing.saved):
        qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    with qtbot.waitSignal(window.tasks.idle):
        window.files.watching.look()
    assert window.files.watching._hints.files() == [str(checkpoint)]
    window.files.watching._timer.stop()
    replace(checkpoint, a=torch.ones(3, 4))
    qtbot.waitUntil(lambda: bool(window.files.strip.notices), timeout=5_000)


def test_a_file_that_does_not_open_any_more_keeps_the_document(qtbot, window, checkpoint):
    edit(qtbot, window, "fill", "a", value=3.0)
    checkpoint.write_bytes(b"not a checkpoint at all")
    said = notice(qtbot, window)
    with qtbot.waitSignal(window.failed):
        qtbot.mouseClick(said.replay_button, Qt.MouseButton.LeftButton)
    assert said.replay_button.isEnabled()
    assert "net.pt" in window.errors.cards[0].title.text()
    assert torch.equal(window.current.document.read("a"), torch.full((3, 4), 3.0))


def test_the_count_of_edits_in_the_notice_follows(qtbot, window, checkpoint):
    replace(checkpoint, a=torch.ones(3, 4))
    notice(qtbot, window)
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("rename", "b", to="c")
    assert window.files.strip.of(window.current).replay_button.text() == "Reload and replay 1 edit"
