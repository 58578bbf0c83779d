"""A window that is painted before its parts are there: nothing jumps, and nothing that is pressed meanwhile is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QTimer, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.stand_in import stand_in
from weightedit.resources import resource
from weightedit.ui.settings import Settings
from weightedit.ui.shell import loading
from weightedit.ui.shell.first_frame import RAIL, STATUS, TOP, FirstFrame
from weightedit.ui.theme import theme
from weightedit.ui.window import MainWindow

SIZES = [(1400, 900), (1024, 640)]
FURNISH = MainWindow.furnish


@pytest.fixture
def first(qtbot: QtBot, settings: Settings) -> Iterator[Callable[..., MainWindow]]:
    """Show windows without their parts; they are closed at the end."""
    made: list[MainWindow] = []

    def make(size: tuple[int, int] = SIZES[0]) -> MainWindow:
        window = MainWindow(settings, stand_in, first=True)
        made.append(window)
        window.resize(*size)
        with qtbot.waitSignal(window.painted):
            window.show()
        assert not window.is_furnished
        return window

    yield make
    for window in made:
        if window.is_furnished:
            window.tasks.shutdown()
            window.closing.may_close = True
        window.close()
        window.deleteLater()


def frame(window: MainWindow) -> FirstFrame:
    (found,) = window.findChildren(FirstFrame)
    return found


def fill(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.is_furnished and window.workbench is not None, timeout=60_000)


def pixels(place: QRect) -> Iterator[tuple[int, int]]:
    for y in range(place.top(), place.bottom() + 1):
        for x in range(place.left(), place.right() + 1):
            yield x, y


def differing(one: QImage, other: QImage, place: QRect) -> int:
    """Count the pixels of a place that anybody could tell apart."""
    def far(a: QColor, b: QColor) -> bool:
        return max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue())) > 40

    return sum(far(one.pixelColor(x, y), other.pixelColor(x, y)) for x, y in pixels(place))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["dark", "light"])
def test_what_is_painted_first_stays_where_it_is(qtbot, first, size, name):
    """Bars, rail, search field and titles of menus stand where the window has them."""
    theme.switch(name)
    window = first(size)
    shown = [window.grab().toImage()]
    window.furnished.connect(lambda: QTimer.singleShot(0, lambda: shown.append(window.grab().toImage())))
    fill(qtbot, window)
    before, at_once, after = *shown, window.grab().toImage()
    width, height = size
    field = window.top.search.geometry()
    places = {"top line": QRect(0, TOP, width, 1), "rail": QRect(0, TOP, RAIL + 1, height - TOP - STATUS - 1),
              "mark": QRect(0, 0, 38, TOP), "search": field,
              "state": QRect(0, height - STATUS - 1, 100, STATUS)}  # fmt: skip
    for now in (at_once, after):
        assert {what: differing(before, now, place) for what, place in places.items()} == dict.fromkeys(places, 0)
    for action in window.top.bar.actions():  # letters may be drawn half a pixel beside
        place = window.top.bar.actionGeometry(action).translated(window.top.bar.pos())
        assert inked(before, place) == pytest.approx(inked(after, place), abs=1), action.text()


def inked(image: QImage, place: QRect) -> list[int]:
    """Return left, top, right and bottom of what stands in a place."""
    ground = image.pixelColor(place.topLeft())
    found = [(x, y) for x, y in pixels(place) if abs(image.pixelColor(x, y).lightness() - ground.lightness()) > 60]
    xs, ys = [x for x, _ in found], [y for _, y in found]
    return [min(xs), min(ys), max(xs), max(ys)]


def test_keys_pressed_before_the_parts_are_there_are_done_in_order(qtbot, first):
    window = first()
    QTest.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(window, "export")
    fill(qtbot, window)
    assert window.search.isVisible()
    assert window.search.field.text() == "export"


def test_a_click_on_the_search_field_is_kept(qtbot, first):
    window = first()
    QTest.mouseClick(frame(window), Qt.MouseButton.LeftButton, pos=QPoint(700, 20))
    QTest.mouseClick(frame(window), Qt.MouseButton.LeftButton, pos=QPoint(570, 370))  # nothing is drawn there yet
    fill(qtbot, window)
    assert window.search.isVisible()
    assert not window.documents.is_opening


def test_a_letter_with_alt_opens_its_menu_and_the_next_key_goes_there(qtbot, first):
    window = first()
    QTest.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.AltModifier)
    QTest.keyClick(window, Qt.Key.Key_Down)
    fill(qtbot, window)
    menu = window.top.menus["View"]
    qtbot.waitUntil(lambda: menu.isVisible() and menu.activeAction() is not None)
    assert menu.activeAction() is next(action for action in menu.actions() if action.isEnabled())
    menu.close()


def test_a_click_on_the_title_of_a_menu_opens_it(qtbot, first):
    window = first()
    QTest.mouseClick(frame(window), Qt.MouseButton.LeftButton, pos=QPoint(60, 22))
    fill(qtbot, window)
    qtbot.waitUntil(window.top.menus["File"].isVisible)
    window.top.menus["File"].close()


def dropped(window: MainWindow, *paths: str) -> bool:
    """Drag files over a window and drop them there; whether it took them."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path) for path in paths] or [QUrl("https://example.org/net.pt")])
    may = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    rest = (may, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(700, 400), *rest)
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        drop = QDropEvent(QPointF(700, 400), *rest)
        QApplication.sendEvent(window, drop)
        assert drop.dropAction() == Qt.DropAction.CopyAction, "the file would be taken away"
    return enter.isAccepted()


