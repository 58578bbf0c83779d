"""The inspector's section on the storage: a strip to scale, and the slots over it with offset and stride."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from weightedit.core.document import Document
from weightedit.core.shared.storage_strip import Span, strip_of
from weightedit.core.slots import Slot
from weightedit.core.words.labels import called
from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.ui.inspector.rows import Section, value_label
from weightedit.ui.inspector.storage_strip import Members, StorageStrip
from weightedit.ui.tensor_page.header import StorageChip
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.elided import name_that_fits
from weightedit.ui.widgets.pieces import label
from weightedit.ui.widgets.plain import aloud, plain, tip

MOST_MEMBERS = 40


class NameButton(QPushButton):
    """A name that opens its tensor; where there is little room, its last parts."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(plain(name), parent)
        self.name = name
        self.setProperty("kind", "name")
        self.setAccessibleName(aloud(name))

    def minimumSizeHint(self) -> QSize:
        """Leave the width to the layout."""
        return QSize(40, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as much of the name as fits."""
        super().resizeEvent(event)
        weight = QFont.Weight.Normal if self.isEnabled() else QFont.Weight.DemiBold
        self.setText(plain(name_that_fits(QFontMetrics(ui_font(12, weight)), self.name, self.width() - 6)))


class StorageSection(Section):
    """The slots over one storage, drawn and listed.

    Signals
    -------
    chosen
        The name of a slot to show.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Storage", parent)
        self.chip = StorageChip()
        self.head.insertWidget(2, self.chip)
        self.strip = StorageStrip()
        self.strip.hide()
        self.hidden_note = label("", "caption")
        self.hidden_note.hide()
        self.rows: list[tuple[str, str]] = []
        self._slots: list[Slot] = []
        self._marks: Mapping[Slot, tuple[Span, ...]] = {}
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        self.body.addWidget(self.strip)
        self.body.addWidget(self.hidden_note)
        self.body.addLayout(self._list)
        self.strip.chosen.connect(self.chosen)

    def show_group(self, document: Document, slot: Slot) -> None:
        """Show the group of a slot."""
        group = document.storage_group(slot)
        members = document.group_members(group) if group else [slot]
        self.chip.show_group(group)
        nbytes = slot.storage.nbytes
        self.note.setText(f"{count_text(len(members))} slots · {bytes_text(nbytes)}" if group else bytes_text(nbytes))
        self.note.setToolTip(f"{count_text(nbytes)} bytes")
        self._show_strip(group, members, slot)
        self.rows = []
        while self._list.count():
            item = self._list.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for member in members[:MOST_MEMBERS]:
            self._list.addWidget(self._row(member, member is slot, member.held is slot.held and member is not slot))
        if len(members) > MOST_MEMBERS:
            self._list.addWidget(label(f"and {count_text(len(members) - MOST_MEMBERS)} more", "caption"))

    def _show_strip(self, group: str | None, members: list[Slot], slot: Slot) -> None:
        self._slots = members
        specs, current, nbytes = [one.spec for one in members], members.index(slot), slot.storage.nbytes
        is_all = group is None and slot.spec.is_contiguous and slot.spec.nbytes == nbytes
        if is_all or not nbytes or slot.spec.encoding != "plain":  # a bar from end to end says nothing
            self.strip.show_members(None)
            self.hidden_note.hide()
            return
        laid = strip_of(specs, nbytes, current)
        self.strip.show_members(Members(group or "", [one.name for one in members], specs, current, laid))
        self.hidden_note.setText(f"and {count_text(laid.hidden)} more over the same bytes")
        self.hidden_note.setVisible(laid.hidden > 0)
        self._mark()

    def show_marks(self, marks: Mapping[Slot, tuple[Span, ...]]) -> None:
        """Mark where the cells that change with the selection lie, by slot."""
        self._marks = marks
        self._mark()

    def _mark(self) -> None:
        places = {slot: place for place, slot in enumerate(self._slots)}
        self.strip.show_marks({places[slot]: spans for slot, spans in self._marks.items() if slot in places})

    def _row(self, slot: Slot, is_shown: bool, is_tied: bool) -> QWidget:
        made, row = QWidget(), QHBoxLayout()
        made.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        name = NameButton(called(slot.name))
        name.setEnabled(not is_shown)
        name.clicked.connect(lambda _=False: self.chosen.emit(slot.name))
        offset = value_label(f"{'tied · ' if is_tied else ''}offset {count_text(slot.spec.offset)}")
        offset.setProperty("role", "caption")
        offset.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(name, 1)
        row.addWidget(offset)
        where = f"offset {slot.spec.offset}, stride {tuple_text(slot.spec.stride)}"
        note = ", this tensor" if is_shown else ", tied: the same tensor under another name" if is_tied else ""
        for part in (name, offset):
            part.setToolTip(tip(f"{called(slot.name)}\n{where}{note}"))
        name.setAccessibleDescription(aloud(f"{where}{note}"))
        self.rows.append((slot.name, where))
        return made

    def text(self) -> str:
        """Return `name: offset, stride` lines."""
        return "\n".join(f"{name}: {where}" for name, where in self.rows)


def tuple_text(values: tuple[int, ...]) -> str:
    """Return whole numbers as Python writes a tuple of them."""
    inner = ", ".join(map(str, values))
    return f"({inner},)" if len(values) == 1 else f"({inner})"
