"""While something is painted nothing else is, and another look takes no time."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from PySide6.QtGui import QFontDatabase
from safetensors.torch import save_file

from tests.ui.conftest import wait_ready
from weightedit.core.described.outline import SMALL
from weightedit.ui import theme as look
from weightedit.ui.shell.status_bar import StatusBar
from weightedit.ui.tasks import Tasks
from weightedit.ui.theme import theme
from weightedit.ui.tree.view import TreeView
from weightedit.ui.values.headers import LineHeader


def test_no_task_starts_and_no_bar_changes_while_the_tree_is_painted(qtbot, monkeypatch, open_window, tmp_path):
    """A progress bar paints itself as its value is set; within another paint that ends the process."""
    inside, started, shown = [], [], []
    paint, start, show = TreeView.paintEvent, Tasks.start, StatusBar._show_tasks

    def painted(view, event):
        inside.append(view)
        paint(view, event)
        inside.pop()

    def start_seen(tasks, name, *rest, **named):
        started.append((name, bool(inside)))
        return start(tasks, name, *rest, **named)

    def show_seen(bar):
        shown.append(bool(inside))
        show(bar)

    monkeypatch.setattr(TreeView, "paintEvent", painted, raising=False)
    monkeypatch.setattr(Tasks, "start", start_seen)
    monkeypatch.setattr(StatusBar, "_show_tasks", show_seen)
    save_file({f"layers.{n // 10}.m{n % 10}.weight": torch.zeros(1) for n in range(SMALL + 10)},
              tmp_path / "many.safetensors")  # fmt: skip
    window = open_window(tmp_path / "many.safetensors")
    qtbot.waitUntil(lambda: any(name == "Sizes" for name, _ in started))
    wait_ready(qtbot, window)
    assert [name for name, within in started if within] == []
    assert not any(shown)


def test_starting_a_task_tells_nobody_before_the_event_loop_goes_on(qtbot):
    """Whoever starts a task may be painting."""
    tasks, told = Tasks(), []
    tasks.changed.connect(lambda: told.append(1))
    with qtbot.waitSignal(tasks.idle):
        tasks.start("a", lambda progress: 1, on_result=None)
        tasks.start("b", lambda progress: 2, on_result=None)
        assert told == []
        qtbot.waitUntil(lambda: told != [])
    assert tasks.shutdown()
    tasks.deleteLater()


def test_another_theme_measures_a_headers_indices_once(qtbot, monkeypatch, open_window, tmp_path):
    """Thousands of rows and columns were measured each time, 3 to 6 seconds for a large table."""
    torch.save({"w": torch.zeros(3000, 3000)}, tmp_path / "net.pt")
    window = open_window(tmp_path / "net.pt", real=True)
    window.show_tensor(window.current, "w")
    window.actions_of["values"].trigger()
    wait_ready(qtbot, window)
    headers, asked = [one for one in window.findChildren(LineHeader) if one.isVisible()], []
    assert len(headers) == 2
    has = QFontDatabase.hasFamily
    monkeypatch.setattr(look, "QFontDatabase", SimpleNamespace(hasFamily=lambda name: asked.append(name) or has(name)))
    before = [header.sizeHint() for header in headers]
    theme.switch("light")
    assert [header.sizeHint() for header in headers] == before
    assert len(asked) < 50
    assert all(header.width() > 30 for header in headers)
