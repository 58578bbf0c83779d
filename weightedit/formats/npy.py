"""numpy's .npy: one array, shown as the tensor `array`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.progress import Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import ByteSource, Source, SourceFile
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage
from weightedit.core.transaction import Transaction
from weightedit.core.writing.file_layout import FileLayout, Fresh, Kept
from weightedit.formats.array_hazards import ARRAY, dtype_hazards, one_tensor, single_hazards
from weightedit.formats.byte_views import Swapped
from weightedit.formats.detection import open_file
from weightedit.formats.live_view import as_plain
from weightedit.formats.npy_header import MAGIC, NpyHeader, header_bytes, make_header, parse_header
from weightedit.formats.protocol import Contents, Expected, Opened, Written, shared_refusals
from weightedit.formats.zip_directory import wrong


@dataclass
class NpyOrigin:
    """What was opened: the file, and what its header says."""

    file: SourceFile
    header: NpyHeader


class Npy:
    """One array of numpy."""

    name = "npy"
    suffixes: tuple[str, ...] = (".npy",)
    writes = True

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell it by its first bytes."""
        return head[:6] == MAGIC

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Read the header, and no element."""
        progress.begin("Opening", 1)
        file = open_file(path)

        def fail(what: str) -> CheckpointError:
            return wrong(file, f"{what}.")

        size = header_bytes(file.read(0, min(12, file.size)), fail)
        if size > file.size:
            raise fail(f"is cut short: its header alone has {size:,} bytes")
        header = parse_header(file.read(0, size), file.size, fail)
        file.remember_header(size)
        content = array_content(Source(file, size, header.spec.nbytes), header)
        progress.advance(1)
        root = {ARRAY: HeldTensor((header.spec, Storage(content)))}
        return Opened(root, {}, [file], NpyOrigin(file, header), file.path)

    def adopt(self, origin: NpyOrigin, held: Mapping[str, HeldTensor]) -> None:
        """Do nothing: the header says all that is wanted back."""

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Refuse all but one tensor of a dtype numpy has."""
        found = [*shared_refusals(shared), *single_hazards(contents, self.name)]
        return found if any(hazard.level == "refusal" for hazard in found) else [
            *found, *dtype_hazards(as_plain(contents).contents, self.name)]  # fmt: skip

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write the array: with the header and in the order it was read, or row-major with a new one."""
        refused = [hazard for hazard in self.hazards(contents, shared) if hazard.level == "refusal"]
        if refused:
            raise EditRefused(refused)
        written = one_tensor(contents)
        origin = contents.origin if isinstance(contents.origin, NpyOrigin) else None
        if origin is not None:
            transaction.guard([origin.file])
        layout = _layout(written, origin)
        progress.begin("Writing", layout.nbytes)
        pending = transaction.create(path, layout)
        pending.lay(progress)
        pending.expected = {ARRAY: Expected(TensorSpec.contiguous(written.spec.dtype, written.spec.shape), written)}
        transaction.tensors = 1
        return [path]


def _layout(written: Written, origin: NpyOrigin | None) -> FileLayout:
    layout, spec = FileLayout(), written.spec
    if origin is not None and _is_as_read(written, origin):
        layout.add(Kept(origin.file, 0, origin.header.start))
        layout.add_content(array_content(written.content, origin.header), 0, origin.header.spec.nbytes)
    else:
        layout.add(Fresh.of(make_header(spec)))
        layout.add(Fresh.whole(spec, written.content))
    if origin is not None:  # numpy reads several arrays in a row from one file
        layout.add(Kept(origin.file, origin.header.start + origin.header.spec.nbytes, origin.file.size))
    return layout


def array_content(content: ByteSource, header: NpyHeader) -> ByteSource:
    """Return bytes of an array in the other of its two byte orders, where it has two."""
    return Swapped(content, header.swapped) if header.swapped else content


def _is_as_read(written: Written, origin: NpyOrigin) -> bool:
    spec = origin.header.spec
    return written.spec == spec and written.content.nbytes == spec.nbytes
