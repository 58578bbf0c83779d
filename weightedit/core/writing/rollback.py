"""The file that a patch in place writes first: the old bytes of all it is about to change, and how to tell them.

`.STEM.weightedit-XXXXXXXX.rollback` beside the file it belongs to; the name follows from that file's, so that who opens
the file need not look through the folder. It begins with its state:

`prepared`  It is being written: nothing was changed yet.
`live`      All of it is on the disk, and the file may hold old and new bytes mixed: they are to be put back.
`void`      The patch is whole and on the disk, or was taken back: nothing is left to do.

Of several files that are patched together, the first one's rollback file is the leader: those of the others count only
while it is live, so that one write to it decides for all.
"""

from __future__ import annotations

import array
import errno
import hashlib
import json
import os
import stat
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from weightedit.core.files.checksum import checksum
from weightedit.core.files.file_system import FileSystem, write_all
from weightedit.core.files.positioned import read_whole
from weightedit.core.progress import Progress
from weightedit.core.source import SourceFile
from weightedit.core.values.side_by_side import side_by_side, threads_for
from weightedit.core.writing.commit_record import MARK
from weightedit.core.writing.file_layout import CHUNK, FileLayout
from weightedit.core.writing.laying import WORTH_A_THREAD, Behind, Placed, write_here

SUFFIX = ".rollback"
SUMS = "xxh3"
"""What the checksums are called in it."""
PREPARED, LIVE, VOID = (b"weightedit rollback 1 %-10s" % word for word in (b"prepared", b"live", b"void"))
_HEAD = struct.Struct("<32sQ")
"""State, and where the table begins: after the old bytes, up to the end."""
_PIECE = 64 << 10
_SAMPLES, _SAMPLE = 32, 4 << 10
_MOST = 1 << 30
_LONGEST_STEM = 100
_NONE_OF_OURS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EACCES, errno.EPERM)
_FLAGS = (os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
          | getattr(os, "O_NOFOLLOW", 0))  # fmt: skip


class Piece(NamedTuple):
    """A range of the file, and the checksums of its old and new bytes."""

    start: int
    nbytes: int
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback file says.

    Attributes
    ----------
    path, target
        Its own path, and the file it belongs to.
    leader, members
        Of all rollback files of one patch, the one that decides; and in that one the others.
    inode, size, times
        Of the target before; the times in nanoseconds, of the last read and the last change.
    boot
        What tells this start of the system from others; empty where nothing does.
    sampled, samples
        Where the target was sampled outside of what is changed, and the hash of all that was there.
    pieces
        What is changed, in order.
    has_crc
        Whether the checksums are CRC-32, as in files of before they were xxHash's.
    """

    path: Path
    target: Path
    leader: Path
    members: tuple[Path, ...]
    inode: int
    size: int
    times: tuple[int, int]
    boot: str
    sampled: tuple[int, ...]
    samples: str
    pieces: Sequence[Piece]
    has_crc: bool = False

    def sum_of(self, data: bytes) -> int:
        """Return the checksum of bytes as the pieces have it."""
        return zlib.crc32(data) if self.has_crc else checksum(data)

    def placed(self) -> Iterator[tuple[int, Piece]]:
        """Yield each piece with where in the rollback file its old bytes begin."""
        at = _HEAD.size
        for piece in self.pieces:
            yield at, piece
            at += piece.nbytes


class Reads(Protocol):
    """What gives bytes at a place of a file."""

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return `nbytes` bytes."""
        ...


