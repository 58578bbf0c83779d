"""Reads back what was written, by the same code that opens files, before it takes any destination's place."""

from __future__ import annotations

from pathlib import Path

from weightedit.core.contents import file_inventory
from weightedit.core.equality import same_bytes
from weightedit.core.errors import CheckpointError
from weightedit.core.paths import counted, shown
from weightedit.core.progress import Asking, Progress
from weightedit.core.transaction import Pending, Transaction
from weightedit.formats.live_view import as_plain
from weightedit.formats.protocol import Contents, Expected, Format, Opened


def verify(kind: Format, transaction: Transaction, contents: Contents, progress: Progress) -> None:
    """Compare names, dtypes, shapes and all bytes of what the transaction holds with what was to be written.

    Raises
    ------
    CheckpointError
        If a file does not read back as it should; no destination was touched.
    """
    slots = len(as_plain(contents).contents.slots)
    if transaction.tensors + transaction.aliases != slots:
        raise CheckpointError(f"Nothing was written: of {counted(slots, 'tensor')} only {transaction.tensors:,} would "
                              f"have been, and {counted(transaction.aliases, 'name')} as aliases.")  # fmt: skip
    for pending in transaction.pending:
        pending.finish()
    whole = sum(found.spec.nbytes for pending in transaction.pending for found in (pending.expected or {}).values())
    progress.begin("Verifying", whole)
    for pending in transaction.pending:
        if pending.expected is not None:
            _verify_file(kind, pending, progress)


def _verify_file(kind: Format, pending: Pending, progress: Progress) -> None:
    with pending.reading():
        opened = kind.open(pending.temporary, Asking(progress))
        try:
            _compare(pending.path, pending.expected or {}, opened, progress)
        finally:
            for file in opened.files:
                file.close()


def _compare(path: Path, expected: dict[str, Expected], opened: Opened, progress: Progress) -> None:
    found = file_inventory(opened.root, progress.ask).slots
    names = [slot.name for slot in found]
    if names != list(expected):
        odd = next(iter({**expected, **dict.fromkeys(names)}.keys() - (expected.keys() & set(names))), "their order")
        raise _failed(path, f"it should hold {len(expected):,} tensors and holds {len(names):,}; "
                            f"the first that differs is {odd}")  # fmt: skip
    for slot in found:
        wanted = expected[slot.name]
        spec, written = slot.spec, wanted.written
        same = (spec.dtype, spec.shape, spec.kind, spec.requires_grad, spec.device, spec.encoding) == (
            wanted.spec.dtype, wanted.spec.shape, wanted.spec.kind, wanted.spec.requires_grad, wanted.spec.device,
            wanted.spec.encoding)  # fmt: skip
        if not same or not same_bytes(spec, slot.storage.content, written.spec, written.content, progress.advance):
            raise _failed(path, f"tensor {slot.name} differs")
        progress.advance(0)


def _failed(path: Path, cause: str) -> CheckpointError:
    return CheckpointError(
        f"{shown(path)} was not written: reading the new file back failed, {cause.rstrip('.')}; "
        "what was there before is untouched.",
        file=path,
    )
