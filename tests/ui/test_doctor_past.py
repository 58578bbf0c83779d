"""What was found before an edit steps back, and comes to the front again where the document is as it was."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.doctor_models import write_model
from tests.ui.doctoring import (
    PATIENCE,
    agree,
    applied,
    card,
    ended,
    fill,
    opened,
    press,
    previewed,
    run,
    said,
    settled,
)  # fmt: skip
from weightedit.ui.doctor.aging import PAST
from weightedit.ui.doctor.finding_view import FindingView
from weightedit.ui.doctor.first_card import PAST_TITLE, TITLE
from weightedit.ui.doctor.load_rows import Column
from weightedit.ui.doctor.load_table import LoadTable
from weightedit.ui.theme import theme


@pytest.fixture
def wrapped(qtbot, open_window, tmp_path):
    """The doctor on a checkpoint of `Net` whose names all begin with `module.`, checked."""
    code = write_model(tmp_path)
    state = torch.load(code.with_suffix(".pt"))
    torch.save({f"module.{name}": value for name, value in state.items()}, code.with_suffix(".pt"))
    window, room = opened(qtbot, open_window, code.with_suffix(".pt"))
    fill(room, f"{code}:Net")
    run(qtbot, window, room)
    assert room.part == "load"
    return window, room


def has_color(widget, token: str) -> bool:
    """Whether a pixel of a widget has the colour of a token."""
    image, wanted = widget.grab().toImage(), theme.color(token).rgb()
    return any(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(image.height()))


def verdict(room):
    rows = room.findChild(LoadTable).rows
    return rows.data(rows.index(0, Column.VERDICT), Qt.ItemDataRole.ForegroundRole)


def test_the_table_gives_way_to_a_mend_that_is_previewed(qtbot, wrapped):
    """A finding, its mends and a table are three places to scroll in, of which one is to be read."""
    window, room = wrapped
    window.resize(1400, 800)
    finding, table = room.pane.widget(0), room.findChild(LoadTable)
    before = finding.height()
    one = card(room, "Rename")
    previewed(qtbot, one)
    qtbot.waitUntil(lambda: finding.height() > before)
    assert table.table.isVisible()
    assert table.height() == table.minimumSizeHint().height()
    press(room, "Mend everything")
    everything = card(table, "Mend everything")
    qtbot.waitUntil(lambda: everything.hazards is not None, timeout=PATIENCE)
    settled(qtbot, window)
    assert not table.table.isVisible()
    assert finding.height() > 200
    press(room, "Show the tensors")
    qtbot.waitUntil(table.table.isVisible)
    assert not everything.isVisible()


def test_explain_belongs_to_the_room_and_leads_back_to_it(qtbot, wrapped):
    window, room = wrapped
    window.actions_of["explain"].trigger()
    assert window.aside.is_open("explain")
    assert window.rail.doctor.isChecked()
    assert not window.tree.isVisible()
    QTest.keyClick(window.aside.current.text, Qt.Key.Key_Escape)
    assert window.aside.current is room
    window.actions_of["explain"].trigger()
    QTest.mouseClick(window.rail.edit, Qt.MouseButton.LeftButton)
    assert window.aside.current is None
    assert window.rail.edit.isChecked()


def test_short_texts_are_whole(wrapped):
    _, room = wrapped
    load, table = room.parts.cards["load"], room.findChild(LoadTable)
    assert load.says.text() == "4 of 4 tensors differ"
    assert not load.says.is_cut
    assert room.trace.card.name.is_folded
    assert not table.only.isEnabled()
    assert table.only.toolTip() == "All rows differ"


def test_what_was_found_before_a_mend_steps_back_until_it_is_undone_or_run_again(qtbot, wrapped):
    window, room = wrapped
    first, load = room.trace.card, room.parts.cards["load"]
    view = room.findChild(FindingView)

    def is_past():
        seen = (first.title.text() == PAST_TITLE, not has_color(first, "bad"), not has_color(load, "bad"),
                PAST in load.accessibleName(), PAST in said(view), not has_color(view, "bad"),
                verdict(room) == theme.color("text3"))  # fmt: skip
        assert len(set(seen)) == 1, seen
        return seen[0]

    assert not is_past()
    assert first.title.text() == TITLE
    applied(qtbot, window, card(room, "Rename"))
    assert is_past()
    assert first.accessibleName().startswith(PAST_TITLE)
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.current.document.history.position == 0, timeout=PATIENCE)
    settled(qtbot, window)
    assert not is_past()
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.redo()
    qtbot.waitUntil(lambda: window.current.document.history.position == 1, timeout=PATIENCE)
    settled(qtbot, window)
    assert is_past()
    press(room, "Check again")
    agree(qtbot, room)
    ended(qtbot, window, room)
    assert room.found.is_healthy
    assert not first.isVisible()
    assert has_color(load, "ok")
    assert PAST not in load.accessibleName()
