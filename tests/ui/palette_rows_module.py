"""What *Run as a module* is seen to do."""

from __future__ import annotations

import torch
from torch import nn

from tests.ui.palette_rows import Desk, row


@row("run-module")
def _run_module(desk: Desk) -> None:
    assert not desk.window.actions_of.is_on("run-module")  # a state_dict is no module
    path = desk.path.with_name("module.pt")
    torch.save(nn.Linear(3, 2), path)
    desk.window.open([str(path)])
    desk.wait()
    desk.do()
    desk.wait()
    assert desk.window.aside.is_open("module")
    assert "torch.nn.modules.linear.Linear" in desk.window.aside.current.found.named
    assert desk.window.aside.current.ran is None
