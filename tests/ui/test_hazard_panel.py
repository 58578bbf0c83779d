"""The hazard panel by mouse and keyboard: links that apply what fits, places, groups, and a copy as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.edit import Edit, TensorName
from weightedit.core.hazards import Hazard
from weightedit.ui.edit_panel.hazard_card import Link
from weightedit.ui.edit_panel.hazards_view import HazardsView, cost_text

SOURCES = {
    "turned": torch.arange(200.0).reshape(20, 10), "tall": torch.arange(400.0).reshape(20, 20),
    "short": torch.arange(100.0).reshape(5, 20), "flat": torch.arange(200.0), "column": torch.arange(10.0),
}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "net.pt", {"w": torch.zeros(10, 20)} | SOURCES) as bench:
        yield bench


def links(panel: QWidget) -> dict[str, QPushButton]:
    QTest.qWait(1)  # what was put into a layout is shown when the event loop comes by
    return {link.accessibleName() or link.text(): link for link in panel.findChildren(QPushButton) if link.isVisible()}


def set_from(bench: Bench, source: str) -> None:
    """Put a tensor of the document in the form, as pasting one does."""
    bench.open("w")
    bench.panel.form.take(Edit("set", ("w",), None, {"values": TensorName(source)}))
    bench.wait()


FITS = [
    ("turned", "Transpose the source", lambda w, s: w.copy_(s.T)),
    ("turned", "Reshape the source to 10 × 20", lambda w, s: w.copy_(s.reshape(10, 20))),
    ("tall", "Take rows 0–9", lambda w, s: w.copy_(s[:10])),
    ("short", "Write into rows 0–4", lambda w, s: w[:5].copy_(s)),
    ("flat", "Reshape the source to 10 × 20", lambda w, s: w.copy_(s.view(10, 20))),
    ("column", "Take it as a column and repeat it 20 times", lambda w, s: w.copy_(s[:, None])),
]


@pytest.mark.parametrize(("source", "said", "by_torch"), FITS, ids=[f"{fit[0]}-{fit[1][:9]}" for fit in FITS])
def test_one_click_makes_a_source_fit(bench, source, said, by_torch):
    """A refusal's link, pressed by mouse, and Apply give what torch gives after the same by hand."""
    set_from(bench, source)
    assert not bench.panel.apply_button.isEnabled()
    assert "does not fit [10, 20]" in bench.panel.hazards.cards[0].title.text()
    bench.press(links(bench.panel.hazards)[said])
    assert bench.panel.apply_button.isEnabled(), bench.panel.apply_button.toolTip()
    bench.press(bench.panel.apply_button)
    expected = torch.zeros(10, 20)
    by_torch(expected, SOURCES[source])
    assert torch.equal(bench.values("w"), expected)
    assert torch.equal(bench.values(source), SOURCES[source])


def test_padding_the_target_makes_room_and_the_values_follow(bench):
    set_from(bench, "tall")
    bench.press(links(bench.panel.hazards)["Pad target to 20 rows"])
    bench.press(bench.panel.apply_button)
    assert torch.equal(bench.values("w"), torch.zeros(20, 20))
    assert bench.panel.form.operation.name == "set"
    bench.press(bench.panel.apply_button)
    assert torch.equal(bench.values("w"), SOURCES["tall"])


def test_a_replacement_of_another_shape_is_offered_turned(bench):
    """A chosen source that would change the shape: the notice offers it transposed."""
    bench.open("w")
    bench.fill_form("replace", "turned")
    assert bench.panel.apply_button.isEnabled()
    bench.press(links(bench.panel.hazards)["Transpose the source"])
    bench.press(bench.panel.apply_button)
    assert torch.equal(bench.values("w"), SOURCES["turned"].T)
    assert [step.label for step in bench.document.history.steps] == ["replace by turned, transposed"]


def test_links_are_reached_and_taken_by_keys(bench):
    set_from(bench, "turned")
    link = links(bench.panel.hazards)["Transpose the source"]
    bench.panel.form.target.setFocus()
    for _ in range(12):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        if link.hasFocus():
            break
    assert link.hasFocus()
    bench.key(link, Qt.Key.Key_Return)
    bench.do("apply")
    bench.wait()
    assert torch.equal(bench.values("w"), SOURCES["turned"].T)


