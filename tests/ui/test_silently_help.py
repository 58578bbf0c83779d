"""The page *What PyTorch does silently* in the window: every hazard, found by words, by the menu and by its kind."""

from __future__ import annotations

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from tests.ui.conftest import wait_ready
from tests.ui.hand import Hand
from weightedit.core.hazard_kinds import KINDS


def listed(page):
    items = [page.list.item(at).data(Qt.ItemDataRole.UserRole) for at in range(page.list.count())]
    return [item.name for item in items if item]


def open_by_menu(qtbot, window):
    """Alt+H, then the entry by its letter, as a person would."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_H, Qt.KeyboardModifier.AltModifier)
    menu = window.top.menus["Help"]
    qtbot.waitUntil(menu.isVisible)
    entry = next(one for one in menu.actions() if one.text().replace("&", "") == "What PyTorch does silently")
    letter = entry.text()[entry.text().index("&") + 1]
    QTest.keyClick(menu, letter)
    wait_ready(qtbot, window)
    assert window.aside.is_open("silently")
    return window.aside.current


def test_the_menu_opens_it_and_every_hazard_is_there(qtbot, open_window):
    window = open_window(real=True)
    page = open_by_menu(qtbot, window)
    assert listed(page) == list(KINDS)
    assert page.search.hasFocus()
    qtbot.keyClicks(page.search, "float16 inf")
    assert listed(page) == ["overflow"]
    assert "tensor([inf, 1.], dtype=torch.float16)" in page.text.toPlainText()
    qtbot.keyClick(page.search, Qt.Key.Key_Down)
    qtbot.keyClick(page.search, Qt.Key.Key_Escape)
    assert window.aside.current is None


def test_it_opens_at_a_kind(qtbot, open_window):
    """Where the link of a hazard's card leads, whatever was searched for before."""
    window = open_window(real=True)
    page = open_by_menu(qtbot, window)
    qtbot.keyClicks(page.search, "zzzz")
    assert listed(page) == []
    assert page.show_kind("unties")
    assert page.text.toPlainText().startswith(KINDS["unties"].title)
    assert "head.weight is embed.weight" in page.text.toPlainText()
    assert not page.show_kind("no such kind")


def test_a_card_leads_to_its_paragraph_and_esc_back(qtbot, open_window):
    """The ? of a hazard's card, by keyboard; what was filled in is still there afterwards."""
    hand = Hand(qtbot, open_window(real=True)).take({"w": torch.ones(3), "v": torch.ones(3)})
    hand.go("w")
    hand.fill("scale", Factor="1e39")
    assert {kind for kind, _ in hand.kinds()} == {"overflow"}
    (card,) = hand.panel.hazards.cards
    (why,) = card.findChildren(QToolButton)
    assert why.accessibleName() == "What PyTorch does silently: Values past the range"
    assert why.focusPolicy() & Qt.FocusPolicy.TabFocus
    why.setFocus()
    QTest.keyClick(why, Qt.Key.Key_Space)
    hand.rest()
    page = hand.window.aside.current
    assert page.text.toPlainText().startswith(KINDS["overflow"].title)
    QTest.keyClick(page.list, Qt.Key.Key_Escape)
    hand.rest()
    assert hand.window.aside.current is None
    assert {kind for kind, _ in hand.kinds()} == {"overflow"}
    assert hand.can_apply
