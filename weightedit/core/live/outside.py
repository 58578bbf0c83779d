"""What other code does to live objects while a document shows them: training steps, `.data`, new parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from weightedit.core.files.checksum import checksum
from weightedit.core.live.objects import MODULE_INNER, LiveBytes
from weightedit.core.slots import Slot, at
from weightedit.core.values.pinned import version_of
from weightedit.core.words.numbers import count_text

if TYPE_CHECKING:
    from weightedit.core.document import Change, Document
    from weightedit.core.storage import Storage

HASHED = 4 << 20
"""Bytes of a shown tensor that are compared at each look; of a larger one, pieces spread over it."""
PIECE = 64 << 10
Described = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """What other code did since the last look.

    Attributes
    ----------
    values
        Names of tensors that hold other values.
    replaced
        Names of slots, modules and containers where another object stands.
    gone, came
        Names of what is not there any more, and of what the document does not list yet.
    described
        Names of tensors that have another shape, dtype, storage or requires_grad, and are the same object.
    """

    values: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    came: tuple[str, ...] = ()
    described: tuple[str, ...] = ()

    @property
    def is_structural(self) -> bool:
        """Whether the document shows things that are no longer so, until it looks again."""
        return bool(self.replaced or self.gone or self.came or self.described)

    @property
    def title(self) -> str:
        """What happened, in a few words."""
        if self.is_structural:
            names = [*self.replaced, *self.gone, *self.came, *self.described]
            return f"Other code changed {names[0] if len(names) == 1 else f'{count_text(len(names))} places'}"
        return f"Other code changed the values of {counted(self.values)}"

    @property
    def sentences(self) -> str:
        """What is no longer as it is shown, for people."""
        told = ((self.replaced, "another object now"), (self.gone, "gone"), (self.came, "new"),
                (self.described, "of another shape, dtype, storage or requires_grad"))  # fmt: skip
        return " ".join(f"{', '.join(names[:3])}{f' and {count_text(len(names) - 3)} more' if len(names) > 3 else ''} "
                        f"{'is' if len(names) == 1 else 'are'} {what}." for names, what in told if names)  # fmt: skip


def counted(names: Sequence[str]) -> str:
    """Return the one name, or how many tensors and the first of them."""
    return names[0] if len(names) == 1 else f"{count_text(len(names))} tensors, such as {names[0]}"


class Lookout:
    """Compares what a document shows with what is there: versions and identities, never a pass over all values.

    A tensor's `_version` counts every write torch knows of. It says nothing of writes through `.data`, numpy or
    another process, so the bytes of what is on screen are compared too, on the CPU.

    Parameters
    ----------
    document
        A live one; its own edits are not told.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: dict[int, tuple[Any, Described]] = {}
        self._sums: dict[int, int] = {}
        self._items: dict[int, tuple[Any, ...]] = {}
        self._touched: set[int] = set()
        for slot in document.slots:
            self._note(slot)
        self._note_items()
        self._stop = document.subscribe(self._our_own)

    def close(self) -> None:
        """Look no more."""
        self._stop()

    def look(self, shown: Collection[str] = ()) -> Outside:
        """Return what changed, and make the document tell what shows it; nothing while an edit is under way.

        Parameters
        ----------
        shown
            Names of the tensors on screen, whose bytes are compared.
        """
        document = self._document
        with document.unless_busy() as free:
            if not free:
                return Outside()
            found = self._compare(set(shown))
            if found.values:
                names = frozenset(found.values)
                self._mark({id(slot.storage): slot.storage for slot in document.slots if slot.name in names})
                document.tell_outside(found.values)
            return found

    # ---- what is there

    def _compare(self, shown: set[str]) -> Outside:
        values: set[str] = set()
        replaced: list[str] = []
        gone: list[str] = []
        described: list[str] = []
        for slot in self._document.slots:
            live = slot.held.described.live
            if live is None:
                continue
            there = at(slot)
            if there is not live:
                (replaced if isinstance(there, torch.Tensor) else gone).append(slot.name)
                continue
            version, description = self._seen.get(id(live), (None, ()))
            now = version_of(live), _description(live)
            if now[1] != description:
                described.append(slot.name)
            elif now[0] != version or (slot.name in shown and self._has_other_bytes(slot)):
                values.add(slot.name)
        names = self._sharing(values)
        noted = frozenset(names)
        for slot in self._document.slots:
            if slot.name in noted:
                self._note(slot)
                if slot.name in shown:
                    self._sums[id(slot.held)] = _sum(slot)
        moved = list(self._moved())
        replaced += [name for what, name in moved if what == "replaced"]
        gone += [name for what, name in moved if what == "gone"]
        came = tuple(name for what, name in moved if what == "came")
        return Outside(names, tuple(replaced), tuple(gone), came, tuple(described))

    def _sharing(self, names: Collection[str]) -> tuple[str, ...]:
        """Return every slot over the storages of some."""
        storages = {id(slot.storage) for slot in self._document.slots if slot.name in names}
        return tuple(slot.name for slot in self._document.slots if id(slot.storage) in storages)

    def _has_other_bytes(self, slot: Slot) -> bool:
        now = _sum(slot)
        return self._sums.setdefault(id(slot.held), now) != now

    def _moved(self) -> Iterator[tuple[str, str]]:
        """Yield (`came`, `gone` or `replaced`, name) of tensors without a slot, and of modules and containers."""
        known = {id(slot.held.described.live) for slot in self._document.slots}
        names = {id(entry.value): entry.name for entry in self._document.entries if entry.slot is None}
        for owner, name in ((self._document.origin.root, ""), *self._containers()):
            before = dict(self._items.get(id(owner), ()))
            for key, item in _items(owner):
                full = f"{name}.{key[-1]}" if name else str(key[-1])
                was, is_tensor = before.pop(key, None), isinstance(item, torch.Tensor)
                if was is None and not (is_tensor and id(item) in known):
                    yield "came", full
                elif was is not None and was != id(item) and not is_tensor:
                    yield "replaced", full
            yield from (("gone", names[was]) for was in before.values() if was in names)

    def _containers(self) -> Iterator[tuple[Any, str]]:
        root = self._document.origin.root
        yield from ((entry.value, entry.name) for entry in self._document.entries
                    if entry.slot is None and entry.value is not root)  # fmt: skip

    # ---- what was seen

    def _note(self, slot: Slot) -> None:
        live = slot.held.described.live
        if live is not None:
            self._seen[id(live)] = version_of(live), _description(live)

    def _note_items(self) -> None:
        owners = [self._document.origin.root, *(owner for owner, _ in self._containers())]
        self._items = {id(owner): tuple((key, id(item)) for key, item in _items(owner)) for owner in owners}

    def _mark(self, storages: dict[int, Storage]) -> None:
        """Give storages another content: readers and pictures know by it that the bytes are others."""
        for storage in storages.values():
            if isinstance(storage.content, LiveBytes):
                fresh = LiveBytes(storage.content.storage)
                storage.saved = fresh if storage.saved is storage.content else storage.saved
                storage.content = fresh
                self._touched.add(id(storage))

    def _our_own(self, change: Change) -> None:
        """Take in what the document itself changed; called in the thread that changed it, before anyone else."""
        names = set(self._sharing(change.names))
        slots = [slot for slot in self._document.slots
                 if slot.name in names or id(slot.held.described.live) not in self._seen]  # fmt: skip
        for slot in slots:
            self._note(slot)
            self._sums.pop(id(slot.held), None)
        # undo gives a storage the content it had before: not the same bytes, where other code wrote besides
        self._mark({id(slot.storage): slot.storage for slot in slots if id(slot.storage) in self._touched})
        if change.structure:
            self._note_items()


