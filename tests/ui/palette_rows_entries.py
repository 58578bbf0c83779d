"""What the actions on entries of the tree are seen to do when the palette runs them."""

from __future__ import annotations

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from tests.ui.palette_rows import Desk, row


def pick(desk: Desk, name: str) -> None:
    assert desk.window.tree.tree.select(desk.window.current, name)
    desk.wait()


def names(desk: Desk) -> list[str]:
    return [entry.name for entry in desk.document.entries]


@row("set-value")
def _(desk: Desk) -> None:
    path = desk.path.with_name("other.pt")
    torch.save({"epoch": 3, "w": torch.zeros(2)}, path)
    desk.window.open([str(path)])
    desk.wait()
    tree = desk.window.tree.tree
    root = tree.rows.index(1, 0)
    index = next(index for at in range(2) if tree.rows.node(index := tree.rows.index(at, 0, root)).label == "epoch")
    tree.setCurrentIndex(index)
    desk.wait()
    desk.do()
    editor = tree.findChild(QLineEdit, "rename")
    assert editor.text() == "3"
    editor.selectAll()
    QTest.keyClicks(editor, "4")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    document = desk.window.documents.all[1].document
    desk.qtbot.waitUntil(lambda: next(e.value for e in document.entries if e.name == "epoch") == 4)


@row("duplicate-entry")
def _(desk: Desk) -> None:
    pick(desk, "enc.bias")
    desk.do()
    desk.qtbot.waitUntil(lambda: desk.window.tree.tree.findChild(QLineEdit, "rename") is not None)
    QTest.keyClick(desk.window.tree.tree.findChild(QLineEdit, "rename"), Qt.Key.Key_Return)
    desk.wait()
    assert names(desk) == ["enc.weight", "enc.bias", "enc.bias_copy", "head.weight"]


@row("move-entry-up")
def _(desk: Desk) -> None:
    pick(desk, "head.weight")
    desk.do()
    desk.qtbot.waitUntil(lambda: names(desk) == ["enc.weight", "head.weight", "enc.bias"])


@row("move-entry-down")
def _(desk: Desk) -> None:
    pick(desk, "enc.weight")
    desk.do()
    desk.qtbot.waitUntil(lambda: names(desk) == ["enc.bias", "enc.weight", "head.weight"])


@row("delete-entry")
def _(desk: Desk) -> None:
    pick(desk, "enc.bias")
    desk.do()
    desk.qtbot.waitUntil(lambda: names(desk) == ["enc.weight", "head.weight"])
    desk.document.undo()
    assert names(desk) == ["enc.weight", "enc.bias", "head.weight"]
