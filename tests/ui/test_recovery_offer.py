"""Edits that a killed window left are offered at the next start: shown, recovered, put off or thrown away by name."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from tests.ui.conftest import wait_ready
from tests.ui.killed_edits import kill_editing
from weightedit import assembly
from weightedit.core.journals import recovery
from weightedit.core.journals.recovery import KeptEdit, Recovered, discard, unfinished
from weightedit.ui import tasks
from weightedit.ui.history.rows import DONE, UNDONE
from weightedit.ui.recovery.kept_list import kept_rows
from weightedit.ui.recovery.recovery_notice import RecoveredNotice, RecoveryNotice, when_text


@pytest.fixture
def killed(tmp_path):
    """Give a checkpoint whose editing was killed after four edits, the last undone."""
    path = tmp_path / "net.pt"
    torch.save({"a.weight": torch.zeros(4, 6), "b.bias": torch.ones(3)}, path)
    kill_editing(path)
    assert len(unfinished()) == 1
    return path


def offers(window):
    return [one for one in window.files.strip.notices if isinstance(one, RecoveryNotice)]


def offered(qtbot, window):
    qtbot.waitUntil(lambda: bool(offers(window)))
    (notice,) = offers(window)
    return notice


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_start_page_says_file_count_and_when(qtbot, open_window, killed):
    window = open_window()
    notice = offered(qtbot, window)
    assert window.pages.currentWidget() is window.start
    assert notice.title.text() == "net.pt has 4 edits that a crash left unsaved"
    assert notice.body.text().replace("\u200b", "").startswith(f"{killed}. Made ")  # where a long path may go on
    assert notice.body.text().endswith("1 of them was undone.")
    assert notice.recover_button.text() == "Recover 4 edits"
    assert notice.recover_button.accessibleName() == "Recover 4 edits: net.pt"


def test_the_edits_are_listed_with_groups_and_what_was_undone(qtbot, open_window, killed):
    window = open_window()
    notice = offered(qtbot, window)
    press(notice.show_button)
    rows = notice.list.rows
    assert [(row.label, row.state, row.count) for row in rows[1:2]] == [("Set 2 cells", DONE, 2)]
    assert (rows[0].state, rows[2].state, len(rows)) == (UNDONE, DONE, 3)
    assert "b.bias" in rows[0].where
    assert "undone" in rows[0].where
    notice.list.setFocus()
    QTest.keyClick(notice.list, Qt.Key.Key_Down)
    QTest.keyClick(notice.list, Qt.Key.Key_Down)
    notice.list.setCurrentIndex(notice.list.model().index(1, 0))
    QTest.keyClick(notice.list, Qt.Key.Key_Right)
    assert [row.depth for row in notice.list.rows] == [0, 0, 1, 1, 0]
    QTest.keyClick(notice.list, Qt.Key.Key_Left)
    assert len(notice.list.rows) == 3
    press(notice.show_button)
    assert notice.list.isHidden()


def test_recover_opens_it_with_its_history(qtbot, open_window, killed):
    before = killed.read_bytes()
    window = open_window(real=True)
    notice = offered(qtbot, window)
    notice.recover_button.setFocus()
    QTest.keyClick(notice.recover_button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.current is not None, timeout=20_000)
    wait_ready(qtbot, window)
    document = window.current.document
    assert (len(document.history), document.history.position) == (4, 3)
    assert document.is_modified
    assert document.read("a.weight")[0, :3].tolist() == [1.0, 2.0, 7.0]
    assert not offers(window)
    assert window.status.message.text() == "Recovered 4 edits of net.pt; the file itself is as it was until you save."
    document.undo()
    assert document.history.position == 1  # the group goes as one
    assert killed.read_bytes() == before
    assert document.journal is not None  # what is recovered is safe from the next crash too
    assert not window.actions_of["recover"].isEnabled()


def test_recover_works_without_journals_and_keeps_the_old_one(qtbot, open_window, killed):
    """Where nothing can be written beside, the edits still come back; what holds them goes by name only."""
    window = open_window()
    window.preferences.set_journal(False)
    press(offered(qtbot, window).recover_button)
    qtbot.waitUntil(lambda: len(window.documents.all) == 1)
    (found,) = window.documents.all
    assert found.document.journal is None
    assert (found.document.history.position, len(found.document.history)) == (3, 4)
    assert len(unfinished()) == 1


def test_not_now_keeps_it_for_the_palette_and_the_next_start(qtbot, open_window, killed):
    window = open_window()
    press(offered(qtbot, window).later_button)
    assert not offers(window)
    assert len(unfinished()) == 1
    window.actions_of["recover"].trigger()
    qtbot.waitUntil(lambda: bool(offers(window)))
    qtbot.waitUntil(lambda: offers(window)[0].recover_button.hasFocus())
    assert len(open_window().files.recovering.offers) == 1


def test_it_comes_back_with_the_document_it_belongs_to(qtbot, open_window, killed, tmp_path):
    window = open_window(real=True)
    press(offered(qtbot, window).later_button)
    other = tmp_path / "other.pt"
    torch.save({"x": torch.zeros(2)}, other)
    window.open([str(other)])
    wait_ready(qtbot, window)
    assert not offers(window)
    window.open([str(killed)])
    wait_ready(qtbot, window)
    press(offered(qtbot, window).recover_button)
    qtbot.waitUntil(lambda: any(one.document.is_modified for one in window.documents.all), timeout=20_000)
    wait_ready(qtbot, window)
    assert [one.title for one in window.documents.all] == ["other.pt", "net.pt"]  # it took the place of the unedited
    assert window.current.document.history.position == 3


def test_edits_of_its_own_are_not_lost_to_a_recovery(qtbot, open_window, killed):
    window = open_window()
    notice = offered(qtbot, window)
    window.open([str(killed)])
    wait_ready(qtbot, window)
    window.current.document.apply("fill", "b.bias", value=3.0)
    press(notice.recover_button)
    assert "edits of its own" in notice.body.text()
    assert len(window.documents.all) == 1
    assert window.current.document.history.position == 1


def test_edits_that_a_save_would_shut_out_are_had_in_a_copy_before(qtbot, open_window, killed, monkeypatch):
    """Said before the save and not after it: the file is open with other edits, and a copy takes these."""
    window = open_window()
    notice = offered(qtbot, window)
    window.open([str(killed)])
    wait_ready(qtbot, window)
    assert not notice.copy_button.isVisible()
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("fill", "b.bias", value=3.0)
    qtbot.waitUntil(notice.copy_button.isVisible)
    said = notice.body.text().replace("\u200b", "")
    assert "made to the file as it is on the disk now" in said
    assert "close net.pt without saving and try again" in said
    assert "Once it is saved, these fit it no more" in said
    copy = killed.with_name("copy.pt")
    for name in (killed, copy):  # the file itself is refused
        monkeypatch.setattr("weightedit.ui.recovery.recovery_copy.ask_copy", lambda *_, name=name: str(name))
        notice.copy_button.setFocus()
        QTest.keyClick(notice.copy_button, Qt.Key.Key_Space)
        wait_ready(qtbot, window)
    assert ["is the file that the edits were made to" in str(card.error) for card in window.errors.all] == [True]
    assert torch.load(copy)["a.weight"][0].tolist() == [1.0, 2.0, 7.0, 7.0, 7.0, 7.0]
    assert torch.equal(torch.load(killed)["a.weight"], torch.zeros(4, 6))
    assert len(unfinished()) == 1
    assert window.current.document.history.position == 1
    with qtbot.waitSignal(window.filing.saved):
        QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "fit only the file as it was" in notice.body.text())  # without being asked
    assert not notice.copy_button.isVisible()


def test_discard_asks_by_name_and_count(qtbot, open_window, killed):
    window = open_window()
    notice = offered(qtbot, window)
    press(notice.discard_button)
    assert notice.asks.text() == "Discard 4 edits of net.pt? They cannot be had back."
    assert notice.keep_button.hasFocus() or not window.isActiveWindow()
    QTest.keyClick(notice.keep_button, Qt.Key.Key_Escape)
    assert notice.question.isHidden()
    assert len(unfinished()) == 1
    press(notice.discard_button)
    assert notice.discard_for_good.text() == "Discard 4 edits of net.pt"
    press(notice.discard_for_good)
    qtbot.waitUntil(lambda: not offers(window))
    assert unfinished() == []
    assert killed.exists()


def test_another_file_in_its_place_is_said_and_nothing_is_applied(qtbot, open_window, killed):
    torch.save({"a.weight": torch.ones(4, 6), "b.bias": torch.zeros(3)}, killed)
    window = open_window()
    notice = offered(qtbot, window)
    press(notice.recover_button)
    qtbot.waitUntil(lambda: notice.title.text() == "4 edits of net.pt could not be recovered", timeout=20_000)
    assert notice.property("notice") == "warning"
    assert "another file than the one that was edited" in notice.body.text()
    assert "the edits are kept" in notice.body.text()
    assert not window.documents.all
    assert len(unfinished()) == 1
    assert notice.show_button.isEnabled()


def test_discarding_takes_its_time_beside_the_window(qtbot, open_window, killed, monkeypatch):
    """A journal has a file beside it for each tensor an edit was given: the notice waits, the window does not."""
    window = open_window()
    notice = offered(qtbot, window)
    let, where = threading.Event(), []

    def slow(key):
        where.append(threading.current_thread())
        assert let.wait(20)
        discard(key)

    monkeypatch.setattr(recovery, "discard", slow)
    monkeypatch.setattr(tasks, "SHOWN_AFTER", 0.0)
    press(notice.discard_button)
    press(notice.discard_for_good)
    try:
        qtbot.waitUntil(lambda: bool(where))
        assert where[0] is not threading.main_thread()
        assert not notice.question.isEnabled()
        assert [task.name for task in window.tasks.shown] == ["Discarding unsaved edits"]
    finally:
        let.set()
    qtbot.waitUntil(lambda: not offers(window))
    assert unfinished() == []


@pytest.mark.parametrize(("change", "said"), [
    (Path.unlink, "The file is not there any more; put it back to recover."),
    (lambda path: path.write_bytes(b"another"), "The file was changed since, by another program or by"),
])  # fmt: skip
def test_a_file_that_is_gone_or_another_is_said_before_anything_is_pressed(qtbot, open_window, killed, change, said):
    """The first press would only find it out; the file put back, coming back to the window makes the offer whole."""
    was, marks = killed.read_bytes(), killed.stat()
    change(killed)
    window = open_window()
    notice = offered(qtbot, window)
    assert notice.property("notice") == "warning"
    assert notice.title.text() == "net.pt has 4 edits that a crash left unsaved"
    assert said in notice.body.text()
    assert notice.body.text().endswith("are kept until they are discarded by name.")
    assert notice.recover_button.text() == "Try again"
    assert notice.recover_button.accessibleName() == "Try again: net.pt"
    assert notice.recover_button.property("kind") != "primary"
    killed.write_bytes(was)
    os.utime(killed, ns=(marks.st_atime_ns, marks.st_mtime_ns))
    QGuiApplication.sendEvent(window, QEvent(QEvent.Type.WindowActivate))
    qtbot.waitUntil(lambda: notice.recover_button.text() == "Recover 4 edits")
    assert (notice.property("notice"), said in notice.body.text()) == ("notice", False)
    press(notice.recover_button)
    qtbot.waitUntil(lambda: len(window.documents.all) == 1, timeout=20_000)
    qtbot.waitUntil(lambda: window.documents.all[0].document.history.position == 3, timeout=20_000)  # of 4, one undone


def test_a_journal_that_cannot_be_read_can_be_discarded(qtbot, open_window, killed):
    journal = next((Path(os.environ["WEIGHTEDIT_STATE"]) / "journals").glob("*/journal"))
    journal.write_bytes(b"\xff" * 100)
    window = open_window()
    notice = offered(qtbot, window)
    assert notice.property("notice") == "refusal"
    assert "cannot be recovered" in notice.title.text()
    assert notice.recover_button.isHidden()
    assert notice.body.text().endswith("It is kept until it is discarded by name.")  # no file of it is known
    press(notice.discard_button)
    assert notice.asks.text().startswith("Discard the journal ")
    press(notice.discard_for_good)
    qtbot.waitUntil(lambda: not offers(window))
    assert unfinished() == []


def test_a_torn_journal_gives_its_beginning_and_says_what_was_left_out(qtbot, open_window, killed, monkeypatch):
    """Whether the tail is torn or an edit comes out otherwise: what could be recovered is open, the rest is named."""
    window = open_window()
    notice = offered(qtbot, window)
    left = (KeptEdit("Scale × 0.5", "b.bias", datetime(2026, 5, 1, 10, 0)),)
    real = assembly.recover

    def partly(one, **options):
        document = real(one, **options)
        document.recovered = Recovered(3, left, "Edit 4 was left out: it gives other bytes than it did.")
        return document

    monkeypatch.setattr(assembly, "recover", partly)
    press(notice.recover_button)
    qtbot.waitUntil(lambda: any(isinstance(one, RecoveredNotice) for one in window.files.strip.notices), timeout=20_000)
    told = next(one for one in window.files.strip.notices if isinstance(one, RecoveredNotice))
    assert told.title.text() == "3 edits of net.pt were recovered; 1 edit was left out"
    assert told.body.text().startswith("Edit 4 was left out")
    press(told.copy_button)
    assert QGuiApplication.clipboard().text() == "2026-05-01 10:00:00 Scale × 0.5: b.bias"
    press(told.dismiss_button)
    assert told not in window.files.strip.notices


def test_closing_normally_leaves_nothing_to_offer(qtbot, open_window, tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"w": torch.zeros(3)}, path)
    window = open_window(path)
    window.current.document.apply("fill", "w", value=1.0)
    window.documents.close(window.current)
    assert unfinished() == []


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be made unwritable there")
def test_an_edit_that_cannot_be_recorded_has_a_way_on(qtbot, open_window, tmp_path, monkeypatch):
    path = tmp_path / "net.pt"
    torch.save({"w": torch.zeros(3)}, path)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("WEIGHTEDIT_STATE", str(blocked))
    window = open_window(path)
    document = window.current.document
    window.tasks.start("Fill", lambda progress: document.apply("fill", "w", value=1.0), on_result=None,
                       on_error=lambda _: None)  # fmt: skip
    qtbot.waitUntil(lambda: bool(window.errors.cards))
    (card,) = window.errors.cards
    assert "journal" in card.title.text()
    button = next(one for one in card.findChildren(type(card.copy)) if one.text() == "Go on without a journal")
    press(button)
    assert not window.preferences.journal
    document.apply("fill", "w", value=1.0)
    assert document.read("w").tolist() == [1.0] * 3


def test_no_names_of_a_journal_are_markup_or_more_than_one_line(qtbot):
    hostile = KeptEdit("<b>x</b>\n\u202e", "a\x1b[2J", datetime(2026, 5, 1), group="g\nh")
    rows = kept_rows([hostile, hostile], {0})
    assert [row.label for row in rows] == ["g\\nh", "<b>x</b>\\n\\u202e", "<b>x</b>\\n\\u202e"]
    assert rows[1].where == "a\\x1b[2J"


def test_times_tell_the_day_and_the_minute():
    now = datetime(2026, 5, 2, 12, 0)
    assert when_text(now - timedelta(hours=2), now - timedelta(hours=1), now) == "from 10:00 until 11:00"
    assert when_text(now, now, now) == "at 12:00"
    yesterday, week = now - timedelta(days=1), now - timedelta(days=7)
    assert when_text(yesterday, yesterday, now) == "yesterday, 12:00"
    assert when_text(week, week, now) == "25 Apr, 12:00"
    assert when_text(now - timedelta(days=1), now, now) == "from yesterday, 12:00 until 12:00"


def test_the_window_keeps_its_room_at_its_smallest(qtbot, open_window, killed):
    window = open_window()
    notice = offered(qtbot, window)
    press(notice.show_button)
    window.resize(1024, 640)
    qtbot.waitUntil(lambda: window.height() == 640)
    assert notice.recover_button.mapTo(notice, QPoint()).x() == notice.title.mapTo(notice, QPoint()).x()
    bottom = window.start.mapTo(window, QPoint(0, window.start.height())).y()
    assert bottom <= window.height()


def test_a_long_name_leaves_the_question_readable(qtbot, open_window, killed):
    """The name stands whole in the sentence, and as much of it on the button as there is room for."""
    window = open_window()
    one = replace(unfinished()[0], title="a-very-long-name-of-a-checkpoint-" * 3 + ".safetensors")
    window.files.recovering.offers = [one]
    for notice in offers(window):
        window.files.strip.remove(notice)
    window.files.recovering._show()
    window.resize(1024, 640)
    (notice,) = offers(window)
    press(notice.discard_button)
    qtbot.waitUntil(notice.discard_for_good.isVisible)
    for button in (notice.discard_for_good, notice.keep_button):
        assert button.width() >= button.sizeHint().width()
    assert one.title in notice.asks.text().replace("\u200b", "")
