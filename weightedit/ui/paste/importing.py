"""Putting a tensor of a file, of the clipboard or of another document in a tensor's place, by way of the edit panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from weightedit.core.edit import TensorName, TensorValue
from weightedit.core.words.numbers import bytes_text, shape_text
from weightedit.ui.documents import OpenDocument
from weightedit.ui.files.file_dialogs import ask_tensor_file
from weightedit.ui.files.reload_notice import NoticeStrip
from weightedit.ui.paste.clipboard import put
from weightedit.ui.paste.pasting import LOOK_BELOW, Pasting
from weightedit.ui.paste.source_card import Offered, SourceCard
from weightedit.ui.paste.tensor_mime import MOST_BYTES, THIS_WINDOW, Carried, carried, carried_by, mime_of
from weightedit.ui.running.collecting import paused
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.slots import Slot
    from weightedit.ui.window import MainWindow

GROUP = "replacement"
Source = TensorName | TensorValue


class Importing(QObject):
    """Finds out what is pasted and where; how, the person is asked, and sees what would happen before it is applied.

    Parameters
    ----------
    window
        Whose documents and edit panel are used.
    strip
        Where it is asked which tensor of a file is meant.
    """

    def __init__(self, window: MainWindow, strip: NoticeStrip) -> None:
        super().__init__(window)
        self._window, self._strip = window, strip
        self._card: SourceCard | None = None
        self.pasting = Pasting(window, strip)
        window.documents.removed.connect(lambda _: self._drop_card())

    # ---- what it is about

    def target(self) -> tuple[OpenDocument, str] | None:
        """Return the tensor that is meant: the one selected in the tree where the keys go there, else the one shown."""
        window = self._window
        selected = window.tree.tree.selected_tensors()
        focus = QApplication.focusWidget()
        if selected and focus is not None and (focus is window.tree or window.tree.isAncestorOf(focus)):
            return selected[0]
        shown = None if window.workbench is None else window.workbench.current()
        if shown is not None and (found := window.documents.of(shown[0])) is not None:
            return found, shown[1]
        return selected[0] if selected else None

    # ---- from a file

    def replace_with_file(self) -> None:
        """Ask for a file, and put a tensor of it in the place of the one that is meant."""
        meant = self.target()
        if meant is not None and (path := ask_tensor_file(self._window, self._window.settings)):
            self.offer(path, *meant)

    def offer(self, path: str, found: OpenDocument, name: str) -> None:
        """Look into a file, and put its tensor, or one that is chosen, in a tensor's place."""

        def work(progress: TaskProgress) -> list[Offered]:
            from weightedit.assembly import open_document

            with paused(), open_document(path, progress=progress) as document:
                return [Offered(slot.name, tuple(slot.spec.shape), slot.spec.dtype, slot.spec.type.short)
                        for slot in document.slots]  # fmt: skip

        self._drop_card()
        self._window.tasks.start(f"Reading {Path(path).name}", work, group=GROUP,
                                 on_result=lambda offered: self._ask(path, offered, found, name))  # fmt: skip

    def _ask(self, path: str, offered: list[Offered], found: OpenDocument, name: str) -> None:
        slot = found.document.find(name)
        if slot is None or found not in self._window.documents.all:
            return
        if not offered:
            self._window.status.say(f"{Path(path).name} holds no tensors.", "warning")
        elif len(offered) == 1:
            self.fill(found, name, TensorName(offered[0].name, path), offered[0].shape)
        else:
            title = f"Which tensor of {Path(path).name} takes the place of {name}?"

            shapes = {one.name: one.shape for one in offered}

            def choose(chosen: str) -> None:
                self._drop_card()
                self.fill(found, name, TensorName(chosen, path), shapes[chosen])

            def open_file() -> None:
                self._drop_card()
                self._window.open([path])

            self._card = SourceCard(title, offered, tuple(slot.spec.shape), slot.spec.dtype, choose, self._drop_card,
                                    open_file)  # fmt: skip
            self._strip.add(self._card)
            self._card.list.setFocus()

    def _drop_card(self) -> None:
        if self._card is not None:
            self._strip.remove(self._card)
            self._card = None

    # ---- from another tensor

    def copy(self) -> None:
        """Put the tensor selected in the tree on the clipboard, with its bytes where they are not too many."""
        selected = self._window.tree.tree.selected_tensors()
        if not selected:
            return
        found, name = selected[0]
        tensor, slot = carried(found, name), found.document.find(name)
        if slot is None:
            return

        def work(progress: TaskProgress) -> TensorValue | None:
            from weightedit.core.edits.taking import taken
            from weightedit.core.undo.spill import Spill

            pinned = found.document.pin(name)
            if pinned.spec.nbytes > MOST_BYTES or pinned.spec.encoding != "plain":
                return None
            return taken(pinned, Spill(), progress)

        def done(value: TensorValue | None) -> None:
            put(mime_of(tensor, value))
            self._window.status.say(f"Copied {name}, {bytes_text(slot.spec.nbytes)}.")

        self._window.tasks.start(f"Copying {name}", work, on_result=done, group=GROUP)

    def paste(self) -> None:
        """Put the tensor on the clipboard in the place of the one that is meant."""
        meant = self.target()
        if meant is None:
            return
        tensor = carried_by(QGuiApplication.clipboard().mimeData())
        if tensor is None:
            self._window.status.say("There is no tensor on the clipboard; copy one in the tree.", "warning")
            return
        self.take(tensor, *meant)

    def take(self, tensor: Carried, found: OpenDocument, name: str) -> None:
        """Put a tensor that was copied or dragged in a tensor's place."""
        origin = next((one for one in self._window.documents.all
                       if tensor.window == THIS_WINDOW and id(one.document) == tensor.document), None)  # fmt: skip
        slot = None if origin is None else origin.document.find(tensor.name)
        if origin is not None and slot is not None:
            self._take_from(origin, slot, found, name)
        elif tensor.value is not None:
            self._take_bytes(tensor, found, name)
        elif tensor.file is not None:
            self.fill(found, name, TensorName(tensor.name, tensor.file), None)
        else:
            self._window.status.say(f"{tensor.title} is closed, and its {tensor.name} went with it.", "warning")

    def _take_from(self, origin: OpenDocument, slot: Slot, found: OpenDocument, name: str) -> None:
        shape, file = tuple(slot.spec.shape), carried(origin, slot.name).file
        if origin is found:
            self.fill(found, name, TensorName(slot.name), shape)
            return
        if file is not None:
            self.fill(found, name, TensorName(slot.name, file), shape)
            return

        def work(progress: TaskProgress) -> TensorValue:
            from weightedit.core.edits.taking import taken

            return taken(origin.document.pin(slot.name), found.document.spill, progress)

        self._window.tasks.start(f"Copying {slot.name}", work, group=GROUP,
                                 on_result=lambda value: self.fill(found, name, value, shape))  # fmt: skip

    def _take_bytes(self, tensor: Carried, found: OpenDocument, name: str) -> None:
        def work(progress: TaskProgress) -> TensorValue:
            from weightedit.core.edits.taking import known

            assert tensor.value is not None
            buffer = found.document.spill.allocate(len(tensor.value))
            buffer[:] = tensor.value
            return known(tensor.dtype, tensor.shape, buffer)

        self._window.tasks.start(f"Copying {tensor.name}", work, group=GROUP,
                                 on_result=lambda value: self.fill(found, name, value, tensor.shape))  # fmt: skip

    # ---- the edit panel

    def fill(self, found: OpenDocument, name: str, source: Source, shape: tuple[int, ...] | None) -> None:
        """Show a tensor and ask how `source` goes into its place; the edit panel previews the answer.

        Where cells of just the source's shape are selected in the tensor, its values may go into them alone.
        """
        window = self._window
        slot = found.document.find(name)
        if found not in window.documents.all or slot is None or window.workbench is None:
            return
        window.show_tensor(found, name)
        window.workbench.tabs.keep(window.workbench.page)
        region = _region_of(window, slot, shape)
        self.pasting.ask(found, name, source, _what(source), region)
        window.status.say(LOOK_BELOW, "notice")


def _what(source: Source) -> str:
    """Return what is pasted, as the choice calls it."""
    if isinstance(source, TensorValue):
        return f"{shape_text(source.shape)} values of {source.dtype}"
    file = "" if source.file is None else Path(source.file).name
    return f"{source.tensor} of {file}" if file and source.tensor else source.tensor or file


def _region_of(window: MainWindow, slot: Slot, shape: tuple[int, ...] | None) -> str | None:
    """Return the region that is selected, where it has the source's shape and is not the whole tensor."""
    page = None if window.workbench is None else window.workbench.page
    if page is None or page.slot is not slot or shape is None or not isinstance(page.selection.region, str):
        return None
    from weightedit.core.errors import RegionError
    from weightedit.core.region import parse_region

    try:
        box = parse_region(page.selection.region, slot.spec.shape)
    except RegionError:
        return None
    return page.selection.region if box.result_shape == shape != tuple(slot.spec.shape) else None
