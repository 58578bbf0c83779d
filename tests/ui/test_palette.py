"""The palette by keyboard and mouse: what it finds, in which order, and what Enter does."""

from __future__ import annotations

import json

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import wait_ready
from weightedit.ui.palette.fuzzy import match
from weightedit.ui.palette.items import Item, Used
from weightedit.ui.palette.palette import TOP, WIDTH
from weightedit.ui.settings import Settings

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"enc.weight": torch.zeros(2, 3), "enc.bias": torch.zeros(2), "head.weight": torch.ones(4, 2)}, path)
    return path


def open_palette(qtbot, window, typed="", keys=(Qt.Key.Key_P, CTRL | SHIFT)):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, *keys)
    palette = window.search
    assert palette.isVisible()
    assert palette.field.hasFocus()
    qtbot.keyClicks(palette.field, typed)
    qtbot.waitUntil(lambda: not palette._is_searching)
    return palette


def items(palette):
    return [line for line in palette.model.lines if isinstance(line, Item)]


def current(palette):
    return palette.list.currentIndex().data(Qt.ItemDataRole.UserRole)


# ---- matching


def test_letters_match_in_order_at_beginnings_of_words_first():
    fit = match("casdt", "Cast dtype")
    assert fit is not None
    assert fit.places == (0, 1, 2, 5, 6)
    assert match("tsac", "Cast dtype") is None
    titles = ["Copy as PyTorch", "Leave preview, clear selection", "Cast dtype"]
    assert max(titles, key=lambda title: match("cas", title).score if match("cas", title) else -99) == "Cast dtype"
    assert match("dtype cast", "Cast dtype").places == tuple(place for place in range(10) if place != 4)
    assert match("", "anything").places == ()


def test_a_run_of_letters_is_marked_where_it_runs():
    assert match("mlp", "model.layers.mlp.weight").places == (13, 14, 15)
    assert match("İx", "ab") is None
    assert match("bias", "x" * 500 + ".bias").places == (501, 502, 503, 504)


# ---- the palette


