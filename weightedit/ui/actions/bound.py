"""The actions of a window as Qt's actions: keys, on or off, checked or not, tooltips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence

from weightedit.core.operation import Operation
from weightedit.ui.actions.action import Action, Reach
from weightedit.ui.actions.needs import NEEDS, is_there
from weightedit.ui.actions.operations import operation_actions
from weightedit.ui.actions.typing_keys import TypingKeys
from weightedit.ui.shell.menu_titles import key_text
from weightedit.ui.widgets.plain import plain, tip

SHOWN = ("tensor", "work", "tab")
"""Needs of actions on what stands in the middle of the window: a page over it, such as the settings, is left first."""


class Bound(QObject):
    """Actions bound to a window.

    Parameters
    ----------
    at
        What they reach.
    hosts
        The object that each scope's keys work in; `window` is the parent of all.
    actions
        The actions that are always there.

    Signals
    -------
    triggered
        (id): an action was done.
    """

    triggered = Signal(str)

    def __init__(self, at: Reach, hosts: Mapping[str, QObject], actions: Iterable[Action]) -> None:
        super().__init__(hosts["window"])
        self._at = at
        self._hosts = dict(hosts)
        TypingKeys(self)
        self.declared: dict[str, Action] = {}
        self.made: dict[str, QAction] = {}
        self._offered: tuple[str, ...] = ()
        for action in actions:
            self.add(action)

    def __getitem__(self, name: str) -> QAction:
        return self.made[name]

    def add(self, action: Action) -> QAction:
        """Make one action."""
        made = QAction(plain(action.title), self._hosts["window"])
        made.setObjectName(action.id)
        made.setShortcuts([QKeySequence(keys) for keys in action.keys])
        inner = Qt.ShortcutContext.WidgetWithChildrenShortcut
        made.setShortcutContext(Qt.ShortcutContext.WindowShortcut if action.scope == "window" else inner)
        made.setCheckable(action.checked is not None)
        made.triggered.connect(lambda _=False: self.run(action.id))
        self._hosts[action.scope].addAction(made)  # type: ignore[attr-defined]
        made.setStatusTip(tip(action.help))
        self.declared[action.id] = action
        self.made[action.id] = made
        self._tell(made, action, True)
        return made

    def remove(self, name: str) -> None:
        """Take an action away."""
        made = self.made.pop(name)
        self._hosts[self.declared.pop(name).scope].removeAction(made)  # type: ignore[attr-defined]
        made.deleteLater()

    def offer(self, operations: Mapping[str, Operation]) -> bool:
        """Have an action for each operation of a document, and for no other; returns whether they are others now."""
        if tuple(operations) == self._offered:
            return False
        for name in self._offered:
            self.remove(f"operation:{name}")
        for action in operation_actions(operations.values()):
            self.add(action)
        self._offered = tuple(operations)
        return True

    def is_on(self, name: str) -> bool:
        """Return whether an action has what it needs at this moment."""
        return is_there(self.declared[name].needs, self._at)

    def run(self, name: str) -> None:
        """Do what an action does; nothing where what it needs is not there."""
        action = self.declared[name]
        if self.is_on(name):
            if action.needs in SHOWN:
                self._at.window.aside.close()
            action.call(self._at)
            self.triggered.emit(name)
        self._check(self.made.get(name), action)

    def refresh(self) -> None:
        """Turn on the actions whose need is there, the others off; a tooltip says what is missing."""
        given = {need for need in NEEDS if is_there(need, self._at)}
        for name, made in self.made.items():
            action = self.declared[name]
            on = not action.needs or action.needs in given
            if on != made.isEnabled():
                made.setEnabled(on)
                self._tell(made, action, on)
            if on:
                self._check(made, action)

    def _check(self, made: QAction | None, action: Action) -> None:
        if made is not None and action.checked is not None:
            made.setChecked(self.is_on(action.id) and bool(action.checked(self._at)))

    def _tell(self, made: QAction, action: Action, on: bool) -> None:
        keys = f" ({key_text(action.keys[0])})" if action.keys else ""
        lines = [f"{action.title.removesuffix('…')}{keys}", action.help]
        made.setToolTip(tip("\n".join(lines if on else [*lines, NEEDS[action.needs].says])))
