"""What can be done in the window, as data; one file of actions for each subject, joined here in menu order."""

from __future__ import annotations

from weightedit.ui.actions import (
    cells,
    devices,
    doctor,
    edit,
    file,
    heatmap,
    live,
    operations,
    select,
    sharing,
    snapshots,
    tree,
    view,
    window,
)
from weightedit.ui.actions.action import Action, Reach
from weightedit.ui.actions.bound import Bound
from weightedit.ui.actions.needs import NEEDS, Need
from weightedit.ui.actions.operations import operation_actions
from weightedit.ui.shell.menu_titles import MENUS, key_text, lettered

ACTIONS: tuple[Action, ...] = (
    *file.ACTIONS,
    *edit.ACTIONS,
    *snapshots.ACTIONS,
    *cells.ACTIONS,
    *select.ACTIONS,
    *view.ACTIONS,
    *heatmap.ACTIONS,
    *tree.ACTIONS,
    *sharing.ACTIONS,
    *devices.ACTIONS,
    *live.ACTIONS,
    *operations.ACTIONS,
    *doctor.ACTIONS,
    *window.ACTIONS,
)

__all__ = ["ACTIONS", "MENUS", "NEEDS", "Action", "Bound", "Need", "Reach", "key_text", "lettered",
           "operation_actions"]  # fmt: skip