def test_places_are_gone_to_one_after_the_other(bench):
    bench.open("flat")
    bench.fill_form("scale", "1e38")
    card = bench.panel.hazards.cards[0]
    assert (card.hazard.kind, card.hazard.places[:2]) == ("overflow", ("[4]", "[5]"))
    bench.press(links(card)["Go to first"])
    assert bench.page.selection.region == "[4]"


def made(kind: str, level: str, name: str, count: int, *places: str) -> Hazard:
    return Hazard(kind, level, f"{kind}: {count}", f"In {name}.", (name,), count, places)  # type: ignore[arg-type]


@pytest.fixture
def view(qtbot: QtBot) -> HazardsView:
    view = HazardsView()
    qtbot.addWidget(view)
    view.resize(280, 400)
    with qtbot.waitExposed(view):
        view.show()
    return view


def test_steps_through_places_know_their_number(view):
    view.show_hazards([made("overflow", "warning", "w", 14, "[0]", "[1]", "[2]")], None, {})
    went: list[tuple[str, str]] = []
    view.place.connect(lambda name, region: went.append((name, region)))
    QTest.mouseClick(links(view)["Go to first"], Qt.MouseButton.LeftButton)
    QTest.mouseClick(links(view)["Next place, 1 of 3"], Qt.MouseButton.LeftButton)
    QTest.mouseClick(links(view)["Previous place"], Qt.MouseButton.LeftButton)
    QTest.mouseClick(links(view)["Previous place"], Qt.MouseButton.LeftButton)
    assert went == [("w", "[0]"), ("w", "[1]"), ("w", "[0]"), ("w", "[2]")]


