"""numpy's .npz: a zip archive of .npy arrays, each a tensor by the name of its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.progress import Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import SourceFile
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage
from weightedit.core.transaction import Transaction
from weightedit.core.values.streaming import logical_bytes
from weightedit.core.words.paths import some
from weightedit.formats.array_hazards import dtype_hazards, table_hazards
from weightedit.formats.byte_views import Part
from weightedit.formats.detection import open_file
from weightedit.formats.live_view import as_plain
from weightedit.formats.npy import array_content
from weightedit.formats.npy_header import MOST_HEADER, header_bytes, make_header, parse_header
from weightedit.formats.protocol import Contents, Expected, Opened, Written, written_slots
from weightedit.formats.zip_directory import LOCAL, ZipDirectory, is_zip, read_directory, wrong
from weightedit.formats.zip_source import first_bytes, verified_source
from weightedit.formats.zip_writer import ZipWriter

SUFFIX = ".npy"
LONGEST_NAME = 65_535
"""Bytes of a record's name in a zip archive."""


@dataclass
class NpzOrigin:
    """What was opened: the archive, and the records in it that are no arrays."""

    directory: ZipDirectory
    others: list[str]


class Npz:
    """Arrays of numpy by name."""

    name = "npz"
    suffixes: tuple[str, ...] = (".npz",)
    writes = True

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell a zip archive whose first record is an array."""
        return is_zip(head) and head[LOCAL.size :][: int.from_bytes(head[26:28], "little")].endswith(SUFFIX.encode())

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Read the archive's directory and the header of each array."""
        file = open_file(path)
        directory = read_directory(file, progress.ask)
        names = [name for name in directory.rows if name.endswith(SUFFIX)]
        others = [name for name in directory.rows if not name.endswith(SUFFIX)]
        for name in others:
            progress.ask()
            directory.data_offset(directory.record(name))  # they come along when it is written
        progress.begin("Opening", len(names))
        root: dict[str, HeldTensor] = {}
        for name in names:
            root[name.removesuffix(SUFFIX)] = _held(directory, name)
            progress.advance(1)
        metadata = {"records that are no arrays": ", ".join(others)} if others else {}
        return Opened(root, metadata, [file], NpzOrigin(directory, others), file.path)

    def adopt(self, origin: NpzOrigin, held: Mapping[str, HeldTensor]) -> None:
        """Do nothing: an archive is written anew."""

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Refuse dtypes numpy lacks, and sharing unless copies are wanted."""
        if shared not in (None, "copy"):
            return [refusal("argument", f"shared is {shared!r}", 'For npz it is None or "copy".')]
        if isinstance(contents.origin, NpzOrigin):
            contents = Contents(contents.root, contents.slots, contents.entries, {}, None, contents.pins)
        found = [*table_hazards(contents, self.name, shared), *_long_names(contents)]
        return found if any(hazard.level == "refusal" for hazard in found) else [
            *found, *dtype_hazards(as_plain(contents).contents, self.name)]  # fmt: skip

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write one archive, nothing compressed; records that are no arrays come along."""
        refused = [hazard for hazard in self.hazards(contents, shared) if hazard.level == "refusal"]
        if refused:
            raise EditRefused(refused)
        origin = contents.origin if isinstance(contents.origin, NpzOrigin) else None
        if origin is not None:
            transaction.guard([origin.directory.file])
        named = {slot.name: written for slot, written in written_slots(as_plain(contents).contents)}
        total = sum(written.spec.nbytes for written in named.values())
        progress.begin("Writing", total)
        pending = transaction.create(path, total + 512 * len(named))
        writer = ZipWriter(pending)
        for name, written in named.items():
            header = make_header(written.spec)
            writer.add(name + SUFFIX, len(header) + written.spec.nbytes, _chunks(header, written, progress))
        for name in origin.others if origin is not None else ():
            assert origin is not None
            writer.copy(origin.directory, origin.directory.record(name))
        writer.close()
        pending.expected = {
            name: Expected(TensorSpec.contiguous(written.spec.dtype, written.spec.shape), written)
            for name, written in named.items()
        }
        transaction.tensors = len(named)
        return [path]


def _long_names(contents: Contents) -> list[Hazard]:
    """Refuse names longer than a zip archive counts."""
    names = [slot.name for slot in contents.slots if len(slot.name) > LONGEST_NAME // 4]
    names = [name for name in names if len((name + SUFFIX).encode("utf-8", "surrogatepass")) > LONGEST_NAME]
    if not names:
        return []
    return [refusal("unsupported", f"An npz cannot hold names of more than {LONGEST_NAME:,} bytes",
                    f"{some(names)}. Rename what is too long, or export to .safetensors or .pt.",
                    targets=names, count=len(names))]  # fmt: skip


def _held(directory: ZipDirectory, name: str) -> HeldTensor:
    """Describe one array; when it is first read, a compressed one is inflated and the CRC-32 of either is checked."""

    def fail(what: str) -> CheckpointError:
        return wrong(directory.file, f"holds the record {name}, which {what}.", name)

    whole = verified_source(directory, name)
    record = directory.record(name)
    head = first_bytes(directory, record, 12)
    size = header_bytes(head, fail)
    raw = first_bytes(directory, record, min(size, MOST_HEADER))
    if len(raw) < size:
        raise fail(f"is cut short: its header alone has {size:,} bytes")
    header = parse_header(raw, whole.nbytes, fail)
    return HeldTensor((header.spec, Storage(array_content(Part(whole, size, header.spec.nbytes), header))))


def _chunks(header: bytes, written: Written, progress: Progress) -> Iterator[bytes | memoryview]:
    yield header
    for chunk in logical_bytes(written.spec, written.content):
        yield chunk
        progress.advance(len(chunk))
