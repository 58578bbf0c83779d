"""Every paste asks what is meant: copy the values, replace the tensor, or tie the two; the edit panel previews it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication

from weightedit.core.edit import Edit, TensorName, TensorValue
from weightedit.core.words.labels import called
from weightedit.ui.documents import OpenDocument
from weightedit.ui.files.reload_notice import NoticeStrip
from weightedit.ui.paste.paste_choice import PasteChoice, Way
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.ui.edit_panel.panel import EditPanel
    from weightedit.ui.window import MainWindow

COPY, REPLACE, TIE = "Copy values", "Replace", "Tie"
TITLES = {"set": COPY, "replace": REPLACE, "tie": TIE}
"""By operation."""
GROUP = "paste"
LOOK_BELOW = "Look at the preview below, then apply."


class Pasting(QObject):
    """Shows the choice, and follows it with the edit panel's form.

    Parameters
    ----------
    window, strip
        Whose edit panel is filled, and where the choice is shown.
    """

    def __init__(self, window: MainWindow, strip: NoticeStrip) -> None:
        super().__init__(window)
        self._window, self._strip = window, strip
        self._found: OpenDocument | None = None
        self._name = ""
        self._pasted: tuple[str, Mapping[str, Any]] = ("", {})
        self._followed: EditPanel | None = None
        self.card: PasteChoice | None = None
        window.documents.removed.connect(lambda _: self.leave())

    def ask(self, found: OpenDocument, name: str, source: TensorName | TensorValue, what: str,
            region: str | None) -> None:  # fmt: skip
        """Ask how a tensor goes into another's place; the first answer is shown at once.

        Parameters
        ----------
        found, name
            The tensor in whose place it goes.
        source, what
            What is pasted, and what it is called.
        region
            The selected cells that its values would fill; None for the whole tensor.
        """
        self.leave()
        self._found, self._name = found, name
        self._follow()
        where = called(name) if region is None else f"{called(name)} {region}"
        ways = (Way(COPY, "C", f"Write the values into {where}; the tensor stays the same object.",
                    Edit("set", (name,), region, {"values": source})),
                Way(REPLACE, "R", f"Put a copy in the place of {called(name)}, with its shape and dtype.",
                    Edit("replace", (name,), None, {"source": source})),
                self._tie(name, source))  # fmt: skip
        first = REPLACE if region is None else COPY
        self.card = PasteChoice(f"Paste {what} into {where}", ways, first, self._choose, self._leave_preview,
                                self._go_on)  # fmt: skip
        self._strip.add(self.card)
        self._choose(self.card.way)
        self.card.focus()

    def _tie(self, name: str, source: TensorName | TensorValue) -> Way:
        if isinstance(source, TensorValue) or source.file is not None:
            return Way(TIE, "T", "", off="Only slots of one document can hold one tensor; this one is from elsewhere")
        if source.tensor == name:
            return Way(TIE, "T", "", off="It is the same slot")
        return Way(TIE, "T", f"Let {called(name)} and {called(source.tensor)} hold one and the same tensor.",
                   Edit("tie", (name,), None, {"to": source}))  # fmt: skip

    def _follow(self) -> None:
        work = self._window.workbench
        if work is not None and self._followed is not work.edit_panel:
            self._followed = work.edit_panel
            work.edit_panel.applied.connect(lambda _: self.leave())
            work.edit_panel.form.changed.connect(self._form_changed)
            work.current_changed.connect(self._turned)

    # ---- the choice

    def _choose(self, way: Way) -> None:
        card, found, edit = self.card, self._found, way.edit
        panel = self._followed
        if card is None or found is None or edit is None or panel is None:
            return
        panel.form.take(edit)
        asked = panel.form.request()
        self._pasted = ("", {}) if asked is None else (asked.operation, asked.arguments)
        document = found.document

        def work(progress: TaskProgress) -> str:
            from weightedit.core.edits.storage_after import storage_after

            return storage_after(document, edit, progress)

        def done(text: str) -> None:
            if self.card is card and card.way is way:
                card.say(text)

        self._window.tasks.start("Storage groups", work, on_result=done, on_error=lambda _: None, group=GROUP,
                                 quiet=True)  # fmt: skip

    def _form_changed(self) -> None:
        """Follow the form where another operation is chosen there; one that is no paste ends the choice."""
        if self.card is None or self._followed is None:
            return
        operation = self._followed.form.operation
        title = TITLES.get("" if operation is None else operation.name)
        if title is None or self.card.ways[title].edit is None or self._is_offered(title):
            self.leave()
        elif title != self.card.segments.current:
            self.card.segments.choose(title)
            self._choose(self.card.way)

    def _is_offered(self, title: str) -> bool:
        """Whether the form turned to an edit that a hazard offers, such as a part of what is pasted."""
        asked = None if self._followed is None else self._followed.form.request()
        if self.card is None or asked is None or title == self.card.segments.current:
            return False
        edit = self.card.ways[title].edit
        return edit is not None and (dict(asked.arguments) != dict(edit.arguments) or asked.region != edit.region)

    def _turned(self) -> None:
        work = self._window.workbench
        shown = None if work is None else work.current()
        if self.card is not None and self._found is not None and shown != (self._found.document, self._name):
            self._drop()  # staged for that tensor, it is there again when one comes back to it
            self.leave()

    def _drop(self) -> None:
        """Take what was to be pasted out of the form: it was meant for the tensor that one looks away from."""
        panel, said = self._followed, self._window.status
        if panel is None:
            return
        asked = panel.form.request()
        if asked is not None and (asked.operation, asked.arguments) == self._pasted:
            panel.reset()
        if said.message.text() == LOOK_BELOW:
            said.say("")

    def _go_on(self) -> None:
        panel = self._followed
        if panel is not None:
            target = panel.apply_button if panel.apply_button.isEnabled() else panel.form.target
            target.setFocus(Qt.FocusReason.TabFocusReason)

    def _leave_preview(self) -> None:
        if self._found is not None and self.card is not None:
            if self._followed is not None:
                self._followed.form.kept.take(self._found.document, self._name)
            self._drop()
        self.leave()
        if self._followed is not None:
            self._followed.reset()

    def leave(self) -> None:
        """Take the choice away; what the form says stays."""
        if self.card is not None:
            card, self.card = self.card, None
            self._found = None
            self._window.tasks.cancel_group(GROUP)
            if card.isAncestorOf(QApplication.focusWidget() or self._strip):
                self._window.tree.tree.setFocus()  # what goes would leave the keys on the next button, which is Undo
            self._strip.remove(card)
