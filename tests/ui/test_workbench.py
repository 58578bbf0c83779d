"""The workbench: tabs, what follows the tab that is shown, and documents that come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QTabBar
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.assembly import open_document
from weightedit.ui.settings import Settings
from weightedit.ui.tabs.tab_strip import shortened


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(9)
    return {name: torch.randn(10, 10) for name in "abcd"}


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor], settings: Settings) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "bench.pt", tensors, settings) as made:
        yield made


def names(bench: Bench) -> list[str]:
    return [bench.workbench.tabs.strip.tabText(place) for place in range(len(bench.workbench.tabs))]


def test_without_a_tensor_it_says_what_to_do(bench: Bench) -> None:
    assert bench.workbench.tabs.pages.currentWidget() is bench.workbench.tabs.nothing
    assert bench.workbench.edit_panel.isHidden()
    bench.do("apply")
    bench.do("copy")
    bench.do("next-tab")
    bench.do("close-tab")
    bench.workbench.open_tensor(bench.document, "nobody")
    assert bench.workbench.current() is None


def test_a_tab_that_was_only_looked_at_gives_way(bench: Bench) -> None:
    bench.open("a")
    bench.open("b")
    assert names(bench) == ["b"]
    bench.open("b")
    bench.open("c")
    assert names(bench) == ["b", "c"]
    assert bench.workbench.current() == (bench.document, "c")
    assert bench.page.slot.name == "c"


def test_an_edited_tensor_keeps_its_tab_and_its_mark(bench: Bench) -> None:
    bench.open("a")
    bench.fill_form("scale", "2")
    bench.do("apply")
    bench.wait()
    bench.open("b")
    assert names(bench) == ["a", "b"]
    assert [bench.workbench.tabs.strip.is_marked(place) for place in (0, 1)] == [True, False]


def test_tabs_by_key_mouse_and_cross(bench: Bench, qtbot: QtBot) -> None:
    for name in "abc":
        bench.open(name)
        bench.open(name)
    with qtbot.waitSignal(bench.workbench.current_changed):
        bench.do("next-tab")
    assert bench.workbench.current() == (bench.document, "a")
    tabs = bench.workbench.tabs.strip
    QTest.mouseClick(tabs, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, tabs.tabRect(1).center())
    bench.wait()
    assert bench.workbench.current() == (bench.document, "b")
    bench.press(tabs.tabButton(1, QTabBar.ButtonPosition.RightSide))
    assert names(bench) == ["a", "c"]
    bench.do("close-tab")
    bench.do("close-tab")
    bench.wait()
    assert bench.workbench.current() is None
    assert bench.workbench.tabs.pages.currentWidget() is bench.workbench.tabs.nothing


def test_each_tab_keeps_its_view_and_selection(bench: Bench) -> None:
    bench.open("a")
    bench.drag((1, 1), (3, 3))
    bench.do("values")
    assert bench.workbench.how_shown() == "as values"
    bench.open("b")
    assert bench.workbench.how_shown() == "as values"
    bench.do("heatmap")
    assert bench.panel.form.region is None
    bench.open("a")
    assert bench.workbench.how_shown() == "as values"
    assert bench.panel.form.region == "[1:4, 1:4]"


def test_another_documents_change_reaches_only_its_pages(bench: Bench, tmp_path: Path) -> None:
    torch.save({"z": torch.zeros(4, 4)}, tmp_path / "second.pt")
    with open_document(tmp_path / "second.pt") as second:
        bench.open("a")
        bench.open("a")
        bench.workbench.open_tensor(second, "z")
        bench.wait()
        assert bench.workbench.current() == (second, "z")
        assert bench.workbench.history.model.rows[-1].where == "second.pt"
        second.apply("fill", "z", value=3)
        bench.wait()
        assert (bench.shown() == 3).all()
        bench.workbench.set_document(bench.document)
        bench.wait()
        assert bench.workbench.current() == (bench.document, "a")
        bench.workbench.forget(second)
        assert names(bench) == ["a"]


def test_an_edit_from_elsewhere_shows_at_once(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("a")
    bench.document.apply("scale", "*", factor=2)
    bench.wait()
    assert np.array_equal(bench.shown(), tensors["a"].double().numpy() * 2)
    assert bench.workbench.tabs.strip.is_marked(0)
    bench.document.undo()
    bench.wait()
    assert np.array_equal(bench.shown(), tensors["a"].double().numpy())
    assert not bench.workbench.tabs.strip.is_marked(0)


def test_select_all_is_the_whole_tensor(bench: Bench) -> None:
    bench.open("a")
    bench.drag((1, 1), (3, 3))
    bench.do("select-all")
    assert bench.page.selection.region is None
    assert bench.page.read_out.field.text() == "[:, :]"


def test_the_inspector_hides_and_becomes_a_drawer(bench: Bench, settings: Settings) -> None:
    bench.open("a")
    side = bench.workbench.body.side
    assert not side.isHidden()
    bench.do("inspector")
    assert side.isHidden()
    assert not settings.flag("inspector/shown", True)
    bench.do("inspector")
    bench.workbench.body.set_drawer(True)
    assert side.isHidden()
    bench.do("inspector")
    assert side.isVisible()
    assert side.geometry().right() == bench.workbench.width() - 1
    bench.workbench.body.set_drawer(False)
    assert side.isVisible()
    assert bench.workbench.body.splitter.indexOf(side) == 1


def test_a_file_that_changes_underneath_is_said_on_the_page(bench: Bench) -> None:
    bench.open("a")
    path = bench.document.path
    assert path is not None
    path.write_bytes(path.read_bytes()[:200])
    bench.workbench.open_tensor(bench.document, "b")
    QTest.qWait(1)
    bench.qtbot.waitUntil(bench.is_quiet)
    assert not bench.problems
    assert bench.page.nothing is not None
    texts = [label.text() for label in bench.page.nothing.findChildren(QLabel)]
    assert any("is no longer the file that was opened" in text for text in texts), texts


def test_a_save_takes_the_marks_away_and_reading_goes_on(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("a")
    bench.fill_form("scale", "2")
    bench.do("apply")
    bench.wait()
    assert bench.workbench.tabs.strip.is_marked(0)
    bench.tasks.start("Saving", lambda progress: bench.document.save(), on_result=None)
    bench.wait()
    bench.wait()
    assert not bench.workbench.tabs.strip.is_marked(0)
    bench.hover(3, 4)
    assert float(bench.page.read_out.value.text()) == pytest.approx(2 * tensors["a"][3, 4].item())
    assert bench.page.notices.isHidden()
    assert bench.document.path is not None
    assert torch.equal(torch.load(bench.document.path)["a"], tensors["a"] * 2)


def test_work_for_a_tab_that_is_gone_is_stopped(bench: Bench) -> None:
    bench.workbench.open_tensor(bench.document, "a")
    facts = bench.workbench._facts
    assert facts._waiting or facts._known
    bench.workbench.open_tensor(bench.document, "b")
    bench.do("close-tab")
    assert not facts._waiting
    bench.wait()
    assert bench.workbench.current() is None


def test_long_names_lose_their_first_parts() -> None:
    assert shortened("model.layers.3.self_attn.q_proj.weight") == "…layers.3.self_attn.q_proj.weight"
    assert shortened("lm_head.weight") == "lm_head.weight"
    assert len(shortened("x" * 90)) < 40


def test_sizes_are_those_of_the_look(bench: Bench) -> None:
    bench.open("a")
    page = bench.page
    assert bench.workbench.tabs.strip.height() == 35
    assert (page.header.height(), page.dims.height(), page.read_out.height()) == (40, 34, 36)
    assert bench.panel.height() == 252
    assert (bench.panel.form.width(), bench.panel.preview.width()) == (198, 258)
    assert bench.heatmap.color_bar.width() == 96
    assert bench.workbench.body.side.width() == 282


def test_a_file_of_one_nameless_tensor_has_words_for_it(qtbot: QtBot, tmp_path: Path, settings: Settings) -> None:
    torch.save(torch.full((3, 3), 1e38), tmp_path / "bare.pt")
    with bench_on(qtbot, tmp_path / "bare.pt", None, settings) as bench:
        bench.open("")
        assert names(bench) == ["the tensor"]
        assert bench.page.header.path.parts == ("the tensor",)
        bench.fill_form("scale", "10")
        hazard = bench.panel.hazards.hazards[0]
        assert "in the tensor" in hazard.message
        assert hazard.targets == ("",)
        bench.panel.apply()
        bench.wait()
        assert bench.workbench.history.model.rows[0].where == "the tensor"
        assert bench.said[-1].endswith("to the tensor.")
