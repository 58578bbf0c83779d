"""The notices of recovery: edits that a crash left unsaved, with their choices, and what recovering could not do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.numbers import bytes_text, count_text, moment_text
from weightedit.core.words.visible import visible
from weightedit.ui.errors.errors_view import Notice, sentence, wrapping
from weightedit.ui.files.reload_notice import edits_text
from weightedit.ui.recovery.kept_list import KeptList
from weightedit.ui.shell.leaving import leaves
from weightedit.ui.widgets.pieces import button_row, restyle
from weightedit.ui.widgets.plain import aloud, plain, tip

if TYPE_CHECKING:
    from weightedit.core.journals.recovery import Recovered, Unfinished

MOST_LINES = 4
"""Files of an interrupted save that are named; the rest is counted."""
MOST_OF_NAME = 48
"""Characters of a name that a button has room for."""
KEPT = "The file is as it is on the disk, and the edits are kept until they are discarded by name."
KEPT_WHOLE = "It is kept until it is discarded by name."
FIT_ONLY = "The edits fit only the file as it was, and are kept until they are discarded by name."
OWN_EDITS = ("{0} is open with edits of its own; these were made to the file as it is on the disk now. To have these "
             "instead, close {0} without saving and try again. Once it is saved, these fit it no more: recover them "
             "into a copy before.")  # fmt: skip
LOOKS_AGAIN = "Look at the file again, and recover the edits where it is the one they were made to."


def when_text(begun: datetime, last: datetime, now: datetime | None = None) -> str:
    """Return from when until when edits were made, with the time of day where that is told apart by it."""
    first, until = (_moment(one, now) for one in (begun, last))
    at = "at " if ":" in moment_text(last, now) else ""
    return f"{at}{until}" if first == until else f"from {first} until {until}"


def _moment(moment: datetime, now: datetime | None) -> str:
    text = moment_text(moment, now)
    return text if ":" in text else f"{text}, {moment:%H:%M}"


class _Question(QWidget):
    """A question that Esc takes back."""

    def __init__(self, leave: Callable[[], None]) -> None:
        super().__init__()
        self._leave = leave

    def event(self, event: QEvent) -> bool:
        """Take Esc."""
        return leaves(event, self._leave) or super().event(event)


class RecoveryNotice(Notice):
    """One document that ended without closing.

    Parameters
    ----------
    unfinished
        What there is of it.
    recover, copy, later, discard
        Called when the person recovers the edits, writes them into a copy of the file, leaves them for another time, or
        throws them away.
    """

    def __init__(self, unfinished: Unfinished, recover: Callable[[], None], copy: Callable[[], None],
                 later: Callable[[], None], discard: Callable[[], None]) -> None:  # fmt: skip
        self.real_path = unfinished.real_path
        self.is_beside_others = False
        self.unfinished = unfinished
        self.is_busy = False
        self.title_of_file = visible(unfinished.title, 120)
        super().__init__(self._level, *self._says())
        self.setObjectName("recovery")
        self.count = len(unfinished.edits)
        self.recover_button = QPushButton()
        self.copy_button, self.show_button = QPushButton("Recover into a copy…"), QPushButton("Show the edits")
        self.copy_button.setProperty("kind", "primary")
        self.copy_button.setToolTip("Write the file with these edits under another name; what is open stays as it is.")
        self.later_button, self.discard_button = QPushButton("Not now"), QPushButton("Discard…")
        self.discard_button.setProperty("kind", "quiet")
        self.later_button.setProperty("kind", "quiet" if self.count or unfinished.problem is None else "")
        self.later_button.setToolTip("Leave them as they are; they are offered at the next start, and by the palette.")
        self.recover_button.clicked.connect(recover)
        self.copy_button.clicked.connect(copy)
        self.show_button.clicked.connect(self._show_edits)
        self.later_button.clicked.connect(later)
        self.discard_button.clicked.connect(lambda: self._ask(True))
        self.list: KeptList | None = None
        self._buttons, self.question = QWidget(), self._question(discard)
        buttons = self.recover_button, self.copy_button, self.show_button, self.later_button, self.discard_button
        self._buttons.setLayout(button_row(*buttons))
        self.column.addSpacing(4)
        self.column.addWidget(self._buttons)
        self.column.addWidget(self.question)
        self.question.hide()
        self.show_button.setVisible(bool(self.count))
        for button in buttons[1:]:
            button.setAccessibleName(aloud(f"{button.text()}: {self.title_of_file}"))
        self._offer()

    @property
    def _level(self) -> str:
        found = self.unfinished
        if found.problem is not None:
            return "refusal"
        return "notice" if found.file_problem is None and not self.is_beside_others else "warning"

    def _offer(self, is_refused: bool = False) -> None:
        """Make the button what it would do: recover the edits, or look once more whether that can be done."""
        found, button = self.unfinished, self.recover_button
        again = is_refused or found.file_problem is not None
        what = edits_text(self.count) if self.count else "them"
        button.setText("Try again" if again else plain(f"Recover {what}"))
        button.setToolTip(tip(LOOKS_AGAIN) if again else "")
        button.setAccessibleName(aloud(f"{button.text()}: {self.title_of_file}"))
        restyle(button, "kind", "" if again or self.is_beside_others else "primary")
        button.setVisible(found.problem is None)
        self.copy_button.setVisible(self.is_beside_others and found.problem is None and found.file_problem is None)

    def follow(self, unfinished: Unfinished) -> None:
        """Show what became of the file since: it was put back, or is gone."""
        if unfinished.file_problem != self.unfinished.file_problem:
            self.unfinished = unfinished
            self._say()

    def set_beside_others(self, on: bool) -> None:
        """Say that the file is open with edits of its own, whose save would make these fit it no more."""
        if on != self.is_beside_others:
            self.is_beside_others = on
            self._say()

    def _say(self) -> None:
        title, body = self._says()
        self.title.setText(title)
        self.body.setText(body)
        self.set_level(self._level)
        self._offer()

    def _says(self) -> tuple[str, str]:
        found = self.unfinished
        count, undone = len(found.edits), sum(edit.undone for edit in found.edits)
        where = visible(str(found.path), 200) if found.path.name else ""
        back = f" {count_text(undone)} of them {'was' if undone == 1 else 'were'} undone." if undone else ""
        if found.problem is not None:
            what = f"{edits_text(count)} of {self.title_of_file}" if count else f"The journal {self.title_of_file}"
            kept = f"{bytes_text(found.nbytes)}, last written {when_text(found.last, found.last)}"
            return f"{what} cannot be recovered", " ".join(filter(None, (
                found.problem, f"({where}; {kept})." if where else f"({kept}).",
                KEPT if count else KEPT_WHOLE)))  # fmt: skip
        title = f"{self.title_of_file} has {edits_text(count)} that a crash left unsaved"
        made = f"{where}. Made {when_text(found.begun, found.last)}.{back}"
        if found.file_problem is not None:
            problem = re.sub("^it ", "The file ", visible(found.file_problem, 200))
            return title, f"{made} {sentence(problem)}. {FIT_ONLY}"
        if self.is_beside_others:
            return title, f"{made} {OWN_EDITS.format(self.title_of_file)}"
        return title, made

    def _question(self, discard: Callable[[], None]) -> QWidget:
        them, count = ("They", f"{edits_text(self.count)} of ") if self.count else ("It", "the journal ")
        self.asks = wrapping(f"Discard {count}{self.title_of_file}? {them} cannot be had back.")
        self.discard_for_good = QPushButton(plain(f"Discard {count}{visible(self.unfinished.title, MOST_OF_NAME)}"))
        self.discard_for_good.setProperty("kind", "warning")
        self.discard_for_good.clicked.connect(discard)
        self.keep_button = QPushButton("Keep them" if self.count else "Keep it")
        self.keep_button.setProperty("kind", "quiet")
        self.keep_button.clicked.connect(lambda: self._ask(False))
        holder = _Question(lambda: self._ask(False))
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.asks)
        column.addLayout(button_row(self.discard_for_good, self.keep_button))
        return holder

    def _ask(self, on: bool) -> None:
        """Put the question where the buttons are, or take it back."""
        self._buttons.setVisible(not on)
        self.question.setVisible(on)
        (self.keep_button if on else self.discard_button).setFocus()

    def _show_edits(self) -> None:
        if self.list is None:
            self.list = KeptList(self.unfinished.edits, f"Edits of {self.title_of_file}")
            self.column.insertWidget(self.column.indexOf(self._buttons) - 1, self.list)  # above the space over them
            self.list.show()
        else:
            self.list.setVisible(self.list.isHidden())
        self.show_button.setText("Show the edits" if self.list.isHidden() else "Hide the edits")

    def set_busy(self, busy: bool) -> None:
        """Keep the choices off while something is done with the edits."""
        self.is_busy = busy
        for widget in (self._buttons, self.question):
            widget.setEnabled(not busy)

    def refuse(self, reason: str) -> None:
        """Say why the edits could not be recovered; they can be tried again, or discarded."""
        self.title.setText(f"{edits_text(self.count)} of {self.title_of_file} could not be recovered")
        self.body.setText(f"{reason} {KEPT}")
        self.body.show()
        self.set_level("warning")
        self._offer(is_refused=True)
        self.set_busy(False)


class RecoveredNotice(Notice):
    """What recovering could not do: which edits were left out, and why."""

    def __init__(self, title: str, recovered: Recovered, dismiss: Callable[[], None]) -> None:
        left = recovered.left_out
        some = f"{edits_text(recovered.applied)} of {visible(title, 120)} were recovered" if recovered.applied else \
            f"No edit of {visible(title, 120)} could be recovered"  # fmt: skip
        out = f"{edits_text(len(left))} {'was' if len(left) == 1 else 'were'} left out"
        super().__init__("warning", f"{some}; {out}" if left else some, recovered.reason or "")
        self.setObjectName("recovered")
        if left:
            self.column.addWidget(KeptList(left, "Edits that were left out"))
        lines = [f"{edit.time:%Y-%m-%d %H:%M:%S} {visible(edit.label)}: {visible(edit.where)}" for edit in left]
        self.copy_button, self.dismiss_button = QPushButton("Copy the list"), QPushButton("Dismiss")
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText("\n".join(lines)))
        self.copy_button.setVisible(bool(left))
        self.dismiss_button.clicked.connect(dismiss)
        self.dismiss_button.setProperty("kind", "quiet" if left else "")
        self.column.addSpacing(4)
        self.column.addLayout(button_row(self.copy_button, self.dismiss_button))


class LeftoversNotice(Notice):
    """What was removed and completed of saves that never came to their end."""

    def __init__(self, title: str, lines: Sequence[str], dismiss: Callable[[], None], level: str = "notice") -> None:
        super().__init__(level, title, "\n".join(lines[:MOST_LINES]))
        self.setObjectName("leftovers")
        if len(lines) > MOST_LINES:
            self.column.addWidget(wrapping(f"and {count_text(len(lines) - MOST_LINES)} more", "secondary"))
        self.copy_button, self.dismiss_button = QPushButton("Copy the list"), QPushButton("Dismiss")
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText("\n".join(lines)))
        self.dismiss_button.clicked.connect(dismiss)
        self.dismiss_button.setProperty("kind", "quiet")
        self.column.addSpacing(4)
        self.column.addLayout(button_row(self.copy_button, self.dismiss_button))

