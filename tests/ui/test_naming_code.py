"""A file that names code is told from one that does not, at the moment it is opened, and nothing of it is run."""

from __future__ import annotations

import argparse
from fractions import Fraction

import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from tests import checkpoints
from tests.ui.conftest import wait_ready
from weightedit.ui.files.naming_code import CodeNotice


def notices(window):
    return [one for one in window.files.strip.notices if isinstance(one, CodeNotice)]


def says(notice):
    return "\n".join(one.text() for one in notice.findChildren(QLabel) if one.isVisible()).replace("\u200b", "")


def test_opening_a_file_that_names_code_says_so_and_runs_nothing(qtbot, open_window, tmp_path):
    """The names are copied and the notice dismissed by keys; the same names as the export sheet tells of."""
    window = open_window(checkpoints.evil(tmp_path), real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    (notice,) = notices(window)
    text = says(notice)
    (hazard,) = [one for one in window.current.document.export_hazards(tmp_path / "out.pt") if one.kind == "names-code"]
    assert window.current.code
    assert all(name in text and name in hazard.detail for name in window.current.code)
    assert "evil.pt names code" in text
    assert "Opening imported and ran nothing of it" in text
    assert "weights_only=False" in text
    assert "safe" not in text
    assert not (tmp_path / checkpoints.EVIL_MARKER).exists()
    for _ in range(60):
        if QApplication.focusWidget() is notice.copy_button:
            break
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert QGuiApplication.clipboard().text() == "\n".join(f"evil.pt: {name}" for name in window.current.code)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert not notices(window)
    assert not window.files.strip.isVisible()


def test_plain_classes_and_torchs_own_are_no_code(open_window, tmp_path):
    """Namespaces, fractions and whole modules of torch are in most files that were ever saved."""
    torch.save({"args": argparse.Namespace(lr=1), "half": Fraction(1, 2), "net": torch.nn.Linear(2, 3)},
               tmp_path / "plain.pt")  # fmt: skip
    window = open_window(tmp_path / "plain.pt")
    assert len(window.documents.all) == 1
    assert not window.files.strip.notices


def test_several_such_files_share_one_notice_that_goes_with_them(qtbot, open_window, tmp_path):
    paths = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(checkpoints.evil(folder).rename(tmp_path / f"evil{number}.pt"))
    window = open_window(*paths)
    (notice,) = notices(window)
    assert "4 open files name code" in says(notice)
    assert "and 2 more files" in says(notice).splitlines()
    for opened in window.documents.all[1:]:
        window.close_document(opened)
    wait_ready(qtbot, window)
    (notice,) = notices(window)
    assert notice.title.text().startswith("evil0.pt names code")
    window.close_document(window.current)
    assert not notices(window)
