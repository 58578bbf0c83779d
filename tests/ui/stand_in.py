"""An area of tensors that only remembers what the window asked of it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget


class StandIn(QWidget):
    """Stands where the area of tensors would, in tests of the shell alone."""

    current_changed = Signal()
    status = Signal(str)

    def __init__(self, tasks: Any, settings: Any) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.shown: tuple[Any, str] | None = None

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

    def how_shown(self) -> str:
        return "as a heatmap"


def _remember(name: str) -> Any:
    def method(self: StandIn, *arguments: Any) -> None:
        self.calls.append((name, *arguments))

    return method


for _name in ("set_document", "set_view", "set_device", "set_selected", "choose_operation", "apply", "leave",
              "focus_region",
              "select_all", "copy", "paste", "copy_as_pytorch", "zoom_in", "zoom_out", "fit", "next_nonfinite",
              "previous_nonfinite", "next_tab", "close_tab", "toggle_inspector", "set_drawer"):  # fmt: skip
    setattr(StandIn, _name, _remember(_name))
