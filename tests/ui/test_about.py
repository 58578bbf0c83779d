"""About and the help on operations."""

from __future__ import annotations

import platform

import numpy
import safetensors
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

import weightedit
from weightedit.operations import OPERATIONS


def test_about_names_every_version_and_copies_them(qtbot, open_window):
    window = open_window(real=True)
    window.actions_of["about"].trigger()
    page = window.aside.current
    assert page.facts["weightedit"] == weightedit.__version__
    assert page.facts["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert page.facts["numpy"] == numpy.__version__
    assert page.facts["safetensors"] == safetensors.__version__
    assert page.facts["Compiled loops"] in ("loaded", "not loaded")
    assert page.facts["Python"] == platform.python_version()
    assert page.facts["Devices"].startswith("cpu")
    qtbot.mouseClick(page.copy, Qt.MouseButton.LeftButton)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == f"weightedit: {weightedit.__version__}"
    assert len(lines) == len(page.facts)
    qtbot.keyClick(page.copy, Qt.Key.Key_Escape)
    assert window.pages.currentWidget() is window.start


def test_help_describes_every_operation_and_finds_words_in_it(qtbot, open_window):
    window = open_window(real=True)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.actions_of["operations-help"].trigger()
    page = window.aside.current
    listed = [page.list.item(at) for at in range(page.list.count())]
    picked = [item.data(Qt.ItemDataRole.UserRole).name for item in listed if item.data(Qt.ItemDataRole.UserRole)]
    assert sorted(picked) == sorted(one.name for one in OPERATIONS)
    assert page.search.hasFocus()
    qtbot.keyClicks(page.search, "multiply factor")
    assert "doc.apply(\"scale\"" in page.text.toPlainText()
    assert "The number every value is multiplied by" in page.text.toPlainText()
    page.search.clear()
    qtbot.keyClicks(page.search, "zzzz")
    assert page.nothing.isVisible()
    assert page.nothing.text() == "Nothing matches zzzz."
    qtbot.keyClick(page.search, Qt.Key.Key_Escape)
    assert window.aside.current is None
