"""The rail at the left edge: the rooms of the window that exist, settings and help."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from weightedit.ui.shell.first_frame import RAIL
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.plain import aloud, tip

THEMES = (("", "As the system"), ("dark", "Dark"), ("light", "Light"))


class Rail(QWidget):
    """One button per room, settings and help below.

    Signals
    -------
    edit_pressed, doctor_pressed, help_pressed, settings_pressed
    """

    edit_pressed = Signal()
    doctor_pressed = Signal()
    help_pressed = Signal()
    settings_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(RAIL)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.edit = self._button("grid", "Edit tensors")
        self.edit.setCheckable(True)
        self.edit.clicked.connect(self._edit)
        self.doctor = self._button("doctor", "Doctor: will it load, run and train? (F5 runs it)")
        self.doctor.setCheckable(True)
        self.doctor.clicked.connect(self.doctor_pressed)
        self.help = self._button("help", "Keys and help (F1)")
        self.help.clicked.connect(self.help_pressed)
        self.settings = self._button("settings", "Settings (Ctrl+,)")
        self.settings.clicked.connect(self.settings_pressed)
        column = QVBoxLayout(self)
        column.setContentsMargins(5, 8, 5, 8)
        column.setSpacing(4)
        column.addWidget(self.edit)
        column.addWidget(self.doctor)
        column.addStretch(1)
        column.addWidget(self.help)
        column.addWidget(self.settings)

    def _button(self, name: str, tooltip: str) -> QToolButton:
        made = QToolButton()
        made.setProperty("kind", "rail")
        made.setIcon(icon(name, 18))
        made.setIconSize(QSize(18, 18))
        made.setFixedSize(36, 36)
        made.setToolTip(tip(tooltip))
        made.setAccessibleName(aloud(tooltip))
        return made

    def _edit(self) -> None:
        self.edit_pressed.emit()

    def set_room(self, name: str) -> None:
        """Mark the room that is shown, or none with an empty name."""
        self.edit.setChecked(name == "edit")
        self.doctor.setChecked(name == "doctor")
