"""The strip of a storage in the inspector, and cells of other slots outlined where they change with a selection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.shared.storage_strip import MOST_LANES
from weightedit.ui.inspector.storage_strip import StorageStrip
from weightedit.ui.theme import theme


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    """An attention layer fused in one weight, seen whole, in three parts, and turned; and one that is alone."""
    torch.manual_seed(4)
    qkv = torch.randn(48, 16)
    return {"qkv.weight": qkv, "q.weight": qkv[:16], "k.weight": qkv[16:32], "v.weight": qkv[32:],
            "turned": qkv.t(), "thin": qkv[:, ::4], "o.weight": torch.randn(16, 16)}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "attention.pt", tensors) as made:
        yield made


def strip_of(bench: Bench) -> StorageStrip:
    return bench.workbench.inspector.storage.strip


def bar_of(bench: Bench, name: str) -> QPointF:
    """The middle of a slot's bar on the strip."""
    strip = strip_of(bench)
    assert strip.members is not None
    member = list(strip.members.names).index(name)
    return next(strip.rect_of(bar).center() for bar in strip.members.strip.bars if bar.member == member)


def click_bar(bench: Bench, name: str) -> None:
    QTest.mouseClick(strip_of(bench), Qt.MouseButton.LeftButton, pos=bar_of(bench, name).toPoint())
    bench.wait()


def drawn(strip: StorageStrip, place: QPointF) -> str:
    return strip.grab().toImage().pixelColor(place.toPoint()).name()


def test_bars_are_to_scale_and_overlapping_ones_in_lanes(bench: Bench) -> None:
    bench.open("q.weight")
    strip = strip_of(bench)
    assert not strip.isHidden()
    assert strip.members is not None
    rects = {strip.members.names[bar.member]: strip.rect_of(bar) for bar in strip.members.strip.bars}
    assert abs(rects["qkv.weight"].width() - (strip.width() - 2)) <= 2
    assert abs(rects["q.weight"].width() * 3 - rects["qkv.weight"].width()) <= 6
    assert rects["q.weight"].left() < rects["k.weight"].left() < rects["v.weight"].left()
    assert rects["q.weight"].top() == rects["k.weight"].top() != rects["qkv.weight"].top()
    for one in rects.values():
        assert not any(one.intersects(other) for other in rects.values() if other is not one)
    for name, is_outlined in (("q.weight", True), ("k.weight", False), ("qkv.weight", False)):
        color = drawn(strip, QPointF(rects[name].left() + 1, rects[name].center().y()))
        assert (color == theme.color("accent").name()) == is_outlined


def test_a_click_on_a_bar_goes_to_the_slot(bench: Bench) -> None:
    bench.open("q.weight")
    click_bar(bench, "v.weight")
    assert bench.workbench.current() == (bench.document, "v.weight")
    click_bar(bench, "v.weight")
    assert bench.workbench.current() == (bench.document, "v.weight")


def test_keys_go_from_bar_to_bar_and_say_what_each_is(bench: Bench) -> None:
    bench.open("qkv.weight")
    strip = strip_of(bench)
    assert strip.accessibleDescription() == "S1 6 slots over 3.07 kB"
    strip.setFocus(Qt.FocusReason.TabFocusReason)
    bench.key(strip, Qt.Key.Key_End)
    said = strip.accessibleDescription()
    assert "6 of 6" in said
    bench.key(strip, Qt.Key.Key_Home)
    assert "qkv.weight" in strip.accessibleDescription()
    assert "this tensor" in strip.accessibleDescription()
    assert strip.members is not None
    for _ in range(10):
        if "k.weight, bytes 1,024–2,047" in strip.accessibleDescription():
            break
        bench.key(strip, Qt.Key.Key_Right)
    bench.key(strip, Qt.Key.Key_Return)
    assert bench.workbench.current() == (bench.document, "k.weight")


def test_the_tooltip_says_offset_stride_and_layout(bench: Bench) -> None:
    bench.open("qkv.weight")
    strip = strip_of(bench)
    for name, words in (("thin", "with gaps between its elements"), ("turned", "elements in another order"),
                        ("q.weight", "offset 0, stride (16, 1)")):  # fmt: skip
        place = bar_of(bench, name).toPoint()
        event = QHelpEvent(QHelpEvent.Type.ToolTip, place, strip.mapToGlobal(place))
        QApplication.sendEvent(strip, event)
        assert words in QToolTip.text()
        assert name in QToolTip.text()
    QToolTip.hideText()


def test_a_tensor_that_is_its_storage_has_no_strip_and_a_view_of_a_larger_one_has(
        qtbot: QtBot, tmp_path: Path) -> None:  # fmt: skip
    base = torch.arange(100.0)
    with bench_on(qtbot, tmp_path / "views.pt", {"part": base[40:60], "whole": torch.ones(4), "none": torch.ones(0, 3)
                                                 }) as bench:  # fmt: skip
        bench.open("whole")
        assert strip_of(bench).isHidden()
        bench.open("none")
        assert strip_of(bench).isHidden()
        bench.open("part")
        strip = strip_of(bench)
        assert not strip.isHidden()
        assert strip.members is not None
        assert strip.members.strip.gaps == ((0, 160), (240, 400))


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "side by side"])
def test_groups_of_thousands_hold(qtbot: QtBot, tmp_path: Path, tied: bool) -> None:
    base = torch.arange(1000.0)
    tensors = {f"p{number}": base if tied else base[number : number + 1] for number in range(1000)}
    with bench_on(qtbot, tmp_path / "many.pt", tensors) as bench:
        bench.open("p999")
        section, strip = bench.workbench.inspector.storage, strip_of(bench)
        assert section.note.text().startswith("1,000 slots")
        assert strip.members is not None
        assert strip.members.strip.lanes <= MOST_LANES
        assert section.hidden_note.isVisible() == tied
        assert any(bar.member == 999 for bar in strip.members.strip.bars)
        bench.click(0, 0)
        strip.grab()
        click_bar(bench, "p999")