def test_it_lies_where_the_look_says(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    palette = open_palette(qtbot, window)
    card = palette.card.geometry()
    assert (card.width(), card.top()) == (WIDTH, TOP)
    assert card.center().x() == pytest.approx(window.width() / 2, abs=1)
    assert palette.geometry() == window.rect()
    field = window.top.search.geometry()
    assert (field.width(), field.height()) == (360, 28)
    assert field.center().x() == pytest.approx(window.width() / 2, abs=1)
    window.resize(1024, 640)
    assert palette.geometry() == window.rect()
    assert palette.card.geometry().bottom() < window.height()
    top = window.top
    assert top.search.geometry().left() > top.bar.geometry().left() + top.bar.sizeHint().width()
    assert top.search.geometry().right() < top.undo.x()


def test_enter_does_what_was_typed_and_esc_leaves(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    window.tree.tree.setFocus()
    palette = open_palette(qtbot, window, "copy as py")
    assert current(palette).title == "Copy as PyTorch"
    assert current(palette).keys == "Ctrl+Shift+C"
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert ("copy_as_pytorch",) in window.workbench.calls
    assert not palette.isVisible()
    assert window.tree.tree.hasFocus()
    palette = open_palette(qtbot, window, "quit")
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    assert window.isVisible()
    assert window.tree.tree.hasFocus()


def test_an_action_that_is_off_says_what_it_needs_and_does_nothing(qtbot, open_window):
    window = open_window()
    palette = open_palette(qtbot, window, "save")
    save = next(item for item in items(palette) if item.key == "save")
    assert save.off == "Needs an edit that is not saved"
    palette._mark(palette.model.lines.index(save))
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)


def test_arrows_move_past_headings_and_around_and_the_reader_is_told(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    palette = open_palette(qtbot, window)
    lines = palette.model.lines
    assert isinstance(lines[0], str)
    assert palette.list.currentIndex().row() == 1
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    assert palette.list.currentIndex().row() == len(lines) - 1
    assert palette.field.accessibleDescription().startswith(lines[-1].title)
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == 1
    qtbot.keyClick(palette.field, Qt.Key.Key_PageDown)
    assert palette.list.currentIndex().row() > 5
    spoken = palette.model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith(lines[1].title)
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)


def test_what_was_used_last_stands_first_also_in_the_next_run(qtbot, open_window, checkpoint, settings):
    window = open_window(checkpoint)
    for title in ("zoom in", "dark or light"):
        qtbot.keyClick(open_palette(qtbot, window, title).field, Qt.Key.Key_Return)
    palette = open_palette(qtbot, window)
    assert palette.model.lines[0] == "Used last"
    assert [item.title for item in items(palette)[:2]] == ["Dark or light", "Zoom in"]
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert Used(settings).keys[:2] == ["theme", "zoom-in"]


def test_settings_that_do_not_read_are_forgotten():
    for text in ("{", "3", '["a", 4]'):
        settings = Settings()
        settings.set("palette/used", text)
        assert Used(settings).keys in ([], ["a"])


def test_go_to_tensor_lists_names_and_opens_one(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    palette = open_palette(qtbot, window, "", (Qt.Key.Key_P, CTRL))
    assert palette.scopes.current == "tensors"
    assert [item.title for item in items(palette)] == ["enc.weight", "enc.bias", "head.weight"]
    assert items(palette)[0].detail == "2 × 3 · f32"
    qtbot.keyClicks(palette.field, "hw")
    qtbot.waitUntil(lambda: not palette._is_searching)
    assert [item.title for item in items(palette)] == ["head.weight"]
    assert items(palette)[0].places == (0, 5)
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert window.workbench.calls.count(("open_tensor", "head.weight")) == 1


def test_enter_at_once_waits_for_the_names(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    palette = open_palette(qtbot, window, "", (Qt.Key.Key_P, CTRL))
    palette.field.setText("zzz")
    qtbot.waitUntil(lambda: not palette._is_searching)
    palette.field.setText("headw")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ("open_tensor", "head.weight") in window.workbench.calls)
    assert not palette.isVisible()


def test_names_follow_a_rename_and_a_closed_file(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    palette = open_palette(qtbot, window, "bias", (Qt.Key.Key_P, CTRL))
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    with qtbot.waitSignal(window.documents.changed):
        window.current.document.apply("rename", ["enc.bias"], to="enc.shift")
    palette = open_palette(qtbot, window, "shift", (Qt.Key.Key_P, CTRL))
    assert [item.title for item in items(palette)] == ["enc.shift"]
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)


def test_tab_takes_the_next_scope(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    palette = open_palette(qtbot, window, "weight")
    assert {"enc.weight", "head.weight"} <= {item.title for item in items(palette)}
    qtbot.keyClick(palette.field, Qt.Key.Key_Tab)
    assert palette.scopes.current == "actions"
    assert not any(item.section == "Tensors" for item in items(palette))
    assert palette.field.hasFocus()
    qtbot.keyClick(palette.field, Qt.Key.Key_Backtab)
    assert palette.scopes.current == "all"
    qtbot.mouseClick(palette.scopes.buttons["tensors"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not palette._is_searching)
    assert all(item.section == "Tensors" for item in items(palette))
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)


def test_the_mouse_opens_picks_and_leaves(qtbot, open_window, checkpoint):
    window = open_window(checkpoint)
    qtbot.mouseClick(window.top.search, Qt.MouseButton.LeftButton)
    palette = window.search
    assert palette.isVisible()
    qtbot.mouseClick(palette, Qt.MouseButton.LeftButton, pos=palette.rect().bottomLeft())
    assert not palette.isVisible()
    qtbot.keyClick(window.top.search, Qt.Key.Key_Space)
    qtbot.keyClicks(palette.field, "zoom")
    qtbot.waitUntil(lambda: not palette._is_searching)
    place = palette.model.lines.index(next(item for item in items(palette) if item.key == "zoom-out"))
    middle = palette.list.visualRect(palette.model.index(place, 0)).center()
    qtbot.mouseClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert not palette.isVisible()
    assert ("zoom_out",) in window.workbench.calls


def test_nothing_found_is_said(qtbot, open_window):
    window = open_window()
    palette = open_palette(qtbot, window, "qqqq")
    assert not palette.nothing.isHidden()
    assert palette.nothing.text() == "Nothing matches qqqq."
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)


def test_a_hundred_thousand_names_never_hold_the_window_up(qtbot, open_window, tmp_path):
    names = [f"model.layers.{layer}.experts.{expert}.w{part}.weight"
             for layer in range(100) for expert in range(334) for part in range(3)]  # fmt: skip
    header = {name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]}
              for at, name in enumerate(names)}  # fmt: skip
    text = json.dumps(header).encode()
    (tmp_path / "wide.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4 * len(names)))
    window = open_window(tmp_path / "wide.safetensors")
    wait_ready(qtbot, window)
    palette = open_palette(qtbot, window, "", (Qt.Key.Key_P, CTRL))
    for letter in "e77w2":
        QTest.keyClick(palette.field, letter)
        assert palette._is_searching  # in a worker: the key has returned before anything was matched
    qtbot.waitUntil(lambda: not palette._is_searching, timeout=20_000)
    assert palette.count.text().endswith(f"of {len(names):,}")
    found = [item.title for item in items(palette)]
    assert "model.layers.0.experts.77.w2.weight" in found[:10]
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