def test_many_hazards_are_a_few_sentences_that_unfold(view, qtbot):
    """96 tensors that overflow and round are two cards, not 192; each tensor is one press away."""
    names = [f"model.layers.{number}.mlp.down_proj.weight" for number in range(96)]
    hazards = [made("overflow", "warning", name, 2, "[0, 0]") for name in names]
    hazards += [made("precision-loss", "notice", name, 10) for name in names]
    view.show_hazards(hazards, None, {})
    assert [card.title.text().replace("\u200b", "") for card in view.cards] == [
        "Overflow: 192 values in 96 tensors", "Precision loss: 960 values are rounded in 96 tensors"]
    assert [count.text() for count in view.counts[1:]] == ["1 warning", "1 notice"]
    assert cost_text(hazards) == "Apply with 192 Inf"
    QTest.mouseClick(links(view.cards[0])["List all 96"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: names[95] in links(view.cards[0]))
    went: list[tuple[str, str]] = []
    view.place.connect(lambda name, region: went.append((name, region)))
    last = links(view.cards[0])[names[95]]
    QTest.mouseClick(last, Qt.MouseButton.LeftButton)
    assert went == [(names[95], "[0, 0]")]
    assert all(link.width() <= view.cards[0].width() for link in view.findChildren(Link) if link.isVisible())


def test_all_hazards_are_copied_as_text(view):
    hazards = [made("overflow", "warning", "w", 14, "[0]"), made("underflow", "warning", "v", 3)]
    view.show_hazards(hazards, None, {})
    QTest.mouseClick(links(view)["Copy as text"], Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == (
        "warning, overflow: overflow: 14. In w. At [0].\nwarning, underflow: underflow: 3. In v.")


def test_edits_that_avoid_a_warning_are_buttons_below(view, qtbot):
    edit = Edit("cast", ("w",), None, {"dtype": "bfloat16"})
    hazard = Hazard("overflow", "warning", "Overflow: 14 become Inf", "", ("w",), 14, (), (edit,),
                    ("Cast to bfloat16",))  # fmt: skip
    view.show_hazards([hazard, hazard], None, {})
    buttons = [button for button in view.findChildren(QPushButton) if button.text() == "Cast to bfloat16"]
    assert len(buttons) == 1
    with qtbot.waitSignal(view.alternative) as taken:
        QTest.mouseClick(buttons[0], Qt.MouseButton.LeftButton)
    assert taken.args == [edit]


@pytest.mark.parametrize(("kind", "said"), [
    ("underflow", "Apply with 7 zeros"), ("truncation", "Apply with 7 cut"), ("broadcast", "Apply with the repeat"),
    ("optimizer-state-shape", "Apply and drop the optimizer's state"), ("device-mix", "Apply on two devices"),
    ("module-attribute", "Apply and leave the attributes"), ("changed-elsewhere", "Apply over what changed"),
])  # fmt: skip
def test_the_apply_button_names_the_cost(kind, said):
    assert cost_text([made(kind, "warning", "w", 7)]) == said


def test_going_to_a_place_leaves_the_edit_as_it_is(bench):
    """The cell is selected to be seen; the edit of the whole tensor does not become one of that cell."""
    bench.open("tall")
    bench.fill_form("scale", "1e38")
    before = bench.panel.form.request()
    bench.press(links(bench.panel.hazards)["Go to first"])
    bench.press(links(bench.panel.hazards)["Next place, 1 of 8"])
    assert bench.page.selection.region == "[0, 5]"
    assert bench.panel.form.request() == before
    assert "Next place, 2 of 8" in links(bench.panel.hazards)


def test_going_to_a_place_of_an_edit_of_a_region_keeps_the_region(bench):
    bench.open("tall")
    bench.page.selection.pick_text("[2:8, 3:9]")
    bench.fill_form("scale", "1e38")
    assert bench.panel.form.request().region == "[2:8, 3:9]"
    bench.press(links(bench.panel.hazards)["Go to first"])
    assert bench.page.selection.region == "[2:8, 3:9]"
    assert bench.panel.form.request().region == "[2:8, 3:9]"


def test_all_but_the_first_hazard_are_one_line_until_they_are_shown(view):
    hazards = [made("overflow", "warning", "w", 14), made("precision-loss", "notice", "v", 3)]
    view.show_hazards(hazards, None, {})
    links(view)
    first, second = view.cards
    assert first.isVisible()
    assert not second.isVisible()
    assert second.line.title.text() == "precision-loss: 3"
    QTest.mouseClick(links(view)["Show: precision-loss: 3"], Qt.MouseButton.LeftButton)
    assert second.isVisible()
    assert not second.line.isVisible()
    assert second.links[0].hasFocus() or not view.isActiveWindow()
    view.show_hazards(list(hazards), None, {})
    assert second.isVisible(), "the same hazards again leave the cards as they are"
    QTest.mouseClick(links(second)["Fold"], Qt.MouseButton.LeftButton)
    assert not second.isVisible()
    assert second.line.isVisible()


def test_ways_out_stay_in_sight_however_many_hazards_there_are(view):
    edit = Edit("cast", ("w",), None, {"dtype": "bfloat16"})
    hazards = [Hazard("overflow", "warning", "Overflow: 14 become Inf", "Long. " * 60, ("w",), 14, (), (edit,),
                      ("Cast to bfloat16",)), made("underflow", "warning", "w", 3)]  # fmt: skip
    view.resize(230, 190)
    view.show_hazards(hazards, None, {})
    button = links(view)["Cast to bfloat16"]
    corner = button.mapTo(view, button.rect().bottomRight())
    assert view.rect().contains(corner)
    assert button.visibleRegion().boundingRect() == button.rect()


def test_a_card_says_where_and_leaves_out_the_name_that_is_open(bench, qtbot, tmp_path):
    """The columns are those where torch makes Inf; the button names both costs."""
    values = torch.full((30, 40), 0.5)
    values[:13, 7], values[20, 9], values[3:8, 11] = 70144.0, 70144.0, 1e-9
    name = "model.layers.3.mlp.down_proj.weight"
    with bench_on(qtbot, tmp_path / "deep.pt", {name: values, "x": torch.zeros(2)}) as deep:
        deep.open(name)
        deep.fill_form("cast", "float16")
        card = deep.panel.hazards.cards[0]
        assert card.body.text() == "Column 7 (13) and 9 (1). Largest 70,144."
        assert values.half().isinf().nonzero()[:, 1].unique(return_counts=True)[1].tolist() == [13, 1]
        assert deep.panel.hazards.cards[1].line.title.text() == "Underflow: 5 to 0"
        assert deep.panel.apply_button.text() == "Apply with 14 Inf and 5 zeros"


def test_long_names_in_titles_are_their_last_two_parts(view):
    title = "Also changes model.layers.3.self_attn.q_proj.weight and 2 more"
    view.show_hazards([Hazard("shared-storage", "notice", title, "", ("w",), 3)], None, {})
    (card,) = view.cards
    assert card.title.text().replace("\u200b", "") == "Also changes q_proj.weight and 2 more"
    assert card.title.toolTip() == title
