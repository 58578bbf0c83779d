"""The table of drift leaves out what is the same, counts it, and is sorted by how far modules are off."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from tests.ui.doctoring import said
from weightedit.doctor.activations.difference import Difference
from weightedit.doctor.activations.drift import ModuleDrift, ValueDrift
from weightedit.ui.doctor.drift_table import COSINE, LARGEST, TITLES, DriftTable


def call(module: str, off: float, cosine: float = 1.0, appeared: int = 0) -> ModuleDrift:
    found = Difference((4,), (4,), ("float32", "float32"), int(off > 0), off, 1.0, cosine, appeared=appeared)
    return ModuleDrift(module, "Linear", 1, "both", (ValueDrift("", module, "values" if off else "same", found),))


@pytest.fixture
def table(qtbot):
    drifts = (call("first", 0.0), call("second", 0.5, 0.9), call("third", 2.0, 0.5), call("fourth", 0.0),
              call("fifth", 0.001, 0.99), ModuleDrift("gone", "Linear", 1, "only before"),
              call("broken", 0.1, 0.95, appeared=1))  # fmt: skip
    made = DriftTable(drifts)
    made.resize(900, 400)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def names(table):
    return [one.module for one in table.table.rows.rows]


def test_what_is_the_same_is_left_out_and_counted(table):
    assert "5 calls differ, 2 are the same" in said(table)
    assert names(table) == ["second", "third", "fifth", "gone", "broken"], "in the order they ran"
    table.only.setFocus()
    QTest.keyClick(table.only, Qt.Key.Key_Space)
    assert names(table) == ["first", "second", "third", "fourth", "fifth", "gone", "broken"]


def test_titles_sort_by_how_far_modules_are_off(table):
    """What is gone, or no longer finite, is off by more than any; and a third press takes the sorting back."""
    header = table.table.horizontalHeader()
    header.sectionClicked.emit(LARGEST)
    assert names(table) == ["gone", "broken", "third", "second", "fifth"]
    header.sectionClicked.emit(LARGEST)
    assert names(table)[:3] == ["fifth", "second", "third"]
    header.sectionClicked.emit(LARGEST)
    assert names(table) == ["second", "third", "fifth", "gone", "broken"]
    header.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(COSINE):
        QTest.keyClick(header, Qt.Key.Key_Right)
    QTest.keyClick(header, Qt.Key.Key_Return)
    assert names(table) == ["gone", "broken", "third", "second", "fifth"], "the least like what it was first"
    assert header.accessibleDescription() == "▴ Cosine"


def test_rows_are_copied_as_they_are_sorted(table):
    table.table.horizontalHeader().sectionClicked.emit(LARGEST)
    table.table.setFocus()
    QTest.keyClick(table.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    titles, *rows = QGuiApplication.clipboard().text().split("\n")
    assert titles.split("\t") == list(TITLES)
    assert [row.split("\t")[0] for row in rows] == ["gone", "broken", "third", "second", "fifth"]


def test_nothing_differs(qtbot):
    made = DriftTable((call("first", 0.0),))
    qtbot.addWidget(made)
    assert (names(made), made.only.isEnabled()) == (["first"], False)
