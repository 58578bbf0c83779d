"""Bad and hostile files dropped on a window that has a document open: one sentence, nothing runs, nothing changes."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from tests import checkpoints


def drop(window, path):
    """Drop a file as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place = QPoint(700, 12)  # the bar: on a tensor it would take its place
    rest = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(place, *rest)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(place, *rest))


@pytest.fixture
def edited(tmp_path, open_window, qtbot):
    """A window with a document that has one unsaved edit."""
    torch.save({"weight": torch.ones(4, 4)}, tmp_path / "good.pt")
    window = open_window(tmp_path / "good.pt", real=True)
    document = window.documents.all[0].document
    document.apply("fill", "weight", value=2.0)
    return window, document


@pytest.mark.parametrize("make", [*checkpoints.BROKEN, checkpoints.evil_pickle], ids=lambda make: make.__name__)
def test_a_bad_file_is_one_sentence_and_the_document_stays(qtbot, edited, tmp_path, capsys, make):
    window, document = edited
    folder = tmp_path / "bad"
    folder.mkdir()
    path = make(folder)
    try:
        drop(window, path)
        qtbot.waitUntil(lambda: len(window.errors.cards) == 1, timeout=20_000)
    finally:
        if path.exists():
            path.chmod(0o700)
    (card,) = window.errors.cards
    assert card.isVisible()
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == 1, lines
    assert path.name in lines[0] or path.parent.name in lines[0]
    assert "Traceback" not in lines[0]
    assert len(window.documents.all) == 1
    assert document.is_modified
    assert float(document.read("weight").sum()) == 32.0
    assert not (folder / checkpoints.EVIL_MARKER).exists()


def test_a_pickle_that_calls_the_system_opens_as_data_and_runs_nothing(qtbot, edited, tmp_path):
    window, _ = edited
    folder = tmp_path / "evil"
    folder.mkdir()
    drop(window, checkpoints.evil(folder))
    qtbot.waitUntil(lambda: len(window.documents.all) == 2 and not window.tasks.active, timeout=20_000)
    opened = window.documents.all[1].document
    assert "model.weight" in opened.tensors
    assert not (folder / checkpoints.EVIL_MARKER).exists()
