"""What the palette searches: a row of choices, of which Tab takes the next."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QToolButton, QWidget

from weightedit.ui.widgets.plain import aloud, tip

SCOPES = {"all": "Search tensors, files and actions", "actions": "Search actions and operations",
          "tensors": "Go to tensor: type part of its name", "settings": "Search settings"}  # fmt: skip
"""What the field says for each choice."""


class Scopes(QFrame):
    """All, Actions, Tensors, Settings.

    Signals
    -------
    chosen
        (scope): a person chose another.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "segments")
        self.setFixedHeight(26)
        row = QHBoxLayout(self)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        for name, said in SCOPES.items():
            button = QToolButton()
            button.setText(name.capitalize())
            button.setToolTip(tip(said))
            button.setAccessibleName(aloud(said))
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
            self._group.addButton(button)
            self.buttons[name] = button
            row.addWidget(button)

    @property
    def current(self) -> str:
        """The choice that is on."""
        return next((name for name, button in self.buttons.items() if button.isChecked()), "all")

    def choose(self, name: str) -> None:
        """Turn a choice on."""
        self.buttons[name].setChecked(True)

    def step(self, by: int) -> None:
        """Take the next choice, after the last the first."""
        names = list(self.buttons)
        name = names[(names.index(self.current) + by) % len(names)]
        self.choose(name)
        self.chosen.emit(name)
