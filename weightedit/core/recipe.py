"""Ordered edits, saved as JSON and replayed on another document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.core.edit import Edit
from weightedit.core.errors import CheckpointError
from weightedit.core.progress import CancelFlag, Progress, Report
from weightedit.core.undo.snapshotting import RESTORE
from weightedit.core.words.paths import shown
from weightedit.core.words.visible import visible

if TYPE_CHECKING:
    from weightedit.core.document import Document

VERSION = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """Edits in order; a step holds the kinds of warnings that were accepted, and replay raises on any other."""

    edits: tuple[Edit, ...]

    def save(self, path: str | Path) -> None:
        """Write the recipe, atomically, with the bytes of tensor arguments beside it in `NAME.tensors`, by their hash.

        Raises
        ------
        CheckpointError
            If the file cannot be written; what was there before is untouched.
        """
        from weightedit.core.transaction import Transaction
        from weightedit.core.writing.file_layout import FileLayout, Fresh

        path = Path(path)
        folder = path.with_name(f"{path.stem}.tensors")
        for edit in self.edits:
            for value in edit.tensor_values():
                folder.mkdir(exist_ok=True)
                folder.joinpath(value.digest).write_bytes(value.data)
        data = {"weightedit_recipe": VERSION, "edits": [edit.to_json() for edit in self.edits]}
        layout = FileLayout()
        layout.add(Fresh.of(f"{json.dumps(data, indent=1, allow_nan=False)}\n".encode()))
        with Transaction() as transaction:
            transaction.create(path, layout).lay(Progress())
            transaction.commit()

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe.

        Raises
        ------
        CheckpointError
            If the file is no recipe, or a tensor it names is missing or has other bytes than its hash says.
        """
        path = Path(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(data, dict) and "findings" in data and "weightedit_recipe" not in data:
                raise CheckpointError(f"{shown(path)} holds what a check found, which is no recipe; weightedit check "
                                      "with --recipe FILE writes the edits that mend it as one.",
                                      file=path)  # fmt: skip
            if data["weightedit_recipe"] != VERSION:
                raise CheckpointError(
                    f"{path.name} is a recipe of version {data['weightedit_recipe']}; this weightedit reads {VERSION}.",
                    file=path)  # fmt: skip
            folder = path.with_name(f"{path.stem}.tensors")
            return cls(tuple(Edit.from_json(edit, _tensors(edit, folder)) for edit in data["edits"]))
        except OSError as error:
            raise CheckpointError(f"{path.name} cannot be read: {error.strerror}.", file=path) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{path.name} is no recipe of weightedit: {_cause(error)}.", file=path) from error

    def apply(self, document: Document, *, accept: Collection[str] | str = (), progress: Report | None = None,
              cancel: CancelFlag | None = None) -> list[Edit]:  # fmt: skip
        """Apply every edit in order to a document, each as one undo step; all or nothing.

        Raises
        ------
        EditRefused, ConfirmationNeeded
            If an edit does not fit, or has a warning that was not accepted when the recipe was made.
        """
        from weightedit.core.edits.editing import completed

        applied: list[Edit] = []
        with document.all_or_nothing():
            for edit in self.edits:
                kinds = accept if accept == "all" else {*edit.accepted, *accept}
                if edit.operation == RESTORE:
                    applied.append(document.restore_again(edit, kinds, Progress(progress, cancel)))
                    continue
                declared, whole = completed(document, edit)
                applied.append(document.apply_edit(declared, whole, kinds, Progress(progress, cancel)))
        return applied


def _cause(error: Exception) -> str:
    """Return what is wrong in a few words; Python's own speak of its parts."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start:,} of it is no text"
    if isinstance(error, json.JSONDecodeError):
        return f"it stops being JSON in line {error.lineno:,}, column {error.colno:,}"
    if isinstance(error, RecursionError):
        return "it nests too deeply"
    if isinstance(error, KeyError):
        return f"it lacks {visible(str(error), 100)}"
    own = str(error).startswith(("a tensor's ", "the tensor ", "a list of texts ", "a region is "))
    return visible(str(error), 200) if own else "its parts are not those of a recipe"


def _tensors(edit: dict[str, Any], folder: Path) -> dict[str, memoryview]:
    found = {}
    given = list(edit["arguments"].values())
    given += [one for value in given if isinstance(value, dict) for one in value.get("tuple", ())]
    given += [value["view"] for value in given if isinstance(value, dict) and "view" in value]
    for value in given:
        if isinstance(value, dict) and "sha256" in value:
            digest = value["sha256"]
            if not (isinstance(digest, str) and len(digest) == 64 and digest.isalnum()):
                raise ValueError("a tensor's hash is no SHA-256")
            data = folder.joinpath(digest).read_bytes()
            check = hashlib.sha256(f"{value['dtype']} {tuple(value['shape'])}".encode() + data).hexdigest()
            if check != digest:
                raise ValueError(f"the tensor {digest[:12]}… has other bytes than its hash says")
            found[digest] = memoryview(data)
    return found


