"""The zip archives of torch.save since 1.6: a pickle that describes, and one record for each storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightedit.core.errors import EditRefused
from weightedit.core.files.closing import closed_if_stopped
from weightedit.core.hazards import Hazard
from weightedit.core.progress import Ask, Progress, unasked
from weightedit.core.slots import HeldTensor
from weightedit.core.source import SourceFile
from weightedit.core.transaction import Transaction
from weightedit.formats.detection import open_file
from weightedit.formats.pickle_file import MOST_PICKLE, read_checked
from weightedit.formats.pickle_reader import PickleReader
from weightedit.formats.protocol import Contents, Opened, shared_refusals
from weightedit.formats.torch_parts import check_parts
from weightedit.formats.zip_directory import ZipDirectory, is_zip, read_directory, wrong
from weightedit.formats.zip_source import read_record, record_size, record_source

MOST_INFLATED = 64 << 20
"""Bytes of a pickle that is packed; torch packs none, and a few bytes can be packed that make a thousand times more."""
MOST_RATIO = 20
"""Bytes of a longer one for each of its packed ones; the pickles of real models pack 4 to 12 times."""


@dataclass
class TorchZipOrigin:
    """What was opened.

    Attributes
    ----------
    directory
        The archive.
    prefix
        The folder inside it that holds everything, with its slash; empty where there is none.
    """

    directory: ZipDirectory
    prefix: str

    @property
    def file(self) -> SourceFile:
        """The open file."""
        return self.directory.file

    @property
    def is_torchscript(self) -> bool:
        """Whether the archive holds a program beside the weights."""
        return self.prefix + "constants.pkl" in self.directory

    def record_name(self, key: str) -> str:
        """Return the name of a storage's record."""
        return f"{self.prefix}data/{key}"


class TorchZip:
    """torch's own format."""

    name = "torch zip"
    suffixes: tuple[str, ...] = (".pt", ".pth", ".bin", ".ckpt")
    writes = True

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell a zip archive from its first bytes."""
        return is_zip(head)

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Read the archive's directory and its pickle, and nothing else."""
        progress.begin("Opening", 1)
        file = open_file(path)
        with closed_if_stopped([file]):
            directory = read_directory(file, progress.ask)
            origin = TorchZipOrigin(directory, _prefix(directory))
            _check_byteorder(origin)
            root, _ = read_pickle(origin, progress.ask)
            progress.advance(1)
        return Opened(root, {}, [file], origin, file.path)

    def adopt(self, origin: TorchZipOrigin, held: Mapping[str, HeldTensor]) -> None:
        """Do nothing: what the file holds is read again when it is written."""

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Say what cannot be written; everything a pickle or a live document holds can."""
        from weightedit.formats.torch_zip_write import hazards

        return [*shared_refusals(shared), *hazards(contents)]

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write one archive."""
        from weightedit.formats.torch_zip_write import write

        if refused := shared_refusals(shared):
            raise EditRefused(refused)
        return write(contents, Path(path), transaction, progress=progress)


def _prefix(directory: ZipDirectory) -> str:
    pickles = [name for name in directory.rows if name == "data.pkl" or name.endswith("/data.pkl")]
    pickles.sort(key=lambda name: name.count("/"))
    if not pickles:
        raise wrong(directory.file, "is a zip archive without data.pkl, so torch did not save it as a checkpoint.")
    if len(pickles) > 1 and pickles[1].count("/") == pickles[0].count("/"):
        raise wrong(directory.file, "is a zip archive with several data.pkl; a checkpoint has one.")
    return pickles[0].removesuffix("data.pkl")


def _check_byteorder(origin: TorchZipOrigin) -> None:
    name = origin.prefix + "byteorder"
    if name in origin.directory and origin.directory.record(name).size < 64:
        order = read_record(origin.directory, name).strip()
        if order != b"little":
            raise wrong(origin.file, "was written on a big-endian machine, whose byte order weightedit does not read."
                        if order == b"big" else "has a byte order that is neither little nor big.", name)  # fmt: skip


def read_pickle(origin: TorchZipOrigin, ask: Ask = unasked) -> tuple[Any, PickleReader]:
    """Read data.pkl, as inert data; `ask` is called in between, and what it raises ends it.

    Raises
    ------
    CheckpointError
        If the pickle is malformed or describes tensors that the file does not hold.
    """
    file, name = origin.file, origin.prefix + "data.pkl"
    record = origin.directory.record(name)
    if record.size > max(MOST_INFLATED, MOST_RATIO * record.stored if record.stored != record.size else MOST_PICKLE):
        raise wrong(file, f"has a pickle of {record.size:,} bytes, packed into {record.stored:,}, which is more than "
                          "weightedit reads.", name)  # fmt: skip
    storages = origin.prefix + "data/"
    reader = PickleReader(
        lambda key: record_size(origin.directory, storages + key),
        lambda key: record_source(origin.directory, storages + key),
        ask,
    )
    root = read_checked(reader, read_record(origin.directory, name), file, name, record.stored)
    check_parts(reader.parts, root, file, ask)
    return root, reader
