"""A list to choose from that is as wide as its place: a choice that does not fit ends in …, and is the tooltip then."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip, QWidget

from weightedit.ui.widgets.plain import tip

ROOM = 6
"""Pixels that the style keeps free within the field."""


class ElidedCombo(QComboBox):
    """A combo box that its longest choice does not widen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option

    @property
    def shown_text(self) -> str:
        """What is drawn: the choice, or as much of it as fits."""
        option = self._option()
        rect = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option,
                                           QStyle.SubControl.SC_ComboBoxEditField, self)  # fmt: skip
        text = self.currentText() if self.currentIndex() >= 0 else self.placeholderText()
        return self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width() - ROOM)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the field with as much of the text as fits."""
        painter, option = QStylePainter(self), self._option()
        if self.currentIndex() < 0:
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        option.currentText = self.shown_text
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def event(self, event: QEvent) -> bool:
        """Say the whole choice where a part of it is drawn."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self.currentIndex() >= 0 and \
                self.shown_text != self.currentText():  # fmt: skip
            QToolTip.showText(event.globalPos(), tip(self.currentText()), self)
            return True
        return super().event(event)
