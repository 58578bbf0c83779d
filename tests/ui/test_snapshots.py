"""Snapshots in the history panel: taken, compared, restored and deleted by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    torch.manual_seed(4)
    with bench_on(qtbot, tmp_path / "bench.pt", {"a": torch.randn(10, 10), "b": torch.ones(4)}) as made:
        made.open("a")
        yield made


def view(bench: Bench) -> Any:
    return bench.workbench.history.snapshots


def rows(bench: Bench) -> list[str]:
    listed = view(bench).list
    return [listed.item(at).text() for at in range(listed.count())]


def take(bench: Bench, name: str = "") -> None:
    bench.press(view(bench).take_button)
    if name:
        bench.type(view(bench).name, name)
    bench.key(view(bench).name, Qt.Key.Key_Return)


def test_the_section_says_what_to_do_while_it_is_empty(bench: Bench) -> None:
    assert view(bench).empty.isVisible()
    assert view(bench).empty.toolTip() == "No snapshots. Take one to compare with later, and to go back to."
    assert not view(bench).list.isVisible()
    assert not view(bench).compare_button.isVisible()


def test_a_snapshot_is_taken_with_the_name_offered_and_restored(bench: Bench) -> None:
    before = bench.values("a")
    take(bench)
    assert list(bench.document.snapshots) == ["Snapshot 1"]
    [row] = rows(bench)
    assert row.startswith("Snapshot 1\n2 tensors, 416 B · in the file · ")
    assert not view(bench).name.isVisible()
    assert not view(bench).empty.isVisible()
    bench.document.apply("scale", "a", factor=2.0)
    bench.document.apply("cast", "b", dtype="float16")
    bench.wait()
    bench.press(view(bench).restore_button)
    assert torch.equal(bench.values("a"), before)
    assert bench.values("b").dtype == torch.float32
    assert bench.workbench.history.model.rows[0].label == "restore Snapshot 1"
    bench.press(bench.workbench.history.undo_button)
    assert torch.equal(bench.values("a"), before * 2)


def test_comparing_lists_what_differs_and_opens_it(bench: Bench) -> None:
    take(bench, "start")
    bench.document.apply("fill", "b", value=3.0)
    bench.wait()
    view(bench).list.setFocus()
    bench.key(view(bench).list, Qt.Key.Key_Return)
    differences = bench.workbench.history.differences
    assert differences.between.text() == "start → now"
    assert [differences.list.item(at).text() for at in range(differences.list.count())] == [
        "b\n4 of 4 values, largest 2"]  # fmt: skip
    differences.list.setFocus()
    differences.list.setCurrentRow(0)
    bench.key(differences.list, Qt.Key.Key_Return)
    assert bench.page.name == "b"


def test_names_are_asked_for_and_esc_leaves(bench: Bench) -> None:
    take(bench, "one")
    bench.press(view(bench).take_button)
    assert view(bench).name.text() == "Snapshot 1"
    QTest.keyClick(view(bench).name, Qt.Key.Key_Escape)
    assert not view(bench).name.isVisible()
    take(bench, "one")
    assert view(bench).says.text().startswith("There is a snapshot one already")
    assert view(bench).name.isVisible()
    bench.type(view(bench).name, "two", enter=True)
    assert [row.splitlines()[0] for row in rows(bench)] == ["two", "one"]


def test_deleting_asks_by_the_words_of_its_button(bench: Bench) -> None:
    take(bench, "one")
    take(bench, "two")
    view(bench).list.setFocus()
    bench.key(view(bench).list, Qt.Key.Key_Delete)
    assert view(bench).delete_button.text() == "Delete for good"
    view(bench).list.setFocus()
    bench.key(view(bench).list, Qt.Key.Key_Down)
    assert view(bench).delete_button.text() == "Delete", "another one is selected: the question is gone"
    bench.press(view(bench).delete_button)
    assert list(bench.document.snapshots) == ["one", "two"]
    bench.press(view(bench).delete_button)
    assert list(bench.document.snapshots) == ["two"]
    assert "Deleted one." in bench.said


def test_a_warning_is_answered_by_the_second_press(bench: Bench) -> None:
    take(bench)
    bench.document.apply("scale", "a", factor=2.0)
    bench.document.apply("delete", "b")
    bench.wait()
    bench.press(view(bench).restore_button)
    assert view(bench).restore_button.text() == "Restore all the same"
    assert view(bench).says.text().startswith("1 tensor of Snapshot 1 not restored. b: deleted since.")
    assert bench.document.history.position == 2
    bench.press(view(bench).restore_button)
    assert bench.document.history.position == 3
    assert view(bench).restore_button.text() == "Restore"


def test_restoring_nothing_says_so(bench: Bench) -> None:
    take(bench)
    bench.press(view(bench).restore_button)
    assert view(bench).says.text() == "Nothing differs from Snapshot 1. There is nothing to restore."


def test_the_size_follows_what_an_edit_makes_it_keep(bench: Bench) -> None:
    bench.document.apply("scale", "a", factor=2.0)
    bench.wait()
    take(bench)
    assert "400 B kept" in rows(bench)[0]
