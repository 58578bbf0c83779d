"""The choice that every paste asks for: copy the values, replace the tensor, or tie the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from weightedit.core.edit import Edit
from weightedit.ui.errors.errors_view import wrapping
from weightedit.ui.tensor_page.header import Segments
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, icon_button
from weightedit.ui.widgets.plain import aloud, tip

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


@dataclass(frozen=True)
class Way:
    """One way to paste.

    Attributes
    ----------
    title, key, help
        What its button says, the letter that picks it, and what it does.
    edit
        The edit; None where it cannot be.
    off
        Why it cannot be.
    """

    title: str
    key: str
    help: str
    edit: Edit | None = None
    off: str = ""


class PasteChoice(QFrame):
    """Three buttons above the tensors, and the storage groups that the chosen one makes.

    Parameters
    ----------
    title
        What is pasted, and where.
    ways
        The choices, in order.
    chosen
        The title of the one that is on at first.
    choose, leave, done
        Called with the way that is picked; when the choice is left; and with Enter, to go on to the preview.
    """

    def __init__(self, title: str, ways: Sequence[Way], chosen: str, choose: Callable[[Way], None],
                 leave: Callable[[], None], done: Callable[[], None]) -> None:  # fmt: skip
        super().__init__()
        self.setProperty("surface", "card")
        self.setObjectName("paste")
        self.ways = {way.title: way for way in ways}
        self._choose, self._leave, self._done = choose, leave, done
        self.title = ElidedLabel(title, "strong")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.segments = Segments(tuple(self.ways))
        self.segments.setAccessibleName(aloud(title))
        self.result = wrapping("", "secondary")
        self.close_button = icon_button("close", "Leave the paste", 22, 14)
        self.close_button.clicked.connect(leave)
        for name, button in self.segments.buttons.items():
            way = self.ways[name]
            button.setEnabled(way.edit is not None)
            button.setToolTip(tip(f"{way.help}  {way.key}" if way.edit is not None else way.off))
            button.setAccessibleName(aloud(name))
            button.setAccessibleDescription(aloud(way.help if way.edit is not None else way.off))
            button.installEventFilter(self)
        self.segments.choose(chosen)
        self.segments.chosen.connect(lambda name: self._choose(self.ways[name]))
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(IconLabel("link", 16, "accent"))
        row.addWidget(self.title, 1)
        row.addWidget(self.segments)
        row.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 8)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.result)

    @property
    def way(self) -> Way:
        """The way that is chosen."""
        return self.ways[self.segments.current]

    def say(self, text: str) -> None:
        """Say which storage groups result."""
        self.result.setText(text)
        self.segments.setAccessibleDescription(aloud(text))

    def focus(self) -> None:
        """Put the keys on the choice."""
        self.segments.buttons[self.segments.current].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def pick(self, name: str) -> None:
        """Choose one by its title, where it can be."""
        if self.ways[name].edit is not None:
            self.segments.choose(name)
            self.focus()
            self._choose(self.ways[name])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Choose by arrows or by letter, go on with Enter, leave with Esc."""
        if not isinstance(event, QKeyEvent) or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.ShortcutOverride and self._means(event):
            event.accept()  # a letter means this choice, not an action of the window
        elif event.type() == QEvent.Type.KeyPress and self._means(event):
            self._press(event)
            return True
        return super().eventFilter(watched, event)

    def _means(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        letters = {way.key for way in self.ways.values()}
        return key in _STEPS or event.text().upper() in letters or \
            key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)  # fmt: skip

    def _press(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self._leave()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._done()
        elif key in _STEPS:
            able = [name for name, way in self.ways.items() if way.edit is not None]
            self.pick(able[(able.index(self.segments.current) + _STEPS[key]) % len(able)])
        else:
            self.pick(next(name for name, way in self.ways.items() if way.key == event.text().upper()))
