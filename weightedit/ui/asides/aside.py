"""Pages that stand in the middle of the window for a while: settings, operations, about; Esc leaves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from weightedit.ui.shell.leaving import leaves
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import label, line
from weightedit.ui.widgets.plain import aloud, tip

if TYPE_CHECKING:
    from weightedit.ui.doctor.room import DoctorRoom
    from weightedit.ui.window import MainWindow

WIDEST = 860
OF_DOCTOR = ("explain",)
"""Pages that belong to the doctor's room, and lead back there."""


class AsidePage(QWidget):
    """A page with a title, a way back, and rows that scroll.

    Parameters
    ----------
    title, below
        At its top.

    Signals
    -------
    left
        Back was pressed, or Esc.
    """

    left = Signal()

    def __init__(self, title: str, below: str = "") -> None:
        super().__init__()
        self.setObjectName("aside")
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(aloud(title))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # a press beside its buttons leaves Esc to the page
        self.title = title
        self.head = QHBoxLayout()
        self.head.setContentsMargins(24, 14, 18, 12)
        self.head.setSpacing(12)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(label(title, "title"))
        if below:
            words.addWidget(ElidedLabel(below, "secondary"))
        self.head.addLayout(words, 1)
        self.back = QPushButton("Close")
        self.back.setToolTip(tip(f"Close {title.lower()} (Esc)"))
        self.back.setAccessibleName(aloud(f"Close {title.lower()}"))
        self.back.clicked.connect(self.left)
        self.head.addWidget(self.back)
        inner = QWidget()
        inner.setMaximumWidth(WIDEST)
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(24, 4, 24, 24)
        self.column.setSpacing(0)
        self.column.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidget(inner)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(self.head)
        whole.addWidget(line())
        whole.addWidget(self.area, 1)

    def add(self, widget: QWidget) -> None:
        """Add a row."""
        self.column.insertWidget(self.column.count() - 1, widget)

    def begin(self) -> None:
        """Take the focus when it is shown."""
        self.back.setFocus()

    def event(self, event: QEvent) -> bool:
        """Leave this page on Esc."""
        return leaves(event, self.left.emit) or super().event(event)


class Pages(QStackedWidget):
    """The pages in the middle of the window; it needs only the room that the one in front needs."""

    def __init__(self) -> None:
        super().__init__()
        self.currentChanged.connect(lambda _: self.updateGeometry())

    def minimumSizeHint(self) -> QSize:
        """Ask for the room of the page in front."""
        front = self.currentWidget()
        return QSize() if front is None else front.minimumSizeHint()


class Aside:
    """Which of these pages is shown, if any; each is made when it is first asked for."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._pages: dict[str, AsidePage | DoctorRoom] = {}
        self.current: AsidePage | DoctorRoom | None = None
        self._leads_to_doctor = False
        window.ready.connect(self._join)

    def _join(self) -> None:
        work = self._window.workbench
        if work is not None and hasattr(work, "edit_panel"):
            work.edit_panel.hazards.explained.connect(self.explain)

    def explain(self, kind: str) -> None:
        """Show what PyTorch does silently, at the paragraph of a kind of hazard."""
        from weightedit.ui.asides.silently_help import SilentlyHelp

        page = self.open("silently")
        assert isinstance(page, SilentlyHelp)
        page.show_kind(kind)

    def _make(self, name: str) -> AsidePage | DoctorRoom:
        from weightedit.ui.asides.about import AboutPage
        from weightedit.ui.asides.keys_sheet import KeysSheet
        from weightedit.ui.asides.settings_page import SettingsPage

        makers: dict[str, Callable[[MainWindow], AsidePage]] = {"settings": SettingsPage, "about": AboutPage,
                                                                    "keys": KeysSheet}  # fmt: skip
        if name == "operations":
            from weightedit.ui.asides.operations_help import OperationsHelp

            return OperationsHelp(self._window)
        if name == "silently":
            from weightedit.ui.asides.silently_help import SilentlyHelp

            return SilentlyHelp(self._window)
        if name == "errors":
            from weightedit.ui.asides.errors_help import ErrorsHelp

            return ErrorsHelp(self._window)
        if name == "explain":
            from weightedit.ui.doctor.explain_page import ExplainPage

            return ExplainPage(self._window)
        if name == "doctor":
            from weightedit.ui.doctor.room import DoctorRoom

            return DoctorRoom(self._window)
        if name == "module":
            from weightedit.ui.asides.module_page import ModulePage

            return ModulePage(self._window)
        return makers[name](self._window)

    def open(self, name: str) -> AsidePage | DoctorRoom:
        """Show `settings`, `operations`, `silently`, `errors`, `keys`, `module`, `doctor`, `explain` or `about`."""
        if name not in self._pages:
            made = self._pages[name] = self._make(name)
            made.left.connect(lambda: self._leave(made))
            self._window.pages.addWidget(made)
        if not self.is_open(name):
            self._leads_to_doctor = name in OF_DOCTOR and self.room == "doctor"
        self.current = self._pages[name]
        self._window.show_pages()
        self.current.begin()
        return self.current

    def _leave(self, page: AsidePage | DoctorRoom) -> None:
        """Leave a page for what it was opened from."""
        if page is not self.current:
            return
        if self._leads_to_doctor and len(self._window.documents):
            self.open("doctor")
        else:
            self.close()

    def close(self) -> None:
        """Show the tensor or the start page again."""
        if self.current is not None:
            self.current = None
            self._window.show_pages()
            work = self._window.workbench
            if work is not None and work.page is not None:
                work.page.focus_view()

    @property
    def room(self) -> str:
        """The room of the rail that is shown instead of tree and tensors; empty where none is."""
        return "doctor" if self.is_open("doctor") or any(map(self.is_open, OF_DOCTOR)) else ""

    def is_open(self, name: str) -> bool:
        """Whether this page is shown."""
        return self.current is not None and self._pages.get(name) is self.current
