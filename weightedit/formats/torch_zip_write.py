"""Writes torch's zip archives: the old file with other storage bytes where that is enough, a new one otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightedit.core.contents import file_inventory
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.paths import counted, shown, some
from weightedit.core.progress import Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import ByteSource
from weightedit.core.transaction import Transaction
from weightedit.formats.collector import collector_paused
from weightedit.formats.live_view import Plain, as_plain
from weightedit.formats.pickle_values import PickledTensor, StorageRef
from weightedit.formats.pickle_walk import leaves, matched
from weightedit.formats.pickle_writer import FLAGS, PickleWriter, Placed
from weightedit.formats.protocol import Contents, Expected, Written, written_slots
from weightedit.formats.storage_plan import StoragePlan, plan_storage, whole_storage
from weightedit.formats.torch_zip import TorchZipOrigin, read_pickle
from weightedit.formats.zip_directory import STORED
from weightedit.formats.zip_source import InflatedSource, RecordSource
from weightedit.formats.zip_writer import ZipWriter, write_overlay

_FRESH = {".format_version": b"1", ".storage_alignment": b"64", "byteorder": b"little"}
"""Records torch.save writes between pickle and storages."""
_VERSION = b"3\n"


def hazards(contents: Contents) -> list[Hazard]:
    """Say what a torch zip cannot hold of a document: only metadata, and encodings of other formats."""
    try:
        plain = as_plain(contents)
    except EditRefused as error:
        return list(error.hazards)
    return _hazards(contents, plain)


def _hazards(contents: Contents, plain: Plain) -> list[Hazard]:
    found = plain.hazards
    odd = [slot for slot, written in written_slots(plain.contents) if not _can_hold(written)]
    if odd:
        names = [slot.name for slot in odd]
        encodings = ", ".join(sorted({slot.spec.encoding for slot in odd}))
        found.append(refusal("unsupported", f"{counted(len(odd), 'tensor')} cannot be written as torch zip",
                             f"{some(names)}: {encodings} values have no form there that is written yet.",
                             targets=names, count=len(odd)))  # fmt: skip
    if contents.metadata and not isinstance(contents.origin, TorchZipOrigin):
        keys = tuple(contents.metadata)
        lost = ", ".join(keys[:5]) + (" …" if len(keys) > 5 else "")
        found.append(Hazard("values-dropped", "warning", "torch zip has no place for file metadata", f"Lost: {lost}.",
                            keys, len(keys)))  # fmt: skip
    return found


def _can_hold(written: Written) -> bool:
    extras = written.held.extras if isinstance(written.held, PickledTensor) else None
    flagged = written.spec.encoding in FLAGS and written.held.described.live is not None
    return written.spec.encoding == "plain" or extras is not None or flagged


def write(contents: Contents, path: Path, transaction: Transaction, *, progress: Progress) -> list[Path]:
    """Write one archive; see `Format.write`."""
    plain = as_plain(contents)
    refused = [hazard for hazard in _hazards(contents, plain) if hazard.level == "refusal"]
    if refused:
        raise EditRefused(refused)
    origin = contents.origin if isinstance(contents.origin, TorchZipOrigin) else None
    if path.is_dir() and origin is not None:
        path = path / origin.file.path.name
    job = _Job(plain.contents, path)
    if origin is None:
        _write_new(job, None, transaction, progress)
        return [path]
    transaction.guard([origin.file])
    changes = _changed_records(job, origin)
    if changes is None:
        if origin.is_torchscript:
            raise CheckpointError(f"{shown(path)} holds a TorchScript program beside its weights: only values can be "
                                  "edited there, not names, shapes or dtypes.", file=path)  # fmt: skip
        _write_new(job, origin, transaction, progress)
    elif all(origin.directory.record(name).method == STORED for name in changes):
        _write_overlay(job, origin, changes, transaction, progress)
    else:
        _write_records(job, origin, changes, transaction, progress)
    return [path]


@dataclass
class _Job:
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


def _changed_records(job: _Job, origin: TorchZipOrigin) -> dict[str, ByteSource] | None:
    """Return the storages with other bytes, by record name; None where more than storage bytes changed.

    What the file held is read once more and compared, so nothing had to be remembered since it was opened.
    """
    origin.file.check(header=True)
    first, _ = read_pickle(origin)
    pairs = matched(job.root, first)
    if pairs is None:
        return None
    content_of: dict[str, Written] = {}
    key_of: dict[int, str] = {}
    for held, old in pairs.items():
        state, stored = job.state(held), old.ref.stored
        known = content_of.setdefault(stored.key, state)
        same_place = known.storage is state.storage and key_of.setdefault(id(state.storage), stored.key) == stored.key
        if state.spec != old.first_spec or not same_place or state.content.nbytes != stored.nbytes:
            return None
    return {
        origin.record_name(key): state.content
        for key, state in content_of.items() if not _is_original(state.content, origin, key)
    }  # fmt: skip


def _is_original(content: ByteSource, origin: TorchZipOrigin, key: str) -> bool:
    if isinstance(content, RecordSource):
        return content.file is origin.file and content.record.name == origin.record_name(key)
    return isinstance(content, InflatedSource) and content.record == origin.directory.record(origin.record_name(key))


def _write_overlay(job: _Job, origin: TorchZipOrigin, changes: dict[str, ByteSource], transaction: Transaction,
                   progress: Progress) -> None:  # fmt: skip
    progress.begin("Writing", origin.file.size)
    pending = transaction.create(job.path, origin.file.size)
    for nbytes in write_overlay(pending, origin.directory, changes):
        progress.advance(nbytes)
    pending.expected = job.expected()
    transaction.tensors = len(pending.expected)


def _write_records(job: _Job, origin: TorchZipOrigin, changes: dict[str, ByteSource], transaction: Transaction,
                   progress: Progress) -> None:  # fmt: skip
    """Write every record again in its order, pickles as they are: compressed storages do not keep their length."""
    size = sum(content.nbytes for content in changes.values())
    pending = transaction.create(job.path, origin.file.size + size)
    progress.begin("Writing", len(origin.directory.rows))
    writer = ZipWriter(pending)
    for name in origin.directory.rows:
        if name in changes:
            plan = whole_storage(changes[name], ())
            writer.add(name, plan.nbytes, plan.chunks())
        else:
            writer.copy(origin.directory, origin.directory.record(name))
        progress.advance(1)
    writer.close()
    pending.expected = job.expected()
    transaction.tensors = len(pending.expected)


def _write_new(job: _Job, origin: TorchZipOrigin | None, transaction: Transaction, progress: Progress) -> None:
    """Write a new pickle and new storages; the other records of an old file come along."""
    with collector_paused():
        plans, pickle = _pickled(job)
    total = sum(plan.nbytes for plan in plans.values())
    progress.begin("Writing", total)
    pending = transaction.create(job.path, total + len(pickle) + 256 * len(plans))
    prefix = origin.prefix if origin is not None else "archive/"
    writer = ZipWriter(pending)
    writer.add(prefix + "data.pkl", len(pickle), [pickle])
    kept = _other_records(origin)
    if origin is None:
        for name, data in _FRESH.items():
            writer.add(prefix + name, len(data), [data])
    elif prefix + "byteorder" not in origin.directory:
        writer.add(prefix + "byteorder", 6, [b"little"])
    for key, plan in plans.items():
        writer.add(f"{prefix}data/{key}", plan.nbytes, _counted(plan, progress))
    for name in kept:
        assert origin is not None
        writer.copy(origin.directory, origin.directory.record(name))
    if origin is None or prefix + "version" not in origin.directory:
        writer.add(prefix + "version", len(_VERSION), [_VERSION])
    writer.close()
    pending.expected = job.expected()
    transaction.tensors = len(pending.expected)


def _other_records(origin: TorchZipOrigin | None) -> list[str]:
    if origin is None:
        return []
    storages = origin.prefix + "data/"
    return [
        name for name in origin.directory.rows
        if name != origin.prefix + "data.pkl" and not name.startswith(storages)
    ]  # fmt: skip


def _counted(plan: StoragePlan, progress: Progress) -> Iterable[memoryview | bytes]:
    for chunk in plan.chunks():
        yield chunk
        progress.advance(len(chunk))


def _pickled(job: _Job) -> tuple[dict[str, StoragePlan], bytes]:
    """Return the storages by key in the order of the tensors, and the pickle that describes them."""
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
    device = {identity: group[0].spec.device for identity, group in members.items() if group}

    def place(held: HeldTensor) -> Placed:
        state = job.state(held)
        identity = id(state.storage)
        plan = plans[keys[identity]]
        return Placed(plan.specs[state.spec], keys[identity], plan.nbytes, device[identity], plan.untyped)

    def place_ref(ref: StorageRef) -> str:
        return keys[bare[ref.stored.key]]

    return plans, PickleWriter(place, place_ref).write(job.root)
