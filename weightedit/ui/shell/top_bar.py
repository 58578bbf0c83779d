"""The top bar: mark, menus, undo and redo, inspector, Export."""

from __future__ import annotations

import sys

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenuBar, QPushButton, QWidget

from weightedit.ui.actions.bound import Bound
from weightedit.ui.shell.first_frame import TOP
from weightedit.ui.shell.menus import Menus
from weightedit.ui.shell.search_field import SearchField
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.pieces import LogoLabel, action_button, line
from weightedit.ui.widgets.plain import aloud, tip


class TopBar(QWidget):
    """The bar over the whole window, made from the actions."""

    def __init__(self, actions: Bound, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(TOP)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.bar = QMenuBar()
        self.bar.setNativeMenuBar(sys.platform == "darwin")
        self.menus = Menus(self.bar, actions)
        self.undo = action_button(actions["undo"], "undo")
        self.redo = action_button(actions["redo"], "redo")
        self.inspector = action_button(actions["inspector"], "sidebar-right")
        for button in (self.undo, self.redo, self.inspector):
            button.setAccessibleName(aloud(button.accessibleName().replace("&", "")))
        self.export = QPushButton("Export…")
        self.export.setIcon(icon("export", 16, "text"))
        self.export.setToolTip(tip(actions["export"].toolTip()))
        self.export.clicked.connect(actions["export"].trigger)
        self.search = SearchField(actions.declared["palette"].keys[0], self)
        self.search.pressed.connect(actions["palette"].trigger)
        self._parting = line(vertical=True)
        self._parting.setFixedHeight(18)
        row = QHBoxLayout(self)
        row.setContentsMargins(13, 0, 10, 0)
        row.setSpacing(4)
        row.addWidget(LogoLabel(19))
        row.addSpacing(3)
        row.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addStretch(1)
        row.addWidget(self.undo)
        row.addWidget(self.redo)
        row.addSpacing(4)
        row.addWidget(self._parting)
        row.addSpacing(4)
        row.addWidget(self.inspector)
        row.addSpacing(10)
        row.addWidget(self.export)
        self._buttons = (self.undo, self.redo, self.inspector, self.export)
        self.show_document_buttons(False)
        QWidget.setTabOrder(self.bar, self.search)

    def show_document_buttons(self, shown: bool) -> None:
        """Show the buttons that only an open document has a use for."""
        for widget in (self.undo, self.redo, self._parting, self.inspector, self.export):
            widget.setVisible(shown)
        self._place_search()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the search field in the middle, or between menus and buttons where there is less room."""
        super().resizeEvent(event)
        self._place_search()

    def event(self, event: QEvent) -> bool:
        """Follow the width of the menus, which the style sheet changes."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._place_search()
        return super().event(event)

    def _place_search(self) -> None:
        layout = self.layout()
        assert layout is not None
        layout.activate()
        left = self.bar.x() + self.bar.sizeHint().width() + 12
        shown = [button.x() for button in self._buttons if not button.isHidden()]
        self.search.place(left, min(shown, default=self.width()) - 12, self.width(), self.height())