def _description(tensor: torch.Tensor) -> Described:
    try:
        storage = tensor.untyped_storage()._cdata
        return (tensor.shape, tensor.dtype, tensor.stride(), tensor.storage_offset(), tensor.device,
                tensor.requires_grad, storage)  # fmt: skip
    except (NotImplementedError, RuntimeError, ValueError):  # it has no values in one piece
        return (type(tensor),)


def _items(owner: Any) -> Iterable[tuple[tuple[Any, ...], Any]]:
    """Yield the tensors, modules and containers in something, each with where it stands."""
    if isinstance(owner, torch.nn.Module):
        for part in MODULE_INNER:
            yield from (((part, key), item) for key, item in getattr(owner, part).items() if item is not None)
        yield from (((key,), item) for key, item in vars(owner).items() if isinstance(item, torch.Tensor))
    elif isinstance(owner, dict | list | tuple):
        pairs = owner.items() if isinstance(owner, dict) else enumerate(owner)
        kinds = (torch.Tensor, torch.nn.Module, dict, list, tuple)
        yield from (((key,), item) for key, item in pairs if isinstance(item, kinds))


def _sum(slot: Slot) -> int:
    """Return a checksum of the bytes a tensor lies in, or of pieces of them; 0 where they are not at hand."""
    spec, content = slot.spec, slot.storage.content
    if not isinstance(content, LiveBytes) or content.storage.device.type != "cpu":
        return 0  # another device would have to be waited for
    start, stop = spec.extent
    stop = min(stop, content.storage.nbytes())
    step = PIECE if stop - start <= HASHED else (stop - start) * PIECE // HASHED
    buffer, total = memoryview(bytearray(PIECE)), 0
    for begin in range(start, stop, max(step, 1)):
        piece = buffer[: min(PIECE, stop - begin)]
        content.read_into(piece, begin)
        total = checksum(piece, total)
    return total