def test_a_file_dropped_before_the_parts_are_there_is_opened(qtbot, first):
    window = first()
    assert not dropped(window)
    assert dropped(window, str(resource("demo", "digits.pt")))
    fill(qtbot, window)
    qtbot.waitUntil(lambda: len(window.documents) == 1 and not window.tasks.active)


def test_a_drop_does_not_reach_a_window_that_is_half_made(qtbot, first, monkeypatch):
    """What takes drops there is made before what opens files."""
    taken = []

    def furnish(window: MainWindow) -> Iterator[None]:
        for _ in FURNISH(window):
            yield
            taken.append(dropped(window, "/nowhere/net.pt"))

    monkeypatch.setattr(MainWindow, "furnish", furnish)
    opened: list[object] = []
    monkeypatch.setattr(MainWindow, "open", lambda window, paths: opened.append((paths, window.is_furnished)))
    window = first()
    fill(qtbot, window)
    assert len(taken) > 4
    assert all(taken)
    assert opened == [(["/nowhere/net.pt"], True)] * len(taken)


def test_keys_do_not_reach_a_window_that_is_half_made(qtbot, first, monkeypatch):
    """Its actions are there before what they act on."""
    pressed = []

    def furnish(window: MainWindow) -> Iterator[None]:
        for number, _ in enumerate(FURNISH(window)):
            QTest.keyClick(window, Qt.Key.Key_F1)
            pressed.append(number)
            yield

    monkeypatch.setattr(MainWindow, "furnish", furnish)
    window = first()
    fill(qtbot, window)
    assert len(pressed) > 4
    assert window.aside.current is not None


def test_closing_works_at_once(qtbot, first, monkeypatch):
    monkeypatch.setattr(loading.Loading, "_look", lambda self: None)  # nothing comes
    window = first()
    with qtbot.waitSignal(window.closed, timeout=1000):
        window.close()
    assert not window.isVisible()


def test_a_part_that_cannot_be_made_closes_the_window(qtbot, first, monkeypatch):
    """It would stay there for ever, without anything in it."""
    def furnish(window: MainWindow) -> Iterator[None]:
        yield
        raise OSError("no icons")

    monkeypatch.setattr(MainWindow, "furnish", furnish)
    window = first()
    with qtbot.waitSignal(window.closed, timeout=60_000):
        pass
    assert isinstance(window.loading.error, OSError)
