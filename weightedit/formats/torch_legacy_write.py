"""Writes the form of torch before 1.6: the old file with other storage bytes where that is enough, or a new one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

from weightedit.core.errors import EditRefused
from weightedit.core.files.file_system import is_folder
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.progress import Progress
from weightedit.core.source import ByteSource, Source
from weightedit.core.transaction import Pending, Transaction
from weightedit.core.values.streaming import range_bytes
from weightedit.core.words.paths import counted, some
from weightedit.core.writing.file_layout import FileLayout, Kept
from weightedit.formats.live_view import Plain, as_plain
from weightedit.formats.pickle_globals import STORAGE_OF
from weightedit.formats.pickle_values import StorageRef
from weightedit.formats.pickle_walk import leaves
from weightedit.formats.protocol import Contents, written_slots
from weightedit.formats.torch_legacy import MAGIC, PREFIX, PROTOCOL, TorchLegacyOrigin, read_legacy
from weightedit.formats.torch_write import Job, pickle_hazards, pickled, storages_now, streamed

NAME = "torch legacy"
_SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def hazards(contents: Contents) -> list[Hazard]:
    """Say what the form cannot hold of a document."""
    try:
        return _hazards(as_plain(contents))
    except EditRefused as error:
        return list(error.hazards)


def _hazards(plain: Plain) -> list[Hazard]:
    return [*pickle_hazards(plain, NAME), *_untyped(plain)]


def _untyped(plain: Plain) -> Iterator[Hazard]:
    """Refuse storages without one type: torch writes them in this form, and fails to read them back."""
    dtypes: dict[int, set[str]] = {}
    named = written_slots(plain.contents)
    for _, written in named:
        dtypes.setdefault(id(written.storage), set()).add(written.spec.dtype)
    odd = [slot for slot, written in named if written.spec.dtype not in STORAGE_OF]
    if odd:
        names = [slot.name for slot in odd]
        yield refusal("unsupported", f"{NAME} has no dtype for {', '.join(sorted({slot.spec.dtype for slot in odd}))}",
                      f"{some(names)} cannot be written. Cast first, or export as torch zip.",
                      targets=names, count=len(names))  # fmt: skip
    mixed = [slot for slot, written in named if len(dtypes[id(written.storage)]) > 1]
    if mixed:
        names = [slot.name for slot in mixed]
        yield refusal("unsupported", f"{NAME} has one dtype for each storage", f"{some(names)} share one and have "
                      "several. Export as torch zip.", targets=names, count=len(names))  # fmt: skip
    bare = [leaf for leaf in leaves(plain.contents.root) if isinstance(leaf, StorageRef) and leaf.type.dtype is None]
    if bare:
        yield refusal("unsupported", f"{NAME} cannot hold {counted(len(bare), 'storage')} without a dtype",
                      "Export as torch zip.", count=len(bare))  # fmt: skip


def write(contents: Contents, path: Path, transaction: Transaction, *, progress: Progress) -> list[Path]:
    """Write one file; see `Format.write`."""
    plain = as_plain(contents)
    refused = [hazard for hazard in _hazards(plain) if hazard.level == "refusal"]
    if refused:
        raise EditRefused(refused)
    origin = contents.origin if isinstance(contents.origin, TorchLegacyOrigin) else None
    if is_folder(path) and origin is not None:
        path = path / origin.file.path.name
    job = Job(plain.contents, path)
    changes = None
    if origin is not None:
        transaction.guard([origin.file])
        changes = _changed(job, origin)
    if origin is not None and changes is not None:
        pending = _write_overlay(job, origin, changes, transaction, progress)
    else:
        pending = _write_new(job, origin, transaction, progress)
    pending.expected = job.expected()
    transaction.tensors = len(pending.expected)
    return [path]


def _changed(job: Job, origin: TorchLegacyOrigin) -> dict[str, ByteSource] | None:
    """Return the storages with other bytes, by key; None where more than storage bytes changed."""
    origin.file.check(header=True)
    first, _ = read_legacy(origin.file)
    found = storages_now(job, first)
    if found is None:
        return None
    return {key: state.content for key, state in found.items() if not _is_original(state.content, origin, key)}


def _is_original(content: ByteSource, origin: TorchLegacyOrigin, key: str) -> bool:
    return isinstance(content, Source) and content.file is origin.file and (
        content.offset == origin.storages[key].offset)  # fmt: skip


def _write_overlay(job: Job, origin: TorchLegacyOrigin, changes: dict[str, ByteSource], transaction: Transaction,
                   progress: Progress) -> Pending:  # fmt: skip
    """Copy the file byte for byte with other bytes in some storages."""
    layout, at = FileLayout(), 0
    for key, source in origin.storages.items():
        if key in changes:
            layout.add(Kept(origin.file, at, source.offset))
            layout.add_content(changes[key], 0, changes[key].nbytes)
            at = source.offset + source.nbytes
    layout.add(Kept(origin.file, at, origin.file.size))
    progress.begin("Writing", layout.nbytes)
    pending = transaction.create(job.path, layout)
    pending.lay(progress)
    return pending


def _write_new(job: Job, origin: TorchLegacyOrigin | None, transaction: Transaction, progress: Progress) -> Pending:
    """Write a new pickle and new storages; what stood in front of them and behind them in an old file stays."""
    new = pickled(job, legacy=True)
    total = sum(plan.nbytes for plan in new.plans.values())
    progress.begin("Writing", total)
    pending = transaction.create(job.path, total + len(new.data) + 64 * len(new.plans))
    pending.write(origin.file.read(0, origin.start) if origin is not None else _fresh_head())
    pending.write(new.data)
    pending.write(pickle.dumps(list(new.plans), 2))
    for key, plan in new.plans.items():
        pending.write((plan.nbytes // new.itemsizes[key]).to_bytes(PREFIX, "little"))
        pending.stream(streamed(plan, progress))
    if origin is not None:
        pending.stream(range_bytes(Source(origin.file, 0, origin.file.size), origin.end, origin.file.size))
    return pending


def _fresh_head() -> bytes:
    return b"".join(pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, _SYSTEM))
