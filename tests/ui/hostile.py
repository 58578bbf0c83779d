"""Names nobody should trust, a checkpoint full of them, and a watch over every text that the window hands to Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, QTimer
from PySide6.QtGui import QAction, QFontMetrics, QPainter, QStandardItem, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QLabel,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QRadioButton,
    QTabBar,
    QToolTip,
    QWidget,
)

BIDI = "\u202e\u2066\u200f"
HUGE = "huge" + "w" * 10_000_000
NAMES = (
    "html.<b>bold</b><img src=file:///etc/passwd><a href='x'>y</a>", "table." + "<table><tr><td>" * 200,
    "script.</script><style>*{color:red}</style>", "amp.A&Bcd&&e", "line.new\nline\r\ttab", f"bidi.{BIDI}txt.exe",
    "term.\x1b[31mred\x1b]0;title\x07", "percent.%s{}{0.x}%n$(id)`id`", "zero.\u200b\u200d\ufeff\u00adwidth",
    "nul.\x00end", "zalgo.e" + "\u0301" * 400, "blank.\u3164\u2800", "  edges  ",
    "\u2028sep\u2029", "lone.\ud800half\udc80",
)  # fmt: skip
MOST = 4_400
"""Characters of the longest text that is handed to Qt: the longest message, and how long it was."""
RAW = ("new\nline", "\x1b", "\u202e", "\u2066", "\u200d", "\ufeff", "\x00", "\x07", "\u3164", "\u2028", "\r", "\ud800",
       "\u0301" * 5)  # fmt: skip


def checkpoint(folder: Path, huge: bool = True) -> Path:
    """Write a checkpoint whose file, tensors, values and metadata are all called what nobody should be."""
    path = folder / "A&B <b>bold<br> \u202egpj\x1b[31m.pt"
    tensors: dict[str, Any] = {name: torch.arange(12.0).reshape(3, 4) + place for place, name in enumerate(NAMES)}
    shared = torch.ones(4, 4)
    tensors["group.<i>one</i>"] = shared[:2]
    tensors["group.A&Btwo\n"] = shared[1:]
    tensors["<b>value</b>"] = "<b>bold</b> A&B new\nline \x1b[31m" + BIDI
    tensors["<b>values</b>"] = {"A&B\u202e": 1, 7: "<img src=x>", ("new\nline",): [1, {"\x1b": 2}]}
    if huge:
        tensors[HUGE] = torch.zeros(2, 2)
        tensors["long value"] = "v" * 10_000_000
    torch.save(tensors, path)
    return path


@dataclass
class Watch:
    """What was wrong with texts that were handed to Qt."""

    faults: list[str] = field(default_factory=list)
    seen: int = 0

    def check(self, where: str, text: Any, *, rich: bool = False, keys: bool = False) -> None:
        """Note what is wrong with one text; `rich` where Qt may read markup, `keys` where it reads &."""
        if not isinstance(text, str) or not text:
            return
        self.seen += 1
        shown = text if len(text) < 120 else f"{text[:60]}…{text[-40:]}"
        if len(text) > MOST * (12 if rich else 1):
            self.faults.append(f"{where}: {len(text):,} characters: {shown!r}")
        if raw := next((one for one in RAW if one in text), None):
            self.faults.append(f"{where}: {raw!r} in {shown!r}")
        if rich and Qt.mightBeRichText(text) and not (text.startswith("<span>") and "<" not in inner(text)):
            self.faults.append(f"{where}: markup {shown!r}")
        if keys and "A&B" in text.replace("&&", ""):
            self.faults.append(f"{where}: a mnemonic in {shown!r}")


def inner(text: str) -> str:
    """The text of a tooltip that was escaped."""
    return text.removeprefix("<span>").removesuffix("</span>").replace("<br>", "\n")


PATCHES: tuple[tuple[type, str, dict[str, bool]], ...] = (
    (QLabel, "setText", {}), (QLabel, "__init__", {}), (QAbstractButton, "setText", {"keys": True}),
    (QPushButton, "__init__", {"keys": True}), (QCheckBox, "__init__", {"keys": True}),
    (QRadioButton, "__init__", {"keys": True}), (QAction, "setText", {"keys": True}),
    (QAction, "__init__", {"keys": True}), (QMenu, "addAction", {"keys": True}), (QMenu, "addMenu", {"keys": True}),
    (QTabBar, "setTabText", {"keys": True}), (QTabBar, "addTab", {"keys": True}),
    (QTabBar, "setTabToolTip", {"rich": True}), (QWidget, "setToolTip", {"rich": True}),
    (QAction, "setToolTip", {"rich": True}), (QWidget, "setStatusTip", {"rich": True}),
    (QWidget, "setWhatsThis", {"rich": True}), (QListWidgetItem, "setToolTip", {"rich": True}),
    (QToolTip, "showText", {"rich": True}), (QWidget, "setWindowTitle", {}), (QWidget, "setAccessibleName", {}),
    (QWidget, "setAccessibleDescription", {}), (QComboBox, "addItem", {}), (QComboBox, "setItemText", {}),
    (QListWidgetItem, "__init__", {}), (QListWidgetItem, "setText", {}), (QStandardItem, "__init__", {}),
    (QPainter, "drawText", {}), (QFontMetrics, "elidedText", {}), (QFontMetrics, "horizontalAdvance", {}),
    (QFontMetrics, "boundingRect", {}),
)  # fmt: skip


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Look at each text that Python hands to Qt to be shown."""
    found = Watch()

    def looked(call: Callable[..., Any], where: str, how: dict[str, bool]) -> Callable[..., Any]:
        def look(*arguments: Any, **named: Any) -> Any:
            for one in (*arguments, *named.values()):
                if isinstance(one, str):
                    found.check(where, one, **how)
            return call(*arguments, **named)

        return look

    with monkeypatch.context() as patch:
        for kind, name, how in PATCHES:
            call = getattr(kind, name)
            made: Any = looked(call, f"{kind.__name__}.{name}", how)
            patch.setattr(kind, name, staticmethod(made) if kind is QToolTip else made)
        yield found


