"""A refusal goes once that was done which it refused; what was refused elsewhere stays."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt

from tests.ui.conftest import wait_ready
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.widgets.plain import BREAK


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    for name in ("net.pt", "other.pt"):
        torch.save({"a": torch.ones(3, 4)}, tmp_path / name)
    made = open_window(tmp_path / "net.pt", tmp_path / "other.pt", real=True)
    made.files.watching._timer.stop()
    for found in made.documents.all:
        with qtbot.waitSignal(made.documents.changed):
            found.document.apply("fill", "a", value=2.0)
    made.show_document(made.documents.all[0])
    return made


def save(qtbot, window, done):
    with qtbot.waitSignal(done, timeout=10_000):
        qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    wait_ready(qtbot, window)


def titles(window):
    return sorted(card.title.text().replace(BREAK, "") for card in window.errors.all)


def blocked(monkeypatch):
    """Let no file be committed, as where a disk gives out."""
    from weightedit.core.transaction import Transaction

    def no(self, *_, **__):
        raise OSError(5, "Input/output error", str(self.pending[0].target))

    monkeypatch.setattr(Transaction, "commit", no)


def test_a_save_that_works_takes_away_the_one_that_did_not(qtbot, window, monkeypatch):
    """The refusal of the other document's save is still true."""
    with monkeypatch.context() as patched:
        blocked(patched)
        for found in reversed(window.documents.all):
            window.show_document(found)
            save(qtbot, window, window.failed)
        assert len(titles(window)) == 2
    save(qtbot, window, window.filing.saved)
    (left,) = titles(window)
    assert "other.pt" in left


def test_an_export_answers_the_same_export_alone(qtbot, window, monkeypatch, tmp_path):
    def export(name):
        window.actions_of.run("export")
        (dialog,) = window.findChildren(ExportDialog)
        dialog.path.setText(str(tmp_path / name))
        qtbot.waitUntil(dialog.export.isEnabled)
        qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not window.findChildren(ExportDialog))
        wait_ready(qtbot, window)

    with monkeypatch.context() as patched:
        blocked(patched)
        export("out.pt")
    assert len(titles(window)) == 1
    export("elsewhere.pt")
    assert len(titles(window)) == 1
    export("out.pt")
    assert not titles(window)
    assert not window.errors.isVisible()


def test_a_reload_takes_away_that_the_file_could_not_be_read(qtbot, window, tmp_path):
    path = tmp_path / "net.pt"
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    window.files.watching.look()
    qtbot.waitUntil(lambda: window.files.strip.of(window.current) is not None)
    with qtbot.waitSignal(window.failed):
        qtbot.mouseClick(window.files.strip.of(window.current).reload_button, Qt.MouseButton.LeftButton)
    assert len(titles(window)) == 1
    path.write_bytes(whole)
    with qtbot.waitSignal(window.files.reloading.replaced):
        qtbot.mouseClick(window.files.strip.of(window.current).reload_button, Qt.MouseButton.LeftButton)
    wait_ready(qtbot, window)
    assert not titles(window)
