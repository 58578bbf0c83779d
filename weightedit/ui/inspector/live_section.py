"""What running code knows of the tensor that is shown: registration, gradient, hooks, optimizer, other holders."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QPushButton, QWidget

from weightedit.core.document import Document
from weightedit.core.live.facts import grad_norm, live_facts
from weightedit.core.slots import Slot
from weightedit.core.words.numbers import count_text, statistic_text
from weightedit.ui.inspector.rows import Facts
from weightedit.ui.tasks import Tasks

if TYPE_CHECKING:
    from weightedit.core.live.facts import LiveFacts

ROWS = ("Registered", "Module", "grad", "Leaf", "Hooks", "Optimizer", "State", "Also at", "Other code")


class LiveSection(Facts):
    """Facts of a live tensor; hidden for others.

    Parameters
    ----------
    tasks
        Reads the gradient where its norm is asked for.
    """

    def __init__(self, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__("In the running code", ROWS, parent)
        self._tasks = tasks
        self._slot: Slot | None = None
        self.norm_button = QPushButton("Norm of grad")
        self.norm_button.setProperty("kind", "link")
        self.norm_button.setToolTip("Read the gradient and show its L2 norm")
        self.norm_button.clicked.connect(self.show_norm)
        self.body.addWidget(self.norm_button)

    def show_tensor(self, document: Document, slot: Slot) -> None:
        """Show what is known of a live tensor."""
        self._tasks.cancel_group(self._group)
        self.setVisible(document.is_live and slot.held.described.live is not None)
        self._slot = slot
        if self.isHidden():
            return
        facts = live_facts(document, slot)
        changed = document.changed_outside.get(slot.name)
        clock = "" if changed is None else time.strftime("%H:%M:%S", time.localtime(changed))
        also = facts.elsewhere
        self._show_row("Registered", facts.registered, _what_it_means(facts))
        self._show_row("Module", facts.module, facts.module)
        self._show_row("grad", facts.grad)
        passing = "" if facts.is_leaf else "It was computed from other tensors: gradients go through it."
        self._show_row("Leaf", "yes" if facts.is_leaf else "no", passing)
        self._show_row("Hooks", facts.hooks)
        self._show_row("Optimizer", facts.optimizer, facts.settings)
        self._show_row("State", ", ".join(facts.state), "\n".join(facts.state))
        named = f"{also[0]} and {count_text(len(also) - 1)} more" if len(also) > 1 else also[0] if also else ""
        self._show_row("Also at", named, "\n".join(also))
        self._show_row("Other code", f"changed it, {clock}" if clock else "",
                       f"Changed by other code since it was opened or edited here, last seen at {clock}")  # fmt: skip
        self.norm_button.setVisible(facts.grad not in ("", "None"))

    def _show_row(self, name: str, value: str, tooltip: str = "") -> None:
        self.show_value(name, value, tooltip=tooltip)
        for widget in (self.names[name], self.values[name], self.remarks[name]):
            widget.setVisible(bool(value))

    def text(self) -> str:
        """Return `name: value` lines of what there is to say."""
        return "\n".join(line for line in super().text().splitlines() if not line.endswith(": "))

    @property
    def _group(self) -> str:
        return f"grad {id(self)}"

    def show_norm(self) -> None:
        """Read the gradient and show its norm beside its shape."""
        slot = self._slot
        if slot is None:
            return

        def done(norm: float | None) -> None:
            self.remarks["grad"].setText("" if norm is None else f"L2 {statistic_text(norm)}")

        self._tasks.start("Norm of grad", lambda _: grad_norm(slot), on_result=done, group=self._group)


def _what_it_means(facts: LiveFacts) -> str:
    told = {
        "not registered": "A tensor that is a plain attribute: state_dict() leaves it out, and to() and cuda() do not "
                          "move it.",
        "buffer, not persistent": "state_dict() leaves it out; to() and cuda() move it.",
        "computed by a hook": "A hook computes it before each forward; edit what it is computed from.",
        "original of a parametrization": "The module computes its weight from it at each use.",
    }  # fmt: skip
    return told.get(facts.registered, "")
