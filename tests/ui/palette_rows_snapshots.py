"""What the actions on snapshots are seen to do when the palette runs them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.operations import oracle
from tests.ui.palette_rows import Desk, row


def take(desk: Desk) -> None:
    desk.do("take-snapshot")
    field = desk.work.history.snapshots.name
    assert field.isVisible()
    QTest.keyClick(field, Qt.Key.Key_Return)
    desk.wait()
    assert list(desk.document.snapshots) == ["Snapshot 1"]


@row("take-snapshot")
def take_snapshot(desk: Desk) -> None:
    desk.window.resize(1024, 640)  # where the column with the history is out of sight
    desk.qtbot.waitUntil(lambda: not desk.work.body.is_shown)
    take(desk)


@row("compare-snapshot")
def compare_snapshot(desk: Desk) -> None:
    take(desk)
    desk.apply()
    desk.do()
    desk.wait()
    assert desk.work.history.differences.list.count() == 1


@row("restore-snapshot")
def restore_snapshot(desk: Desk) -> None:
    before = desk.values("head.weight")
    take(desk)
    desk.apply("scale", "head.weight", factor=2.0)
    desk.do()
    desk.wait()
    assert desk.values("head.weight").equal(before)
    assert desk.document.history.position == 2


@row("restore-selected")
def restore_selected(desk: Desk) -> None:
    before = desk.values("head.weight")
    take(desk)
    desk.apply("scale", "*.weight", factor=2.0)
    scaled = desk.values("enc.weight")
    desk.window.tree.tree.select(desk.window.current, "head.weight")
    desk.wait()
    desk.do()
    desk.wait()
    assert desk.values("head.weight").equal(before)
    assert oracle.same_bits(desk.values("enc.weight"), scaled)
    assert "Restored 1 tensor from Snapshot 1." in desk.window.status.message.text()


@row("delete-snapshot")
def delete_snapshot(desk: Desk) -> None:
    take(desk)
    desk.do()
    desk.wait()
    button = desk.work.history.snapshots.delete_button
    assert button.text() == "Delete for good"
    QTest.keyClick(button, Qt.Key.Key_Space)
    desk.wait()
    assert not desk.document.snapshots
