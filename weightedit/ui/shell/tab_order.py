"""The order in which Tab goes through the window: as things stand in their layouts, whatever was moved meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QButtonGroup,
    QComboBox,
    QLayout,
    QLineEdit,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTableView,
    QTextEdit,
    QWidget,
)

LAST = "tab-last"
"""A property: what has it comes after all that stands beside it, and what has a larger number later."""
_WHOLE = (QAbstractItemView, QLineEdit, QComboBox, QAbstractSpinBox, QTextEdit)
"""What is one stop, whatever is inside."""


def go_on(window: QWidget, forward: bool) -> bool:
    """Put the focus on the next stop, or the one before; False where there is none."""
    stops = list(_stops(window))
    if not stops:
        return False
    now = QApplication.focusWidget()
    at = next((at for at, stop in enumerate(stops) if stop is now), None)
    if at is None:  # something that only the mouse gets to: go on from what it is in
        inside = [at for at, stop in enumerate(stops) if now is not None and stop.isAncestorOf(now)]
        at = inside[-1] if inside else -1 if forward else 0
    step = 1 if forward else -1
    reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
    stops[(at + step) % len(stops)].setFocus(reason)
    return True


def _stops(widget: QWidget) -> Iterator[QWidget]:
    if not widget.isVisible() or not widget.isEnabled():
        return
    if isinstance(widget, QTableView):  # its titles, where they can be pressed by keyboard, are read before it
        yield from _stops(widget.horizontalHeader())
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None and not _is_passed(widget):
        yield widget
    if isinstance(widget, _WHOLE):
        return
    inside = _inside(widget)
    for child in sorted(inside, key=lambda one: int(one.property(LAST) or 0)):
        yield from _stops(child)


def _is_passed(widget: QWidget) -> bool:
    """Whether it is a choice that is off, of several of which one is on: arrows go between them."""
    if not isinstance(widget, QAbstractButton) or widget.isChecked():
        return False
    group: QButtonGroup | None = widget.group()
    return group is not None and group.exclusive() and group.checkedButton() is not None


def _inside(widget: QWidget) -> list[QWidget]:
    """Return the widgets in another, in the order in which they are read."""
    if isinstance(widget, QStackedWidget):
        front = widget.currentWidget()
        return [] if front is None else [front]
    if isinstance(widget, QScrollArea):
        inner = widget.widget()
        return [] if inner is None else [inner]
    if isinstance(widget, QSplitter):
        return [part for at in range(widget.count()) if (part := widget.widget(at)) is not None]
    layout = widget.layout()
    found = list(_laid_out(layout)) if layout is not None else []
    loose = [one for one in widget.children() if isinstance(one, QWidget) and one not in found and not one.isWindow()]
    return found + sorted(loose, key=lambda one: (one.y(), one.x()))


def _laid_out(layout: QLayout) -> Iterator[QWidget]:
    for at in range(layout.count()):
        item = layout.itemAt(at)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            yield widget
        elif inner is not None:
            yield from _laid_out(inner)
