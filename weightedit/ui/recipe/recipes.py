"""Saving a document's edits as a recipe, and applying one, with what it would do said first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.core.edit import Edit
from weightedit.core.errors import ConfirmationNeeded, HazardError
from weightedit.core.hazards import refusal
from weightedit.core.words.visible import seen_only
from weightedit.ui.documents import OpenDocument
from weightedit.ui.files.file_dialogs import ask_files, ask_recipe, ask_recipe_destination
from weightedit.ui.files.reload_notice import NoticeStrip, edits_text
from weightedit.ui.recipe.recipe_card import Checked, RecipeCard
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.window import MainWindow

GROUP = "recipe"


class Recipes(QObject):
    """What the window does with recipes.

    Parameters
    ----------
    window
        Whose documents are edited.
    strip
        Where a recipe is shown before it is applied.
    """

    def __init__(self, window: MainWindow, strip: NoticeStrip) -> None:
        super().__init__(window)
        self._window, self._strip = window, strip
        self._card: RecipeCard | None = None
        self._waiting = ""
        window.documents.added.connect(self._arrived)
        window.documents.removed.connect(lambda _: self._drop_card())

    # ---- saving

    def save(self, edits: Sequence[Edit], title: str) -> None:
        """Ask where to save edits as a recipe, and do it."""
        window = self._window
        path = ask_recipe_destination(window, window.settings, f"{seen_only(Path(title).stem)}-edits.json")
        if not path:
            return

        def work(progress: TaskProgress) -> None:
            from weightedit.core.recipe import Recipe

            Recipe(tuple(edits)).save(path)

        def done(_: None) -> None:
            window.status.say(f"Saved {edits_text(len(edits))} as {Path(path).name}.")

        window.tasks.start(f"Saving {Path(path).name}", work, on_result=done)

    # ---- applying

    def run_on_another(self) -> None:
        """Ask for a recipe, then for the checkpoint it is for, and show what it would do there."""
        window = self._window
        recipe = ask_recipe(window, window.settings)
        if recipe and (paths := ask_files(window, window.settings)):
            self._waiting = recipe
            window.open(paths[:1])

    def _arrived(self, found: OpenDocument) -> None:
        if self._waiting:
            path, self._waiting = self._waiting, ""
            self.offer(path, found)

    def ask(self, found: OpenDocument) -> None:
        """Ask for a recipe, and show what it would do to a document."""
        if path := ask_recipe(self._window, self._window.settings):
            self.offer(path, found)

    def offer(self, path: str, found: OpenDocument) -> None:
        """Read a recipe, check each of its edits, and show them."""

        def work(progress: TaskProgress) -> list[Checked]:
            from weightedit.core.recipe import Recipe

            edits = Recipe.load(path).edits
            progress.begin(f"Checking {Path(path).name}", len(edits))
            checked = []
            for edit in edits:
                checked.append(_check(found.document, edit, progress))
                progress.advance(1)
            return checked

        self._drop_card()
        self._window.tasks.start(f"Checking {Path(path).name}", work, group=GROUP,
                                 on_result=lambda checked: self._show(path, found, checked))  # fmt: skip

    def _show(self, path: str, found: OpenDocument, checked: list[Checked]) -> None:
        if found in self._window.documents.all:
            name = Path(path).name
            self._card = RecipeCard(name, found.title, checked, lambda: self._apply(name, found, checked),
                                    self._drop_card)  # fmt: skip
            self._strip.add(self._card)
            self._card.apply_button.setFocus()

    def _drop_card(self) -> None:
        if self._card is not None:
            self._strip.remove(self._card)
            self._card = None

    def _apply(self, name: str, found: OpenDocument, checked: list[Checked], accept_all: bool = False) -> None:
        """Apply every edit, or none; pressing the button is the answer to the warnings that were shown."""
        window, document = self._window, found.document
        shown = {one.kind for check in checked for one in check.hazards if one.level == "warning"}

        def work(progress: TaskProgress) -> int:
            from weightedit.core.recipe import Recipe

            recipe = Recipe(tuple(one.edit for one in checked))
            accept = "all" if accept_all else shown
            with document.grouped(name):  # one step back takes all of it back
                return len(recipe.apply(document, accept=accept, progress=progress.report, cancel=progress.cancel))

        def done(count: int) -> None:
            window.status.say(f"Applied {name}, {edits_text(count)}, to {found.title}.")

        def failed(error: Exception) -> None:
            window.show_error(error, f"Applying {name}")
            if isinstance(error, ConfirmationNeeded):
                window.errors.cards[0].offer("Apply it all the same", lambda: self._apply(name, found, checked, True))

        self._drop_card()
        window.tasks.start(f"Applying {name}", work, on_result=done, on_error=failed)


def _check(document: Document, edit: Edit, progress: TaskProgress) -> Checked:
    """Ask the document as it is now what an edit would do."""
    from weightedit.core.edits.editing import preflight_of
    from weightedit.core.journals.reloading import edit_text
    from weightedit.core.progress import Progress
    from weightedit.core.undo.snapshotting import RESTORE

    text = edit_text(document, edit)
    if edit.operation == RESTORE:
        found = document.preflight_restore(edit.arguments["snapshot"], list(edit.targets), cancel=progress.cancel)
        return Checked(edit, text, tuple(found))
    if edit.operation not in document.operations:
        return Checked(edit, text, (refusal("argument", f"There is no operation {edit.operation!r}"),))
    try:
        found = preflight_of(document, document.operations[edit.operation], edit, Progress(None, progress.cancel))
    except HazardError as error:
        found = list(error.hazards)
    return Checked(edit, text, tuple(found))
