"""The line under the dims bar while tiles are shown: which dimensions are tiled, and which lie inside a tile."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QWidget

from weightedit.core.looking.tile_layout import head_tiling
from weightedit.core.looking.tiling import Tiling
from weightedit.ui.tensor_page.tiles import with_dims
from weightedit.ui.widgets.pieces import label, restyle
from weightedit.ui.widgets.plain import row_text, tip
from weightedit.ui.widgets.wheel import leave_wheel

ROLES = {"down": "Tiles", "across": "by", "rows_dim": "Rows", "columns_dim": "Columns"}
NAMES = {"down": "Dimension whose indices are tiles",
         "across": "Second dimension whose indices are tiles, side by side", "rows_dim": "Rows of a tile",
         "columns_dim": "Columns of a tile"}  # fmt: skip
NONE = "–"


class TilesLine(QWidget):
    """Combos for the dimensions, a field for the number of heads of a matrix.

    Signals
    -------
    chosen
        (Tiling)
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tiling: Tiling | None = None
        self.combos: dict[str, QComboBox] = {}
        self._captions: dict[str, QLabel] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for role, title in ROLES.items():
            combo = QComboBox()
            leave_wheel(combo)
            combo.setProperty("kind", "quiet")
            combo.setAccessibleName(NAMES[role])
            combo.setToolTip(NAMES[role])
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            combo.activated.connect(lambda _, role=role: self._choose(role))
            self.combos[role], self._captions[role] = combo, label(title, "caption")
            row.addWidget(self._captions[role])
            row.addWidget(combo)
        self.heads = QLineEdit()
        self.heads.setValidator(QIntValidator(1, 1_000_000, self.heads))
        self.heads.setFixedWidth(48)
        self.heads.setFixedHeight(24)
        self.heads.setAccessibleName("Number of heads")
        self._heads_caption = label("Heads", "caption")
        self.problem = label("", "bad")
        row.addWidget(self._heads_caption)
        row.addWidget(self.heads)
        row.addWidget(self.problem)
        row.addStretch(1)
        self.heads.textEdited.connect(self._type_heads)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_tiling(self, tiling: Tiling) -> None:
        """Show what is tiled."""
        self._tiling = tiling
        for role, combo in self.combos.items():
            combo.clear()
            if role != "down":
                combo.addItem(NONE, None)
            for dim, size in enumerate(tiling.shape):
                combo.addItem(row_text(f"{dim} · {size}"), dim)
            combo.setCurrentIndex(combo.findData(getattr(tiling, role)))
            shown = not tiling.heads or role == "down"
            combo.setVisible(shown)
            self._captions[role].setVisible(shown)
        self._captions["down"].setText("Split" if tiling.heads else ROLES["down"])
        for widget in (self.heads, self._heads_caption):
            widget.setVisible(bool(tiling.heads))
        if not self.heads.hasFocus():
            self.heads.setText(str(tiling.heads))
            self._say("")
        size = tiling.shape[tiling.down]
        self.heads.setToolTip(tip(f"How many equal parts dimension {tiling.down} of {size} is split into"))

    def _choose(self, role: str) -> None:
        tiling, dim = self._tiling, self.combos[role].currentData()
        if tiling is None or dim == getattr(tiling, role):
            return
        if tiling.heads:
            heads = tiling.heads if tiling.shape[dim] % tiling.heads == 0 else 1
            self.chosen.emit(head_tiling(tiling.shape, heads, dim))
        else:
            self.chosen.emit(with_dims(tiling, **{role: dim}))

    def _type_heads(self, text: str) -> None:
        tiling = self._tiling
        if tiling is None:
            return
        try:
            made = head_tiling(tiling.shape, int(text or 0), tiling.down)
        except ValueError:
            size = tiling.shape[tiling.down]
            self._say(f"{size} divides into {_divisors(size)} heads.")
            return
        self._say("")
        self.chosen.emit(made)

    def _say(self, sentence: str) -> None:
        restyle(self.heads, "wrong", "true" if sentence else "false")
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))


def _divisors(size: int) -> str:
    """Return the numbers of heads that divide a size, the first of them."""
    found = [count for count in range(1, min(size, 129) + 1) if size % count == 0]
    return ", ".join(map(str, found[:9])) + (" …" if len(found) > 9 else "")
