"""The middle of the edit panel: the region before and after, and how its values move."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from weightedit.core.statistics import Statistics
from weightedit.core.words.numbers import bytes_text, shape_text, statistic_text
from weightedit.ui.edit_panel.cast_pane import CastPane
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.plots.levels import Levels
from weightedit.ui.plots.small import BeforeAfter, Thumbnail
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, label
from weightedit.ui.widgets.plain import tip

WIDTH = 258


def largest(*found: Statistics | None) -> list[str]:
    """Return `max 0.879`, the largest magnitude, for each side; without the word where one has no room for it."""
    known = [None if one is None or one.minimum is None or one.maximum is None else
             max(abs(one.minimum), abs(one.maximum)) for one in found]  # fmt: skip
    texts = ["" if value is None else statistic_text(float(f"{value:.3g}")) for value in known]
    word = "max " if all(len(text) < 6 for text in texts) else ""
    return [f"{word}{text}" if text else "" for text in texts]


class PreviewPane(QWidget):
    """Two pictures, two histograms, and what the tensor becomes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.before, self.after = Thumbnail("Before"), Thumbnail("After")
        self.before_max, self.after_max = label("", "caption"), label("", "caption")
        self.histogram = BeforeAfter()
        self.becomes = label("", "caption")
        self.becomes.setWordWrap(True)
        self.about = ElidedLabel("", "caption")
        self.empty = label("", "caption")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.cast = CastPane()
        self.body = QWidget()
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addLayout(_side("Before", self.before_max, self.before), 1)
        row.addWidget(IconLabel("arrow-right", 14, "text3"), 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(_side("After", self.after_max, self.after), 1)
        column.addLayout(row)
        column.addWidget(self.histogram, 1)
        column.addWidget(self.becomes)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 10, 14, 8)
        outer.addWidget(self.about)
        outer.addWidget(self.body, 1)
        outer.addWidget(self.cast, 1)
        outer.addWidget(self.empty, 1)
        self.clear("")

    def clear(self, reason: str) -> None:
        """Show why there is no preview."""
        self.about.hide()
        self.empty.setText(reason)
        self.empty.show()
        self.body.hide()
        self.cast.hide()

    def show_preview(self, shown: Shown, levels: Levels, map_name: str) -> None:
        """Show what an edit would do."""
        preview = shown.preview
        before, after = preview.spec_before, preview.spec_after
        if before is None or after is None:
            self.clear("\n".join(preview.lines))
            return
        self.about.setText(f"{shown.scope}: {shown.name}")
        self.about.setToolTip(tip(self.about.text()))
        self.about.setVisible(bool(shown.scope))
        if shown.is_cast:
            self.cast.show_preview(shown)
            self.empty.hide()
            self.body.hide()
            self.cast.show()
            return
        self.cast.hide()
        changes = []
        if before.shape != after.shape:
            changes.append(f"{shape_text(before.shape)} → {shape_text(after.shape)}")
        if before.nbytes != after.nbytes:
            changes.append(f"{bytes_text(before.nbytes)} → {bytes_text(after.nbytes)}")
        if before.requires_grad != after.requires_grad:
            changes.append(f"requires_grad {before.requires_grad} → {after.requires_grad}")
        self.becomes.setText(" · ".join(changes))
        self.becomes.setVisible(bool(changes))
        if shown.before is None and shown.after is None:
            refused = any(hazard.level == "refusal" for hazard in preview.hazards)
            self.clear("" if refused else " · ".join(changes) or "No value changes.")
            return
        self.before.show_reduced(shown.before, levels, map_name)
        self.after.show_reduced(shown.after, levels, map_name)
        for most, text in zip((self.before_max, self.after_max),
                              largest(shown.before_statistics, shown.after_statistics), strict=True):  # fmt: skip
            most.setText(text)
            most.setToolTip("Largest magnitude")
        self.histogram.show_statistics(shown.before_statistics, shown.after_statistics)
        self.empty.hide()
        self.body.show()


def _side(title: str, most: QLabel, picture: Thumbnail) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(4)
    head = QHBoxLayout()
    head.setSpacing(4)
    head.addWidget(label(title, "section"))
    head.addStretch(1)
    head.addWidget(most)
    column.addLayout(head)
    column.addWidget(picture)
    return column
