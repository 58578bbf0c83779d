"""A document beside a document: the same slots over the same bytes, in containers of its own that edits may change."""

from __future__ import annotations

from collections.abc import MutableMapping, MutableSequence
from typing import Any

from weightedit.core.described.contents import walked
from weightedit.core.document import Document
from weightedit.core.edit import TensorName
from weightedit.core.reader import Origin
from weightedit.core.slots import Entry, HeldTensor
from weightedit.core.storage import Storage
from weightedit.core.values.pinned import PinnedTensor

KEPT = (type(None), bool, int, float, complex, str, bytes)
"""Values that nobody can change, so that both documents may have them."""
FORMAT = "torch zip"
"""What the twin of live tensors is: a file that keeps whatever they are, their devices too."""


class Twin(Document):
    """What a document is now, to be edited without it: contents are shared, as none ever changes.

    Modules and objects are dicts in it, and so are tuples lists: only names, places and tensors are those of the
    document. It has no files, no journal and nothing to close.

    Parameters
    ----------
    document
        The document; edits and reads of it meanwhile are its own affair.

    Attributes
    ----------
    was
        Its slots before any edit; what they were called and held is in each one's `saved`.
    """

    def __init__(self, document: Document) -> None:
        origin = document.origin
        root = _Copying().copied(document)
        super().__init__(Origin(origin.title, root, FORMAT if document.is_live else origin.format_name), walked(root),
                         operations=document.operations, writer=document._writer, resolve=document._resolve_file,
                         conditions=document.conditions, spill=document.spill, memory=document.memory,
                         history_budget=document.history.budget)  # fmt: skip
        self._beside = document
        self.was = tuple(self.slots)

    def resolve(self, name: TensorName) -> PinnedTensor:
        """Find a tensor argument: in this document, or in a file, which the other document keeps open."""
        return self.pin(name.tensor) if name.file is None else self._beside.resolve(name)


class _Copying:
    """Copies containers in the order in which they were listed, and each only once."""

    def __init__(self) -> None:
        self._held: dict[int, HeldTensor] = {}
        self._storages: dict[int, Storage] = {}
        self._made: dict[int, Any] = {}

    def copied(self, document: Document) -> Any:
        """Return the root of a twin."""
        old = document.origin.root
        root: Any = [] if isinstance(old, list | tuple) else {}
        self._made[id(old)] = root
        inside: dict[tuple[Any, ...], Any] = {(): root}
        for entry in document.entries:
            if not entry.path:  # the root is a tensor
                return self._value(entry)
            owner = inside.get(entry.path[:-1])
            if owner is None:  # in a container that was filled where it was met first
                continue
            again = entry.slot is None and entry.kind != "value" and id(entry.value) in self._made
            value = self._value(entry)
            if isinstance(owner, MutableSequence):
                owner.append(value)
            else:
                owner[entry.path[-1]] = value
            if not again and isinstance(value, MutableMapping | MutableSequence):
                inside[entry.path] = value
        return root

    def _value(self, entry: Entry) -> Any:
        if entry.slot is not None:
            return self._tensor(entry.slot.held)
        if entry.kind == "value":  # what is a container all the same leads back to one above
            return entry.value if isinstance(entry.value, KEPT) else entry.text
        return self._made.setdefault(id(entry.value), [] if entry.kind in ("list", "tuple") else {})

    def _tensor(self, held: HeldTensor) -> HeldTensor:
        if id(held) not in self._held:
            self._held[id(held)] = HeldTensor(lambda: self._described(held)) if held.is_deferred else \
                HeldTensor(self._described(held))  # fmt: skip
        return self._held[id(held)]

    def _described(self, held: HeldTensor) -> tuple[Any, Storage]:
        spec, storage, _ = held.described
        return spec, self._storages.setdefault(id(storage), Storage(storage.content))
