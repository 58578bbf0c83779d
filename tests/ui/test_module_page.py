"""A file is run as a module by a deliberate press, in another process; one that changed or was forgotten asks anew."""

from __future__ import annotations

import hashlib

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel
from torch import nn

from weightedit.doctor.trusted_file.trusted import Trusted
from weightedit.ui.asides.module_page import RUN, TRUST


class Calls:
    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return exec, (self.code,)


def rest(qtbot, window):
    QTest.qWait(5)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=60_000)
    QApplication.processEvents()


def shown(page):
    return "\n".join(one.text() for one in page.findChildren(QLabel) if one.isVisible()).replace("\u200b", "")


@pytest.fixture
def page(qtbot, tmp_path, open_window):
    """The page on a module that leaves a mark where it is run."""
    path, canary = tmp_path / "<b>m</b>.pt".replace("/", ""), tmp_path / "canary"
    torch.save({"net": nn.Sequential(nn.Linear(3, 4)), "call": Calls(f"open({str(canary)!r}, 'w')")}, path)
    window = open_window(path, real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.actions_of.run("run-module")
    rest(qtbot, window)
    made = window.aside.current
    made.canary, made.path, made.window_ = canary, path, window
    return made


def test_the_whole_hash_is_read_at_the_smallest_size(qtbot, page):
    """It is what is trusted, and compared with one from elsewhere."""
    page.window_.resize(1024, 640)
    qtbot.waitUntil(lambda: page.window_.width() == 1024)
    QApplication.processEvents()
    sha256 = hashlib.sha256(page.path.read_bytes()).hexdigest()
    (said,) = [one for one in page.findChildren(QLabel) if one.text().replace("\u200b", "") == sha256]
    words = said.text().split("\u200b")
    assert max(map(said.fontMetrics().horizontalAdvance, words)) < said.width()  # no line is wider than there is room
    lines = -(-said.fontMetrics().horizontalAdvance(sha256) // said.width())
    assert said.height() >= lines * said.fontMetrics().height()


def test_nothing_runs_before_the_press_and_enter_is_not_it(qtbot, page):
    sha256 = hashlib.sha256(page.path.read_bytes()).hexdigest()
    says = shown(page)
    assert sha256 in says
    assert "builtins.exec" in says or "__builtin__.exec" in says
    assert "torch.nn.modules.linear.Linear" in says
    assert "runs as you" in says
    assert page.run.text() == TRUST
    assert QApplication.focusWidget() is page.back
    assert not page.canary.exists()
    copy = next(one for one in page.findChildren(QAbstractButton) if one.accessibleName() == "Copy SHA-256")
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == sha256
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert not page.window_.aside.is_open("module")
    assert not page.canary.exists()
    assert Trusted().all == ()


def test_the_press_runs_it_and_the_trust_can_be_forgotten(qtbot, page):
    """By keyboard: Tab to the button, Space; then the result, and *Forget this trust*."""
    for _ in range(30):
        if QApplication.focusWidget() is page.run:
            break
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is page.run
    QTest.keyClick(page.run, Qt.Key.Key_Space)
    rest(qtbot, page.window_)
    says = shown(page)
    assert page.canary.exists()
    assert "torch.nn.modules.container.Sequential" in says
    assert "forward(input)" in says
    assert "2 same" in says
    assert [one.path for one in Trusted().all] == [str(page.path)]
    qtbot.mouseClick(page.forget, Qt.MouseButton.LeftButton)
    rest(qtbot, page.window_)
    assert Trusted().all == ()
    assert page.run.text() == TRUST
    assert not page.forget.isVisible()


def test_a_trust_whose_first_run_went_wrong_can_be_forgotten_at_once(qtbot, page):
    """The press trusts the content, whatever becomes of the run; and the page says how long that lasts."""
    assert "Trusting lasts until it is forgotten" in shown(page)
    assert not page.forget.isVisible()
    page.path.unlink()
    qtbot.mouseClick(page.run, Qt.MouseButton.LeftButton)
    rest(qtbot, page.window_)
    assert "ended its process" in shown(page)
    assert not page.canary.exists()
    assert len(Trusted().all) == 1
    assert page.forget.isVisible()
    page.forget.setFocus()
    QTest.keyClick(page.forget, Qt.Key.Key_Space)
    rest(qtbot, page.window_)
    assert Trusted().all == ()
    assert not page.forget.isVisible()


def test_a_file_that_changed_is_not_run(qtbot, page):
    Trusted().trust(hashlib.sha256(page.path.read_bytes()).hexdigest(), page.path)
    page.begin()
    rest(qtbot, page.window_)
    assert page.run.text() == RUN
    data = bytearray(page.path.read_bytes())
    data[-30] ^= 1
    page.path.write_bytes(data)
    qtbot.mouseClick(page.run, Qt.MouseButton.LeftButton)
    rest(qtbot, page.window_)
    assert "was not run: its content is not what is trusted any more" in shown(page)
    assert not page.canary.exists()


def test_the_page_goes_with_its_document(qtbot, page):
    window = page.window_
    window.close_document(window.current)
    rest(qtbot, window)
    assert not window.aside.is_open("module")
    assert page.found is None
