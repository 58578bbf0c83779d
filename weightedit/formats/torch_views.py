"""Storages that are views of other storages, as torch had them until 0.4: its tensors lie over the whole one here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weightedit.core.progress import Ask, unasked
from weightedit.core.source import ByteSource, SourceFile
from weightedit.formats.pickle_budget import Unreadable
from weightedit.formats.pickle_reader import PickleReader
from weightedit.formats.pickle_values import PickledTensor, StorageRef
from weightedit.formats.pickle_walk import leaves
from weightedit.formats.zip_directory import wrong


class StorageView(StorageRef):
    """A part of a storage that stood for a storage of its own; offset and numel are in elements."""

    __slots__ = ("offset", "ref")

    def __init__(self, ref: StorageRef, offset: int, numel: int) -> None:
        super().__init__(ref.stored, ref.type, ref.location, numel)
        self.ref = ref
        self.offset = offset


class ViewReader(PickleReader):
    """Reads pickles whose storages may be views of others; what lies over a view shares the whole storage.

    Parameters
    ----------
    file
        The file they are from.
    nbytes_of, source_of, ask
        As in `PickleReader`.
    """

    def __init__(self, file: SourceFile, nbytes_of: Callable[[str], int],
                 source_of: Callable[[str], ByteSource], ask: Ask = unasked) -> None:  # fmt: skip
        super().__init__(nbytes_of, source_of, ask)
        self.file = file
        self._has_views = False

    def view(self, whole: StorageRef, view: Any) -> StorageView:
        """Return the part of a storage that `(key, offset, numel)` means."""
        if type(view) is not tuple or len(view) != 3 or type(view[1]) is not int or type(view[2]) is not int:
            raise Unreadable("a view of a storage has no key, offset and size")
        _, offset, numel = view
        if offset < 0 or numel < 0 or offset + numel > whole.numel:
            raise Unreadable(f"a view of elements {offset:,} to {offset + numel:,} lies over a storage of "
                                         f"{whole.numel:,}")  # fmt: skip
        self._has_views = True
        if isinstance(whole, StorageView):
            return StorageView(whole.ref, whole.offset + offset, numel)
        return StorageView(whole, offset, numel)

    def _described(self, ref: Any, dtype: str, offset: Any, *more: Any) -> PickledTensor:
        if not isinstance(ref, StorageView):
            return super()._described(ref, dtype, offset, *more)
        if type(offset) is not int or offset < 0:
            raise Unreadable("a tensor has an offset that is no whole number")
        held = super()._described(ref.ref, dtype, offset + ref.offset, *more)
        end = held.first_spec.extent[1] // held.first_spec.type.itemsize
        if end > ref.offset + ref.numel and held.first_spec.numel:
            self.faults.append((held, f"reaches element {end - ref.offset:,} of its storage, which has {ref.numel:,}"))
        return held

    def checked(self, root: Any) -> Any:
        """Return what was read, unless a view stands in it without a tensor: there is no storage that is only it."""
        if self._has_views and any(isinstance(leaf, StorageView) for leaf in leaves(root, self._ask)):
            raise wrong(self.file, "holds a view of a storage without a tensor, which weightedit does not read.")
        return root
