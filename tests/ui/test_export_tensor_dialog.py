"""One tensor, a region of it or its picture to a file of its own, with what would be lost said before."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from safetensors.torch import load_file

from weightedit.ui.files.export_tensor_dialog import SCREEN, ExportTensorDialog, file_name

WEIGHT = torch.arange(40 * 30, dtype=torch.float32).reshape(40, 30)


@pytest.fixture
def window(open_window, tmp_path):
    torch.save({"w": WEIGHT, "half": WEIGHT[:4].bfloat16(), "conv/k": torch.randn(4, 3, 5, 5)}, tmp_path / "net.pt")
    return open_window(tmp_path / "net.pt", real=True)


def ask(qtbot, window, name, region=None):
    window.show_tensor(window.current, name)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=20_000)
    if region is not None:
        window.workbench.page.selection.pick_text(region)
    window.files.exporting.ask(window.current, name)
    (dialog,) = [one for one in window.findChildren(ExportTensorDialog) if one.isVisible()]
    ready(qtbot, window, dialog)
    return dialog


def ready(qtbot, window, dialog):
    QTest.qWait(1)
    qtbot.waitUntil(lambda: not dialog._pause.isActive() and not window.tasks.active, timeout=10_000)


def name_it(qtbot, window, dialog, path):
    dialog.path.selectAll()
    QTest.keyClicks(dialog.path, str(path))
    ready(qtbot, window, dialog)


def go(qtbot, window, dialog):
    assert dialog.export.isEnabled(), [notice.title.text() for notice in dialog._notices]
    QTest.keyClick(dialog.path, Qt.Key.Key_Return)
    QTest.qWait(1)
    qtbot.waitUntil(lambda: not window.tasks.active, timeout=10_000)
    assert not window.errors.cards


def test_the_selected_region_is_proposed_and_written(qtbot, window, tmp_path):
    dialog = ask(qtbot, window, "w", "[3, 10:20]")
    assert dialog.path.text() == str(tmp_path / "w[3,10-20].npy")
    assert [dialog.part.itemText(at) for at in range(2)] == ["[3, 10:20] · 10", "Whole tensor · 40 × 30"]
    assert dialog.export.text() == "Export 10 values, 40 B"
    go(qtbot, window, dialog)
    assert np.array_equal(np.load(tmp_path / "w[3,10-20].npy"), WEIGHT[3, 10:20].numpy())
    assert window.status.message.text().startswith("Exported w [3, 10:20] to w[3,10-20].npy and read it back, ")


@pytest.mark.parametrize("suffix", [".csv", ".pt", ".safetensors"])
def test_the_whole_tensor_in_other_formats(qtbot, window, tmp_path, suffix):
    dialog = ask(qtbot, window, "w")
    target = tmp_path / f"out{suffix}"
    name_it(qtbot, window, dialog, target)
    go(qtbot, window, dialog)
    read = {".pt": lambda: torch.load(target)["w"], ".safetensors": lambda: load_file(target)["w"],
            ".csv": lambda: torch.tensor(np.loadtxt(target, delimiter=",", dtype=np.float32))}[suffix]  # fmt: skip
    assert torch.equal(read(), WEIGHT)


def test_a_dtype_numpy_lacks_is_written_as_a_wider_one(qtbot, window, tmp_path):
    dialog = ask(qtbot, window, "half")
    qtbot.waitUntil(dialog.export.isEnabled)
    assert dialog.dtype.currentText() == "float32"
    assert [notice.title.text() for notice in dialog._notices] == ["Written as float32"]
    dialog.dtype.setFocus()
    QTest.keyClick(dialog.dtype, Qt.Key.Key_Up)  # as it is, all the same
    ready(qtbot, window, dialog)
    assert not dialog.export.isEnabled()
    assert "numpy has no dtype for bfloat16" in dialog._notices[0].title.text()
    QTest.keyClick(dialog.dtype, Qt.Key.Key_Down)
    ready(qtbot, window, dialog)
    go(qtbot, window, dialog)
    found = np.load(tmp_path / "half.npy")
    assert found.dtype == np.float32
    assert np.array_equal(found, WEIGHT[:4].numpy())


def test_a_picture_has_a_pixel_for_each_value_of_the_region(qtbot, window, tmp_path):
    dialog = ask(qtbot, window, "w", "[5:9, 2:12]")
    name_it(qtbot, window, dialog, tmp_path / "w.png")
    assert dialog.look.isVisible()
    assert not dialog.dtype.isVisible()
    assert dialog.export.text() == "Export the picture"
    go(qtbot, window, dialog)
    image = QImage(str(tmp_path / "w.png"))
    assert (image.height(), image.width()) == (4, 10)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".png", ".part")) == ["w.png"]


def test_a_picture_as_on_screen(qtbot, window, tmp_path):
    dialog = ask(qtbot, window, "w")
    name_it(qtbot, window, dialog, tmp_path / "w.png")
    dialog.look.setCurrentIndex(dialog.look.findData(SCREEN))
    ready(qtbot, window, dialog)
    go(qtbot, window, dialog)
    pane = window.workbench.page.heatmap_pane.heatmap
    assert QImage(str(tmp_path / "w.png")).size() == pane.size() * pane.devicePixelRatioF()


def test_what_is_there_already_is_said_as_a_fact(qtbot, window, tmp_path):
    (tmp_path / "w.npy").write_bytes(b"x" * 1234)
    os.utime(tmp_path / "w.npy", (86_400 * 365, 86_400 * 365))
    dialog = ask(qtbot, window, "w")
    assert dialog._notices[0].title.text() == "Replaces 1.23 kB from 1 Jan"
    assert dialog.export.text() == "Replace w.npy"
    name_it(qtbot, window, dialog, tmp_path / "net.pt")
    assert not dialog.export.isEnabled()
    name_it(qtbot, window, dialog, tmp_path / "w.xyz")
    assert "names no format" in dialog._notices[0].title.text()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert (tmp_path / "w.npy").stat().st_size == 1234


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [("a.b", None, "a.b"), ("a/b", None, "a_b"), ("a", "[3, 1:2]", "a[3,1-2]"), ("\n", None, "_"),
     ("", None, "tensor"), ("x" * 300, None, "x" * 150)],
)  # fmt: skip
def test_a_files_name_holds_what_every_system_takes(name, region, expected):
    assert file_name(name, region) == expected
