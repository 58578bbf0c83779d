"""The page *Errors that are explained* in the window: every kind, found by the words of a message."""

from __future__ import annotations

from PySide6.QtCore import Qt

from weightedit.doctor.explain.kinds import kinds


def test_every_kind_is_there_and_nothing_is_said_to_be_missing_before(qtbot, open_window):
    window = open_window(real=True)
    page = window.aside.open("errors")
    assert not page.nothing.isVisible(), "what is explained is on its way: nobody searched for anything"
    qtbot.waitUntil(lambda: page.list.count() > len(kinds()), timeout=60_000)
    listed = [page.list.item(at).data(Qt.ItemDataRole.UserRole) for at in range(page.list.count())]
    assert [one.name for one in listed if one] == [one.name for one in kinds()]
    qtbot.keyClicks(page.search, "mat1 and mat2")
    assert "mat1 and mat2 shapes cannot be multiplied" in page.text.toPlainText()
    qtbot.keyClicks(page.search, " zzzz")
    assert page.nothing.text() == "Nothing matches mat1 and mat2 zzzz."
    assert page.nothing.isVisible()
