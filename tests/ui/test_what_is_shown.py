"""An action is seen to act: pages aside are left, views that cannot show it give way, and what was said goes."""

from __future__ import annotations

import pytest
import torch

from tests.ui.conftest import wait_ready

ASIDES = ("settings", "operations", "silently", "errors", "keys", "about")


@pytest.fixture
def window(qtbot, open_window, tmp_path):
    weight = torch.randn(40, 30)
    weight[4, 5], weight[5, 1] = float("nan"), float("inf")
    for name in ("one.pt", "two.pt"):
        torch.save({"enc.weight": weight, "enc.bias": torch.zeros(4)}, tmp_path / name)
    found = open_window(tmp_path / "one.pt", real=True)
    found.show_tensor(found.current, "enc.weight")
    wait_ready(qtbot, found)
    return found


def do(qtbot, window, *names):
    for name in names:
        window.actions_of[name].trigger()
        wait_ready(qtbot, window)


@pytest.mark.parametrize("aside", ASIDES)
def test_an_action_on_a_tensor_leaves_the_page_over_it(qtbot, window, aside):
    """Ctrl+G put the keys into a field out of sight."""
    window.aside.open(aside)
    window.actions_of["region"].trigger()
    assert window.aside.current is None
    assert window.workbench.page.read_out.field.isVisible()
    window.aside.open(aside)
    window.actions_of["theme"].trigger()
    assert window.aside.is_open(aside)


@pytest.mark.parametrize("view", ["histogram", "profiles", "spectrum"])
@pytest.mark.parametrize("name", ["next-nonfinite", "previous-nonfinite", "zoom-in", "zoom-out", "fit"])
def test_what_only_the_heatmap_can_show_brings_it(qtbot, window, view, name):
    do(qtbot, window, view, name)
    assert window.workbench.page.view_name == "heatmap"


def test_the_next_nan_is_shown_in_the_table(qtbot, window):
    do(qtbot, window, "values", "next-nonfinite")
    page = window.workbench.page
    assert page.view_name == "values"
    table = page.values_pane.table
    cell = page.values_pane.model.index(4, 5)
    assert table.selectionModel().isSelected(cell) or table.currentIndex() == cell
    assert table.viewport().rect().contains(table.visualRect(cell))


def test_what_is_said_of_a_tensor_goes_with_it(qtbot, window):
    window.show_tensor(window.current, "enc.bias")
    do(qtbot, window, "next-nonfinite")
    assert window.status.message.text() == "No NaN and no Inf here."
    window.show_tensor(window.current, "enc.weight")
    assert window.status.message.text() == ""
    window.workbench.status.emit("No NaN and no Inf here.")
    do(qtbot, window, "next-nonfinite")
    assert window.status.message.text() == ""
    window.status.say_filed("Saved one.pt.")
    do(qtbot, window, "next-nonfinite")
    assert window.status.message.text() == "Saved one.pt."
    window.workbench.told.emit("Applied scale to enc.weight.")
    window.show_tensor(window.current, "enc.bias")
    assert window.status.message.text() == "Applied scale to enc.weight."


def test_tabs_of_one_name_say_their_documents(qtbot, window, tmp_path):
    window.workbench.tabs.keep(window.workbench.page)
    strip = window.workbench.tabs.strip
    texts = [strip.tabText(place) for place in range(strip.count())]
    assert texts == ["enc.weight"]
    window.open([str(tmp_path / "two.pt")])
    wait_ready(qtbot, window)
    window.show_tensor(window.documents.all[1], "enc.weight")
    wait_ready(qtbot, window)
    texts = [strip.tabText(place) for place in range(strip.count())]
    assert texts == ["enc.weight · one.pt", "enc.weight · two.pt"]
    window.documents.close(window.documents.all[0])
    assert [strip.tabText(place) for place in range(strip.count())] == ["enc.weight"]
