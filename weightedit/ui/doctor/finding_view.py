"""One finding as a page: what is wrong, its picture, the edits that mend it, and PyTorch's own words."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.finding import Finding
from weightedit.doctor.shape_trace.beside import Beside
from weightedit.doctor.shape_trace.disagreement import Disagreement
from weightedit.doctor.shape_trace.trace import Failure, Frame
from weightedit.ui.doctor.aging import PAST
from weightedit.ui.doctor.coded import CodedLabel, CodeLines, lines_of_code
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.picture import Picture
from weightedit.ui.edit_panel.hazard_card import Link
from weightedit.ui.errors.errors_view import LEVELS, wrapping
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, button_row, icon_button, label, line, restyle

ICONS = {"refusal": ("failed", "bad"), "warning": LEVELS["warning"], "notice": LEVELS["notice"]}
MOST_MENDS = 8


class FindingView(QWidget):
    """A finding with everything that belongs to it.

    Parameters
    ----------
    finding
        What was found.
    disagreement
        The operands that disagree, where it is about two.
    failure
        What raised, with the code it was called from.
    can_show
        Whether its tensor can be shown.
    is_first
        Whether it is the first of the page, whose likeliest mend is the one that Enter would take.
    beside
        What the module and what comes to it say, and where the numbers come from.

    Signals
    -------
    tensor_wanted
        (name): show it.
    explanation_wanted
        (text): say what this message of PyTorch means.
    """

    tensor_wanted = Signal(object)
    explanation_wanted = Signal(str)

    def __init__(self, finding: Finding, disagreement: Disagreement | None = None, failure: Failure | None = None, *,
                 can_show: bool = False, is_first: bool = True, beside: Beside | None = None) -> None:  # fmt: skip
        super().__init__()
        self.finding = finding
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(18, 14, 18, 14)
        self.column.setSpacing(10)
        self._add_head(finding, failure, can_show)
        if disagreement is not None:
            self.column.addWidget(Picture(disagreement, beside))
        if beside is not None and beside.sentences:
            self.column.addWidget(wrapping(" ".join(beside.sentences), "secondary"))
        self.cards: list[MendCard] = []
        self._add_mends(finding, is_first)
        if not any(mend.edits for mend in finding.mends):
            self._add_code(finding)
        self._add_words(finding, failure)

    def _add_head(self, finding: Finding, failure: Failure | None, can_show: bool) -> None:
        row = QHBoxLayout()
        row.setSpacing(10)
        self._icon, self._title = IconLabel(*_icon(finding)), CodedLabel("", "title")
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(3)
        title, _, where = finding.message.partition("; called from ")
        self._title.setText(title.rstrip("."))
        words.addWidget(self._title)
        kind = "" if failure is None else failure.type
        below = [visible(part) for part in (finding.module, kind, finding.tensor) if part]
        below += [f"called from {where.rstrip('.')}"] if where else []
        if below:
            words.addWidget(ElidedLabel(" · ".join(below), "secondary"))
        self._past = label(PAST, "caption")
        self._past.hide()
        words.addWidget(self._past)
        row.addLayout(words, 1)
        if can_show:
            show = QPushButton("Show tensor")
            show.clicked.connect(lambda: self.tensor_wanted.emit(finding.tensor))
            row.addWidget(show, 0, Qt.AlignmentFlag.AlignTop)
        self.column.addLayout(row)

    def show_past(self, past: bool) -> None:
        """Step back, and say so, while the document is not what it was found in."""
        name, _, token = _icon(self.finding)
        self._icon.show_icon(name, "text3" if past else token)
        restyle(self._title, "tone", "past" if past else "")
        self._past.setVisible(past)

    def _add_mends(self, finding: Finding, is_first: bool) -> None:
        if not finding.mends:
            return
        self.column.addWidget(line())
        head = QHBoxLayout()
        head.setSpacing(10)
        runs = finding.part == "trace" and any(mend.edits or mend.undo_to is not None for mend in finding.mends)
        head.addWidget(label("Edits that make it run" if runs else "What mends it", "section"))
        head.addWidget(label("each opens as a preview, nothing is changed yet", "caption"))
        head.addStretch(1)
        self.column.addLayout(head)
        for place, mend in enumerate(finding.mends[:MOST_MENDS]):
            card = MendCard(mend, likely=place == 0, is_first=is_first)
            self.cards.append(card)
            self.column.addWidget(card)

    def _add_code(self, finding: Finding) -> None:
        """Offer what is left to do where no edit of weights mends it: lines of code, and what the message means."""
        lines = lines_of_code(finding.message, *(mend.detail for mend in finding.mends))
        if lines:
            self.column.addWidget(CodeLines(lines))
        if finding.torch_says and not finding.mends and explain(finding.torch_says).is_known:
            leads = Link("Explain this message")
            leads.setToolTip("Open what PyTorch says under Doctor › Explain an error, with what is to be done")
            leads.clicked.connect(lambda: self.explanation_wanted.emit(finding.torch_says))
            self.column.addLayout(button_row(leads))

    def _add_words(self, finding: Finding, failure: Failure | None) -> None:
        frame = failure.frames[-1] if failure is not None and failure.frames else None
        if not finding.torch_says and frame is None:
            return
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        places = 0
        if finding.torch_says:
            grid.addLayout(_heading("What PyTorch says", finding.torch_says), 0, places)
            grid.addWidget(_block(visible_lines(finding.torch_says, 2_000)), 1, places)
            places += 1
        if frame is not None and frame.code:
            file = visible(frame.file.replace("\\", "/").rpartition("/")[2])
            title = f"{file}, {visible(frame.function)}" if frame.function else file
            grid.addLayout(_heading(title, "\n".join(frame.code)), 0, places)
            grid.addWidget(_code(frame), 1, places)
            places += 1
        for place in range(places):
            grid.setColumnStretch(place, 1)
        self.column.addLayout(grid)


def _icon(finding: Finding) -> tuple[str, int, str]:
    name, token = ICONS[finding.level]
    return name, 20, token


def _heading(title: str, copied: str) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(ElidedLabel(title, "section"), 1)
    copy = icon_button("copy", f"Copy {title}", 22, 14)
    copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(copied))
    row.addWidget(copy)
    return row


def _block(text: str) -> QFrame:
    frame = QFrame()
    frame.setProperty("surface", "well")
    column = QVBoxLayout(frame)
    column.setContentsMargins(12, 9, 12, 9)
    said = wrapping(text)
    said.setFont(mono_font(11))
    column.addWidget(said)
    column.addStretch(1)
    return frame


def _code(frame: Frame) -> QFrame:
    """Show the lines of code, the one that raised in red."""
    made = QFrame()
    made.setProperty("surface", "well")
    grid = QGridLayout(made)
    grid.setContentsMargins(12, 9, 12, 9)
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(2)
    first = frame.line - len(frame.code) + 1
    for row, text in enumerate(frame.code):
        last = row == len(frame.code) - 1
        number, code = label(str(first + row), "caption"), _code_label(text)
        number.setFont(mono_font(11))
        if last:
            number.setProperty("tone", "bad")
            code.setProperty("tone", "bad")
        grid.addWidget(number, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(code, row, 1)
    grid.setColumnStretch(1, 1)
    grid.setRowStretch(len(frame.code), 1)
    return made


def _code_label(text: str) -> QLabel:
    indent = len(text) - len(text.lstrip(" "))
    made = ElidedLabel(text[:indent] + visible(text[indent:], 300))
    made.setFont(mono_font(11))
    if text.strip():  # an empty line would take the focus and have no name
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made
