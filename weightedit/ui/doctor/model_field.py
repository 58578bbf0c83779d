"""The field for a model: a long path in it is cut in its middle, so that both its start and the class can be read."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QStyle, QStyleOptionFrame, QToolTip

from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided_combo import ElidedCombo
from weightedit.ui.widgets.plain import tip

EDGE = 2
"""Pixels that a line edit keeps free at either side of its text."""


class MiddleEdit(QLineEdit):
    """A line that, while nobody types in it, is cut in its middle where it does not fit; the whole is the tooltip."""

    @property
    def shown_text(self) -> str:
        """What is drawn: the whole text, or its start and its end."""
        if self.hasFocus():
            return self.text()
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self._room().width())

    def _room(self) -> QRect:
        option = QStyleOptionFrame()
        self.initStyleOption(option)
        rect = self.style().subElementRect(QStyle.SubElement.SE_LineEditContents, option, self)
        return rect.adjusted(EDGE, 0, -EDGE, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text, or as much of its start and end as fits."""
        shown = self.shown_text
        if shown == self.text():
            super().paintEvent(event)
            return
        painter, option = QPainter(self), QStyleOptionFrame()
        self.initStyleOption(option)
        self.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelLineEdit, option, painter, self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        painter.drawText(self._room(), Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)

    def event(self, event: QEvent) -> bool:
        """Say the whole text where a part of it is drawn."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self.shown_text != self.text():
            QToolTip.showText(event.globalPos(), tip(self.text()), self)
            return True
        return super().event(event)


class ModelField(ElidedCombo):
    """A field to type the model into, with those that ran before to choose from."""

    def __init__(self) -> None:
        super().__init__()
        self.edit = MiddleEdit()
        self.setEditable(True)
        self.setLineEdit(self.edit)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.edit.setFont(mono_font(12))
        self.edit.setPlaceholderText("file.py:Class")
        self.edit.setAccessibleName("Model")
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
