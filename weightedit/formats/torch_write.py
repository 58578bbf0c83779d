"""What both of torch's formats share when they are written: the pickle, its storages, and what it cannot hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightedit.core.described.collector import collector_paused
from weightedit.core.described.contents import file_inventory
from weightedit.core.dtypes import DTYPES
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.progress import Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import ByteSource
from weightedit.core.words.paths import counted, some
from weightedit.formats.code_hazards import code_hazards
from weightedit.formats.live_view import Plain
from weightedit.formats.pickle_values import PickledTensor, StorageRef
from weightedit.formats.pickle_walk import leaves, matched
from weightedit.formats.pickle_writer import FLAGS, PickleWriter, Placed
from weightedit.formats.protocol import Contents, Expected, Written, written_slots
from weightedit.formats.storage_plan import StoragePlan, plan_storage, whole_storage


def pickle_hazards(plain: Plain, name: str) -> list[Hazard]:
    """Say what the format called `name` cannot hold: encodings of other formats, and file metadata."""
    found = plain.hazards
    odd = [slot for slot, written in written_slots(plain.contents) if not _can_hold(written)]
    if odd:
        names = [slot.name for slot in odd]
        encodings = ", ".join(sorted({slot.spec.encoding for slot in odd}))
        found.append(refusal("unsupported", f"{counted(len(odd), 'tensor')} cannot be written as {name}",
                             f"{some(names)}: {encodings} values have no form there that is written yet.",
                             targets=names, count=len(odd)))  # fmt: skip
    if plain.contents.metadata:
        keys = tuple(plain.contents.metadata)
        lost = ", ".join(keys[:5]) + (" …" if len(keys) > 5 else "")
        found.append(Hazard("values-dropped", "warning", f"{name} has no place for file metadata", f"Lost: {lost}.",
                            keys, len(keys)))  # fmt: skip
    return [*found, *code_hazards(plain.contents)]


def _can_hold(written: Written) -> bool:
    extras = written.held.extras if isinstance(written.held, PickledTensor) else None
    flagged = written.spec.encoding in FLAGS and written.held.described.live is not None
    return written.spec.encoding == "plain" or extras is not None or flagged


@dataclass
class Job:
    """What is to be written, frozen at one moment."""

    contents: Contents
    path: Path
    frozen: dict[HeldTensor, Written] = field(init=False)

    def __post_init__(self) -> None:
        self.frozen = {written.held: written for _, written in written_slots(self.contents)}

    @property
    def root(self) -> Any:
        """What the pickle describes."""
        return self.contents.root

    def state(self, held: HeldTensor) -> Written:
        """Return the state of a tensor, also of one that is in no slot."""
        known = self.frozen.get(held)
        if known is None:
            described = held.described
            known = Written(held, described.spec, described.storage.content, described.storage)
            self.frozen[held] = known
        return known

    def expected(self) -> dict[str, Expected]:
        """Return what must be found in the file, by name."""
        slots = file_inventory(self.root).slots
        return {slot.name: Expected(self.state(slot.held).spec, self.state(slot.held)) for slot in slots}


def storages_now(job: Job, first: Any) -> dict[str, Written] | None:
    """Return a tensor of each storage by key, where nothing but bytes of storages changed.

    Parameters
    ----------
    job
        What is to be written.
    first
        What the file held, read anew, so that nothing had to be remembered since it was opened.

    Returns
    -------
    dict or None
        None where names, values, specs, ties or sizes of storages differ.
    """
    pairs = matched(job.root, first)
    if pairs is None:
        return None
    found: dict[str, Written] = {}
    key_of: dict[int, str] = {}
    for held, old in pairs.items():
        state, stored = job.state(held), old.ref.stored
        known = found.setdefault(stored.key, state)
        same_place = known.storage is state.storage and key_of.setdefault(id(state.storage), stored.key) == stored.key
        if state.spec != old.first_spec or not same_place or state.content.nbytes != stored.nbytes:
            return None
    return found


def streamed(plan: StoragePlan, progress: Progress) -> Iterable[memoryview | bytes]:
    """Yield the bytes of a storage and count them."""
    for chunk in plan.chunks():
        yield chunk
        progress.advance(len(chunk))


@dataclass
class Pickled:
    """A new pickle.

    Attributes
    ----------
    plans
        The storages by key, in the order of the tensors.
    data
        The pickle that describes them.
    itemsizes
        Bytes per element of each storage, as the pickle counts its elements.
    """

    plans: dict[str, StoragePlan]
    data: bytes
    itemsizes: dict[str, int]


def pickled(job: Job, *, legacy: bool = False) -> Pickled:
    """Describe everything anew; `legacy` numbers storages as torch before 1.6 did."""
    with collector_paused():
        return _pickled(job, legacy)


def _pickled(job: Job, legacy: bool) -> Pickled:
    members: dict[int, list[Written]] = {}
    bare: dict[str, int] = {}
    contents: dict[int, ByteSource] = {}
    for leaf in leaves(job.root):
        if isinstance(leaf, HeldTensor):
            state = job.state(leaf)
            members.setdefault(id(state.storage), []).append(state)
            contents[id(state.storage)] = state.content
        else:
            storage = leaf.stored.storage
            bare[leaf.stored.key] = id(storage)
            members.setdefault(id(storage), [])
            contents.setdefault(id(storage), storage.content)
    keys = {identity: str(index) for index, identity in enumerate(members)}
    whole = set(bare.values())
    plans = {
        keys[identity]: whole_storage(contents[identity], group) if identity in whole else plan_storage(group)
        for identity, group in members.items()
    }
    itemsizes: dict[str, int] = {}
    device = {identity: group[0].spec.device for identity, group in members.items() if group}

    def place(held: HeldTensor) -> Placed:
        state = job.state(held)
        identity = id(state.storage)
        plan = plans[keys[identity]]
        itemsizes[keys[identity]] = 1 if plan.untyped else state.spec.type.itemsize
        return Placed(plan.specs[state.spec], keys[identity], plan.nbytes, device[identity], plan.untyped)

    def place_ref(ref: StorageRef) -> str:
        key = keys[bare[ref.stored.key]]
        itemsizes.setdefault(key, 1 if ref.type.dtype is None else DTYPES[ref.type.dtype].itemsize)
        return key

    data = PickleWriter(place, place_ref, legacy=legacy).write(job.root)
    return Pickled(plans, data, itemsizes)
