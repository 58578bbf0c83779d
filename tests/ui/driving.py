"""Drives windows that a script opens itself: what a person does once each window shows everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest

from weightedit.ui.window import MainWindow

BEGIN = MainWindow._after_first_paint
Drive = Callable[[MainWindow], Any]


def drive(*people: Drive) -> list[MainWindow]:
    """Let each window that is made from now on be driven by the next of `people`; returns the windows.

    One that yields goes on once the window has done what it was asked.
    """
    made: list[MainWindow] = []
    left = list(people)

    def begin_and_watch(window: MainWindow) -> None:
        BEGIN(window)
        made.append(window)
        person, steps = left.pop(0), []
        timer = QTimer(window)

        def look() -> None:
            busy = window.workbench is None or window.tasks.active or window.documents.is_opening
            if busy or (window.current is None and not window.errors.cards):
                return
            if window.workbench.edit_panel._pause.isActive():
                return
            if not steps:
                asked = person(window)
                steps.append(asked if isinstance(asked, Iterator) else iter(()))
            if next(steps[0], steps) is steps:
                timer.stop()

        timer.timeout.connect(look)
        timer.start(20)

    MainWindow._after_first_paint = begin_and_watch
    return made


def fill(window: MainWindow, name: str, value: str) -> Iterator[None]:
    """Fill a tensor by the form of the edit panel, with keys."""
    window.show_tensor(window.current, name)
    yield
    window.workbench.choose_operation("fill")
    field = window.workbench.edit_panel.form.fields[0].edit
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, value)
    yield
    position = window.current.document.history.position
    while window.current.document.history.position == position:
        if window.workbench.edit_panel.apply_button.isEnabled():  # not while a preview is made anew
            QTest.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        yield
