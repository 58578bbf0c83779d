"""The device beside a tensor's name in the tree, where the tensors of a document are on more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from weightedit.core.described.outline import Node
from weightedit.core.values.devices import KEEPS_DEVICE
from weightedit.ui.tree.row_texts import slot_of

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.tree.model import TreeModel

MOST_LOOKED_AT = 1_000
"""Tensors of a document that are asked for their device: a row is drawn within a frame."""
_Found = tuple[int, bool]


class DevicesBeside:
    """Knows which documents are on several devices, until they change."""

    def __init__(self) -> None:
        self._several: WeakKeyDictionary[Document, _Found] = WeakKeyDictionary()

    def text(self, model: TreeModel, node: Node) -> str:
        """Return the device of a tensor's row, or nothing where all tensors of its document are on one."""
        slot, found = slot_of(node), model.document_of(node)
        if slot is None or found is None or not self._is_on_several(found.document):
            return ""
        return slot.spec.device

    def _is_on_several(self, document: Document) -> bool:
        if not document.is_live and document.format_name not in KEEPS_DEVICE:
            return False
        version, several = self._several.get(document, (-1, False))
        if version != document.version:
            several = len({slot.spec.device for slot in document.slots[:MOST_LOOKED_AT]}) > 1
            self._several[document] = document.version, several
        return several
