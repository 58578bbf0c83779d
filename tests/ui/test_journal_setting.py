"""Switching the journal off in the settings: at once for edits, in the background for what lies on the disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from weightedit.core.journals.journaling import Journal


def journals():
    return list((Path(os.environ["WEIGHTEDIT_STATE"]) / "journals").glob("*"))


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    """Give a window with an edit in its journal, and the tensor it was given beside it."""
    path = tmp_path / "net.pt"
    torch.save({"w": torch.zeros(3)}, path)
    made = open_window(path)
    made.current.document.apply("set", "w", values=torch.ones(3))
    assert len(journals()) == 1
    return made


def switch_off(qtbot, window):
    window.actions_of["settings"].trigger()
    box = window.aside.current.journal
    qtbot.waitUntil(box.isVisible)
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert not box.isChecked()


def test_what_lies_on_the_disk_is_removed_beside_the_window(qtbot, window, monkeypatch):
    """Removing thousands of files, or waiting for an edit that is being written down, must not stop the window."""
    let, where, real = threading.Event(), [], Journal.discard

    def slow(journal):
        where.append(threading.current_thread())
        assert let.wait(20)
        real(journal)

    monkeypatch.setattr(Journal, "discard", slow)
    document = window.current.document
    try:
        switch_off(qtbot, window)
        assert document.journal is None
        document.apply("fill", "w", value=2.0)  # not written down any more
        qtbot.waitUntil(lambda: bool(where))
        assert where == [one for one in where if one is not threading.main_thread()]
        assert len(journals()) == 1
    finally:
        let.set()
    qtbot.waitUntil(lambda: not window.tasks.active)
    assert not journals()
    assert document.history.position == 2


def test_closing_at_once_leaves_no_journal(qtbot, window):
    """Though no worker had time for it, or it would be offered at the next start."""
    for _ in range(4):
        window.tasks.start("Busy", lambda progress: progress.cancel.wait(20), on_result=None)
    qtbot.waitUntil(lambda: all(task.begun for task in window.tasks.active))
    switch_off(qtbot, window)
    assert len(journals()) == 1
    window.closing.may_close = True
    window.close()
    assert not journals()
