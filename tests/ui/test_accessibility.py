"""For a screen reader and a keyboard: everything that takes the focus has a name, and Tab gets to all of it and on."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from tests.ui.conftest import wait_ready

INNER = ("qt_tableview_cornerbutton", "qt_toolbar_ext_button")
"""Parts that Qt makes; their name is that of what they are in."""
ASIDES = ("settings", "operations", "silently", "errors", "keys", "about")
VIEWS = ("heatmap", "values", "histogram", "profiles", "spectrum")


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    torch.save({"a.weight": torch.randn(30, 20), "a.bias": torch.zeros(4), "note": "text"}, tmp_path / "net.pt")
    found = open_window(tmp_path / "net.pt", real=True)
    found.activateWindow()
    qtbot.waitUntil(found.isActiveWindow)
    with qtbot.waitSignal(found.documents.changed):
        found.current.document.apply("scale", "a.weight", factor=2.0)
    wait_ready(qtbot, found)
    return found


def bring(window, place):
    """Bring a view, a page or the start in front."""
    if place in ASIDES:
        window.aside.open(place)
    elif place == "palette":
        window.search.open()
    elif place == "start":
        window.documents.close(window.current)
    elif place != "heatmap":
        window.actions_of[place].trigger()
    QApplication.processEvents()


def name_of(widget):
    """What a screen reader says of a widget: its name, as Qt's accessibility makes it."""
    found = QAccessible.queryAccessibleInterface(widget)
    return "" if found is None else found.text(QAccessible.Text.Name)


def focusable(window, policy=Qt.FocusPolicy.TabFocus):
    """What takes the focus; the parts that Qt makes in another widget take it for that one."""
    widgets = [widget for widget in window.findChildren(QWidget) if widget.isVisible() and widget.isEnabled()]
    return [widget for widget in widgets if widget.focusPolicy() & policy]


@pytest.mark.parametrize("place", [*VIEWS, "start", "palette", *ASIDES])
def test_everything_that_is_pressed_or_typed_into_has_a_name(window, place):
    bring(window, place)
    buttons = {one for one in window.findChildren(QAbstractButton) if one.isVisible()}
    widgets = buttons | {*focusable(window, Qt.FocusPolicy.WheelFocus)}
    widgets = {one for one in widgets if one.objectName() not in INNER and one.focusProxy() is None}
    nameless = sorted(f"{type(one).__name__} {one.objectName()!r} in {type(one.parentWidget()).__name__}"
                      for one in widgets if not name_of(one).strip())  # fmt: skip
    assert nameless == []


def is_passed(widget):
    """Of several choices of which one is on, Tab takes that one; arrows go between them."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return group is not None and group.exclusive() and group.checkedButton() not in (None, widget)


@pytest.mark.parametrize("place", [*VIEWS, "start", *ASIDES])
def test_tab_gets_to_every_control_and_comes_round(window, place):
    bring(window, place)
    wanted = {one for one in focusable(window) if one.focusProxy() is None and not is_passed(one)}
    first = QApplication.focusWidget() or next(iter(wanted))
    first.setFocus()
    seen = []
    for _ in range(3 * len(wanted) + 20):
        now = QApplication.focusWidget()
        assert now is not None
        if now in seen[1:] and set(seen) >= wanted:
            break
        seen.append(now)
        QTest.keyClick(now, Qt.Key.Key_Tab)
    missed = sorted(f"{type(one).__name__} {one.accessibleName()!r}" for one in wanted - set(seen)
                    if one.focusProxy() not in seen)  # fmt: skip
    assert missed == []
