"""The left panel gives way in a narrow window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytestqt.qtbot import QtBot

from weightedit.ui.settings import Settings
from weightedit.ui.shell.sides import LEAST


def test_the_left_panel_gives_way_in_a_narrow_window_and_comes_back(
    qtbot: QtBot, open_window: Callable[..., Any], settings: Settings, tmp_path: Path
) -> None:
    settings.set("window/tree", 420)
    torch.save({"w": torch.zeros(2, 2)}, tmp_path / "net.pt")
    window = open_window(tmp_path / "net.pt")
    qtbot.waitUntil(lambda: window.left.width() == 420)
    window.resize(1024, 640)
    qtbot.waitUntil(lambda: window.left.width() == LEAST)
    assert window.splitter.left_width == 420  # what is remembered
    window.resize(1400, 900)
    qtbot.waitUntil(lambda: window.left.width() == 420)
    window.resize(1024, 640)
    window.closing.may_close = True
    window.close()
    assert settings.number("window/tree", 0) == 420
