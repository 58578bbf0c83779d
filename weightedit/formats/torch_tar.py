"""The tar archives of torch before 0.2, read only: members `sys_info`, `storages`, `tensors` and `pickle`.

`storages` and `tensors` are pickles and raw numbers in turn. The storages come with their key, device and class, the
tensors with the key of their storage, and `pickle` refers to both by key.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.files.closing import closed_if_stopped
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.progress import Ask, Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import Source, SourceFile
from weightedit.core.transaction import Transaction
from weightedit.formats.detection import open_file
from weightedit.formats.pickle_file import PickleStream, read_checked
from weightedit.formats.pickle_values import StorageRef, StorageType, said
from weightedit.formats.protocol import Contents, Opened
from weightedit.formats.tar_members import is_tar, read_members
from weightedit.formats.torch_views import ViewReader
from weightedit.formats.zip_directory import wrong

MEMBERS = ("storages", "tensors", "pickle")
MOST_DIMS = 64


class TorchTar:
    """torch's first format."""

    name = "torch tar"
    suffixes: tuple[str, ...] = ()
    writes = False

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell any tar archive; `open` says what is wrong with one that torch did not write."""
        return is_tar(head)

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Read the pickles and the numbers between them, and no element of a storage."""
        progress.begin("Opening", 1)
        file = open_file(path)
        with closed_if_stopped([file]):
            root = _read(file, progress.ask)
            progress.advance(1)
        return Opened(root, {}, [file], None, file.path)

    def adopt(self, origin: Any, held: Mapping[str, HeldTensor]) -> None:
        """Do nothing: this form is never written."""

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Refuse."""
        return [refusal("unsupported", "torch's tar form is read and not written", "Export as torch zip.")]

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Refuse."""
        raise EditRefused(self.hazards(contents, shared))


def _read(file: SourceFile, ask: Ask) -> Any:
    members = read_members(file)
    missing = [name for name in MEMBERS if name not in members]
    if missing:
        raise wrong(file, f"is a tar archive without {missing[0]}, so torch did not save it as a checkpoint.",
                    missing[0])  # fmt: skip
    streams = {name: PickleStream(file, *members[name], ask=ask) for name in MEMBERS}
    reader = TarReader(file, ask)
    try:
        reader.read_storages(streams["storages"])
        reader.read_tensors(streams["tensors"])
    except CheckpointError:
        raise
    except (pickle.UnpicklingError, TypeError, ValueError) as error:
        raise wrong(file, f"is damaged: {error}.") from error
    return reader.checked(read_checked(reader, streams["pickle"].cut("the pickle of tensors"), file, "pickle"))


class TarReader(ViewReader):
    """Reads the members one after the other, and knows every tensor before the pickle that names them.

    Parameters
    ----------
    file
        The archive.
    ask
        Called in between.
    """

    def __init__(self, file: SourceFile, ask: Ask) -> None:
        super().__init__(file, lambda key: self._sources[key].nbytes, lambda key: self._sources[key], ask)
        self._sources: dict[str, Source] = {}
        self._objects: dict[int, Any] = {}

    def read_storages(self, stream: PickleStream) -> None:
        """Read where each storage lies, and which are views of others."""
        for _ in range(_count(self.file, stream.value("the number of storages"))):
            described = stream.value("a storage")
            if type(described) is not tuple or len(described) != 3 or not isinstance(described[2], StorageType):
                raise wrong(self.file, "is damaged: a storage has no key, device and class.", "storages")
            key, location, kind = described
            _check_key(self.file, key)
            numel = int.from_bytes(stream.take(8, f"storage {said(key)}"), "little", signed=True)
            nbytes = numel * (DTYPES[kind.dtype].itemsize if kind.dtype else 1)
            if numel < 0 or stream.at + nbytes > stream.stop:
                raise wrong(self.file, f"is cut short: storage {said(key)} should have {numel:,} elements from byte "
                                       f"{stream.at:,}, and its member ends at byte {stream.stop:,}.", "storages")
            self._sources[str(key)] = Source(self.file, stream.at, nbytes)
            stream.at += nbytes
            self._add(key, self.stored_ref(str(key), location, kind, numel))
        views = stream.value("the views of storages")
        if not isinstance(views, list):
            raise wrong(self.file, "is damaged: its views of storages are no list.", "storages")
        for view in views:
            if type(view) is not tuple or len(view) != 4:
                raise wrong(self.file, "is damaged: a view of a storage is not described in full.", "storages")
            target, whole, offset, numel = view
            self._add(target, self.view(self._storage(whole), (target, offset, numel)))

    def stored_ref(self, key: str, location: Any, kind: StorageType, numel: int) -> StorageRef:
        """Return a storage by the checks of the later form."""
        return super().persistent_load(("storage", kind, key, location, numel))

    def read_tensors(self, stream: PickleStream) -> None:
        """Read which part of which storage each tensor is."""
        for _ in range(_count(self.file, stream.value("the number of tensors"))):
            described = stream.value("a tensor")
            if type(described) is not tuple or len(described) != 3:
                raise wrong(self.file, "is damaged: a tensor has no key, storage and class.", "tensors")
            key, storage, _ = described
            _check_key(self.file, key)
            dims, _ = struct.unpack("<ii", stream.take(8, f"tensor {said(key)}"))  # 8 bytes in the oldest files
            if not 0 <= dims <= MOST_DIMS:
                raise wrong(self.file, f"is damaged: tensor {said(key)} has {dims:,} dimensions.", "tensors")
            numbers = struct.unpack(f"<{2 * dims + 1}q", stream.take(16 * dims + 8, f"tensor {said(key)}"))
            ref = self._storage(storage)
            size, stride, offset = numbers[:dims], numbers[dims:-1], numbers[-1]
            self._add(key, self._described(ref, ref.type.dtype or "uint8", offset, size, stride, False, None, None))

    def _add(self, key: Any, value: Any) -> None:
        _check_key(self.file, key)
        if key in self._objects:
            raise wrong(self.file, f"is damaged: it holds the key {key} twice.")
        self._objects[key] = value

    def _storage(self, key: Any) -> StorageRef:
        found = self._objects.get(key) if type(key) is int else None
        if not isinstance(found, StorageRef):
            raise wrong(self.file, f"is damaged: it lacks storage {said(key)}, which a tensor or view lies in.")
        return found

    def persistent_load(self, pid: Any) -> Any:
        """Return the tensor, storage or class that a persistent id means."""
        if type(pid) is tuple and pid:
            return pid[0]  # a class, with the name and text of its source file
        text = str(pid) if type(pid) in (int, str) else ""
        found = self._objects.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 21 else None
        if found is None:
            raise wrong(self.file, f"is damaged: its pickle refers to {said(pid)}, which it does not hold.", "pickle")
        return found


def _check_key(file: SourceFile, key: Any) -> None:
    if type(key) is not int or key.bit_length() > 64:
        raise wrong(file, f"is damaged: the key {said(key)} is no number of an object in memory.")


def _count(file: SourceFile, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise wrong(file, f"is damaged: {said(value)} is no number of storages or tensors.")
    return value
