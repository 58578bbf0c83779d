"""What a person has set, brought to every document and tensor: budgets, device, colour maps, number format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from weightedit.ui.documents import OpenDocument
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.journals.journaling import Journal
    from weightedit.ui.window import MainWindow

UNDO, MEMORY, DEVICE, NUMBERS = "undo/budget-mb", "memory/budget-mb", "edit/device", "values/format"
JOURNAL = "edit/journal"
UNDO_MB, MEMORY_MB = 64 << 10, 64
"""What documents begin with, in MiB."""
UNDO_CHOICES = (256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10)
MEMORY_CHOICES = (16, 64, 256, 1 << 10)
SETTINGS = (
    ("theme", "Theme"), ("maps", "Colour maps"), ("numbers", "Number format"), ("device", "Default device"),
    ("memory", "Memory for one pass"), ("undo", "Undo budget"),
    ("journal", "Journal of edits"), ("spill", "What undo keeps"), ("reset", "Reset"),
)  # fmt: skip
"""Every row of the settings page: its name, and its title there and in the palette."""


class Preferences(QObject):
    """The settings of a window that its documents and tensors follow.

    Signals
    -------
    changed
        (name of the row)
    """

    changed = Signal(str)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._settings = window.settings
        self._ending: list[Journal] = []
        window.documents.keeps_journal = self.journal
        window.documents.added.connect(self._give)
        window.ready.connect(self._ready)

    # ---- budgets

    @property
    def undo_mb(self) -> int:
        """How many MiB undo may keep for each document."""
        return max(self._settings.number(UNDO, UNDO_MB), 1)

    @property
    def memory_mb(self) -> int:
        """How many MiB one pass over a tensor may use."""
        return max(self._settings.number(MEMORY, MEMORY_MB), 1)

    def set_undo(self, mb: int | None) -> None:
        """Let undo keep so many MiB, of every open document too; None is the number it began with."""
        self._settings.set(UNDO, mb)
        self._give_all()
        self.changed.emit("undo")

    def set_memory(self, mb: int | None) -> None:
        """Let a pass over a tensor use so many MiB."""
        self._settings.set(MEMORY, mb)
        self._give_all()
        self.changed.emit("memory")

    def _give_all(self) -> None:
        for opened in self._window.documents.all:
            self._give(opened)

    def _give(self, opened: OpenDocument) -> None:
        document = opened.document
        document.memory = self.memory_mb << 20
        if document.history.budget != self.undo_mb << 20:
            document.set_undo_budget(self.undo_mb << 20)

    # ---- journal

    @property
    def journal(self) -> bool:
        """Whether edits of files are written down, to be offered after a crash."""
        return self._settings.flag(JOURNAL, True)

    def set_journal(self, on: bool | None) -> None:
        """Write edits down or not; off ends the journals of open documents too, on counts for files opened later."""
        self._settings.set(JOURNAL, on)
        self._window.documents.keeps_journal = self.journal
        if not self.journal:
            self._end_journals()
        self.changed.emit("journal")

    def _end_journals(self) -> None:
        """Take the open documents' journals from them at once, and off the disk in the background.

        What edits were given lies beside a journal, in as many files and as long ones as that was.
        """
        given = [opened.document.journal for opened in self._window.documents.all]
        ended = [journal for journal in given if journal is not None]
        for opened in self._window.documents.all:
            opened.document.journal = None
        self._ending += ended

        def work(progress: TaskProgress) -> None:
            for journal in ended:
                journal.discard()

        def done(_: None) -> None:
            self._ending = [journal for journal in self._ending if journal not in ended]

        if ended:
            self._window.tasks.start("Removing the journals", work, on_result=done, quiet=True)

    def settle(self) -> None:
        """Remove what is left of journals that were switched off, before the window closes."""
        for journal in self._ending:
            journal.discard()  # once more is nothing
        self._ending.clear()

    # ---- device

    @property
    def device(self) -> str:
        """Where edits are computed unless another device is picked in the status bar."""
        return self._settings.text(DEVICE, "cpu")

    def set_device(self, name: str | None) -> None:
        """Compute edits on a device, now and in later runs."""
        self._settings.set(DEVICE, name)
        self._window.status.choose_device(name or "cpu")
        self.changed.emit("device")

    # ---- how tensors look

    def map_of(self, kind: str, default: str) -> str:
        """Return the colour map of a kind of values."""
        return self._settings.text(f"map/{kind}", default)

    def set_map(self, kind: str, name: str | None, default: str) -> None:
        """Use a colour map for a kind of values, in every open tensor too."""
        self._settings.set(f"map/{kind}", name)
        if self._window.workbench is not None:
            self._window.workbench.use_map(kind, name or default)
        self.changed.emit("maps")

    @property
    def number_format(self) -> str:
        """How tables show values: a key of `core.number_formats.KINDS`."""
        from weightedit.core.words.number_formats import NumberFormat

        return NumberFormat.parse(self._settings.text(NUMBERS)).kind

    def set_number_format(self, kind: str | None) -> None:
        """Show values so, in every open table too."""
        from weightedit.core.words.number_formats import NumberFormat

        chosen = NumberFormat.parse(f"{kind}:{NumberFormat().digits}")
        self._settings.set(NUMBERS, None if kind is None else chosen.text)
        if self._window.workbench is not None:
            for page in self._window.workbench.tabs.all:
                page.values_pane.set_number_format(chosen)
        self.changed.emit("numbers")

    def _ready(self) -> None:
        if self.device in self._window.status.devices:
            self._window.status.choose_device(self.device)

    def reset(self) -> None:
        """Forget every choice: what the window begins with is in force again."""
        from weightedit.ui.plots.colormaps import DEFAULT_MAPS

        self._window.choose_theme("")
        self.set_undo(None)
        self.set_memory(None)
        self.set_journal(None)
        self.set_device(None)
        self.set_number_format(None)
        for kind, name in DEFAULT_MAPS.items():
            self.set_map(kind, None, name)
        self._window.panels.reset()
        self.changed.emit("reset")
