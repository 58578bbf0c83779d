"""A real window, driven step by step by mouse and keyboard while a watchdog and a memory sampler look on."""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before anything imports Qt

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton, QWidget

from tests.benchmarks.window.anonymous import Anonymous
from tests.benchmarks.window.stalls import Watchdog
from weightedit.ui.app import application, own_window
from weightedit.ui.running import process
from weightedit.ui.settings import Settings
from weightedit.ui.window import MainWindow

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
PATIENCE = 240.0
"""Seconds a step may take."""
UNPAINTED = 0.25
"""Seconds after which what is there counts as shown although nothing was painted anew."""


@dataclass
class Step:
    """What one step took.

    Attributes
    ----------
    first, final
        Seconds until something of its result was on screen, and all of it.
    anonymous
        Peak of the process's anonymous memory, bytes.
    stall
        Seconds the longest wait of an event took.
    frames
        Paints a second, where that is what the step is about.
    stalls
        (seconds, what the GUI thread did) of waits above the limit.
    """

    name: str
    first: float = 0.0
    final: float = 0.0
    anonymous: int = 0
    stall: float = 0.0
    frames: float = 0.0
    stalls: list[tuple[float, list[str]]] = field(default_factory=list)


@dataclass
class Until:
    """What a person waits for: a condition, and the widget that shows it."""

    holds: Callable[[], bool]
    shown_in: QWidget | None = None
    marks: str = ""


Person = Callable[["Driven"], Iterator[Until]]


