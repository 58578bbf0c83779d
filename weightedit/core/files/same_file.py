"""Which name of which file a destination is: by another spelling, by another link, and after others wrote there too."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from weightedit.core.errors import CheckpointError, SourceChanged
from weightedit.core.source import SourceFile
from weightedit.core.transaction import Transaction
from weightedit.core.words.paths import shown

Identity = tuple[int, int]


def same_file(path: Path, others: Sequence[Path]) -> bool:
    """Whether a path is one of others, however it is spelled: through links, `..`, `/proc/self/fd`, or in capitals.

    A hard link is another name of the same bytes: what is written there leaves the first name as it is.
    """
    return any(_is_one(path, other) for other in others)


def _is_one(path: Path, other: Path) -> bool:
    try:
        if not path.samefile(other):
            return False
        first, second = Path(os.path.realpath(path)), Path(os.path.realpath(other))
        if first == second:
            return True
        if not first.parent.samefile(second.parent):
            return False
        names = {entry.name for entry in first.parent.iterdir()}
        return first.name == second.name or not {first.name, second.name} <= names
    except (OSError, ValueError):
        return False


def commit_beside(transaction: Transaction, files: Iterable[SourceFile]) -> dict[Path, Identity]:
    """Commit, and let files that are read and had one of their other names replaced be read on.

    Parameters
    ----------
    transaction
        Written and read back.
    files
        What a document reads.

    Returns
    -------
    dict
        By destination, what tells the file that was put there from any other.
    """
    linked = [file for file in files if any(_is_other_name(pending.target, file) for pending in transaction.pending)]
    made = {}
    for pending in transaction.pending:
        with suppress(OSError):  # gone: the commit says so
            status = pending.temporary.stat()
            made[pending.target] = (status.st_dev, status.st_ino)
    try:
        transaction.commit()
    finally:
        for file in linked:  # the same bytes, but the system counts a link less as a change
            with suppress(CheckpointError, MemoryError):  # the next read says so, and what was written stays so
                if file.still_holds():
                    file.reopen()
    return made


def _is_other_name(target: Path, file: SourceFile) -> bool:
    try:
        return target.samefile(file.path) and not _is_one(target, file.path)
    except OSError:
        return False


def check_ours(opened: Iterable[SourceFile], made: Mapping[Path, Identity], before: Iterable[SourceFile]) -> None:
    """Check that what was opened after a save is what the save wrote, and else what was there before.

    Raises
    ------
    SourceChanged
        If another program put something in the place of one of them meanwhile.
    """
    known = {os.path.realpath(file.path): file.fingerprint for file in before}
    for file in opened:
        path = os.path.realpath(file.path)
        now = file.fingerprint
        ours, was = made.get(Path(path)), known.get(path)
        if ours is None and was is None:
            continue
        if (now.device, now.inode) == ours or (ours is None and now == was):
            continue
        raise SourceChanged(f"{shown(file.path)} was replaced by another program while it was saved; edits made so "
                            "far are kept, open the file again to see what it holds now.", file=file.path)  # fmt: skip
