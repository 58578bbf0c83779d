"""Actions on live objects."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach


def register(at: Reach) -> None:
    """Describe the registration of the tensor that is shown in the edit panel."""
    at.work.choose_operation("register")


ACTIONS = (
    Action("register", "Register as parameter or buffer…", register,
           "Make a parameter or a buffer of a tensor that its module has as a plain attribute.", (), "Edit",
           "unregistered"),
    Action("look-again", "Look at the live objects again", lambda at: at.window.live.look_again(at.document),
           "List what modules and containers hold now, after other code changed them.", (), "View", "live"),
)  # fmt: skip
