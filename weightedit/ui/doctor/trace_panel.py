"""The left side of the doctor: what failed first, and every module with its shapes down to the break."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QTreeView, QVBoxLayout, QWidget

from weightedit.core.words.numbers import count_text
from weightedit.doctor.checkup import Checkup
from weightedit.doctor.shape_trace.outline import TraceNode, outline
from weightedit.ui.doctor.copying import takes_copy
from weightedit.ui.doctor.first_card import FirstToFail
from weightedit.ui.doctor.first_cause import comes_after
from weightedit.ui.doctor.pages import holding
from weightedit.ui.doctor.trace_delegate import INDENT, LEFT, TraceDelegate
from weightedit.ui.doctor.trace_filter import TraceColumns, TraceFilter
from weightedit.ui.doctor.trace_model import Column, Index, TraceModel, told
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import empty_state, icon_button, label, line

NOTHING = "doctor", "No trace yet", "Name the model's code and its input, and run the doctor."
RUNNING = "doctor", "No trace yet", "The doctor is running."
NOT_MADE = "waiting", "No trace", "The model was not made; at the right stands why."
NOT_RUN = "waiting", "No trace", "The model was not run: that needs an input, and weights whose values are plain."
NARROWEST, WIDEST = 280, 560


class TraceView(QTreeView):
    """The rows; Ctrl+C copies what one says.

    Signals
    -------
    chosen
        (TraceNode): the row is current.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.rows = TraceModel(self)
        self.setModel(self.rows)
        self.setObjectName("trace")
        self.setAccessibleName("Shape trace")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        self.setExpandsOnDoubleClick(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.drawn = TraceDelegate(self, self.rows)
        self.setItemDelegate(self.drawn)
        for column in (Column.SHAPES, Column.TIME, Column.MEMORY):  # drawn with the first
            self.setColumnHidden(column, True)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Say which row is current."""
        super().currentChanged(current, previous)
        node = self.rows.node(current)
        if node is not None:
            self.chosen.emit(node)

    def mousePressEvent(self, event: object) -> None:
        """Fold and unfold by the chevron."""
        place = event.position().toPoint()  # type: ignore[attr-defined]
        index = self.indexAt(place)
        node = self.rows.node(index)
        depth, above = 0, node
        while above is not None and above.parent is not None:
            above, depth = above.parent, depth + 1
        left = LEFT + INDENT * min(depth, 12)
        if node is not None and self.rows.inside(node) and left - 3 <= place.x() < left + 15:
            self.setExpanded(index, not self.isExpanded(index))
            return
        super().mousePressEvent(event)  # type: ignore[arg-type]

    def event(self, event: QEvent) -> bool:
        """Have Ctrl+C before the window does."""
        return takes_copy(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the current row."""
        node = self.rows.node(self.currentIndex())
        if event.matches(QKeySequence.StandardKey.Copy) and node is not None:
            QGuiApplication.clipboard().setText(told(node))
        else:
            super().keyPressEvent(event)


class TracePanel(QWidget):
    """The trace with its heading, the first failure, and what ran where.

    Signals
    -------
    chosen
        (TraceNode): a module was picked.
    cause_wanted
        (part): what failed first is to be shown, in this part of the check.
    """

    chosen = Signal(object)
    cause_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(NARROWEST)
        self.setMaximumWidth(WIDEST)
        self.failed: TraceNode | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(14, 6, 10, 4)
        head.setSpacing(8)
        head.addWidget(label("Shape trace", "strong"))
        self.count = label("", "secondary")
        head.addWidget(self.count)
        head.addStretch(1)
        self.filtered = icon_button("filter", "Filter the modules", 26)
        self.filtered.setCheckable(True)
        self.filtered.toggled.connect(self._show_filter)
        self.collapse = icon_button("collapse", "Show only the way to the break", 26)
        self.collapse.clicked.connect(self.show_break)
        for button in (self.filtered, self.collapse):  # the heading stays where it is without them
            policy = button.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            button.setSizePolicy(policy)
        head.addWidget(self.filtered)
        head.addWidget(self.collapse)
        column.addLayout(head)
        self.filter = TraceFilter()
        self.filter.changed.connect(self._filter)
        self.filter.left.connect(lambda: self.filtered.setChecked(False))
        self.filter.hide()
        column.addWidget(self.filter)
        self.card = FirstToFail()
        self.card.clicked.connect(self._show_cause)
        around = QVBoxLayout()
        around.setContentsMargins(10, 2, 10, 8)
        around.addWidget(self.card)
        column.addLayout(around)
        column.addWidget(line())
        self.view = TraceView()
        self.view.chosen.connect(self.chosen)
        self.columns = TraceColumns(self.view)
        column.addWidget(self.columns)
        self.nothing = holding(empty_state(*NOTHING))
        column.addWidget(self.view, 1)
        column.addWidget(self.nothing, 1)
        column.addWidget(line())
        self.foot = ElidedLabel("", "caption")
        self.foot.setContentsMargins(14, 6, 10, 6)
        column.addWidget(self.foot)
        self.show_checkup(None)

    def show_checkup(self, found: Checkup | None, *, is_running: bool = False) -> None:
        """Show the trace of a check, or why there is none."""
        trace = None if found is None else found.trace
        roots = [] if trace is None or found is None or found.model is None else outline(trace, found.model)
        self.view.rows.show(roots)
        self.filtered.setChecked(False)
        self.failed = next((node for root in roots for node in root.walk() if node.state == "fails"), None)
        self._say_nothing(RUNNING if is_running else NOTHING if found is None else
                          NOT_MADE if found.model is None else NOT_RUN)  # fmt: skip
        calls = 0 if trace is None else len(trace.calls)
        self.count.setText(f"{count_text(calls)} call{'' if calls == 1 else 's'}" if calls else "")
        for widget, shown in ((self.view, bool(roots)), (self.nothing, not roots),
                              (self.card, self.card.show_checkup(found, self.failed)),
                              (self.collapse, bool(roots)), (self.filtered, bool(roots)),
                              (self.columns, self.view.rows.is_measured)):  # fmt: skip
            widget.setVisible(shown)
        after = comes_after(found)
        self.foot.setText("" if trace is None else _ran(trace.device, trace.seconds, after=after))
        self.foot.setVisible(trace is not None)
        self.show_break()

    def show_past(self, past: bool) -> None:
        """Step back while the document is not what ran."""
        self.card.show_past(past)
        self.view.drawn.is_past = past
        self.view.viewport().update()

    def _say_nothing(self, said: tuple[str, str, str]) -> None:
        """Say why there is no trace, in an icon, a title and a sentence."""
        layout = self.nothing.layout()
        assert layout is not None
        while (item := layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        layout.addWidget(empty_state(*said))

    def _show_filter(self, shown: bool) -> None:
        self.filter.setVisible(shown)
        if shown:
            self.filter.text.setFocus()
        else:
            had_focus = self.filter.text.hasFocus() or self.filter.failing.hasFocus()
            self.filter.clear()
            self.show_break()
            if had_focus:
                self.view.setFocus()

    def _filter(self, text: str, only_failing: bool) -> None:
        """Show the rows that fit, unfolded."""
        count = self.view.rows.filter(text, only_failing=only_failing)
        asked = bool(text.strip()) or only_failing
        self.filter.say("" if not asked else f"{count_text(count)} fit" if count else "nothing fits")
        if asked:
            self.view.expandAll()

    def _show_cause(self) -> None:
        self.show_break()
        self.cause_wanted.emit(self.card.part)

    def show_break(self) -> None:
        """Unfold the way to what failed and fold the rest; without a failure unfold what few rows there are."""
        self.view.collapseAll()
        if self.failed is None:
            self.view.expandToDepth(1)
            return
        index = self.view.rows.index_of(self.failed)
        if not index.isValid():  # it is filtered out, and comes back
            self.filtered.setChecked(False)
            index = self.view.rows.index_of(self.failed)
        above = index.parent()
        while above.isValid():
            self.view.setExpanded(above, True)
            above = above.parent()
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index, QTreeView.ScrollHint.PositionAtCenter)


def _ran(device: str, seconds: float, *, after: bool) -> str:
    took = f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1e3:.0f} ms"
    if after:
        how = "without values" if device == "fake" else f"on {device}"
        return f"Ran {how} in {took}, names as the load report has them"
    if device == "fake":
        return f"Ran without values in {took}; no weights were read"
    return f"Ran on {device} in {took}, with the weights as they are"
