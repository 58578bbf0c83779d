"""What each action does, by its id; most of it is one call to the window or to the area of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weightedit.core.errors import ConfirmationNeeded
from weightedit.resources import resource
from weightedit.ui.actions import ACTIONS, lettered, operation_actions
from weightedit.ui.documents import OpenDocument
from weightedit.ui.file_dialogs import ask_files, ask_folder
from weightedit.ui.keys_sheet import KeysSheet
from weightedit.ui.tasks import TaskProgress
from weightedit.ui.theme import theme

if TYPE_CHECKING:
    from weightedit.ui.area import Area
    from weightedit.ui.window import MainWindow


class Handlers:
    """The callbacks of a window's actions."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._operations: tuple[str, ...] = ()

    def table(self) -> dict[str, Callable[[], None]]:
        """Return what each action calls."""
        window = self._window
        return {
            "open-file": self.open_file, "open-folder": self.open_folder, "open-demo": self.open_demo,
            "save": self.save, "export": self.export, "close-file": self.close_file,
            "quit": lambda: void(window.close()),
            "undo": self.undo, "redo": self.redo, "rename": lambda: window.tree.tree.edit_current(),
            "filter": self.filter, "tree": window.toggle_tree, "theme": self.theme, "keys": self.keys,
            "close-tab": self.on_work(lambda work: work.close_tab()),
            "apply": self.on_work(lambda work: work.apply()),
            "leave": self.on_work(lambda work: work.leave()),
            "region": self.on_work(lambda work: work.focus_region()),
            "select-all": self.on_work(lambda work: work.select_all()),
            "copy": self.on_work(lambda work: work.copy()),
            "paste": self.on_work(lambda work: work.paste()),
            "copy-pytorch": self.on_work(lambda work: work.copy_as_pytorch()),
            "heatmap": self.on_work(lambda work: work.set_view("heatmap")),
            "values": self.on_work(lambda work: work.set_view("values")),
            "zoom-in": self.on_work(lambda work: work.zoom_in()),
            "zoom-out": self.on_work(lambda work: work.zoom_out()),
            "fit": self.on_work(lambda work: work.fit()),
            "next-nonfinite": self.on_work(lambda work: work.next_nonfinite()),
            "previous-nonfinite": self.on_work(lambda work: work.previous_nonfinite()),
            "inspector": self.on_work(lambda work: work.toggle_inspector()),
            "next-tab": self.on_work(lambda work: work.next_tab()),
        }  # fmt: skip

    def on_work(self, call: Callable[[Area], Any]) -> Callable[[], None]:
        """Return a callback on the area of tensors, which does nothing until that is there."""

        def handler() -> None:
            if self._window.workbench is not None:
                call(self._window.workbench)

        return handler

    # ---- files

    def open_file(self) -> None:
        """Ask for files and open them."""
        if paths := ask_files(self._window, self._window.settings):
            self._window.open(paths)

    def open_folder(self) -> None:
        """Ask for a folder of shards and open it."""
        if path := ask_folder(self._window, self._window.settings):
            self._window.open([path])

    def open_demo(self) -> None:
        """Open the checkpoint that comes with weightedit."""
        self._window.open([str(resource("demo", "digits.pt"))])

    def save(self) -> None:
        """Save the current document."""
        if self._window.current is not None:
            self._window.filing.save(self._window.current)

    def export(self) -> None:
        """Ask how to export the current document."""
        if self._window.current is not None:
            self._window.filing.export(self._window.current)

    def close_file(self) -> None:
        """Close the current document."""
        if self._window.current is not None:
            self._window.close_document(self._window.current)

    # ---- edits

    def undo(self) -> None:
        """Take the last edit back."""
        self._step("Undo", lambda found, accept: found.document.undo(accept=accept))

    def redo(self) -> None:
        """Apply the edit that was undone last again."""
        self._step("Redo", lambda found, accept: found.document.redo())

    def _step(self, name: str, step: Callable[[OpenDocument, str], None], accept: str = "") -> None:
        found = self._window.current
        if found is None:
            return

        def failed(error: Exception) -> None:
            self._window.show_error(error, name)
            if isinstance(error, ConfirmationNeeded):
                self._offer_again(name, step)

        self._window.tasks.start(name, lambda progress: step(found, accept), on_result=None, on_error=failed)

    def _offer_again(self, name: str, step: Callable[[OpenDocument, str], None]) -> None:
        card = self._window.errors.cards[0]
        card.offer(f"{name} all the same", lambda: self._step(name, step, "all"))

    def rename(self, found: OpenDocument, name: str, to: str) -> None:
        """Rename a tensor."""

        def work(progress: TaskProgress) -> None:
            found.document.apply("rename", [name], to=to, progress=progress.report, cancel=progress.cancel)

        self._window.tasks.start(f"Renaming {name}", work, on_result=None)

    def offer_operations(self, found: OpenDocument) -> None:
        """Fill the Operations menu with what a document offers."""
        offered = found.document.operations
        if tuple(offered) == self._operations:
            return
        window, menu = self._window, self._window.top.menus["Operations"]
        for name in self._operations:
            window.actions_of.remove(f"operation:{name}")
        menu.clear()
        self._operations = tuple(offered)
        declared = [(one.name, one.title, one.summary) for one in offered.values()]
        actions = operation_actions(declared)
        texts = lettered(action.title for action in actions)
        for (name, _, summary), action, text in zip(declared, actions, texts, strict=True):
            handler = self.on_work(lambda work, name=name: work.choose_operation(name))  # type: ignore[misc]
            menu.addAction(window.actions_of.add(action, handler, summary, text))
        menu.menuAction().setVisible(True)

    # ---- the window

    def filter(self) -> None:
        """Go to the filter of the tree, showing the tree first."""
        if not self._window.tree.isVisible():
            self._window.toggle_tree()
        self._window.tree.focus_filter()

    def theme(self) -> None:
        """Switch between dark and light."""
        self._window.choose_theme("light" if theme.name == "dark" else "dark")

    def keys(self) -> None:
        """Show every key."""
        window = self._window
        declared = [*ACTIONS, *(action for action in window.actions_of.declared.values() if action not in ACTIONS)]
        sheet = KeysSheet(declared, window)
        sheet.finished.connect(sheet.deleteLater)
        sheet.open()


def void(_: object) -> None:
    """Drop a result that no action has a use for."""
