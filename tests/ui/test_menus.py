"""Menus by keyboard: a letter for each menu and each action, and texts that stay as they are."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt

from weightedit.ui.actions import lettered
from weightedit.ui.errors.errors_view import sentence


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2)}, path)
    return path


def test_every_menu_and_what_is_in_it_has_a_letter_of_its_own(open_window, checkpoint):
    window = open_window(checkpoint)
    bar = [action.text() for action in window.top.bar.actions()]
    assert bar == ["&File", "&Edit", "&Select", "&Go", "&View", "&Operations", "&Doctor", "&Help"]
    for menu in window.top.menus.made.values():
        texts = [action.text() for action in menu.actions() if not action.isSeparator()]
        letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
        assert len(set(letters)) == len(letters), texts
        assert len(letters) >= min(len(texts), 12) * 0.8, texts  # titles run out of letters


def test_a_menu_opens_by_its_letter(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.AltModifier)
    menu = window.top.menus["View"]
    qtbot.waitUntil(menu.isVisible)
    qtbot.keyClick(menu, Qt.Key.Key_V)
    assert ("set_view", "values") in window.workbench.calls
    assert not menu.isVisible()


def test_letters_are_taken_from_the_beginnings_of_words():
    assert lettered(["Open file…", "Open folder…", "Save", "O"]) == ["&Open file…", "Open &folder…", "&Save", "O"]
    assert lettered(["R&D", "Run"]) == ["&R&&D", "R&un"]


@pytest.mark.parametrize(
    ("text", "begins"),
    [("torch.save(x) writes it.", "torch.save("), ("torch 2 reads it.", "torch 2"), ("it is cut.", "It is"),
     ("dict[str] is asked for.", "dict["), ("open it, then save.", "Open it"), ("", "")],
)  # fmt: skip
def test_a_sentence_begins_with_a_capital_but_code_does_not(text, begins):
    assert sentence(text).startswith(begins)