# ---- cells of other slots


def outlined(bench: Bench, name: str) -> list[tuple[range, range]]:
    """What is outlined in a tensor's tab, which is opened for it; the same in heatmap and table."""
    bench.open(name)
    found = bench.heatmap.dressing.shared
    assert bench.page.values_pane.table.shared == found
    assert len(bench.heatmap.overlay.shared) == len(found)
    return found


def changed_by(tensors: dict[str, torch.Tensor], name: str, index: tuple[slice, ...], other: str) -> torch.Tensor:
    """The cells of another tensor that torch changes with a write into the selected ones."""
    before = tensors[other].clone()
    tensors[name][index] += 1
    changed = tensors[other] != before
    tensors[name][index] -= 1
    return changed


def as_mask(found: list[tuple[range, range]], shape: torch.Size) -> torch.Tensor:
    mask = torch.zeros(shape, dtype=torch.bool)
    for rows, columns in found:
        mask[rows.start : rows.stop, columns.start : columns.stop] = True
    return mask


def test_a_selection_outlines_the_cells_of_the_others(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    """Dragged over in one tensor, outlined in all others, exactly where a write with torch would change them."""
    bench.open("qkv.weight")
    bench.drag((12, 3), (20, 8))
    index = (slice(12, 21), slice(3, 9))
    for name in ("q.weight", "k.weight", "v.weight", "turned", "thin", "o.weight"):
        want = changed_by(tensors, "qkv.weight", index, name) if name != "o.weight" else torch.zeros(16, 16).bool()
        assert torch.equal(as_mask(outlined(bench, name), tensors[name].shape), want), name
    assert outlined(bench, "qkv.weight") == []


def test_the_strip_marks_them_at_once(bench: Bench) -> None:
    bench.open("qkv.weight")
    strip = strip_of(bench)
    assert not strip.marks
    bench.drag((16, 0), (17, 15))
    assert strip.members is not None
    marked = {strip.members.names[member]: spans for member, spans in strip.marks.items()}
    assert marked["qkv.weight"] == marked["k.weight"] == ((1024, 1152),)
    assert "q.weight" not in marked
    place = bar_of(bench, "k.weight")
    left = strip.rect_of(next(bar for bar in strip.members.strip.bars if strip.members.names[bar.member] == "k.weight"))
    assert drawn(strip, QPointF(left.left() + 2.5, left.bottom() - 2)) == theme.color("accent").name()
    assert place.y() > 0
    click_bar(bench, "v.weight")
    assert strip.marks, "marks stay while another slot is looked at"


def test_it_follows_the_tab_selected_in_last_and_goes_with_the_selection(bench: Bench) -> None:
    bench.open("q.weight")
    bench.drag((2, 2), (3, 4))
    assert outlined(bench, "qkv.weight") == [(range(2, 4), range(2, 5))]
    bench.drag((40, 1), (41, 2))
    assert outlined(bench, "v.weight") == [(range(8, 10), range(1, 3))]
    assert outlined(bench, "q.weight") == []
    bench.open("qkv.weight")
    bench.workbench.leave()
    bench.wait()
    assert outlined(bench, "v.weight") == []
    assert not strip_of(bench).marks


def test_closing_the_tab_takes_the_outlines_away(bench: Bench) -> None:
    bench.open("q.weight")
    bench.drag((2, 2), (3, 4))
    bench.open("qkv.weight")
    assert bench.heatmap.dressing.shared
    bench.workbench.tabs.close_at(bench.workbench.tabs.place_of(
        next(page for page in bench.workbench.tabs.all if page.name == "q.weight")))  # fmt: skip
    bench.wait()
    assert not bench.heatmap.dressing.shared


def test_an_edit_that_unties_takes_them_away_and_undo_brings_them_back(bench: Bench) -> None:
    bench.open("q.weight")
    bench.drag((2, 2), (3, 4))
    bench.document.apply("untie", "q.weight")
    bench.wait()
    assert outlined(bench, "qkv.weight") == []
    bench.document.undo()
    bench.wait()
    assert outlined(bench, "qkv.weight") == [(range(2, 4), range(2, 5))]


def test_they_are_drawn_as_dashes_in_the_groups_colour(bench: Bench) -> None:
    bench.open("q.weight")
    bench.drag((4, 4), (9, 9))
    bench.open("qkv.weight")
    bench.wait()
    rect = bench.heatmap.overlay.shared[0]
    image = bench.heatmap.overlay.grab().toImage()
    top = round(rect.top()) - 1
    along = [image.pixelColor(x, top).name() for x in range(int(rect.left()), int(rect.right()))]
    color = theme.group_color("S1").name()
    assert 0.2 < along.count(color) / len(along) < 0.9, "some of the line is drawn, some is not"
    bench.page.set_view("values")
    bench.wait()
    table = bench.page.values_pane.table
    where = table.rect_of(range(4, 10), range(4, 10))
    shot = table.viewport().grab().toImage()
    row = [shot.pixelColor(x, where.top()).name() for x in range(where.left(), min(where.right(), shot.width()))]
    assert color in row
