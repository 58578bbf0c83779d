"""The settings as a page of the window: every choice takes effect at once and is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.ui.asides.aside import AsidePage
from weightedit.ui.preferences import MEMORY_CHOICES, SETTINGS, UNDO_CHOICES, Preferences
from weightedit.ui.shell.rail import THEMES
from weightedit.ui.widgets.pieces import icon_button, label
from weightedit.ui.widgets.plain import aloud, row_text

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

KINDS = {"signed": "Signed weights and differences", "magnitude": "One sign, magnitudes", "integer": "Integers",
         "loss": "Losses of a cast"}  # fmt: skip
"""The kinds of values whose colour map a person chooses, as `plots.colormaps` names them."""
SAYS = {
    "theme": "The colours of the window.",
    "maps": "For every tensor of a kind; the heatmap's own list changes the same choice.",
    "numbers": "How the table of values shows them; copying keeps every bit in any format.",
    "device": "Where previews and edits are computed when the window opens.",
    "memory": "What one pass over a tensor may hold at once. More is faster on large tensors.",
    "undo": "For each document. When more is needed, the oldest steps go first.",
    "journal": "Every edit of a file is written down before it is applied, and offered back after a crash. Off ends it "
               "at once; on counts for files opened from then on.",
    "spill": "Small pieces stay in memory, the rest lies in files of our own that go when the window closes.",
    "reset": "Every choice on this page, and the places of the panels.",
}


class Menu(QComboBox):
    """A list of choices by value.

    Parameters
    ----------
    name
        For a screen reader.
    choices
        (value, text)
    chosen
        Called with the value a person picks.
    """

    def __init__(self, name: str, choices: Sequence[tuple[object, str]], chosen: Callable[[object], None]) -> None:
        super().__init__()
        self.setAccessibleName(aloud(name))
        self.setMinimumWidth(220)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.offer(choices)
        self.activated.connect(lambda at: chosen(self.itemData(at)))

    def offer(self, choices: Sequence[tuple[object, str]]) -> None:
        """Offer other choices."""
        self.clear()
        for value, text in choices:
            self.addItem(row_text(text), value)

    def show_value(self, value: object, text: str = "") -> None:
        """Show what is chosen; a value that is not offered is added."""
        at = self.findData(value)
        if at < 0:
            self.addItem(row_text(text or str(value)), value)
            at = self.count() - 1
        self.setCurrentIndex(at)


class SettingsPage(AsidePage):
    """Rows of choices, one under the other."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("Settings", "Kept for the next time; each takes effect at once.")
        self._window = window
        self._preferences: Preferences = window.preferences
        self.rows: dict[str, QWidget] = {}
        self._maps: dict[str, Menu] = {}
        self._build()
        self._preferences.changed.connect(lambda _: self.follow())
        window.documents.changed.connect(lambda *_: self._show_spill())
        window.documents.added.connect(lambda _: self._show_spill())
        window.documents.removed.connect(lambda _: self._show_spill())
        window.ready.connect(self._offer_what_is_there)
        self._offer_what_is_there()

    def _build(self) -> None:
        choose = self._preferences
        self.theme = Menu("Theme", THEMES, lambda name: self._window.choose_theme(str(name)))
        self.numbers = Menu("Number format", (), lambda kind: choose.set_number_format(str(kind)))
        self.device = Menu("Default device", (), lambda name: choose.set_device(str(name)))
        self.memory = Menu("Memory for one pass", [(mb, _size(mb)) for mb in MEMORY_CHOICES],
                           lambda mb: choose.set_memory(int(str(mb))))  # fmt: skip
        self.undo = Menu("Undo budget", [(mb, _size(mb)) for mb in UNDO_CHOICES],
                         lambda mb: choose.set_undo(int(str(mb))))  # fmt: skip
        self.journal = QCheckBox("Keep a journal of edits")
        self.journal.toggled.connect(self._choose_journal)
        self.reset = QPushButton("Reset settings")
        self.reset.clicked.connect(choose.reset)
        controls: dict[str, QWidget] = {
            "theme": self.theme, "maps": self._maps_list(), "numbers": self.numbers, "device": self.device,
            "memory": self.memory, "undo": self.undo, "journal": self.journal, "spill": self._spill_list(),
            "reset": self.reset,
        }  # fmt: skip
        for name, title in SETTINGS:
            self._add(name, title, controls[name])

    def _add(self, name: str, title: str, control: QWidget) -> None:
        self.rows[name] = control
        row = QFrame()
        row.setObjectName("setting")
        grid = QGridLayout(row)
        grid.setContentsMargins(0, 12, 0, 12)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(2)
        grid.setColumnMinimumWidth(0, 250)
        said = label(SAYS[name], "caption")
        said.setWordWrap(True)
        said.setFixedWidth(250)
        grid.addWidget(label(title, "strong"), 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(said, 1, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(control, 0, 1, 2, 1, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(1, 1)
        self.add(row)

    def _maps_list(self) -> QWidget:
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        for at, (kind, title) in enumerate(KINDS.items()):
            menu = Menu(f"Colour map: {title}", (), lambda name, kind=kind: self._choose_map(kind, str(name)))  # type: ignore[misc]
            self._maps[kind] = menu
            grid.addWidget(label(title, "secondary"), 3 * at, 0)
            grid.addWidget(menu, 3 * at + 1, 0)
            grid.setRowMinimumHeight(3 * at + 2, 2)
        return holder

    def _choose_journal(self, on: bool) -> None:
        if on is not self._preferences.journal:
            self._preferences.set_journal(on)

    def _choose_map(self, kind: str, name: str) -> None:
        from weightedit.ui.plots.colormaps import DEFAULT_MAPS

        self._preferences.set_map(kind, name, DEFAULT_MAPS[kind])

    def _spill_list(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        place = QHBoxLayout()
        self.folder = label("", "mono")
        self.folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_folder = icon_button("copy", "Copy the path of the spill", 24, 14)
        self.copy_folder.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.folder.text()))
        place.addWidget(self.folder)
        place.addWidget(self.copy_folder)
        place.addStretch(1)
        column.addLayout(place)
        self.kept = label("", "secondary")
        self.kept.setWordWrap(True)
        self.kept.setMinimumWidth(240)
        self.kept.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self.kept)
        return holder

    # ---- what is shown

    def showEvent(self, event: QShowEvent) -> None:
        """Show the present numbers."""
        super().showEvent(event)
        self.follow()

    def _offer_what_is_there(self) -> None:
        """Offer devices, maps and formats, which are known once torch and numpy are there."""
        if self._window.workbench is None:
            return
        from weightedit.core.words.number_formats import KINDS as FORMATS
        from weightedit.ui.plots.colormaps import NAMES

        self.device.offer([(name, name.upper()) for name in self._window.status.devices])
        self.numbers.offer(list(FORMATS.items()))
        for menu in self._maps.values():
            menu.offer([(name, name) for name in NAMES])
        self.follow()

    def follow(self) -> None:
        """Show what is set."""
        choose = self._preferences
        self.theme.show_value(self._window.settings.text("theme"))
        self.memory.show_value(choose.memory_mb, _size(choose.memory_mb))
        self.undo.show_value(choose.undo_mb, _size(choose.undo_mb))
        self.journal.setChecked(choose.journal)
        if self._window.workbench is not None:
            from weightedit.ui.plots.colormaps import DEFAULT_MAPS

            self.numbers.show_value(choose.number_format)
            self.device.show_value(choose.device, choose.device.upper())
            for kind, menu in self._maps.items():
                chosen = choose.map_of(kind, DEFAULT_MAPS[kind])
                menu.show_value(chosen if menu.findData(chosen) >= 0 else DEFAULT_MAPS[kind])
        self._show_spill()

    def _show_spill(self) -> None:
        if not self.isVisible():
            return
        lines = []
        for opened in self._window.documents.all:
            document = opened.document
            steps = len(document.history)
            lines.append(f"{opened.title}: {count_text(steps)} {'step' if steps == 1 else 'steps'}, "
                         f"{bytes_text(document.history.nbytes)} for undo; {bytes_text(document.spill.memory_nbytes)} "
                         f"in memory, {bytes_text(document.spill.disk_nbytes)} on disk")  # fmt: skip
        self.kept.setText("\n".join(lines) or "No file is open, nothing is kept.")
        places = {str(opened.document.spill.place) for opened in self._window.documents.all}
        self.folder.setText("\n".join(sorted(places)) or _usual_place())

    def go_to(self, name: str) -> None:
        """Go to one row."""
        control = self.rows[name]
        self.area.ensureWidgetVisible(control)
        parts = [control, *control.findChildren(QWidget)]
        inner = next((one for one in parts if one.focusPolicy() & Qt.FocusPolicy.TabFocus), control)
        inner.setFocus(Qt.FocusReason.TabFocusReason)


def _size(mb: int) -> str:
    return f"{mb} MiB" if mb < 1 << 10 else f"{mb >> 10} GiB"


def _usual_place() -> str:
    import tempfile

    return tempfile.gettempdir()
