"""What a cast does to the values, in the middle of the edit panel: their magnitudes, and the errors in numbers."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from weightedit.core.edits.preview import Preview
from weightedit.core.looking.magnitudes import Ends
from weightedit.core.values.ranges import limits, smallest
from weightedit.core.words.numbers import bytes_text, count_text, percent_text
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.plots.magnitudes import Magnitudes
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import label, restyle
from weightedit.ui.widgets.plain import aloud, tip

ROWS = ("Changed", "Largest relative error", "Largest error, finite", "Size")


def ends_of(dtype: str) -> Ends | None:
    """Return the magnitudes at which a dtype begins and ends; None for bool."""
    found = limits(dtype)
    return None if found is None else Ends(smallest(dtype) or 1.0, float(found[1]))


def error_text(value: float) -> str:
    """Return an error with three digits: `0`, `1.00`, `6.10e−5`."""
    if not value:
        return "0"
    text = f"{value:.2f}" if 0.1 <= value < 1000 else f"{value:.2e}"
    mantissa, _, power = text.partition("e")
    return f"{mantissa}e{int(power)}".replace("-", "−") if power else mantissa


def numbers_of(preview: Preview) -> dict[str, str]:
    """Return the rows: how many values are stored as others, by how much at most, and what the cast saves."""
    losses = list(preview.losses.values())
    changed = sum(one.lossy for one in losses)
    total = sum(one.total for one in losses)
    share = f" · {percent_text(changed, total)}" if changed else ""
    size = " → ".join(map(bytes_text, preview.nbytes))
    return {"Changed": f"{count_text(changed)}{share}",
            "Largest relative error": error_text(max((one.worst_relative for one in losses), default=0.0)),
            "Largest error, finite": error_text(max((one.worst_error for one in losses), default=0.0)),
            "Size": size}  # fmt: skip


class CastPane(QWidget):
    """Magnitudes with the limits of the dtype, and four numbers that can be copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.magnitudes = Magnitudes()
        self.values: dict[str, ElidedLabel] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(label("Magnitude, before and after", "section"))
        column.addWidget(self.magnitudes, 1)
        self.unknown = label("Too many values to draw all of them; the numbers below are of all.", "caption")
        self.unknown.setWordWrap(True)
        self.unknown.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.unknown.hide()
        column.addWidget(self.unknown, 1)
        rows = QVBoxLayout()
        rows.setSpacing(4)
        for name in ROWS:
            shown = self.values[name] = ElidedLabel("")
            shown.setFont(ui_font(12, QFont.Weight.DemiBold))
            shown.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            shown.setAccessibleName(aloud(name))
            row = QHBoxLayout()  # each on its own: a long number needs the room that a short name leaves
            row.setSpacing(8)
            row.addWidget(label(name, "secondary"))
            row.addWidget(shown, 1)
            rows.addLayout(row)
        column.addLayout(rows)

    def show_preview(self, shown: Shown) -> None:
        """Show what a cast would do."""
        after = shown.preview.spec_after
        assert after is not None
        known = shown.before_statistics is not None
        self.magnitudes.setVisible(known)
        self.unknown.setVisible(not known)
        self.magnitudes.show_statistics(shown.before_statistics, shown.after_statistics, ends_of(after.dtype))
        for name, text in numbers_of(shown.preview).items():
            self.values[name].setText(text)
            self.values[name].setToolTip(tip(text))
        had, needs = shown.preview.nbytes
        tone = "ok" if needs < had else "warn" if needs > had else ""
        restyle(self.values["Size"], "tone", tone)
