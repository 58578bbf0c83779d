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
from tests.ui.palette_rows import Desk


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


# ---- only what is selected, in the whole window

CTRL = Qt.KeyboardModifier.ControlModifier
NET = {"a": torch.ones(2), "b": torch.full((2,), 5.0), "enc.w": torch.full((2,), 7.0), "enc.v": torch.full((2,), 9.0),
       "x": torch.zeros(0, 2), "y": torch.zeros(0, 2)}  # fmt: skip


class Picking(Desk):
    """A window on a few small tensors, two of them in the group `enc` and two empty, with a snapshot S of them."""

    def click(self, name: str, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Click the row of a tensor, or of a group whose name ends in a dot."""
        tree, here = self.window.tree.tree, self.window.current
        index = tree.rows.find_group(here, name[:-1]) if name.endswith(".") else tree.rows.find(here, name)
        assert index.isValid()
        place = tree.visualRect(index).center()
        QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, keys, place)
        self.wait()

    def restore(self) -> None:
        self.do("restore-selected")
        self.wait()

    @property
    def view(self) -> Any:
        return self.work.history.snapshots

    @property
    def told(self) -> str:
        return str(self.window.status.message.text())

    def now(self) -> dict[str, float]:
        """The first value of each tensor of one axis."""
        return {name: float(self.values(name)[0]) for name, spec in self.document.tensors.items()
                if len(spec.shape) == 1}  # fmt: skip

    def lengths(self, *names: str) -> tuple[int, ...]:
        """The rows of `x` and `y`, which had none."""
        return tuple(len(self.values(name)) for name in names or ("x", "y"))


@pytest.fixture
def picking(qtbot: QtBot, open_window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Picking:
    path = tmp_path / "net.pt"
    torch.save(NET, path)
    made = Picking(qtbot, open_window(path, real=True), path, "restore-selected", monkeypatch)
    made.wait()
    made.window.tree.tree.expandAll()
    made.do("take-snapshot")
    QTest.keyClicks(made.view.name, "S")
    QTest.keyClick(made.view.name, Qt.Key.Key_Return)
    made.wait()
    assert list(made.document.snapshots) == ["S"]
    return made


def test_a_name_that_another_tensor_has_by_now_restores_the_one_selected(picking: Picking) -> None:
    """The tensor called `a` today was `b` in the snapshot: its own values go back, and the old `a` is left alone."""
    picking.apply("scale", "a", factor=2.0)
    picking.apply("rename", "a", to="q")
    picking.apply("rename", "b", to="a")
    picking.apply("scale", "a", factor=10.0)
    picking.click("a")
    picking.restore()
    assert picking.now() == {"q": 2.0, "a": 5.0, "enc.w": 7.0, "enc.v": 9.0}
    picking.click("q")
    picking.restore()
    assert picking.now() == {"q": 1.0, "a": 5.0, "enc.w": 7.0, "enc.v": 9.0}


def test_of_several_selected_those_that_differed_are_counted(picking: Picking) -> None:
    picking.apply("scale", ["a", "b", "enc.w"], factor=2.0)
    picking.click("a")
    picking.click("enc.w", CTRL)
    picking.click("enc.v", CTRL)
    picking.restore()
    assert picking.now() == {"a": 1.0, "b": 10.0, "enc.w": 7.0, "enc.v": 9.0}
    assert picking.told == "Restored 2 tensors from S.", "enc.v did not differ"
    QTest.mouseClick(picking.view.restore_button, Qt.MouseButton.LeftButton)
    picking.wait()
    assert picking.now()["b"] == 5.0, "the plain button restores everything"
    assert picking.told == "Restored 1 tensor from S."


def test_a_group_stands_for_its_tensors_and_not_for_the_tab(picking: Picking) -> None:
    picking.apply("scale", "*", factor=2.0)
    picking.click("a")
    picking.click("enc.")
    assert picking.work.current()[1] == "a", "the tab stays"
    picking.restore()
    assert picking.now() == {"a": 2.0, "b": 10.0, "enc.w": 7.0, "enc.v": 9.0}
    assert picking.told == "Restored 2 tensors from S."


def test_with_the_keys_in_the_tab_its_tensor_is_meant(picking: Picking) -> None:
    picking.apply("scale", "*", factor=2.0)
    picking.click("a")
    picking.click("enc.")
    picking.page.focus_view()
    picking.restore()
    assert picking.now() == {"a": 1.0, "b": 10.0, "enc.w": 14.0, "enc.v": 18.0}


def test_a_tensor_that_came_after_the_snapshot_is_named(picking: Picking) -> None:
    picking.apply("duplicate", "a", to="late")
    picking.apply("scale", "b", factor=2.0)
    picking.click("late")
    picking.restore()
    assert picking.view.says.text() == "late was not there when S was taken."
    assert picking.document.history.position == 2
    picking.click("b", CTRL)
    picking.restore()
    assert picking.now()["b"] == 5.0
    assert picking.view.says.text() == "late was not there when S was taken."
    assert picking.told == "Restored 1 tensor from S."


def test_nothing_to_restore_names_what_was_selected(picking: Picking) -> None:
    picking.apply("scale", "a", factor=2.0)
    picking.click("b")
    picking.restore()
    assert picking.view.says.text() == "b does not differ from S. There is nothing to restore."
    picking.click("enc.w", CTRL)
    picking.restore()
    assert picking.view.says.text() == "b, enc.w do not differ from S. There is nothing to restore."
    QTest.mouseClick(picking.view.restore_button, Qt.MouseButton.LeftButton)
    picking.wait()
    assert picking.now()["a"] == 1.0, "the button does not keep what was tried before"


@pytest.fixture
def asked(picking: Picking) -> Picking:
    """A window in which it was asked whether to restore `x`, of which nothing is left then; `y` differs alike."""
    picking.apply("insert_rows", ["x", "y"], count=3)
    picking.apply("scale", "a", factor=2.0)
    picking.click("x")
    picking.restore()
    assert picking.view.restore_button.text() == "Restore all the same"
    assert picking.view.says.text().startswith("x is empty afterwards.")
    assert picking.lengths() == (3, 3)
    return picking


def test_the_answer_to_a_question_holds_for_what_it_was_about(asked: Picking) -> None:
    QTest.keyClick(asked.view.restore_button, Qt.Key.Key_Space)
    asked.wait()
    assert asked.lengths() == (0, 3)
    assert asked.now()["a"] == 2.0
    assert asked.told == "Restored 1 tensor from S."
    assert asked.view.restore_button.text() == "Restore"
    assert asked.view.says.text() == ""
    QTest.mouseClick(asked.view.restore_button, Qt.MouseButton.LeftButton)
    asked.wait()
    assert asked.view.says.text().startswith("y is empty afterwards."), "it asks anew, now that all are meant"
    assert asked.lengths() == (0, 3)


def test_the_same_asked_again_is_the_answer(asked: Picking) -> None:
    asked.restore()
    assert asked.lengths() == (0, 3)


def test_another_target_is_asked_about_anew(asked: Picking) -> None:
    asked.click("y")
    asked.restore()
    assert asked.view.says.text().startswith("y is empty afterwards.")
    asked.click("a")
    asked.restore()
    assert asked.now()["a"] == 1.0
    assert asked.view.restore_button.text() == "Restore", "what was asked about y is not asked any more"
    QTest.mouseClick(asked.view.restore_button, Qt.MouseButton.LeftButton)
    asked.wait()
    assert asked.lengths() == (3, 3)
    assert asked.view.restore_button.text() == "Restore all the same"


def test_a_question_is_gone_after_another_edit(asked: Picking) -> None:
    """What the answer would do is no longer what was said: another tensor may be called so."""
    asked.apply("rename", "x", to="z")
    asked.apply("rename", "y", to="x")
    assert asked.view.restore_button.text() == "Restore"
    assert asked.view.says.text() == ""
    QTest.mouseClick(asked.view.restore_button, Qt.MouseButton.LeftButton)
    asked.wait()
    assert asked.lengths("z", "x") == (3, 3)
    assert asked.view.restore_button.text() == "Restore all the same"


def test_a_question_does_not_come_to_another_snapshot(asked: Picking) -> None:
    """A warning that is found once another snapshot is selected is told elsewhere and is no button's question."""
    asked.do("take-snapshot")
    QTest.keyClick(asked.view.name, Qt.Key.Key_Return)
    asked.wait()
    asked.view.list.setFocus()
    QTest.keyClick(asked.view.list, Qt.Key.Key_Down)
    QTest.mouseClick(asked.view.restore_button, Qt.MouseButton.LeftButton)
    QTest.keyClick(asked.view.list, Qt.Key.Key_Up)  # before the task has said what it found
    assert asked.view.selected == "Snapshot 1"
    asked.wait()
    assert asked.view.restore_button.text() == "Restore"
    assert asked.told.startswith("Nothing restored from S: x is empty afterwards.")
    assert asked.lengths() == (3, 3)
