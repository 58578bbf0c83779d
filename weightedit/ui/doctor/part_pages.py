"""Makes the page of each part: its findings, with cards that mend them, the load table, or fields with results."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.report import LoadReport
from weightedit.ui.doctor.aging import Aging, Found
from weightedit.ui.doctor.finding_view import FindingView
from weightedit.ui.doctor.first_cause import AFTER, HOW, comes_after
from weightedit.ui.doctor.ground import Ground
from weightedit.ui.doctor.load_table import LoadTable
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.mending import Mending
from weightedit.ui.doctor.pages import Halves, Scrolled, holding
from weightedit.ui.doctor.standing import Standing
from weightedit.ui.doctor.states import nothing_found
from weightedit.ui.edit_panel.hazard_card import Link
from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.widgets.pieces import button_row, empty_state
from weightedit.ui.widgets.plain import lines_text

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.doctor.room import DoctorRoom
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow


class PartPages:
    """Pages for what the room found, and what is pressed on them.

    Parameters
    ----------
    window, room
        Whose tasks do what is pressed, and whose findings they are.
    """

    def __init__(self, window: MainWindow, room: DoctorRoom) -> None:
        self._window, self._room = window, room
        self._mending = Mending(window, self._mended)

    def page(self, name: str) -> QWidget:
        """Make the page of a part."""
        room = self._room
        if room.opened is None:
            return empty_state("doctor", "No document is open", "Open a checkpoint, then name the code of its model.")
        if name == "activations":
            return holding(room.activations)
        if name == "training":
            return holding(room.training, self._findings(name))
        load = None if room.found is None else room.found.load
        if name != "load" or load is None or not load.rows:
            return self._findings(name)
        table = self._load_table(load, room.opened)
        if not any(one.part == name for one in load.findings):
            return table
        both = Halves(self._findings(name), table)
        table.gave_way.connect(lambda gone: both.give_way() if gone else both.share())
        return both

    def _load_table(self, load: LoadReport, opened: OpenDocument) -> LoadTable:
        table = LoadTable(load)
        table.opened.connect(lambda name: self._show_tensor(opened, name))
        table.card_made.connect(lambda card: self._join(card, opened.document, self._room.visit.ground))
        self._age(table, opened.document, self._room.visit.ground)
        return table

    def _findings(self, name: str) -> QWidget:
        found = self._room.found
        findings = [] if found is None else [one for one in found.findings if one.part == name]
        after = [self._after_load] if name in ("trace", "training") and comes_after(found) else []
        if not findings:
            return holding(*(make() for make in after), empty_state(*nothing_found(name, self._room.visit)))
        views = [partial(self.finding_view, one, is_first=place == 0) for place, one in enumerate(findings)]
        return Scrolled([*after, *views])

    def _after_load(self) -> QWidget:
        """Say that the load report comes first, and lead there."""
        notice = Notice("notice", AFTER, HOW)
        leads = Link("Show the load report")
        leads.clicked.connect(lambda: self._room.show_part("load"))
        notice.column.addLayout(button_row(leads))
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(18, 12, 18, 12)
        column.addWidget(notice)
        return made

    def finding_view(self, finding: Finding, *, is_first: bool = True, ground: Ground | None = None) -> FindingView:
        """Make the page of a finding, whose mends can be pressed while the document is where it was found."""
        found, visit = self._room.found, self._room.visit
        diagnosis = None if found is None else found.diagnosis
        own = diagnosis is not None and diagnosis.finding is finding
        disagreement = diagnosis.disagreement if own and diagnosis is not None else None
        failure = found.trace.failure if own and found is not None and found.trace is not None else None
        opened = visit.opened
        shown = opened is not None and bool(finding.tensor) and opened.document.find(finding.tensor) is not None
        beside = diagnosis.beside if own and diagnosis is not None else None
        view = FindingView(finding, disagreement, failure, can_show=shown, is_first=is_first, beside=beside)
        if opened is not None:
            view.tensor_wanted.connect(lambda name: self._show_tensor(opened, name))
        view.explanation_wanted.connect(self._explain)
        if opened is not None:
            for card in view.cards:
                self._join(card, opened.document, ground or visit.ground)
            self._age(view, opened.document, ground or visit.ground)
        return view

    # ---- what is pressed on them

    def _join(self, card: MendCard, document: Document, ground: Ground | None) -> None:
        """Do what a card asks for, while the document is where it was when that was found."""
        self._mending.join(card, document)
        card.input_wanted.connect(lambda: self._use(card.mend))
        card.previewed.connect(lambda: self._make_room(card))
        if ground is not None and card.changes_document:
            standing = Standing(card, document, ground, self._room.visit.mended)
            self._room.ground_changed.connect(standing.look)

    def _age(self, shown: Found, document: Document, ground: Ground | None) -> None:
        """Let what was found step back while the document is elsewhere."""
        if ground is not None:
            self._room.ground_changed.connect(Aging(shown, document, ground).look)

    def _make_room(self, card: MendCard) -> None:
        """Let all be seen that a card of a finding says it would do; the table below gives way to it."""
        page = self._room.pane
        if isinstance(page, Halves) and page.upper.isAncestorOf(card):
            page.give_way()
        above = card.parentWidget()
        while above is not None and not isinstance(above, Scrolled):
            above = above.parentWidget()
        if above is not None:
            above.look_at(card)

    def _show_tensor(self, opened: OpenDocument, name: str) -> None:
        if opened.document.find(name) is None:
            self._room.say(self._room.visit, "notice", f"There is no {visible(name, 200)} in the document any more")
        else:
            self._window.show_tensor(opened, name)

    def _explain(self, text: str) -> None:
        """Show what PyTorch's own message means, with what is to be done in the code."""
        from weightedit.ui.doctor.explain_page import ExplainPage

        page = self._window.aside.open("explain")
        assert isinstance(page, ExplainPage)
        page.text.setPlainText(lines_text(text))

    def _use(self, mend: Mend) -> None:
        """Put the input or target of a mend into its field."""
        room = self._room
        field, text = (room.head.input, mend.inputs) if mend.inputs else (room.training.target, mend.target)
        field.setText(text)
        field.setFocus()
        what = "input" if mend.inputs else "target"
        room.say(room.visit, "notice", f"The {what} is changed", "Run again to see what that changed.")

    def _mended(self, said: str) -> None:
        room = self._room
        if room.opened is not None:
            room.visit.mended.append(Ground.of(room.opened.document))
            room.ground_changed.emit()
        room.say(room.visit, "ok", said)
        room.head.run.setFocus()
        self._window.status.say(said)
