"""Tables of numbers as text: .csv and .tsv, one two-dimensional tensor named `array`."""

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
from weightedit.core.storage import Resident, Storage
from weightedit.core.transaction import Transaction
from weightedit.core.undo.spill import Spill
from weightedit.core.values.streaming import logical_bytes
from weightedit.core.words.paths import counted, shown
from weightedit.formats.array_hazards import ARRAY, one_tensor, single_hazards
from weightedit.formats.csv_text import DTYPE_OF, NotThisKindError, Table, is_row, read_numbers
from weightedit.formats.detection import is_text, open_file
from weightedit.formats.protocol import Contents, Opened, Written, shared_refusals
from weightedit.formats.zip_directory import wrong

TAB_SUFFIXES = (".tsv", ".tab")
_SPILL = Spill()
_WIDTH = 8
"""Bytes of each number as it is read."""
_BLOCK = 1 << 20


@dataclass
class CsvOrigin:
    """What was opened: the file, and what it is beside its numbers."""

    file: SourceFile
    table: Table


class Csv:
    """A table of numbers."""

    name = "csv"
    suffixes: tuple[str, ...] = (".csv", ".tsv")
    writes = True

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell a table by its suffix or by a first line of nothing but numbers."""
        if not is_text(head):
            return False
        if path.suffix.lower() in (*self.suffixes, *TAB_SUFFIXES):
            return True
        rows = (line.strip() for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
        return is_row(next((row for row in rows if row and not row.startswith(b"#")), b""))

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Read every number: a table says neither its shape nor its dtype."""
        file = open_file(path)
        table, spec, content = _table(file, progress)
        held = HeldTensor((spec, Storage(content)))
        return Opened({ARRAY: held}, {}, [file], CsvOrigin(file, table), file.path)

    def adopt(self, origin: CsvOrigin, held: Mapping[str, HeldTensor]) -> None:
        """Do nothing: a table is written anew."""

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Refuse all but one tensor of at most two dimensions that hold something."""
        found = [*shared_refusals(shared), *single_hazards(contents, self.name)]
        if any(hazard.level == "refusal" for hazard in found):
            return found
        spec = one_tensor(contents).spec
        if len(spec.shape) > 2 or not spec.numel:
            shape = " × ".join(map(str, spec.shape))
            found.append(refusal("unsupported", f"A table has rows and columns, and the tensor is {shape}",
                                 "Choose a region of two dimensions, such as [0, :, :], or another format."))
        elif spec.type.family in ("complex", "opaque") or spec.encoding != "plain":
            what = spec.dtype if spec.encoding == "plain" else spec.encoding
            found.append(refusal("unsupported", f"A table cannot hold {what} values",
                                 "Export it as .npy or .safetensors."))  # fmt: skip
        origin = contents.origin
        if isinstance(origin, CsvOrigin) and origin.table.comments:
            found.append(Hazard("values-dropped", "warning", "Comments between the rows are not written again",
                                f"{counted(origin.table.comments, 'line')} in {origin.file.name}.",
                                count=origin.table.comments))  # fmt: skip
        return found

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write the shortest texts that read back to the same values, and read them back."""
        refused = [hazard for hazard in self.hazards(contents, shared) if hazard.level == "refusal"]
        if refused:
            raise EditRefused(refused)
        written = one_tensor(contents)
        progress.begin("Writing", written.spec.nbytes)
        pending = transaction.create(path, 4 * written.spec.nbytes)
        separator = b"\t" if path.suffix.lower() in TAB_SUFFIXES else b","
        if isinstance(contents.origin, CsvOrigin):
            transaction.guard([contents.origin.file])
            pending.write(contents.origin.table.heading)
            separator = contents.origin.table.separator or b" "
        columns = written.spec.shape[1] if len(written.spec.shape) == 2 else 1
        pending.stream(_texts(written, columns, separator, progress))
        transaction.tensors = 1
        if pending.is_sketch:
            return [path]
        pending.finish()
        with pending.reading():
            _check(written, pending.temporary, path)
        return [path]


def _table(file: SourceFile, progress: Progress) -> tuple[Table, TensorSpec, Resident]:
    most = (file.size + 1) // 2  # a number and what follows it are two bytes at least
    for kind, dtype in DTYPE_OF.items():
        progress.begin("Reading", file.size)
        room = _SPILL.allocate(_WIDTH * most)
        try:
            table = read_numbers(file, kind, room, progress)
        except NotThisKindError:
            continue
        if not table.rows:
            break
        file.check()
        spec = TensorSpec.contiguous(dtype, (table.rows, table.columns))
        return table, spec, Resident(room[: spec.nbytes])
    raise wrong(file, "holds no numbers.")


def _texts(written: Written, columns: int, separator: bytes, progress: Progress) -> Iterator[bytes]:
    """Yield a table in blocks; a row may be cut by them."""
    import numpy as np

    from weightedit.core.dtypes import numpy_dtype
    from weightedit.core.words.numbers import value_texts

    dtype, column = written.spec.dtype, 0
    for chunk in logical_bytes(written.spec, written.content, _BLOCK):
        values = np.frombuffer(chunk, numpy_dtype(dtype))
        texts = value_texts(values.astype(np.uint8), "uint8") if dtype == "bool" else value_texts(values, dtype)
        parts: list[bytes] = []
        for text in texts:
            column += 1
            parts.append(text.encode() + (separator if column < columns else b"\n"))
            column %= columns
        yield b"".join(parts)
        progress.advance(len(chunk))


def _check(written: Written, temporary: Path, path: Path) -> None:
    """Read the numbers back; a NaN is only a NaN in text."""
    import numpy as np

    from weightedit.core.dtypes import numpy_dtype

    file = SourceFile(temporary)
    try:
        _, spec, content = _table(file, Progress())
    finally:
        file.close()
    dtype = numpy_dtype(written.spec.dtype)
    at = 0
    for chunk in logical_bytes(written.spec, written.content, _BLOCK):
        wanted = np.frombuffer(chunk, dtype)
        raw = memoryview(bytearray(_WIDTH * wanted.size))
        content.read_into(raw, at)
        with np.errstate(all="ignore"):
            found = np.frombuffer(raw, spec.dtype).astype(dtype)
        at += _WIDTH * wanted.size
        unsigned = f"u{dtype.itemsize}"
        same = (found.view(unsigned) == wanted.view(unsigned)) | ((found != found) & (wanted != wanted))
        if found.size != wanted.size or not same.all():
            raise CheckpointError(f"{shown(path)} was not written: its numbers do not read back to the same values; "
                                  "what was there before is untouched.", file=path)  # fmt: skip


