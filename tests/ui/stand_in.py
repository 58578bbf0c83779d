"""An area of tensors that only remembers what the window and its actions asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget


class Remembering:
    """Stands where a part of the area would: whatever is called on it, or on a part of it, is remembered."""

    def __init__(self, calls: list[tuple[Any, ...]], name: str = "") -> None:
        self._calls, self._name = calls, name

    def __getattr__(self, name: str) -> Remembering:
        return Remembering(self._calls, name)

    def __call__(self, *arguments: Any) -> None:
        self._calls.append((self._name, *(one for one in arguments if not callable(one))))


def stand_in(tasks: Any, settings: Any) -> Iterator[StandIn]:
    """Make one as the real area is made."""
    yield StandIn(tasks, settings)


class StandIn(QWidget):
    """Stands where the area of tensors would, in tests of the shell alone."""

    current_changed = Signal()
    selection_changed = Signal()
    status = Signal(str)
    told = Signal(str)

    def __init__(self, tasks: Any, settings: Any) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.shown: tuple[Any, str] | None = None
        self.places: dict[str, Any] = {}
        self.panels = ()
        for part in ("tabs", "body", "edit_panel", "inspector", "history"):
            setattr(self, part, Remembering(self.calls))

    @property
    def page(self) -> Remembering | None:
        return None if self.shown is None else Remembering(self.calls)

    def make_ahead(self, has_time: Any) -> Iterator[None]:
        yield

    def open_tensor(self, document: Any, name: str) -> None:
        self.calls.append(("open_tensor", name))
        self.shown = (document, name)
        self.current_changed.emit()

    def forget(self, document: Any) -> None:
        self.calls.append(("forget", document))
        if self.shown is not None and self.shown[0] is document:
            self.shown = None
            self.current_changed.emit()

    def current(self) -> tuple[Any, str] | None:
        return self.shown

    @property
    def is_empty(self) -> bool:
        return self.shown is None

    def how_shown(self) -> str:
        return "as a heatmap"


def _remember(name: str) -> Any:
    def method(self: StandIn, *arguments: Any) -> None:
        self.calls.append((name, *arguments))

    return method


for _name in ("set_document", "set_device", "set_selected", "choose_operation", "leave"):
    setattr(StandIn, _name, _remember(_name))
