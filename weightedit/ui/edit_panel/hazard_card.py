"""One hazard, or many of a kind, as a card: what happens, where, and links that show it or avoid it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from weightedit.core.hazard_kinds import KINDS
from weightedit.core.hazards import Hazard
from weightedit.core.losing.hazard_groups import HazardGroup
from weightedit.core.pages.hazards_page import TITLE
from weightedit.core.words.labels import called
from weightedit.ui.edit_panel.hazard_words import breakable, short_title, without_name
from weightedit.ui.errors.errors_view import LEVELS, Notice, wrapping
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.flow import SEPARATOR, FlowLayout
from weightedit.ui.widgets.hazard_names import short_names
from weightedit.ui.widgets.pieces import IconLabel, icon_button, label
from weightedit.ui.widgets.plain import aloud, tip

EDGES = 6
"""Pixels of a link that are not text: 2 of padding and 1 of border at either side."""
HEIGHT = 18
"""Of a link; the style sheet has 16 and the border."""
MOST_LISTED = 100
"""Hazards of a group that are listed when it is unfolded."""


class Link(QPushButton):
    """A link of a card, taken by Enter as by a click; text too long for its line ends in …, a name begins with it."""

    def __init__(self, text: str, *, is_name: bool = False) -> None:
        super().__init__()
        self._elide = Qt.TextElideMode.ElideLeft if is_name else Qt.TextElideMode.ElideRight
        self.setProperty("kind", "link")
        self.setAutoDefault(True)
        self.say(text)

    def say(self, text: str) -> None:
        """Say something else."""
        self._whole = text
        self.setAccessibleName(aloud(text))
        self.setText(text)
        self.updateGeometry()
        self._fit()

    def sizeHint(self) -> QSize:
        """Want room for the whole text."""
        self.ensurePolished()  # the style sheet says which font
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + EDGES, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Need little: what does not fit is cut."""
        return QSize(20, HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as much of the text as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Show as much of the text as there is room for."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = max(self.width() - EDGES, 0) if self.isVisible() else self.sizeHint().width()
        text = self.fontMetrics().elidedText(self._whole, self._elide, room + 1)
        if text != self.text():
            self.setText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave arrows to what scrolls around it: they would go to another link."""
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()
            return
        super().keyPressEvent(event)


def places_of(hazard: Hazard) -> list[tuple[str, str]]:
    """Return (tensor name, region) of every place a hazard knows; several tensors have a place each."""
    if not hazard.targets:
        return []
    if len(hazard.targets) == len(hazard.places):
        return list(zip(hazard.targets, hazard.places, strict=True))
    return [(hazard.targets[0], place) for place in hazard.places]


class HazardCard(Notice):
    """A card on the tint of its level.

    Signals
    -------
    place
        (tensor name, region) to show.
    explained
        (kind) whose paragraph of *What PyTorch does silently* is asked for.
    """

    place = Signal(object, str)
    explained = Signal(str)

    def __init__(self, group: HazardGroup, opened: str | None = None) -> None:
        super().__init__(group.level, breakable(short_names(group.title)),
                         breakable(without_name(group.detail, opened)))  # fmt: skip
        self.title.setToolTip(tip(group.title if short_names(group.title) != group.title else ""))
        self.group = group
        self.line: FoldedLine | None = None
        self.hazard = group.hazards[0]
        self.links: list[Link] = []
        self._row = QWidget()
        self._row.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._flow = FlowLayout(5, 2, self._row)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self.column.addWidget(self._row)
        self._row.hide()
        self.column.setSpacing(2)
        outer = self.layout()
        if outer is not None:  # the column is low: what comes after is to be seen too
            outer.setContentsMargins(8, 6, 6, 6)
        self.setMinimumWidth(10)
        self.setAccessibleName(aloud(f"{group.level}: {group.title}"))
        self.listed: QWidget | None = None
        self._explain()

    def _explain(self) -> None:
        """Put what leads to the paragraph of Help on this kind beside the title."""
        known = KINDS.get(self.group.kind)
        if known is None or not known.torch:
            return
        why = icon_button("help", f"{TITLE}: {known.title}", 18, 12)
        why.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        why.clicked.connect(lambda: self.explained.emit(self.group.kind))
        row = QHBoxLayout()
        row.setSpacing(2)
        self.column.removeWidget(self.title)
        row.addWidget(self.title, 1)
        row.addWidget(why, 0, Qt.AlignmentFlag.AlignTop)
        self.column.insertLayout(0, row)

    def fold(self) -> FoldedLine:
        """Leave all but the title to who asks for it; returns the line that stands in its place until then."""
        made = self.line = FoldedLine(self.group)
        self.hide()
        less = self.add_link("Fold")

        def turn(on: bool) -> None:
            self.setVisible(on)
            made.setVisible(not on)
            (self.links[0] if on else made.show_link).setFocus()

        made.show_link.clicked.connect(lambda: turn(True))
        less.clicked.connect(lambda: turn(False))
        return made

    def add_link(self, text: str) -> Link:
        """Add a link, parted from the one before by a dot."""
        if self.links:
            self._flow.addWidget(_dot())
        link = Link(text)
        self.links.append(link)
        self._flow.addWidget(link)
        self._row.show()
        return link

    def add_places(self) -> None:
        """Add what leads to the places: to the first, and once one is there, to those before and after it."""
        found = [place for hazard in self.group.hazards for place in places_of(hazard)]
        if not found:
            return
        go = self.add_link("Show cells" if self.group.kind == "shared-storage" else "Go to first")
        at = [-1]

        def step(by: int) -> None:
            at[0] = (at[0] + by) % len(found)
            if len(found) > 1:
                go.say(f"Next place, {at[0] + 1} of {len(found):,}")
                if back.isHidden():
                    back.show()
                    dot.show()
            self.place.emit(*found[at[0]])

        go.clicked.connect(lambda: step(1))
        if len(found) > 1:
            dot = _dot()
            self._flow.addWidget(dot)
            back = Link("Previous place")
            self._flow.addWidget(back)
            back.clicked.connect(lambda: step(-1))
            dot.hide()
            back.hide()

    def add_list(self) -> None:
        """Add what unfolds the hazards of a group, one line each."""
        if len(self.group.hazards) == 1:
            return
        unfold = self.add_link(f"List all {len(self.group.hazards):,}")

        def turn() -> None:
            if self.listed is None:
                self.listed = self._made_list()
                self.column.addWidget(self.listed)
                self.listed.show()
            else:
                self.listed.setVisible(self.listed.isHidden())
            folded = self.listed.isHidden()
            unfold.say(f"List all {len(self.group.hazards):,}" if folded else "Fold the list")

        unfold.clicked.connect(turn)

    def _made_list(self) -> QWidget:
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(4)
        for hazard in self.group.hazards[:MOST_LISTED]:
            column.addWidget(_Line(hazard, self))
        rest = len(self.group.hazards) - MOST_LISTED
        if rest > 0:
            column.addWidget(wrapping(f"and {rest:,} more; a copy has them all", "caption"))
        return made


class FoldedLine(QWidget):
    """A hazard on one line: what happens, and *Show*."""

    def __init__(self, group: HazardGroup) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(IconLabel(LEVELS[group.level][0], 14, LEVELS[group.level][1]))
        number = Qt.TextElideMode.ElideMiddle if group.count else Qt.TextElideMode.ElideRight
        self.title = ElidedLabel(short_title(group), cut=number)  # the number at its end is what counts
        self.title.setToolTip(tip(f"{group.title}. {group.detail}".strip()))
        row.addWidget(self.title, 1)
        self.show_link = Link("Show")
        self.show_link.setAccessibleName(aloud(f"Show: {group.title}"))
        row.addWidget(self.show_link)


def _dot() -> QLabel:
    """Make what parts two links."""
    made = label("·", "secondary")
    made.setProperty(SEPARATOR, True)
    made.setFixedHeight(18)
    return made


class _Line(QWidget):
    """One hazard of a group: its tensor, which leads to its first place, and its title."""

    def __init__(self, hazard: Hazard, card: HazardCard) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        name, places = hazard.targets[0] if hazard.targets else "", places_of(hazard)
        link = Link(called(name), is_name=True)
        link.setToolTip(tip(hazard.message))
        link.clicked.connect(lambda: card.place.emit(*(places[0] if places else (name, ""))))
        row = QWidget()
        flow = FlowLayout(0, 0, row)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.addWidget(link)
        column.addWidget(row)
        column.addWidget(wrapping(breakable(hazard.title), "caption"))
