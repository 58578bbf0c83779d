"""Recent files: kept newest first, shown on the start page, opened and taken off by mouse and keyboard."""

from __future__ import annotations

import json

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_ready
from weightedit.ui.files.recent import KEPT, KEY, Recents
from weightedit.ui.settings import Settings
from weightedit.ui.tasks import Tasks


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{name}.pt" for name in ("one", "two", "three")]
    for number, path in enumerate(paths, 1):
        torch.save({f"w{part}": torch.zeros(4) for part in range(number)}, path)
    return paths


def names(window):
    return [file.name for file in window.recents.files]


def press(qtbot, window, row, *, cross=False):
    view = window.start.recent
    rect = view.visualRect(view.rows.index(row))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton,
                     pos=view.cross(rect).center() if cross else QPoint(60, rect.center().y()))  # fmt: skip


def opened_once(qtbot: QtBot, open_window, files):
    """A window in which the three files were opened and closed again."""
    window = open_window(*files)
    for found in window.documents.all:
        window.close_document(found)
    wait_ready(qtbot, window)
    return window


def test_opened_files_are_kept_for_the_next_run_newest_first(open_window, files, settings):
    window = open_window(*files)
    assert set(names(window)) == {"one.pt", "two.pt", "three.pt"}
    window.open([str(files[0])])
    kept = {file.name: file for file in Recents(settings, window.tasks).files}
    assert kept["three.pt"].tensors == 3
    assert kept["three.pt"].nbytes == files[2].stat().st_size
    assert kept["three.pt"].format_name == "torch zip"
    assert kept["three.pt"].path == str(files[2])
    assert kept["three.pt"].size.startswith("3 tensors · ")
    assert ":" in kept["three.pt"].when


def test_a_press_on_a_recent_file_opens_it(qtbot, open_window, files):
    window = opened_once(qtbot, open_window, files)
    assert window.start.recent.isVisible()
    first = names(window)[0]
    press(qtbot, window, 0)
    wait_ready(qtbot, window)
    assert window.current.title == first


def test_recent_files_by_keyboard(qtbot, open_window, files):
    window = opened_once(qtbot, open_window, files)
    view = window.start.recent
    view.setFocus()
    before = names(window)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert names(window) == [before[0], before[2]]
    qtbot.keyClick(view, Qt.Key.Key_Return)
    wait_ready(qtbot, window)
    assert window.current.title == before[0]


def test_a_file_that_is_gone_is_dimmed_and_its_cross_takes_it_off(qtbot, open_window, files):
    window = opened_once(qtbot, open_window, files)
    row = names(window).index("two.pt")
    files[1].unlink()
    window.recents.look()
    view = window.start.recent
    qtbot.waitUntil(lambda: view.rows.is_missing(view.rows.index(row)))
    spoken = view.rows.data(view.rows.index(row), Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.endswith("not found")
    press(qtbot, window, row, cross=True)
    assert "two.pt" not in names(window)
    assert files[0].exists()


def test_clear_forgets_every_file(qtbot, open_window, files, settings):
    window = opened_once(qtbot, open_window, files)
    qtbot.mouseClick(window.start.clear, Qt.MouseButton.LeftButton)
    assert names(window) == []
    assert not window.start.recent.isVisible()
    assert Recents(settings, window.tasks).files == ()


def test_the_menu_offers_the_recent_files(qtbot, open_window, files):
    window = opened_once(qtbot, open_window, files)
    path = "File/Open recent"
    qtbot.waitUntil(lambda: len(window.top.menus[path].actions()) == 6)  # with the line above Clear
    listed = [action for action in window.top.menus[path].actions() if action.text()]
    assert [action.text().replace("&", "").partition(" — ")[0] for action in listed] == [
        "Open the last file again", *names(window), "Clear the list of recent files"]  # fmt: skip
    first = names(window)[1]
    listed[2].trigger()
    wait_ready(qtbot, window)
    assert window.current.title == first


def test_the_list_of_recent_files_is_a_sound_model(qtmodeltester, open_window, files):
    window = open_window(*files)
    qtmodeltester.check(window.start.recent.rows)


@pytest.mark.parametrize(
    "kept",
    ["", "{", "3", "[1, null]", '[{"path": 3}]', '[{"path": "x", "nbytes": "many"}]', '[{"path": "x", "files": -1}]'],
)
def test_settings_that_do_not_read_give_no_files(qtbot, kept):
    settings = Settings()
    settings.set(KEY, kept)
    assert Recents(settings, Tasks()).files == ()


def test_a_file_is_listed_once(qtbot):
    settings = Settings()
    settings.set(KEY, json.dumps([{"path": "/a.pt"}, {"path": "/b.pt"}, {"path": "/a.pt"}]))
    assert [file.name for file in Recents(settings, Tasks()).files] == ["a.pt", "b.pt"]


def test_twenty_files_are_kept(qtbot):
    settings = Settings()
    settings.set(KEY, json.dumps([{"path": f"/nowhere/{number}.pt"} for number in range(40)]))
    assert len(Recents(settings, Tasks()).files) == KEPT == 20


def test_a_file_opened_twice_is_shown_again(qtbot, open_window, files, tmp_path):
    window = open_window(*files)
    assert window.current.title == "one.pt"
    link = tmp_path / "link.pt"
    link.symlink_to(files[1])
    with qtbot.waitSignal(window.documents.already_open):
        window.open([str(link)])
    assert len(window.documents) == 3
    assert window.current.title == "two.pt"
    assert "two.pt is open already" in window.status.message.text()


def test_a_file_named_twice_at_once_is_open_once(qtbot, open_window, files, tmp_path):
    window = open_window()
    (tmp_path / "hard.pt").hardlink_to(files[2])
    window.open([str(files[2]), str(files[2]), str(tmp_path / "hard.pt")])
    wait_ready(qtbot, window)
    assert len(window.documents) == 1
