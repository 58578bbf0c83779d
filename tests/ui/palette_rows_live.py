"""What the actions on live objects are seen to do when the palette runs them."""

from __future__ import annotations

import torch

from tests.ui.palette_rows import Desk, row


def open_module(desk: Desk) -> torch.nn.Module:
    module = torch.nn.Linear(3, 2)
    module.loose = torch.ones(2)
    desk.window.documents.open_object(module, None, "module")
    desk.wait()
    desk.qtbot.waitUntil(lambda: len(desk.window.documents) == 2 and not desk.window.tasks.active)
    desk.window.show_tensor(desk.window.documents.all[1], "loose")
    desk.wait()
    return module


@row("register")
def register(desk: Desk) -> None:
    desk.window.show_tensor(desk.window.current, "head.weight")
    desk.wait()
    assert not desk.window.actions_of.is_on("register")
    module = open_module(desk)
    desk.do()
    desk.wait()
    assert desk.work.edit_panel.form.operation.name == "register"
    desk.do("apply")
    desk.wait()
    assert list(dict(module.named_parameters())) == ["weight", "bias", "loose"]


@row("look-again")
def look_again(desk: Desk) -> None:
    assert not desk.window.actions_of.is_on("look-again")
    module = open_module(desk)
    module.register_buffer("seen", torch.zeros(4))
    desk.do()
    desk.wait()
    assert list(desk.document.tensors) == ["weight", "bias", "seen", "loose"]