class Driven(QObject):
    """A window, and what a person does in it; `run` goes through it and returns the steps.

    Parameters
    ----------
    person
        Does things and yields what to wait for before it goes on.
    limit
        Seconds from which on a wait is a stall.
    """

    def __init__(self, person: Person, limit: float = 0.1) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.app, _ = application()
        self._folder = tempfile.TemporaryDirectory()
        os.environ["WEIGHTEDIT_STATE"] = str(Path(self._folder.name) / "state")  # not the person's journals
        self.memory = Anonymous()
        self.watchdog = Watchdog(limit, self._tick)
        self.step("start")
        self._person = self._after_start(person)
        self._painted: dict[QObject, float] = {}
        self.window: MainWindow = own_window(Settings(Path(self._folder.name) / "settings.ini"), (1400, 900), "dark")
        was_painted: list[bool] = []
        self.window.painted.connect(lambda: was_painted.append(True))
        self._until: Until | None = Until(lambda: bool(was_painted), None, "first")
        self.window.closed.connect(self.app.quit)
        self.window.failed.connect(self._failed)
        self._was_false = self._asked = self._begun = time.perf_counter()
        self._held_since = 0.0
        self._is_inside = False
        self.problem: str = ""

    def _after_start(self, person: Person) -> Iterator[Until]:
        yield self.final(lambda: self.window.workbench is not None)
        yield from person(self)

    # ---- going on

    def _failed(self, error: object) -> None:
        self.problem = self.problem or f"{type(error).__name__}: {error}"

    def _tick(self) -> None:
        if self._is_inside or self._until is None:
            return
        now = time.perf_counter()
        self._is_inside = True
        try:
            if not self._is_over(self._until, now):
                self._was_false = now
                if now - self._asked > PATIENCE:
                    raise TimeoutError([task.name for task in self.window.tasks.active])
                return
            self._mark(self._until.marks, now)
            self._until, self._held_since = next(self._person, None), 0.0
            self._was_false = self._asked = time.perf_counter()
            if self._until is not None and self._until.shown_in is not None:
                self.watch(self._until.shown_in)
        except BaseException:
            self.problem = traceback.format_exc()
            self._until = None
        finally:
            self._is_inside = False
        if self._until is None or self.problem:
            self._until = None
            QTimer.singleShot(0, self._leave)

    def _is_over(self, until: Until, now: float) -> bool:
        if not until.holds():
            self._held_since = 0.0
            return False
        self._held_since = self._held_since or now
        if until.shown_in is None:
            return True
        return self._painted.get(until.shown_in, 0.0) >= self._was_false or now - self._held_since > UNPAINTED

    def _mark(self, marks: str, now: float) -> None:
        if marks and self.steps:
            setattr(self.steps[-1], marks, now - self._begun)

    def _leave(self) -> None:
        self.window.closing.may_close = True
        self.window.close()

    def run(self) -> list[Step]:
        """Do everything, close the window and return what each step took."""
        self.app.exec()
        self.end_step()
        self.watchdog.end()
        self.memory.end()
        process.leave(self.window)
        self._folder.cleanup()
        if self.problem:
            raise RuntimeError(self.problem)
        return self.steps

    def step(self, name: str) -> None:
        """Begin another step: what is waited for from now on, and its memory and stalls, are its own."""
        self.end_step()
        self.watchdog.mark()
        self.memory.mark()
        self.steps.append(Step(name))
        print(f"… {name}", file=sys.stderr, flush=True)
        self._begun = time.perf_counter()

    def end_step(self) -> None:
        """Note what the present step took in memory and stalls."""
        if self.steps and not self.steps[-1].anonymous:
            step = self.steps[-1]
            step.anonymous = self.memory.mark()[0]
            step.stall, step.stalls = self.watchdog.mark()

    # ---- what to wait for

    def first(self, holds: Callable[[], bool], shown_in: QWidget | None = None) -> Until:
        """Wait until something of the result is on screen."""
        return Until(holds, shown_in, "first")

    def final(self, holds: Callable[[], bool], shown_in: QWidget | None = None) -> Until:
        """Wait until all of it is, and nothing runs any more."""
        return Until(lambda: holds() and self.is_quiet(), shown_in, "final")

    def pause(self, seconds: float) -> Until:
        """Wait as a person does between two keys."""
        until = time.perf_counter() + seconds
        return Until(lambda: time.perf_counter() >= until)

    def is_quiet(self) -> bool:
        """Whether nothing runs and nothing waits to run."""
        work = self.window.workbench
        page = None if work is None else work.page
        waits = page is not None and (page.heatmap_pane.heatmap._settle.isActive() or page.lookup.is_waiting)
        panel = work is not None and work.edit_panel._pause.isActive()
        return not (self.window.tasks.active or self.window.documents.is_opening or waits or panel
                    or self.window.tree._pause.isActive())  # fmt: skip

    def painted(self, widget: QWidget) -> float:
        """Return when a widget that is watched was painted last, in seconds."""
        return self._painted[widget]

    def watch(self, widget: QWidget) -> None:
        """Note when a widget is painted."""
        if widget not in self._painted:
            self._painted[widget] = 0.0
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's
        """Note paints of what is looked at."""
        if event.type() == QEvent.Type.Paint:
            self._painted[watched] = time.perf_counter()
        return False

    # ---- what a person does

    @property
    def tree(self) -> Any:
        """The tree."""
        return self.window.tree.tree

    @property
    def page(self) -> Any:
        """The tensor that is shown."""
        assert self.window.workbench is not None
        return self.window.workbench.page

    @property
    def heatmap(self) -> Any:
        """Its heatmap."""
        return self.page.heatmap_pane.heatmap

    def heatmap_viewport(self) -> QWidget | None:
        """What the heatmap is painted in."""
        work = self.window.workbench
        page = None if work is None else work.page
        return None if page is None else page.heatmap_pane.heatmap.graphics.viewport()

    def key(self, key: Qt.Key, modifiers: Any = NONE, on: QWidget | None = None) -> None:
        """Press a key where the focus is."""
        QTest.keyClick(on or QApplication.focusWidget() or self.window, key, modifiers)

    def letters(self, text: str, on: QWidget) -> Iterator[Until]:
        """Type as a quick person does, 20 letters a second."""
        for letter in text:
            QTest.keyClicks(on, letter)
            yield self.pause(0.05)

    def wheel(self, place: QPointF, notches: float) -> None:
        """Turn the wheel over a place of the heatmap."""
        target = self.heatmap.graphics.viewport()
        event = QWheelEvent(place, QPointF(target.mapToGlobal(place.toPoint())), QPoint(),
                            QPoint(0, round(120 * notches)), Qt.MouseButton.NoButton, NONE,
                            Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
        QApplication.sendEvent(target, event)

    def drag(self, steps: int) -> Iterator[QPointF]:
        """Hold the middle button on the heatmap and move it along a circle, a step each time it is asked to."""
        target, left = self.heatmap.graphics.viewport(), Qt.MouseButton.MiddleButton
        middle = QPointF(target.width() / 2, target.height() / 2)

        def send(kind: QEvent.Type, place: QPointF, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
            event = QMouseEvent(kind, place, QPointF(target.mapToGlobal(place.toPoint())), button, held, NONE)
            QApplication.sendEvent(target, event)

        send(QEvent.Type.MouseButtonPress, middle, left, left)
        for number in range(steps):
            angle = number / 40
            place = middle + QPointF(100 * math.sin(angle), 100 * (1 - math.cos(angle)))
            send(QEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, left)
            yield place
        send(QEvent.Type.MouseButtonRelease, middle, left, Qt.MouseButton.NoButton)

    def control(self, kind: type[QWidget], name: str) -> Any:
        """Find a visible control by its accessible name."""
        for top in reversed(QApplication.topLevelWidgets()):
            for found in top.findChildren(kind):
                if found.accessibleName() == name and found.isVisible():
                    return found
        raise LookupError(name)

    def button(self, text: str) -> QPushButton:
        """Find a visible button by how its text begins, in a dialog first."""
        for top in sorted(QApplication.topLevelWidgets(), key=lambda one: one is self.window):
            for found in top.findChildren(QPushButton):
                if found.text().strip().startswith(text) and found.isVisible():
                    return found
        raise LookupError(text)

    def has_button(self, text: str) -> bool:
        """Whether such a button is there."""
        try:
            return bool(self.button(text))
        except LookupError:
            return False

    def region(self, text: str) -> Iterator[Until]:
        """Ctrl+G, the region, Enter."""
        self.key(Qt.Key.Key_G, CTRL)
        field = self.control(QLineEdit, "Region")
        field.selectAll()
        yield from self.letters(text, field)
        self.key(Qt.Key.Key_Return, on=field)

    def fill_form(self, operation: str, **fields: str) -> Iterator[Until]:
        """Choose an operation by typing its name, and type its arguments."""
        combo = self.control(QComboBox, "Operation")
        combo.setFocus()
        QTest.keyClicks(combo, operation)
        yield self.pause(0.05)
        for name, text in fields.items():
            field = self.control(QLineEdit, name)
            field.setFocus()
            field.selectAll()
            yield from self.letters(text, field)
