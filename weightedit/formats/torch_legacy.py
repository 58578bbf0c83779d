"""What torch.save wrote before 1.6: three small pickles, the one that describes, the storage keys, the storages.

Each storage is its number of elements, 8 bytes, and then its elements. All numbers are little-endian whatever machine
wrote them: `little_endian` in the third pickle tells of the machine only, and torch does not look at it either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import EditRefused
from weightedit.core.files.closing import closed_if_stopped
from weightedit.core.hazards import Hazard
from weightedit.core.progress import OFTEN, Ask, Progress, unasked
from weightedit.core.slots import HeldTensor
from weightedit.core.source import Source, SourceFile
from weightedit.core.transaction import Transaction
from weightedit.formats.detection import is_torch_legacy, open_file
from weightedit.formats.pickle_file import PickleStream, read_checked
from weightedit.formats.pickle_values import said
from weightedit.formats.protocol import Contents, Opened, shared_refusals
from weightedit.formats.torch_parts import check_parts
from weightedit.formats.torch_views import ViewReader
from weightedit.formats.zip_directory import wrong

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
PREFIX = 8
"""Bytes in front of each storage: its number of elements."""


@dataclass
class TorchLegacyOrigin:
    """What was opened.

    Attributes
    ----------
    file
        The open file.
    start, stop
        Where the pickle that describes begins, and where it ends.
    storages
        Their bytes by key, in the order of the file.
    end
        Where the last of them ends.
    """

    file: SourceFile
    start: int
    stop: int
    storages: dict[str, Source]
    end: int


class TorchLegacy:
    """torch's own format before it was a zip archive."""

    name = "torch legacy"
    suffixes: tuple[str, ...] = (".pt", ".pth")
    writes = True

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell it by the magic number, which is the first pickle."""
        return is_torch_legacy(head)

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Read the pickles and the size of each storage, and nothing else."""
        progress.begin("Opening", 1)
        file = open_file(path)
        with closed_if_stopped([file]):
            root, origin = read_legacy(file, progress.ask)
            file.remember_header(origin.stop)
            progress.advance(1)
        return Opened(root, {}, [file], origin, file.path)

    def adopt(self, origin: TorchLegacyOrigin, held: Mapping[str, HeldTensor]) -> None:
        """Do nothing: what the file holds is read again when it is written."""

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Say what cannot be written: dtypes that torch learned after it gave up this format."""
        from weightedit.formats.torch_legacy_write import hazards

        return [*shared_refusals(shared), *hazards(contents)]

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write one file."""
        from weightedit.formats.torch_legacy_write import write

        if refused := shared_refusals(shared):
            raise EditRefused(refused)
        return write(contents, Path(path), transaction, progress=progress)


def read_legacy(file: SourceFile, ask: Ask = unasked) -> tuple[Any, TorchLegacyOrigin]:
    """Describe what is in a file, as inert data; `ask` is called in between, and what it raises ends it.

    Raises
    ------
    CheckpointError
        If a pickle is malformed, or the storages are not those it describes.
    """
    stream = PickleStream(file, ask=ask)
    if stream.value("the magic number") != MAGIC:
        raise wrong(file, "does not begin with torch's magic number, so torch did not save it.")
    version = stream.value("the protocol version")
    if version != PROTOCOL:
        raise wrong(file, f"has the protocol version {said(version)}; torch before 1.6 wrote {PROTOCOL}.")
    if not isinstance(stream.value("the system information"), dict):
        raise wrong(file, "is damaged: its system information is no dict.")
    start = stream.at
    reader = LegacyReader(file, ask)
    root = reader.checked(read_checked(reader, stream.cut("the pickle of tensors"), file, "the pickle of tensors"))
    stop = stream.at
    keys = stream.value("the list of storages")
    end = _locate(reader, keys, stream, ask)
    check_parts(reader.parts, root, file, ask)
    storages = {key: reader.sources[key] for key in keys}
    return root, TorchLegacyOrigin(file, start, stop, storages, end)


class LegacyReader(ViewReader):
    """Reads the pickle that describes; where each storage lies is known only after it was read.

    Parameters
    ----------
    file
        The file it is from.
    ask
        Called in between.

    Attributes
    ----------
    sources
        The bytes of each storage by key; their offsets are set later.
    itemsizes
        Bytes per element of each storage, as the file counts its elements.
    """

    def __init__(self, file: SourceFile, ask: Ask = unasked) -> None:
        super().__init__(file, self._promised, self._source, ask)
        self.sources: dict[str, Source] = {}
        self.itemsizes: dict[str, int] = {}
        self._numel = 0

    def _promised(self, key: str) -> int:
        """Return the bytes a storage is said to have; the file was not looked at yet, but its size bounds them."""
        nbytes = self._numel * self.itemsizes[key]
        if nbytes > self.file.size:
            raise wrong(self.file, f"is cut short: storage {key} should have {nbytes:,} bytes and the whole file has "
                                   f"{self.file.size:,}.", key)  # fmt: skip
        self.sources[key] = Source(self.file, 0, nbytes)
        return nbytes

    def _source(self, key: str) -> Source:
        return self.sources[key]

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage, a view of it, or the class that a persistent id means."""
        if type(pid) is tuple and len(pid) == 4 and pid[0] == "module":
            return pid[1]  # with the name and text of its source file, to be compared with one at hand
        if type(pid) is not tuple or len(pid) != 6:
            return super().persistent_load(pid)  # which says that it is no storage
        kind, key, numel = pid[1], pid[2], pid[4]
        if isinstance(key, str) and isinstance(numel, int) and numel >= 0 and key not in self.refs:
            self.itemsizes[key] = DTYPES[dtype].itemsize if (dtype := getattr(kind, "dtype", None)) else 1
            self._numel = numel
        ref = super().persistent_load(pid[:5])
        return ref if pid[5] is None else self.view(ref, pid[5])


def _locate(reader: LegacyReader, keys: Any, stream: PickleStream, ask: Ask) -> int:
    """Find where each storage lies, and return where the last one ends."""
    file, at = reader.file, stream.at
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise wrong(file, "is damaged: its list of storages is no list of keys.")
    listed = set(keys)
    if len(listed) != len(keys):
        twice = next(key for key, count in Counter(keys).items() if count > 1)
        raise wrong(file, f"is damaged: its list of storages names {twice[:40]} twice.", twice)
    missing = [key for key in reader.refs if key not in listed]
    if missing:
        raise wrong(file, f"is damaged: it lacks storage {missing[0]}, which a tensor lies in.", missing[0])
    for number, key in enumerate(keys):
        if not number % OFTEN:
            ask()
        ref = reader.refs.get(key)
        if ref is None:
            raise wrong(file, f"is damaged: it holds storage {key[:40]}, which nothing refers to.", key)
        if at + PREFIX > file.size:
            raise wrong(file, f"is cut short: storage {key} should begin at byte {at:,}, and the file has "
                              f"{file.size:,}.", key)  # fmt: skip
        stored, numel = ref.stored, int.from_bytes(file.read(at, PREFIX), "little", signed=True)
        promised = stored.nbytes // reader.itemsizes[key]
        if numel != promised:
            raise wrong(file, f"is damaged: storage {key} says it has {numel:,} elements, where its tensors were saved "
                              f"with {promised:,}.", key)  # fmt: skip
        reader.sources[key].offset = at + PREFIX
        at += PREFIX + stored.nbytes
        if at > file.size:
            raise wrong(file, f"is cut short: storage {key} reaches byte {at:,}, and the file has {file.size:,}.", key)
    return at
