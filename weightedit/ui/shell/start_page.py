"""What is shown while no file is open: ways in, the files opened last, and the keys to know."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from weightedit.ui.files.recent import Recents
from weightedit.ui.files.recent_list import RecentList
from weightedit.ui.shell.menu_titles import key_text
from weightedit.ui.widgets.choice import Choice
from weightedit.ui.widgets.pieces import IconLabel, LogoLabel, label, restyle

WAYS_WIDTH, NARROW_WAYS = 372, 340
"""Of the ways in, beside recent files."""
ALONE_WIDTH = 440
"""Of the ways in where there are no recent files."""
WIDEST, MARGIN, GAP = 1040, 24, 24
KEYS = (("Ctrl+O", "open"), ("Ctrl+Shift+P", "search everything"), ("F1", "keys"))


class StartPage(QWidget):
    """The start page.

    Signals
    -------
    open_file, open_folder, open_demo, run_recipe
        A way in was pressed.
    open_path
        (path) of a recent file.
    """

    open_file = Signal()
    open_folder = Signal()
    open_demo = Signal()
    run_recipe = Signal()
    open_path = Signal(object)

    def __init__(self, recents: Recents, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("start")
        self._recents = recents
        self._middle = QWidget()
        column = QVBoxLayout(self._middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addSpacing(MARGIN)
        column.addStretch(2)
        column.addLayout(self._head())
        column.addSpacing(24)
        sides = QHBoxLayout()
        sides.setSpacing(GAP)
        sides.addWidget(self._ways(), 0, Qt.AlignmentFlag.AlignTop)
        sides.addWidget(self._recent(), 1)
        column.addLayout(sides, 8)
        column.addSpacing(MARGIN)
        column.addStretch(3)
        column.addLayout(self._keys())
        column.addSpacing(26)
        inner = QWidget()
        row = QHBoxLayout(inner)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self._middle)
        row.addStretch(1)
        self.area = QScrollArea()  # notices above may leave less room than it needs
        self.area.setWidget(inner)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.area)
        recents.changed.connect(self._fit)
        self._fit()

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(LogoLabel(36))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label("weightedit", "start"))
        words.addWidget(label("Open a model, see every weight, change it without surprises.", "secondary"))
        row.addLayout(words, 1)
        return row

    def _ways(self) -> QWidget:
        self._left = QWidget()
        column = QVBoxLayout(self._left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._drop_card())
        column.addSpacing(16)
        self.demo = Choice("graduation-cap", "Open the demo checkpoint", "A small network with damage to find")
        self.demo.setObjectName("demo")
        self.demo.clicked.connect(self.open_demo)
        self.recipe = Choice("history", "Run a recipe", "Replay saved edits on another checkpoint")
        self.recipe.setObjectName("recipe")
        self.recipe.clicked.connect(self.run_recipe)
        for number, choice in enumerate((self.demo, self.recipe)):
            if number:
                column.addSpacing(8)
            column.addWidget(choice)
        return self._left

    def _drop_card(self) -> QFrame:
        self.card = QFrame()
        self.card.setObjectName("drop")
        column = QVBoxLayout(self.card)
        column.setContentsMargins(20, 20, 20, 24)
        column.setSpacing(0)
        column.addWidget(IconLabel("folder-open", 24, "accent"))
        column.addSpacing(12)
        column.addWidget(label("Drop a checkpoint here", "title"))
        column.addSpacing(6)
        text = label("safetensors, .pt, .pth, .bin, .ckpt, .npy, .npz, .csv, or a folder of shards. "
                     "Nothing inside a file is run.", "secondary")  # fmt: skip
        text.setWordWrap(True)
        column.addWidget(text)
        column.addSpacing(18)
        self.file_button = QPushButton("Open file…")
        self.file_button.setProperty("kind", "primary")
        self.file_button.clicked.connect(self.open_file)
        self.folder_button = QPushButton("Open folder…")
        self.folder_button.clicked.connect(self.open_folder)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.file_button)
        row.addWidget(self.folder_button)
        row.addStretch(1)
        column.addLayout(row)
        return self.card

    def _recent(self) -> QWidget:
        self.recent = RecentList(self._recents)
        self.recent.opened.connect(self.open_path)
        self.recent.removed.connect(self._recents.remove)
        self.clear = QPushButton("Clear")
        self.clear.setProperty("kind", "link")
        self.clear.setToolTip("Forget every recent file")
        self.clear.setAccessibleName("Clear the list of recent files")
        self.clear.clicked.connect(self._recents.clear)
        head = QHBoxLayout()
        head.setContentsMargins(2, 0, 2, 0)
        head.addWidget(label("Recent", "strong"))
        head.addStretch(1)
        head.addWidget(self.clear)
        card = QFrame()
        card.setObjectName("recents")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.addWidget(self.recent)
        self._right = QWidget()
        column = QVBoxLayout(self._right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(card)
        column.addStretch(1)
        return self._right

    def _keys(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for keys, what in KEYS:
            row.addWidget(label(key_text(keys), "key"))
            row.addWidget(label(what, "secondary"))
            row.addSpacing(14)
        row.addStretch(1)
        return row

    def _fit(self) -> None:
        """Put the recent files beside the ways in where there are any, and take the width that is there."""
        beside = bool(self._recents.files)
        self._right.setVisible(beside)
        room = max(self.width() - 2 * MARGIN, ALONE_WIDTH)
        self._middle.setFixedWidth(min(WIDEST, room) if beside else ALONE_WIDTH)
        narrow = NARROW_WAYS if room < WIDEST else WAYS_WIDTH
        self._left.setFixedWidth(narrow if beside else ALONE_WIDTH)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the width."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for which recent files are still there."""
        super().showEvent(event)
        self._recents.look()

    def mark_drop(self, on: bool) -> None:
        """Show whether what is dragged over the window can be dropped."""
        restyle(self.card, "over", on)


class EmptyState(QWidget):
    """An icon, what is missing or under way, and what to do."""

    def __init__(self, icon_name: str, title: str, body: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(IconLabel(icon_name, 24, "text3"), 0, Qt.AlignmentFlag.AlignHCenter)
        self.title = label(title, "strong")
        self.body = label(body, "secondary")
        self.body.setWordWrap(True)
        self.body.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.title, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.body)
        column.addStretch(1)

    def say(self, title: str, body: str = "") -> None:
        """Show other words."""
        self.title.setText(title)
        self.body.setText(body)
