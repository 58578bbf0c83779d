"""The edit panel: forms from declarations, previews that change nothing, hazards, and applying, against torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.operation import REQUIRED, Parameter
from weightedit.ui.edit_panel.form import REGION, SEVERAL, WHOLE
from weightedit.ui.edit_panel.hazards_view import breakable
from weightedit.ui.edit_panel.seed_field import SEED
from weightedit.ui.edit_panel.text_field import TextField
from weightedit.ui.widgets.literals import FieldError, integers, plain, plain_text


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(6)
    qkv = torch.randn(30, 10)
    large = torch.randn(8, 8)
    large[2, 3] = 70144.0
    tied = torch.nn.Parameter(torch.randn(6, 4))
    return {"w": torch.randn(40, 30), "qkv": qkv, "q": qkv[:10], "large": large, "half": torch.randn(5, 5).bfloat16(),
            "ids": torch.arange(10), "a": tied, "b": tied, "other": torch.randn(40, 30)}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "edit.pt", tensors) as made:
        yield made


def links(bench: Bench) -> dict[str, QPushButton]:
    return {link.text(): link for card in bench.panel.hazards.cards for link in card.findChildren(QPushButton)}


def test_every_operation_has_a_form(bench: Bench) -> None:
    bench.open("w")
    for name, operation in bench.document.operations.items():
        if operation.subject == "value":  # edited in the tree, where values are
            continue
        bench.workbench.choose_operation(name)
        bench.wait()
        declared = [field.declared for field in bench.panel.form.fields]
        assert declared == [*operation.parameters, *([SEED] if operation.random else [])]
        assert bench.panel.form.operations.toolTip() == operation.summary


def test_fields_read_what_people_type() -> None:
    for text, meant in (("2, 0, 1", (2, 0, 1)), ("[3]", (3,)), ("()", ()), ("-1", (-1,))):
        assert integers(text) == meant
    for text, meant in (("10", 10), ("1e-3", 1e-3), ("cat", "cat"), ("'10'", "10"), ("[1, 'a', None]", [1, "a", None]),
                        ("True", True), ("(1,)", (1,)), ("{'a': 1}", {"a": 1}), ("b'x'", "b'x'")):  # fmt: skip
        assert (plain(text), type(plain(text))) == (meant, type(meant))
        assert plain(plain_text(meant)) == meant
    for read, text in ((integers, "1, a"), (integers, "1 2"), (plain, "[1, "), (plain, "'a")):
        with pytest.raises(FieldError):
            read(text)


def test_a_preview_shows_and_changes_nothing(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.drag((10, 5), (19, 14))
    bench.fill_form("scale", "0.5")
    shown = bench.panel.shown
    assert bench.panel.counts.text() == "100 of 100 values change, 100 %"
    part = tensors["w"][10:20, 5:15]
    assert np.array_equal(shown.before.extreme, part.double().numpy())
    assert np.allclose(shown.after.extreme, part.double().numpy() * 0.5)
    assert shown.after_statistics.maximum == pytest.approx(part.max().item() * 0.5)
    assert bench.document.version == 0
    assert torch.equal(bench.values("w"), tensors["w"])
    assert bench.workbench.history.model.rows[0].state == "preview"


def test_apply_does_what_the_preview_showed(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.drag((10, 5), (19, 14))
    bench.fill_form("scale", "0.5")
    assert bench.panel.form.target.currentData() == REGION
    bench.press(bench.panel.apply_button)
    expected = tensors["w"].clone()
    expected[10:20, 5:15] *= 0.5
    assert torch.equal(bench.values("w"), expected)
    assert not bench.panel.apply_button.isEnabled()
    assert np.array_equal(bench.shown(), expected.double().numpy())
    assert "Applied scale × 0.5" in bench.said[-1]
    bench.type(bench.panel.form.fields[0].edit, "3")
    assert bench.panel.apply_button.isEnabled()


def test_the_whole_tensor(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    assert bench.panel.form.target.currentData() == WHOLE
    bench.fill_form("add", "1")
    bench.do("apply")
    bench.wait()
    assert torch.equal(bench.values("w"), tensors["w"] + 1)


def test_selected_tensors(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.workbench.set_selected(bench.document, ["w", "other"])
    target = bench.panel.form.target
    target.setCurrentIndex(target.findData(SEVERAL))
    target.activated.emit(target.currentIndex())
    bench.fill_form("scale", "2")
    assert bench.panel.counts.text() == "2,400 of 2,400 values change in 2 tensors, 100 %"
    bench.do("apply")
    bench.wait()
    assert torch.equal(bench.values("other"), tensors["other"] * 2)
    assert len(bench.document.history) == 1


def test_a_warning_names_its_cost_and_the_press_is_the_answer(bench: Bench) -> None:
    bench.open("large")
    bench.fill_form("cast", "float16")
    assert bench.panel.apply_button.text() == "Apply with 1 Inf"
    assert bench.panel.apply_button.property("kind") == "warning"
    assert bench.panel.counts.text() == "float32 to float16, rebinds 1 slot"
    assert not bench.workbench.inspector.preview.isHidden()
    before, after = bench.workbench.inspector.preview.cells["dtype"]
    assert (before.text(), after.text()) == ("float32", "float16")
    bench.press(bench.panel.apply_button)
    got = bench.values("large")
    assert got.dtype == torch.float16
    assert got[2, 3] == float("inf")
    assert bench.document.history.steps[0].edit.accepted == ("overflow",)


def test_a_link_shows_the_cell_of_a_hazard(bench: Bench) -> None:
    bench.open("large")
    bench.fill_form("cast", "float16")
    overflow = bench.panel.hazards.cards[0]
    assert overflow.hazard.kind == "overflow"
    bench.press(next(link for link in overflow.findChildren(QPushButton) if link.text() == "Go to first"))
    assert bench.page.selection.region == "[2, 3]"


def test_shared_storage_is_a_notice_with_the_other_cells(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("q")
    bench.drag((2, 3), (4, 5))
    bench.fill_form("fill", "0")
    hazard = next(hazard for hazard in bench.panel.hazards.hazards if hazard.kind == "shared-storage")
    assert hazard.level == "notice"
    assert bench.panel.apply_button.text() == "Apply"
    bench.press(bench.panel.apply_button)
    assert (bench.values("qkv")[2:5, 3:6] == 0).all()
    bench.press(bench.workbench.history.undo_button)
    assert torch.equal(bench.values("qkv"), tensors["qkv"])


def test_a_refusal_keeps_apply_off_and_offers_what_fits(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.fill_form("set", "[[1, 2, 3], [4, 5, 6]]")
    assert any(hazard.level == "refusal" for hazard in bench.panel.hazards.hazards)
    assert not bench.panel.apply_button.isEnabled()
    assert bench.panel.apply_button.toolTip()
    bench.do("apply")
    bench.wait()
    assert torch.equal(bench.values("w"), tensors["w"])


def test_an_alternative_goes_into_the_form(bench: Bench) -> None:
    bench.open("a")
    bench.fill_form("cast", "bfloat16")
    link = links(bench)["Untie this one"]
    bench.press(link)
    assert bench.panel.form.along.tied == "untie"
    assert "Keep them tied" in links(bench) or bench.panel.form.request().tied == "untie"
    bench.press(bench.panel.apply_button)
    assert bench.values("a").dtype == torch.bfloat16
    assert bench.values("b").dtype == torch.float32


def test_wrong_input_is_said_under_the_field(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("scale", "fast")
    field = bench.panel.form.fields[0]
    assert field.edit.property("wrong") == "true"
    assert "fast is not a number" in field.note.text()
    assert not bench.panel.apply_button.isEnabled()
    bench.type(field.edit, "2")
    assert field.edit.property("wrong") == "false"
    assert bench.panel.apply_button.isEnabled()


def test_values_say_how_they_are_stored(bench: Bench) -> None:
    bench.open("half")
    bench.fill_form("fill", "0.125")
    assert bench.panel.form.fields[0].note.text() == "Stored in bfloat16 exactly"
    bench.type(bench.panel.form.fields[0].edit, "0.123456")
    stored = torch.tensor(0.1234567).bfloat16().item()
    assert bench.panel.form.fields[0].note.text() == f"Stored as {stored} in bfloat16"
    bench.fill_form("fill", "1e39")
    assert bench.panel.form.fields[0].note.text().startswith("Becomes inf: past ")
    assert bench.panel.form.fields[0].note.property("tone") == "warn"


def test_reset_and_leave(bench: Bench) -> None:
    bench.open("w")
    bench.drag((1, 1), (4, 4))
    bench.fill_form("scale", "2")
    assert bench.panel.shown is not None
    bench.do("leave")
    bench.wait()
    assert bench.panel.shown is None
    assert bench.panel.form.fields[0].edit.text() == ""
    assert not bench.page.selection.is_empty
    bench.do("leave")
    assert bench.page.selection.is_empty


def test_copy_as_pytorch_runs_and_does_the_same(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.drag((1, 1), (4, 4))
    bench.fill_form("scale", "2")
    bench.press(bench.panel.copy_button)
    code = QGuiApplication.clipboard().text()
    checkpoint = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    exec(code, {"checkpoint": checkpoint})
    bench.press(bench.panel.apply_button)
    assert torch.equal(checkpoint["w"], bench.values("w"))


def test_transpose_previews_the_new_shape(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.workbench.choose_operation("transpose")
    bench.wait()
    assert bench.panel.counts.text() == "40 × 30 to 30 × 40, rebinds 1 slot"
    bench.press(bench.panel.apply_button)
    assert torch.equal(bench.values("w"), tensors["w"].t())
    assert bench.page.selection.shape == (30, 40)
    assert np.array_equal(bench.shown(), tensors["w"].t().double().numpy())


def test_replace_by_a_tensor_of_the_document(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.fill_form("replace", "other")
    bench.do("apply")
    bench.wait()
    assert torch.equal(bench.values("w"), tensors["other"])
    bench.fill_form("replace", "nobody")
    assert "There is no tensor nobody" in bench.panel.form.fields[0].note.text()


def test_flags_and_names(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("requires_grad", "True")
    bench.do("apply")
    bench.wait()
    assert bench.document.tensors["w"].requires_grad
    bench.fill_form("rename", "weight")
    bench.do("apply")
    bench.wait()
    assert "weight" in bench.document.tensors
    assert bench.workbench.current() == (bench.document, "weight")
    assert bench.workbench.tabs.strip.tabText(0) == "weight"


def test_the_preview_follows_the_selection(bench: Bench) -> None:
    bench.open("w")
    bench.drag((1, 1), (4, 4))
    bench.fill_form("scale", "2")
    assert bench.panel.shown.preview.total == 16
    bench.drag((1, 1), (4, 6))
    assert bench.panel.shown.preview.total == 24
    bench.key(bench.heatmap, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert bench.panel.shown.preview.total == 30


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), ("[1, 2]", [1, 2]), ("[[1, nan], [-inf, .5]]", None), ("(1, 2,)", [1, 2]),
     ("[True, False]", [True, False])],
)  # fmt: skip
def test_values_are_read(qtbot: QtBot, text: str, value: Any) -> None:
    field = TextField(Parameter("values", "Values", "values", REQUIRED, ""))
    qtbot.addWidget(field)
    field.edit.setText(text)
    if value is None:
        nested = field.value()
        assert np.isnan(nested[0][1])
        assert nested[1] == [-float("inf"), 0.5]
    else:
        assert field.value() == value


@pytest.mark.parametrize("text", ["[1, 2", "[a]", "__import__('os')", "[[1], 2 3]"])
def test_what_is_no_list_is_refused(qtbot: QtBot, text: str) -> None:
    field = TextField(Parameter("values", "Values", "values", REQUIRED, ""))
    qtbot.addWidget(field)
    field.edit.setText(text)
    with pytest.raises(FieldError):
        field.value()
    assert field.edit.property("wrong") == "true"


def test_escape_leaves_a_preview_that_needs_no_argument(bench: Bench) -> None:
    bench.open("w")
    bench.drag((1, 1), (3, 3))
    bench.fill_form("fill", "1")
    bench.do("leave")
    bench.wait()
    assert (bench.panel.shown, bench.page.selection.region) == (None, "[1:4, 1:4]")
    name = next(name for name, one in bench.document.operations.items()
                if all(p.default is not REQUIRED for p in one.parameters))  # fmt: skip
    bench.workbench.choose_operation(name)
    bench.wait()
    assert bench.panel.is_previewing
    bench.do("leave")
    bench.wait()
    assert (bench.panel.shown, bench.panel.is_previewing) == (None, False)
    assert not bench.panel.apply_button.isEnabled()
    bench.do("leave")
    bench.wait()
    assert (bench.panel.shown, bench.page.selection.region) == (None, None)
    bench.workbench.choose_operation(name)
    bench.wait()
    assert bench.panel.is_previewing


def test_what_is_undone_can_be_applied_again(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("w")
    bench.drag((1, 1), (3, 3))
    bench.fill_form("scale", "nan")
    bench.press(bench.panel.apply_button)
    for step in (bench.page.selection.clear, bench.document.undo, bench.document.redo):
        step()
        bench.wait()
        assert (bench.panel.shown is not None) == (step == bench.document.undo)
        assert bench.panel.is_previewing == bench.panel.apply_button.isEnabled() == (step == bench.document.undo)
        assert bench.panel.form.fields[0].edit.text() == "nan"
    bench.document.undo()
    bench.wait()
    bench.press(bench.panel.apply_button)
    assert bench.values("w").isnan().all()  # the selection was cleared meanwhile
    bench.type(bench.panel.form.fields[0].edit, "2")
    assert bench.panel.shown is not None


def test_tab_goes_through_the_form_in_order(bench: Bench) -> None:
    bench.open("w")
    bench.fill_form("transpose", "0", "1")
    form, panel = bench.panel.form, bench.panel
    wanted = [bench.page.read_out.field, form.operations, *(field.edit for field in form.fields), form.target,
              panel.apply_button, panel.reset_button, panel.copy_button, bench.page.read_out.field]  # fmt: skip
    wanted[0].setFocus()
    seen = [QApplication.focusWidget()]
    for _ in range(60):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    at = [seen.index(widget, 1) if place else 0 for place, widget in enumerate(wanted)]
    assert at == sorted(at)
    assert at[1] == 2  # past the button beside the region


def test_names_in_hazards_break_at_dots_and_only_long_ones() -> None:
    assert breakable("lm_head.weight is 0.5") == "lm_head.weight is 0.5"
    assert breakable("transformer.h.0.attention.weight") == "transformer.\u200bh.\u200b0.\u200battention.\u200bweight"


def test_a_structural_edit_is_said_once_and_asks_for_no_cells(bench):
    """Where a hazard says what happens, the middle and the head do not say it too, nor is precision a matter."""
    bench.open("a")
    assert bench.panel.form.target.isVisible()
    bench.workbench.choose_operation("untie")
    bench.wait()
    panel = bench.panel
    assert not panel.form.target.isVisible()
    assert not panel.form.target_label.isVisible()
    cards = panel.hazards
    bench.qtbot.waitUntil(lambda: len(cards.cards) == 1 and cards.cards[0].title.isVisible())
    bench.wait()
    (card,) = cards.cards
    assert panel.counts.text() == "changes 1 slot"
    assert not panel.preview.isVisible()
    said = [one.text().lower() for one in panel.findChildren(QLabel) if one.isVisible()]
    assert not any("precision" in text for text in said)
    assert said.count(card.title.text().lower()) == 1
    bench.press(panel.apply_button)
    bench.qtbot.waitUntil(lambda: bench.document.history.position == 1)
    bench.wait()
    assert bench.document.find("a").held is not bench.document.find("b").held
    bench.workbench.choose_operation("scale")
    bench.wait()
    assert panel.form.target.isVisible()
