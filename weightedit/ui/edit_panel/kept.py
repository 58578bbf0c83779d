"""What was staged for each tensor that one looked away from: it is there again when one comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from weightedit.core.edit import TENSORS, Edit, TensorValue
from weightedit.ui.widgets.literals import FieldError

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.edit_panel.field import Field
    from weightedit.ui.edit_panel.form import Request


class Kept:
    """Edits by document and tensor."""

    def __init__(self) -> None:
        self._edits: WeakKeyDictionary[Document, dict[str, Edit]] = WeakKeyDictionary()

    def keep(self, document: Document, name: str, request: Request) -> None:
        """Keep what is staged, where it was made for this tensor: a number goes along to the next one instead."""
        if any(map(_is_staged, request.arguments.values())):
            self._edits.setdefault(document, {})[name] = Edit(
                request.operation, request.targets, request.region, dict(request.arguments),
                tied=request.tied, seed=request.seed, leave=request.leave, moments=request.moments)  # fmt: skip

    def take(self, document: Document, name: str) -> Edit | None:
        """Return what was staged for a tensor, which is kept no longer."""
        return self._edits.get(document, {}).pop(name, None)

    def forget(self, document: Document) -> None:
        """Let go of what was staged for a document that is closed."""
        self._edits.pop(document, None)


def _is_staged(value: Any) -> bool:
    """Whether an argument is values or a tensor, and no number, choice or shape."""
    is_place = isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value)
    return isinstance(value, (*TENSORS, list)) or is_place


def clear_what_cannot_fit(fields: list[Field], shape: tuple[int, ...]) -> None:
    """Clear the values that were given for a tensor of another shape and do not fit this one."""
    for made in fields:
        if made.declared.type != "values" or made.is_empty:
            continue
        try:
            given = _shape_of(made.value())
        except FieldError:
            continue
        pairs = zip(reversed(given), reversed(shape), strict=False)
        if len(given) > len(shape) or any(size not in (1, room) for size, room in pairs):
            made.clear()


def _shape_of(value: Any) -> tuple[int, ...]:
    if isinstance(value, TensorValue):
        return value.shape
    found: list[int] = []
    while isinstance(value, list):
        found.append(len(value))
        value = value[0] if value else None
    return tuple(found)
