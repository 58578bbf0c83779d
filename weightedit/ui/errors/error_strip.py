"""The errors that nobody has dismissed yet, above whatever else is shown: the newest as cards, the rest counted."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.numbers import count_text
from weightedit.ui.errors.answers import About, reading_of
from weightedit.ui.errors.errors_view import ErrorCard
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.pieces import label
from weightedit.ui.widgets.plain import lines_text

MOST_CARDS = 3
MOST_KEPT = 200
"""Errors that are kept for the list; of more, the oldest are only counted."""


class ErrorStrip(QWidget):
    """The errors that were not dismissed yet, the latest on top."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: list[ErrorCard] = []
        self._dropped = 0
        self.more = MoreErrors()
        self.more.dismiss_button.clicked.connect(self.clear)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self._column.addWidget(self.more)
        self.hide()

    @property
    def cards(self) -> list[ErrorCard]:
        """The errors shown, the latest first."""
        return self._cards[:MOST_CARDS]

    @property
    def all(self) -> tuple[ErrorCard, ...]:
        """These and the ones that are only counted."""
        return tuple(self._cards)

    def add(self, error: BaseException, doing: str = "", about: About | None = None) -> ErrorCard:
        """Show an error; one that is shown already comes to the top, and the oldest is counted below.

        `about` is what was refused, so that the error goes once that was done.
        """
        for old in self.all:
            if type(old.error) is type(error) and str(old.error) == str(error):
                self._forget(old)
        card = ErrorCard(error, doing)
        card.about = about or reading_of(error)
        card.dismissed.connect(lambda: self._remove(card))
        self._column.insertWidget(0, card)
        self._cards.insert(0, card)
        for old in self._cards[MOST_KEPT:]:
            self._forget(old)
            self._dropped += 1
        self._follow()
        return card

    def clear(self) -> None:
        """Dismiss all."""
        for card in self.all:
            self._forget(card)
        self._follow()

    def answer(self, *done: About) -> None:
        """Take away the refusals of what has been done now."""
        for card in self.all:
            if card.about in done:
                self._forget(card)
        self._follow()

    def _remove(self, card: ErrorCard) -> None:
        if card in self._cards:
            self._forget(card)
            self._follow()

    def _forget(self, card: ErrorCard) -> None:
        self._cards.remove(card)
        self._column.removeWidget(card)
        card.hide()
        card.deleteLater()

    def _follow(self) -> None:
        """Show the newest, and of the rest how many they are."""
        for at, card in enumerate(self._cards):
            card.setVisible(at < MOST_CARDS)
        self._dropped = self._dropped if self._cards else 0
        self.more.follow(self._cards, self._dropped)
        self.setVisible(bool(self._cards))


class MoreErrors(QFrame):
    """One line: how many errors there are beside the cards, with what shows, copies and dismisses them all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("error")
        self.setProperty("surface", "panel")
        self._all: Sequence[ErrorCard] = ()
        self.count = label("", "secondary")
        self.show_button = QPushButton("▸ Show them")
        self.copy_button, self.dismiss_button = QPushButton("Copy all"), QPushButton("Dismiss all")
        for button in (self.show_button, self.copy_button, self.dismiss_button):
            button.setProperty("kind", "link")
        self.show_button.clicked.connect(self._fold)
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.everything))
        self.copy_button.setAccessibleName("Copy all errors")
        self.dismiss_button.setAccessibleName("Dismiss all errors")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setFont(mono_font(11))
        self.text.setProperty("mono", True)
        self.text.setFixedHeight(84)
        self.text.setAccessibleName("More errors")
        self.text.hide()
        row = QHBoxLayout()
        row.setSpacing(14)
        for widget in (self.count, self.show_button, self.copy_button, self.dismiss_button):
            row.addWidget(widget)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(42, 4, 10, 4)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.text)
        self.hide()

    @property
    def everything(self) -> str:
        """The details of every error, the latest first."""
        return "\n\n".join(card.details for card in self._all)

    def follow(self, cards: Sequence[ErrorCard], dropped: int) -> None:
        """Count and list those that have no card; `dropped` of them are not kept any more."""
        self._all = tuple(cards)
        rest = cards[MOST_CARDS:]
        gone = f"; the oldest {count_text(dropped)} are not kept" if dropped else ""
        self.count.setText(f"and {count_text(len(rest) + dropped)} more{gone}")
        self.show_button.setAccessibleName(f"Show {count_text(len(rest))} more errors")
        self.text.setPlainText(lines_text("\n".join(str(card.error) for card in rest)))
        self.setVisible(bool(rest))

    def _fold(self) -> None:
        self.text.setVisible(self.text.isHidden())
        self.show_button.setText("▸ Show them" if self.text.isHidden() else "▾ Hide them")
