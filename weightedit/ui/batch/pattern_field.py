"""The field that says which tensors an edit of many is for: a pattern, how many it matches, or what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import QCompleter, QLineEdit, QListView, QPushButton, QStyledItemDelegate, QVBoxLayout, QWidget

from weightedit.core.described.targets import all_below
from weightedit.core.words.numbers import count_text
from weightedit.ui.theme import mono_font, theme
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import label, restyle
from weightedit.ui.widgets.plain import plain

WIDTH = 300
SHOWN = 6
OFFERED = 100
"""Completions listed at most."""
LOOKED_AT = 50_000
"""Texts that are looked through as a letter is typed, in 3 ms; patterns of groups come first."""


def written(targets: Sequence[str]) -> str:
    """Return targets as the field shows them."""
    return ", ".join(targets)


def read(text: str) -> tuple[str, ...]:
    """Return the targets that a text names: one after each comma, or one regular expression, which may have commas."""
    text = text.strip()
    if text.startswith("re:"):
        return (text,)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_pattern(target: str) -> bool:
    """Whether a target may mean several tensors."""
    return target.startswith("re:") or any(letter in target for letter in "*?[")


def offered(names: Iterable[str]) -> list[str]:
    """Return what the field completes to: a pattern for each group, then names."""
    names = list(names)
    groups: dict[str, int] = {}
    for name in names:
        at = name.find(".")
        while at >= 0:
            group = all_below(name[:at])
            groups[group] = groups.get(group, 0) + 1
            at = name.find(".", at + 1)
    return [group for group, count in groups.items() if count > 1] + names


class PatternField(QWidget):
    """Label, field, and under it how many tensors match or what was probably meant.

    Signals
    -------
    changed
        The text is another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit = QLineEdit()
        self.edit.setAccessibleName("Tensors")
        self.edit.setFont(mono_font(12))
        self.edit.setProperty("mono", True)
        self.edit.setPlaceholderText("*.mlp.*")
        self.edit.setToolTip("Names or patterns parted by commas; * crosses dots; re: and a regular expression for the "
                             "whole name")  # fmt: skip
        self._offered: list[str] = []
        self._fitting = QStringListModel(self)
        completer = QCompleter(self._fitting, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setMaxVisibleItems(SHOWN)
        self.edit.setCompleter(completer)
        popup = QListView()
        completer.setPopup(popup)
        popup.setObjectName("completions")
        theme.dress(popup)  # a window of its own
        popup.setItemDelegate(QStyledItemDelegate(popup))  # the completer's own knows no style
        self.note = ElidedLabel("", "caption")
        self.meant = QPushButton()
        self.meant.setProperty("kind", "link")
        self.meant.hide()
        self._suggested = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(label("Tensors", "section"))
        column.addWidget(self.edit)
        column.addWidget(self.note)
        column.addWidget(self.meant, 0, Qt.AlignmentFlag.AlignLeft)
        self.setFixedWidth(WIDTH)
        self.setFocusProxy(self.edit)
        self.edit.textEdited.connect(self._complete)
        self.edit.textChanged.connect(lambda _: self.changed.emit())
        self.meant.clicked.connect(lambda: self.edit.setText(self._suggested))

    @property
    def targets(self) -> tuple[str, ...]:
        """What is typed."""
        return read(self.edit.text())

    @property
    def names_patterns(self) -> bool:
        """Whether anything typed may mean several tensors."""
        return any(map(is_pattern, self.targets))

    def offer(self, texts: list[str]) -> None:
        """Complete to these from now on."""
        self._offered = texts

    def _complete(self, text: str) -> None:
        """Offer the first that hold what is typed; Qt's own way lays out every one of 46,000, which takes 0.4 s."""
        fits = (one for one in islice(self._offered, LOOKED_AT) if text in one)
        self._fitting.setStringList(list(islice(fits, OFFERED)))

    def say_count(self, count: int, word: str = "tensor") -> None:
        """Say how many tensors match."""
        self._say(f"{count_text(count)} {word}{'' if count == 1 else 's'}")

    def say_nothing(self, text: str, meant: str = "") -> None:
        """Say what matches nothing, and offer what was probably meant."""
        self._suggested = meant
        self._say(text, wrong=True)
        self.meant.setText(f"Did you mean {plain(meant)}?")
        self.meant.setVisible(bool(meant))

    def clear_note(self) -> None:
        """Say nothing until it is known."""
        self._say("")

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self.note.setText(text)
        restyle(self.note, "role", "bad" if wrong else "caption")
        restyle(self.edit, "wrong", "true" if wrong else "false")
        self.meant.hide()
