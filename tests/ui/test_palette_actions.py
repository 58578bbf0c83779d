"""Every action is found in the palette by its title, and Enter does what it says.

Each action of `weightedit.ui.actions.ACTIONS` has a row in `ROWS`: a function that is given a `Desk` and drives it.

To add a row for an action of yours, write a function under `@row("its-id")` in this file, or in a file of your own that
is named `palette_rows_*.py` beside this one (`from tests.ui.palette_rows import row`): bring the window to where the
action is on, call `desk.do()`, which types the title into the palette and presses Enter, and assert what it did. An
action without a row, and a row without an action, fail `test_every_action_has_a_row`.
"""

from __future__ import annotations

import importlib
import pkgutil

import pytest
import torch

import tests.ui
from tests.ui.palette_rows import ROWS, Desk
from weightedit.ui.actions import ACTIONS

for _found in pkgutil.iter_modules(tests.ui.__path__):
    if _found.name.startswith("palette_rows"):
        importlib.import_module(f"tests.ui.{_found.name}")


def test_every_action_has_a_row():
    known = {action.id for action in ACTIONS}
    assert known - set(ROWS) == set(), "actions without a row in tests/ui/palette_rows*.py"
    assert set(ROWS) - known == set(), "rows of actions that are gone"


def test_titles_are_told_apart():
    titles = [action.title for action in ACTIONS]
    assert sorted(titles) == sorted(set(titles))
    assert all(action.help.endswith(".") for action in ACTIONS)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_action_does_what_it_says(name, qtbot, open_window, tmp_path, monkeypatch):
    path = tmp_path / "net.pt"
    torch.manual_seed(3)
    weight = torch.randn(40, 30)
    weight[4, 5], weight[5, 1] = torch.nan, torch.inf
    torch.save({"enc.weight": weight, "enc.bias": torch.randn(8), "head.weight": torch.randn(3, 4)}, path)
    desk = Desk(qtbot, open_window(path, real=True), path, name, monkeypatch)
    desk.wait()
    ROWS[name](desk)
