"""The hazards of an edit of many tensors as cards side by side: of the row that is picked, else the gravest of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from weightedit.core.batches.batch import LEFT, REFUSED, WHOLE_NUMBERS, BatchRow
from weightedit.core.edit import Edit
from weightedit.core.hazards import LEVELS, Hazard
from weightedit.core.losing.hazard_groups import grouped
from weightedit.core.operation import Operation
from weightedit.core.words.numbers import count_text
from weightedit.ui.batch.texts import is_whole, several, would_become
from weightedit.ui.edit_panel.hazard_card import Link, places_of
from weightedit.ui.edit_panel.hazard_words import alternatives, breakable
from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.widgets.hazard_names import short_names
from weightedit.ui.widgets.plain import tip

MOST, LEAST = 3, 250
ORDER: tuple[str, ...] = LEVELS
Way = tuple[str, Callable[[], None]]
"""What a link says, and what it does."""


@dataclass
class Said:
    """One card: its level, title and body, and links by their words and what each does."""

    level: str
    title: str
    body: str = ""
    links: list[Way] = field(default_factory=list)

    @property
    def words(self) -> tuple[str, ...]:
        """Everything it says."""
        return self.level, self.title, self.body, *(words for words, _ in self.links)


class BatchCards(QWidget):
    """Up to three cards.

    Signals
    -------
    include
        (names) that are left and had better not be.
    alternative
        (Edit) to describe instead.
    elsewhere
        (Edit) of one tensor, to describe there.
    place
        (tensor name, region) to show.
    leave
        (names) that are refused and are to be left as they are.
    show_all
        All hazards are asked for.
    """

    include = Signal(object)
    alternative = Signal(object)
    elsewhere = Signal(object)
    place = Signal(object, str)
    leave = Signal(object)
    show_all = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Hazards")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(14, 10, 14, 10)
        self._row.setSpacing(10)
        self._said: list[Said] = []
        self._is_compact = False
        self.cards: list[Notice] = []
        self.operations: Mapping[str, Operation] = {}
        self.more = Link("")
        self.more.clicked.connect(self.show_all)
        self._row.addWidget(self.more, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def show_said(self, said: Sequence[Said]) -> None:
        """Show these, as many as there is room for."""
        if [one.words for one in said] == [one.words for one in self._said]:
            self._said = list(said)
            return
        self._said = list(said)
        self._fill()

    def _fill(self) -> None:
        for card in self.cards:
            self._row.removeWidget(card)
            card.hide()
            card.deleteLater()
        room = max(1, min(MOST, (self.width() or 3 * LEAST) // LEAST))
        self.cards = [self._card(place, one) for place, one in enumerate(self._said[:room])]
        for place, card in enumerate(self.cards):
            self._row.insertWidget(place, card, 1)
        rest = len(self._said) - len(self.cards)
        self.more.say(f"{rest} more")
        self.more.setVisible(rest > 0)
        self.setVisible(bool(self.cards))

    def set_compact(self, on: bool) -> None:
        """Show titles and links alone where the page is low; the rest is their tooltip."""
        if on != self._is_compact:
            self._is_compact = on
            self._fill()

    def _card(self, place: int, one: Said) -> Notice:
        title = short_names(one.title)
        made = Notice(one.level, breakable(title), "" if self._is_compact else breakable(one.body))
        made.setToolTip(tip(one.body if self._is_compact else one.title if title != one.title else ""))
        made.setFrameShape(QFrame.Shape.NoFrame)
        links = QHBoxLayout()
        links.setSpacing(12)
        for number, (words, _) in enumerate(one.links):
            link = Link(words)
            link.clicked.connect(lambda _=False, place=place, number=number: self._said[place].links[number][1]())
            links.addWidget(link)
        links.addStretch(1)
        if one.links:
            made.column.addLayout(links)
        made.column.addStretch(1)
        return made

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many as there is room for."""
        super().resizeEvent(event)
        if event.oldSize().width() // LEAST != event.size().width() // LEAST and self._said:
            self._fill()

    # ---- what is said

    def of_rows(self, rows: Sequence[BatchRow], rest: Sequence[Hazard], picked: BatchRow | None, edit: Edit | None,
                operation: str) -> list[Said]:  # fmt: skip
        """Return what to say: of the row that is picked if it has anything, else of all of them."""
        if picked is not None and (said := self._of_one(picked, edit, operation)):
            return said
        hazards, said = list(rest), []
        refused = [row for row in rows if row.state == REFUSED]
        alike: dict[tuple[str, str, str], list[tuple[str, Hazard]]] = {}
        for row in rows:
            for hazard in row.hazards if row.state != LEFT else ():
                alike.setdefault((hazard.kind, hazard.title, hazard.detail), []).append((row.name, hazard))
        for found in alike.values():
            if len(found) == 1:
                hazards.append(found[0][1])
            else:  # word for word the same of several
                first = found[0][1]
                said.append(Said(first.level, f"{first.title}, in {several(len(found), 'tensor')}",
                                 f"{first.detail} The first is {found[0][0]}.".strip(),
                                 self._links([one for _, one in found], edit, refused)))  # fmt: skip
        said += [Said(group.level, group.title, group.detail, self._links(group.hazards, edit, refused))
                for group in grouped(sorted(hazards, key=_gravity))]  # fmt: skip
        said.sort(key=lambda one: ORDER.index(one.level))
        left = [row for row in rows if row.state == LEFT and row.why in WHOLE_NUMBERS]
        place = sum(one.level == "refusal" for one in said)
        return said[:place] + self._left(left, operation) + said[place:]

    def _of_one(self, row: BatchRow, edit: Edit | None, operation: str) -> list[Said]:
        if row.state == LEFT:
            return self._left([row], operation)
        refused = [row] if row.state == REFUSED else []
        return [Said(hazard.level, hazard.title, hazard.detail, self._links([hazard], edit, refused))
                for hazard in row.shown]  # fmt: skip

    def _left(self, rows: list[BatchRow], operation: str) -> list[Said]:
        """Say what is left because it holds whole numbers, and what would come of it."""
        if not rows:
            return []
        names = [name for row in rows for name in row.names]
        first = rows[0]
        dtype = first.before.dtype if first.before is not None else ""
        if len(rows) == 1:
            why = f"it is {dtype}" if first.why in WHOLE_NUMBERS else "its box is not ticked" \
                if first.why == first.name else f"{first.why} leaves it"  # fmt: skip
            would = would_become(first)
            body = f"{operation}: {would}. " if would and is_whole(first) else ""
            body += "Whole numbers and flags stay as they are unless ticked." if first.why in WHOLE_NUMBERS else ""
            return [Said("warning" if is_whole(first) else "notice", f"{first.name} is left out: {why}", body,
                         [("Include it", lambda: self.include.emit(names))])]  # fmt: skip
        changing = sum(row.measured is not None and row.measured.changed > 0 for row in rows)
        body = f"{operation} would change {changing} of them. " if changing else ""
        return [Said("warning", f"{several(len(rows), 'tensor')} are left out: they hold whole numbers or flags",
                     f"{body}Such tensors, {first.name} among them, stay as they are unless ticked.",
                     [("Include them", lambda: self.include.emit(names))])]  # fmt: skip

    def _links(self, hazards: Sequence[Hazard], edit: Edit | None, refused: list[BatchRow]) -> list[Way]:
        """Return the ways on of hazards of one kind: to other edits, to the cells, or on without what is refused."""
        first = hazards[0]
        ways = [self._way(words, other, edit) for words, other in alternatives(first, edit, self.operations)
                if edit is not None and (len(hazards) == 1 or other.targets == edit.targets)
                and (other.targets == edit.targets or len(other.targets) == 1)]  # fmt: skip
        found = places_of(first)
        if found:
            words = "Show cells" if len(hazards) == 1 else "Show the first"
            ways.append((words, lambda: self.place.emit(*found[0])))
        said = {id(hazard) for hazard in hazards}
        rows = [row for row in refused if first.level == "refusal" and any(id(one) in said for one in row.shown)]
        if rows:
            words = "Leave it out" if len(rows) == 1 else f"Leave these {count_text(len(rows))} out"
            ways.insert(0, (words, lambda: self.leave.emit([name for row in rows for name in row.names])))
        return ways

    def _way(self, words: str, other: Edit, edit: Edit | None) -> Way:
        """Return the way to another edit: here where it is of the same tensors, else at its one tensor."""
        here = edit is not None and (other.operation, other.targets) == (edit.operation, edit.targets)
        signal = self.alternative if here else self.elsewhere
        return words, lambda: signal.emit(other)


def _gravity(hazard: Hazard) -> tuple[int, int]:
    return LEVELS.index(hazard.level), -hazard.count