class HandleReads:
    """Reads an open file that is one's own, or is being patched."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._lock = threading.Lock()

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return `nbytes` bytes, or fewer where the file ends before."""
        buffer = bytearray(nbytes)
        got = self.read_into(memoryview(buffer), offset)
        return bytes(buffer[:got])

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer`, as far as the file goes."""
        return read_whole(self._handle, buffer.cast("B"), offset, self._lock)


def path_beside(target: Path) -> Path:
    """Return where the rollback file of a file is, links in its path followed already."""
    return target.with_name(name_beside(target.name))


@lru_cache(maxsize=64)
def name_beside(name: str) -> str:
    """Return what the rollback file of a file of that name is called."""
    stem = os.fsencode(name)[:_LONGEST_STEM].decode("utf-8", "ignore")
    told = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
    return f".{stem}{MARK}{told}{SUFFIX}"


def boot_id() -> str:
    """Return what tells this start of the system from others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def prepare(system: FileSystem, source: SourceFile, layout: FileLayout, target: Path, leader: Path,
            members: Sequence[Path], progress: Progress) -> None:  # fmt: skip
    """Write the rollback file of one target, prepared, and wait until it is on the disk.

    Parameters
    ----------
    system
        What is asked of the system.
    source, layout
        The file as it is, and what is to become of it.
    target, leader, members
        As in `Rollback`.
    progress
        Told how many bytes were kept.
    """
    path = path_beside(target)
    handle = system.create(path, 0o600)
    try:
        write_all(system, handle, _HEAD.pack(PREPARED, _HEAD.size + layout.fresh_bytes(layout.gap())))
        table = _keep_old(system, handle, source, layout, progress)
        sampled = tuple(_outside(source.size, table))
        said = {"target": target.name, "leader": os.path.relpath(leader, path.parent),
                "members": [os.path.relpath(one, path.parent) for one in members], "inode": source.fingerprint.inode,
                "size": source.size, "times": list(_times(source)), "boot": boot_id(), "sums": SUMS, "sampled": sampled,
                "samples": sample(source, sampled, source.size)}  # fmt: skip
        text = json.dumps(said).encode("ascii")
        packed = struct.pack("<Q", len(text)) + text + table.tobytes()
        write_all(system, handle, packed + hashlib.blake2b(packed, digest_size=16).digest())
        system.sync(handle)
    finally:
        system.close(handle)


def _times(source: SourceFile) -> tuple[int, int]:
    with source.lent() as handle:
        status = os.fstat(handle)
    return status.st_atime_ns, status.st_mtime_ns


def _keep_old(system: FileSystem, handle: int, source: SourceFile, layout: FileLayout,
              progress: Progress) -> array.array[int]:  # fmt: skip
    """Write the old bytes of every range that is new, and return the table of pieces, four numbers each."""
    gap, behind, turn = layout.gap(), Behind(system, handle), threading.Lock()
    tables: dict[int, array.array[int]] = {}

    def keeping() -> Callable[[tuple[int, Placed]], int]:
        room = memoryview(bytearray(CHUNK))

        def keep(kept: tuple[int, Placed]) -> int:
            to, (at, piece) = kept
            table = array.array("Q")
            for chunk in piece.chunks():
                new = memoryview(chunk)
                for begin in range(0, len(new), CHUNK):
                    here = new[begin : begin + CHUNK]
                    old = room[: len(here)]
                    source.read_into(old, at)
                    table.extend(_sums(at, old, here))
                    with turn:
                        write_here(system, handle, old, to, behind)
                    at, to = at + len(here), to + len(here)
            tables[at - piece.nbytes] = table
            return piece.nbytes

        return keep

    side_by_side(_kept(layout.cuts(gap)), keeping, progress.advance,
                 threads_for(layout.fresh_bytes(gap), WORTH_A_THREAD))  # fmt: skip
    found = array.array("Q")
    for at in sorted(tables):
        found.extend(tables.pop(at))
    system.seek(handle, 0, os.SEEK_END)
    return found


def _kept(pieces: Iterable[Placed]) -> Iterator[tuple[int, Placed]]:
    """Yield pieces with where in the rollback file their old bytes go."""
    to = _HEAD.size
    for at, piece in pieces:
        yield to, (at, piece)
        to += piece.nbytes


def _sums(at: int, old: memoryview, new: memoryview) -> Iterator[int]:
    """Yield four numbers for each piece of a range that begins at `at`."""
    for start in range(0, len(old), _PIECE):
        stop = min(start + _PIECE, len(old))
        yield from (at + start, stop - start, checksum(old[start:stop]), checksum(new[start:stop]))


def _outside(size: int, table: array.array[int]) -> list[int]:
    """Return places all over a file whose samples touch nothing that is changed."""
    import numpy as np

    starts, lengths = (np.array(table[column::4], np.int64) for column in (0, 1))
    places = np.arange(_SAMPLES, dtype=np.int64) * max(0, size - _SAMPLE) // max(1, _SAMPLES - 1)
    places = np.unique(places)
    after = np.searchsorted(starts + lengths, places, "right")
    return [at for at, next_one in zip(places.tolist(), after.tolist(), strict=True)
            if next_one == len(starts) or at + _SAMPLE <= int(starts[next_one])]  # fmt: skip


def sample(file: Reads, places: Sequence[int], size: int) -> str:
    """Hash a file of `size` bytes at some places."""
    found = hashlib.blake2b(digest_size=16)
    for at in places:
        found.update(file.read(at, min(_SAMPLE, size - at)))
    return found.hexdigest()


def state_of(path: Path) -> bytes | None:
    """Return the state of a rollback file, however little of it was written; None where there is none of one's own.

    Raises
    ------
    OSError
        If the system cannot tell just now, as where too many files are open: it may be live for all one knows.
    """
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno not in _NONE_OF_OURS:
            raise
        return None
    try:
        status = os.fstat(handle)
        own = not hasattr(os, "geteuid") or status.st_uid in (os.geteuid(), 0)
        return HandleReads(handle).read(0, len(LIVE)) if own and stat.S_ISREG(status.st_mode) else None
    finally:
        os.close(handle)


def is_of_its_owner(path: Path, target: Path) -> bool:
    """Whether a rollback file is of the person whose the target is, or the system's, and so is to be believed."""
    try:
        status = path.lstat()
        return stat.S_ISREG(status.st_mode) and status.st_uid in (0, target.stat().st_uid)
    except OSError:
        return False


def read_rollback(path: Path) -> Rollback:
    """Read a rollback file that was wholly written.

    Raises
    ------
    ValueError
        If it is damaged.
    OSError
        If it cannot be read.
    """
    handle = os.open(path, _FLAGS)
    try:
        file, size = HandleReads(handle), os.fstat(handle).st_size
        head = file.read(0, _HEAD.size)
        start = _HEAD.unpack(head)[1] if len(head) == _HEAD.size else size
        if not _HEAD.size <= start < size or size - start > _MOST:
            raise ValueError("it is cut short")
        packed = file.read(start, size - start)
    finally:
        os.close(handle)
    packed, digest = packed[:-16], packed[-16:]
    if hashlib.blake2b(packed, digest_size=16).digest() != digest:
        raise ValueError("it is damaged")
    try:
        return _read_table(path, packed)
    except (KeyError, TypeError, ValueError, struct.error, RecursionError) as error:
        raise ValueError("it is of another version, or damaged") from error


def _read_table(path: Path, packed: bytes) -> Rollback:
    length = struct.unpack_from("<Q", packed)[0]
    said = json.loads(packed[8 : 8 + length])
    numbers = array.array("Q", packed[8 + length :])
    pieces = [Piece(*numbers[at : at + 4]) for at in range(0, len(numbers), 4)]
    if "/" in said["target"] or "\0" in said["target"] or path_beside(path.with_name(said["target"])) != path:
        raise ValueError("it is of another file")

    def beside(name: str) -> Path:
        return Path(os.path.normpath(path.parent / name))

    if said.get("sums", SUMS) != SUMS:
        raise ValueError("it is of another version")
    read, changed = said["times"]
    return Rollback(path, path.with_name(said["target"]), beside(said["leader"]), tuple(map(beside, said["members"])),
                    int(said["inode"]), int(said["size"]), (int(read), int(changed)), str(said["boot"]),
                    tuple(map(int, said["sampled"])), str(said["samples"]), pieces, "sums" not in said)  # fmt: skip


def set_state(system: FileSystem, path: Path, state: bytes) -> None:
    """Write another state, and wait until it is on the disk."""
    handle = system.open(path)
    try:
        write_all(system, handle, state)
        system.sync(handle)
    finally:
        system.close(handle)