def look_around(found: Watch, top: QWidget) -> None:
    """Look at what is shown now: every visible widget, and every row of every visible view."""
    for widget in [top, *top.findChildren(QWidget)]:
        if not widget.isVisible():
            continue
        where = f"{type(widget).__name__} {widget.objectName()!r}"
        found.check(f"{where} tooltip", widget.toolTip(), rich=True)
        found.check(f"{where} accessible name", widget.accessibleName())
        if isinstance(widget, QLabel):
            if widget.textFormat() != Qt.TextFormat.PlainText and Qt.mightBeRichText(widget.text()):
                found.faults.append(f"{where}: rich text {widget.text()[:80]!r}")
            found.check(where, widget.text())
        if isinstance(widget, QAbstractButton):
            found.check(where, widget.text(), keys=True)
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            look_at(found, where, widget.model())


def look_at(found: Watch, where: str, model: QAbstractItemModel, parent: QModelIndex | None = None) -> None:
    """Look at what a model says in the roles that are shown."""
    parent = parent or QModelIndex()
    roles = Qt.ItemDataRole
    for row in range(min(model.rowCount(parent), 60)):
        for column in range(1 if isinstance(model, QAbstractListModel) else min(model.columnCount(parent), 12)):
            index = model.index(row, column, parent)
            found.check(f"{where} row", index.data(roles.DisplayRole))
            found.check(f"{where} row's tooltip", index.data(roles.ToolTipRole), rich=True)
            found.check(f"{where} row, aloud", index.data(roles.AccessibleTextRole))
        if not isinstance(model, QAbstractListModel) and model.hasChildren(model.index(row, 0, parent)):
            look_at(found, where, model, model.index(row, 0, parent))


class Stalls:
    """The longest time that the window's thread spent of its own, in seconds of its processor time, between two beats.

    Processor time of the thread and not the clock: a busy machine holds a test up, which is no fault of the window.
    """

    def __init__(self, window: QWidget) -> None:
        self.longest = 0.0
        self._last = 0.0
        self._timer = QTimer(window)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        now = time.thread_time()
        self.longest, self._last = max(self.longest, now - self._last), now

    def __enter__(self) -> Stalls:
        self._last = time.thread_time()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.stop()
