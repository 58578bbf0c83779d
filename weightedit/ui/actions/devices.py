"""Actions that move tensors to a device: each shows the form of `to_device` on what is meant."""

from __future__ import annotations

from collections.abc import Callable

from weightedit.ui.actions.action import Action, Reach
from weightedit.ui.actions.sharing import share


def _mover(device: str) -> Callable[[Reach], None]:
    def move(at: Reach) -> None:
        share(at, "to_device")
        form = at.work.edit_panel.form
        if form.operation is not None and form.operation.name == "to_device":
            form.fields[0].set_value(device)

    return move


ACTIONS = (
    Action("move-to-cpu", "Move to CPU…", _mover("cpu"),
           "Move the selected tensors to the memory of this machine; of a file, save them for it.", (), "Edit",
           "any-tensor", rule=True),
    Action("move-to-gpu", "Move to GPU…", _mover("cuda:0"),
           "Move the selected tensors to the first GPU; the edit panel says what goes along and what it needs.", (),
           "Edit", "gpu"),
)  # fmt: skip
