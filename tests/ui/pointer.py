"""Drags with keys held, which QTest's own moves do not know."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

NONE = Qt.KeyboardModifier.NoModifier
CTRL, SHIFT, ALT = (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier,
                    Qt.KeyboardModifier.AltModifier)  # fmt: skip


def drag(target: QWidget, first: QPoint, last: QPoint, keys: Qt.KeyboardModifier = NONE) -> None:
    """Drag with the left button from one place to another while keys are held."""
    left = Qt.MouseButton.LeftButton
    QTest.mouseMove(target, first)
    QTest.mousePress(target, left, keys, first)
    middle = QPoint((first.x() + last.x()) // 2, (first.y() + last.y()) // 2)
    for place in (middle, last):
        event = QMouseEvent(QEvent.Type.MouseMove, QPointF(place), QPointF(target.mapToGlobal(place)),
                            Qt.MouseButton.NoButton, left, keys)  # fmt: skip
        QApplication.sendEvent(target, event)
        QTest.qWait(15)
    QTest.mouseRelease(target, left, keys, last)
