"""The actions that a document's operations become."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from weightedit.ui.actions.action import Action

if TYPE_CHECKING:
    from weightedit.core.operation import Operation

ACTIONS = (
    Action("edit-many", "Edit many tensors…", lambda at: at.window.many.start(),
           "Apply one operation to every tensor that a pattern names, previewed row by row.", ("Ctrl+Shift+B",),
           "Operations", "work"),
)  # fmt: skip
KEYS = {"cast": ("Ctrl+Shift+T",)}


def operation_actions(operations: Iterable[Operation]) -> list[Action]:
    """Make an action of each operation, in the menu of its group."""
    return [_action(one, str(getattr(one, "group", ""))) for one in operations]


def _action(one: Operation, group: str) -> Action:
    name = one.name
    menu = f"Operations/{group}" if group else "Operations"
    return Action(f"operation:{name}", f"{one.title}…", lambda at: at.work.choose_operation(name), one.summary,
                  KEYS.get(name, ()), menu, "tab")  # fmt: skip
