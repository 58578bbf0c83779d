"""Reads back what was written, by the same code that opens files, before it takes any destination's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weightedit.core.described.contents import file_inventory
from weightedit.core.errors import CheckpointError
from weightedit.core.progress import Asking, Progress
from weightedit.core.source import SourceFile
from weightedit.core.transaction import Pending, Transaction
from weightedit.core.values.equality import differing_in, same_bytes
from weightedit.core.values.side_by_side import side_by_side, threads_for
from weightedit.core.words.paths import counted, shown
from weightedit.core.writing.file_layout import CHUNK, FileLayout
from weightedit.core.writing.laying import WORTH_A_THREAD, Placed
from weightedit.formats.live_view import as_plain
from weightedit.formats.protocol import Contents, Expected, Format, Opened


class Differs(Exception):  # it says only what differs; who catches it says in which file, and what becomes of that
    """A file does not read back as it was to be written."""


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
        pending.write_out()
    progress.begin("Verifying", sum(map(_read_back, transaction.pending)))
    for pending in transaction.pending:
        if pending.expected is not None:
            _verify_file(kind, pending, progress)


def verify_patched(kind: Format, pending: Sequence[Pending], progress: Progress) -> None:
    """Open files that were patched in place as any file is, and read back what was written.

    Raises
    ------
    CheckpointError
        If a file does not read back as it should; the caller puts the old bytes back.
    """
    layouts = [(one, one.layout) for one in pending if one.layout is not None]
    progress.begin("Verifying", sum(layout.fresh_bytes(layout.gap()) for _, layout in layouts))
    for one, layout in layouts:
        opened = kind.open(one.target, Asking(progress))
        try:
            _compare(one.expected or {}, opened, progress, values=False)
            _compare_fresh(layout, opened.files[0], progress)
        except Differs as error:
            raise CheckpointError(f"{shown(one.path)} was not patched: reading it back failed, {error}; its old bytes "
                                  "are put back.", file=one.path) from error  # fmt: skip
        finally:
            for file in opened.files:
                file.close()


def _read_back(pending: Pending) -> int:
    """Return how many bytes of a file are read back: of a clone those that are its own."""
    if pending.is_clone and pending.layout is not None:
        return pending.layout.fresh_bytes(pending.layout.gap())
    return sum(found.spec.nbytes for found in (pending.expected or {}).values())


def _verify_file(kind: Format, pending: Pending, progress: Progress) -> None:
    with pending.reading():
        opened = kind.open(pending.temporary, Asking(progress))
        try:
            if pending.is_clone and pending.layout is not None:
                _compare(pending.expected or {}, opened, progress, values=False)
                _compare_fresh(pending.layout, opened.files[0], progress)
            else:
                _compare(pending.expected or {}, opened, progress)
        except Differs as error:
            raise CheckpointError(f"{shown(pending.path)} was not written: reading the new file back failed, {error}; "
                                  "what was there before is untouched.", file=pending.path) from error  # fmt: skip
        finally:
            for file in opened.files:
                file.close()


def _compare_fresh(layout: FileLayout, file: SourceFile, progress: Progress) -> None:
    """Read back what is new in a file, and compare it with what was to be written.

    What is not new shares its blocks with the file it is from, or is that file: nobody wrote it, and reading it would
    tell nothing that was not so before.

    Raises
    ------
    Differs
        If a byte does.
    """
    gap = layout.gap()

    def comparing() -> Callable[[Placed], int]:
        import numpy as np

        room = np.empty(CHUNK, np.uint8)

        def compare(placed: Placed) -> int:
            at, piece = placed
            for chunk in piece.chunks():
                mine = np.frombuffer(chunk, np.uint8)
                for start in range(0, len(mine), CHUNK):
                    wanted = mine[start : start + CHUNK]
                    found = room[: len(wanted)]
                    file.read_into(found.data, at + start)
                    if differing_in(found, wanted, 1):
                        raise Differs(f"bytes {at + start:,} to {at + start + len(wanted):,} differ")
                at += len(mine)
            return piece.nbytes

        return compare

    side_by_side(layout.cuts(gap), comparing, progress.advance, threads_for(layout.fresh_bytes(gap), WORTH_A_THREAD))


def _compare(expected: dict[str, Expected], opened: Opened, progress: Progress, *, values: bool = True) -> None:
    found = file_inventory(opened.root, progress.ask).slots
    names = [slot.name for slot in found]
    if names != list(expected):
        odd = next(iter({**expected, **dict.fromkeys(names)}.keys() - (expected.keys() & set(names))), "their order")
        raise Differs(f"it should hold {len(expected):,} tensors and holds {len(names):,}; "
                      f"the first that differs is {odd}")  # fmt: skip
    for slot in found:
        wanted = expected[slot.name]
        spec, written = slot.spec, wanted.written
        same = (spec.dtype, spec.shape, spec.kind, spec.requires_grad, spec.device, spec.encoding) == (
            wanted.spec.dtype, wanted.spec.shape, wanted.spec.kind, wanted.spec.requires_grad, wanted.spec.device,
            wanted.spec.encoding)  # fmt: skip
        if not same or (values and not same_bytes(spec, slot.storage.content, written.spec, written.content,
                                                  progress.advance)):  # fmt: skip
            raise Differs(f"tensor {slot.name} differs")
        progress.advance(0)
