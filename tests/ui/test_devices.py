"""Devices in the window: where a tensor is, and moves by the form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.core.values.test_devices import save_for
from tests.ui.bench import Bench, bench_on
from weightedit.ui.tree.devices_beside import DevicesBeside


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "gpu.pt"
    save_for(path, "cuda:0")
    with bench_on(qtbot, path, None) as made:
        made.open("a")
        yield made


def fact(bench: Bench) -> tuple[str, str, str]:
    facts = bench.workbench.inspector.facts
    return facts.values["Device"].text(), facts.remarks["Device"].text(), facts.values["Device"].toolTip()


def test_the_inspector_says_what_a_file_was_saved_for(bench: Bench) -> None:
    assert fact(bench) == ("cuda:0", "as saved", "torch.load puts it on cuda:0 unless it is given a map_location.")


def test_a_file_without_devices_says_so(qtbot: QtBot, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "m.safetensors"
    safetensors.save_file({"w": torch.ones(2, 2)}, path)
    with bench_on(qtbot, path, None) as made:
        made.open("w")
        assert fact(made)[:2] == ("–", "not kept in the file")


def test_tensors_of_a_gpu_file_are_moved_to_the_cpu_by_the_form(bench: Bench) -> None:
    """The form says what goes along; the file then loads on a machine without CUDA."""
    bench.workbench.choose_operation("to_device")
    field = bench.panel.form.fields[0]
    field.combo.setFocus()
    QTest.keyClicks(field.combo, "c")
    bench.wait()
    assert field.value() == "cpu"
    assert [hazard.kind for hazard in bench.panel.shown.preview.hazards] == ["shared-storage"]
    preview = bench.workbench.inspector.preview.text()
    assert "Device: cuda:0 -> cpu" in preview
    bench.press(bench.panel.apply_button)
    assert {name: info.device for name, info in bench.document.tensors.items()} == {
        "a": "cpu", "b": "cpu", "n": "cuda:0", "p": "cuda:0"}  # fmt: skip
    assert fact(bench)[0] == "cpu"
    bench.document.apply("to_device", "*", device="cpu")
    bench.document.save()
    assert torch.equal(torch.load(bench.document.path)["a"], torch.arange(4.0).view(2, 2))


def test_the_tree_names_devices_only_where_there_are_several(open_window: Any, tmp_path: Path) -> None:
    save_for(tmp_path / "gpu.pt", "cuda:0")
    window = open_window(tmp_path / "gpu.pt")
    model, opened = window.tree.tree.rows, window.documents.all[0]

    def beside() -> list[str]:
        devices = DevicesBeside()
        return [devices.text(model, model.node(model.find(opened, name))) for name in ("a", "n")]

    assert beside() == ["", ""]
    opened.document.apply("to_device", "n", device="cpu")
    assert beside() == ["cuda:0", "cpu"]
    assert "saved for cuda:0" in model.find(opened, "a").data(Qt.ItemDataRole.ToolTipRole)
    window.tree.tree.viewport().grab()  # painted with them
