"""The inspector: what it says of a tensor compared with torch, all of it copyable."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.torch
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.ui.bench import Bench, bench_on
from weightedit.core.words.numbers import bytes_text, count_text, statistic_text


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    base = torch.randn(30, 20)
    base[3, 4], base[5, 6], base[7, 8] = float("nan"), float("inf"), 0.0
    return {"base": base, "part": base[10:20, ::2], "f16": torch.randn(100).half(), "ids": torch.arange(10),
            "p": torch.nn.Parameter(torch.randn(4, 4)), "b": torch.tensor([True, False])}  # fmt: skip


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Iterator[Bench]:
    with bench_on(qtbot, tmp_path / "inspect.pt", tensors) as made:
        yield made


def test_metadata_is_that_of_torch(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("part")
    rows, tensor = bench.workbench.inspector.facts.values, tensors["part"]
    assert rows["Shape"].text() == "10 × 10"
    assert rows["dtype"].text() == "float32"
    assert rows["Stride"].text() == str(tensor.stride())
    assert bench.workbench.inspector.facts.remarks["Stride"].text() == "not contiguous"
    assert rows["Size"].text() == bytes_text(tensor.numel() * tensor.element_size())
    assert bench.workbench.inspector.facts.remarks["Size"].text() == f"{count_text(tensor.numel())} values"
    assert rows["Device"].text() == "cpu"
    bench.open("p")
    assert rows["Kind"].text() == "parameter"
    assert rows["requires_grad"].text() == "True"


@pytest.mark.parametrize("name", ["base", "f16", "ids", "part"])
def test_statistics_are_those_of_torch(bench: Bench, tensors: dict[str, torch.Tensor], name: str) -> None:
    bench.open(name)
    values = bench.workbench.inspector.statistics.values
    wide = tensors[name].detach().double().flatten()
    finite = wide[wide.isfinite()]
    assert values["min"].text() == statistic_text(finite.min().item())
    assert values["max"].text() == statistic_text(finite.max().item())
    assert values["mean"].text() == statistic_text(finite.mean().item())
    assert values["std"].text() == statistic_text(finite.std(correction=0).item())
    assert values["L2 norm"].text() == statistic_text(finite.norm().item())
    assert values["zeros"].text() == str(int((wide == 0).sum()))
    assert values["NaN"].text() == str(int(wide.isnan().sum()))
    assert values["+Inf"].text() == str(int((wide == float("inf")).sum()))


def test_statistics_follow_an_edit(bench: Bench) -> None:
    bench.open("base")
    bench.fill_form("fill", "3")
    bench.do("apply")
    bench.wait()
    values = bench.workbench.inspector.statistics.values
    assert (values["min"].text(), values["max"].text(), values["NaN"].text()) == ("3", "3", "0")


def test_storage_members_show_offset_and_stride(bench: Bench, tensors: dict[str, torch.Tensor]) -> None:
    bench.open("part")
    section = bench.workbench.inspector.storage
    assert section.rows == [
        ("base", f"offset 0, stride {tensors['base'].stride()}"),
        ("part", f"offset {tensors['part'].storage_offset()}, stride {tensors['part'].stride()}"),
    ]
    assert not section.chip.isHidden()
    assert section.note.text().startswith("2 slots")
    link = next(button for button in section.findChildren(QPushButton) if button.text() == "base")
    bench.press(link)
    assert bench.workbench.current() == (bench.document, "base")
    bench.open("ids")
    assert section.chip.isHidden()


def test_place_and_file_metadata(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "meta.safetensors"
    safetensors.torch.save_file({"w": torch.randn(3, 4)}, path, {"format": "pt", "made by": "a test"})
    with bench_on(qtbot, path, None) as bench:
        bench.open("w")
        inspector = bench.workbench.inspector
        bench.press(inspector.tabs.buttons["Place in file"])
        assert inspector.pages.currentIndex() == 1
        assert sorted(inspector.metadata.text().split("\n")) == ["format: pt", "made by: a test"]
        start = path.stat().st_size - 48
        assert inspector.bytes_.text() == f"meta.safetensors, bytes {start:,}–{start + 47:,}"
        assert inspector.place.values["Format"].text() == "safetensors"


def test_every_number_can_be_copied(bench: Bench) -> None:
    bench.open("base")
    inspector = bench.workbench.inspector
    for section in (inspector.facts, inspector.statistics):
        for shown in section.values.values():
            assert shown.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
        bench.press(section.copy_button)
        text = QGuiApplication.clipboard().text()
        assert text.isascii()
        assert len(text.split("\n")) == len(section.values)
    for label in inspector.storage.findChildren(QLabel):
        if label.text().startswith("offset"):
            assert label.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse


def test_nothing_is_shown_without_a_tensor(bench: Bench) -> None:
    assert bench.workbench.inspector.isHidden()
    assert bench.workbench.current() is None


def test_numbers_have_room_or_an_ellipsis(bench: Bench) -> None:
    bench.open("base")
    section = bench.workbench.inspector.statistics
    for name in ("min", "max", "mean", "std"):
        section.show_value(name, "−0.00623145")
    bench.wait()
    for width in (300, 230, 200):
        section.resize(width, 300)
        section.layout().activate()
        assert not any(shown.is_cut for shown in section.values.values()), width
    assert not section.is_wide
    cell = bench.workbench.inspector.preview.cells["dtype"][0]
    cell.setText("float32")
    cell.resize(20, 16)
    assert cell.is_cut
    cell.grab()


def test_a_quantized_tensor_has_no_statistics_to_wait_for(qtbot: QtBot, tmp_path: Path) -> None:
    """What is never worked out says so by an en dash, not by the dots of something on its way."""
    with warnings.catch_warnings():  # torch says once in a process that these will go
        warnings.simplefilter("ignore")
        values = torch.quantize_per_tensor(torch.randn(3, 4), 0.1, 0, torch.qint8)
    with bench_on(qtbot, tmp_path / "q.pt", {"q": values}) as bench:
        bench.open("q")
        shown = {label.text() for label in bench.workbench.inspector.statistics.values.values()}
        assert shown == {"–"}
        texts = [label.text() for label in bench.page.findChildren(QLabel)]
        assert "Quantized values are not shown" in texts
