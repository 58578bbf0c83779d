"""Writes torch's zip archives: the old file with other storage bytes where that is enough, a new one otherwise."""

from __future__ import annotations

from pathlib import Path

from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.files.file_system import is_folder
from weightedit.core.hazards import Hazard
from weightedit.core.progress import Progress
from weightedit.core.source import ByteSource
from weightedit.core.transaction import Transaction
from weightedit.core.words.paths import shown
from weightedit.formats.live_view import as_plain
from weightedit.formats.protocol import Contents
from weightedit.formats.storage_plan import whole_storage
from weightedit.formats.torch_write import Job, pickle_hazards, pickled, storages_now, streamed
from weightedit.formats.torch_zip import TorchZipOrigin, read_pickle
from weightedit.formats.zip_directory import STORED
from weightedit.formats.zip_source import InflatedSource, RecordSource
from weightedit.formats.zip_writer import ZipWriter, overlay

_FRESH = {".format_version": b"1", ".storage_alignment": b"64", "byteorder": b"little"}
"""Records torch.save writes between pickle and storages."""
_VERSION = b"3\n"


def hazards(contents: Contents) -> list[Hazard]:
    """Say what a torch zip cannot hold of a document: only metadata, and encodings of other formats."""
    try:
        return pickle_hazards(as_plain(contents), "torch zip")
    except EditRefused as error:
        return list(error.hazards)


def write(contents: Contents, path: Path, transaction: Transaction, *, progress: Progress) -> list[Path]:
    """Write one archive; see `Format.write`."""
    plain = as_plain(contents)
    refused = [hazard for hazard in pickle_hazards(plain, "torch zip") if hazard.level == "refusal"]
    if refused:
        raise EditRefused(refused)
    origin = contents.origin if isinstance(contents.origin, TorchZipOrigin) else None
    if is_folder(path) and origin is not None:
        path = path / origin.file.path.name
    job = Job(plain.contents, path)
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


def _changed_records(job: Job, origin: TorchZipOrigin) -> dict[str, ByteSource] | None:
    """Return the storages with other bytes, by record name; None where more than storage bytes changed."""
    origin.file.check(header=True)
    first, _ = read_pickle(origin)
    found = storages_now(job, first)
    if found is None:
        return None
    return {
        origin.record_name(key): state.content
        for key, state in found.items() if not _is_original(state.content, origin, key)
    }  # fmt: skip


def _is_original(content: ByteSource, origin: TorchZipOrigin, key: str) -> bool:
    if isinstance(content, RecordSource):
        return content.file is origin.file and content.record.name == origin.record_name(key)
    return isinstance(content, InflatedSource) and content.record == origin.directory.record(origin.record_name(key))


def _write_overlay(job: Job, origin: TorchZipOrigin, changes: dict[str, ByteSource], transaction: Transaction,
                   progress: Progress) -> None:  # fmt: skip
    layout = overlay(origin.directory, changes)
    progress.begin("Writing", layout.nbytes)
    pending = transaction.create(job.path, layout)
    pending.lay(progress)
    pending.expected = job.expected()
    transaction.tensors = len(pending.expected)


def _write_records(job: Job, origin: TorchZipOrigin, changes: dict[str, ByteSource], transaction: Transaction,
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


def _write_new(job: Job, origin: TorchZipOrigin | None, transaction: Transaction, progress: Progress) -> None:
    """Write a new pickle and new storages; the other records of an old file come along."""
    new = pickled(job)
    plans, pickle = new.plans, new.data
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
        writer.add(f"{prefix}data/{key}", plan.nbytes, streamed(plan, progress))
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
