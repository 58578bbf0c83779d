"""A model of power loss: what a disk may hold of a recorded run of file operations when the power goes.

Only what fsync was called for is sure. Of the rest, in any combination: bytes written to a file since its last fsync
are there, are zeros, are there in part, or are not there at all; names made, moved and removed in a folder since its
last fsync are or are not, each by itself (ext4 and xfs keep them in their order, which
is one of the combinations). A file whose every name was lost is gone.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weightedit.core.files.file_system import FileSystem

DATA = ("there", "zeros", "half", "other half", "absent")
"""What became of bytes that no fsync was called for."""


@dataclass(slots=True)
class Inode:
    """A file's bytes, whatever its names are."""

    data: bytearray
    mtime_ns: int
    synced: bytes | None
    mode: int = 0o644

    def on_disk(self, what: str) -> bytes:
        """Return what the disk may hold of it."""
        now, before = bytes(self.data), self.synced
        if before == now or what == "there":
            return now
        kept = b"" if before is None else before
        if what == "other half" and len(kept) < len(now):
            return kept  # only where it was written over
        if what == "absent":
            return kept
        if what == "zeros":
            return kept + bytes(max(0, len(now) - len(kept)))
        half = len(now) // 2  # of what was there before, the rest stays
        return now[:half] + kept[half:] if what == "half" else kept[:half] + now[half:]


@dataclass(frozen=True, slots=True)
class NameChange:
    """A change of names: each name of a folder with the file it is to mean, or None."""

    folder: Path
    names: tuple[tuple[str, int | None], ...]


@dataclass(slots=True)
class Moment:
    """All there is to know about the disk when the power goes.

    Attributes
    ----------
    before
        What comes next, for people.
    names
        Names that are sure, with the file each means.
    changes
        Changes of names that are not sure, in their order.
    inodes
        The files.
    lists
        By name, the bytes of the lists of running saves then.
    reported
        What the save had said: None, "saved" or "failed".
    """

    before: str
    names: dict[Path, int]
    changes: list[NameChange]
    inodes: dict[int, Inode]
    lists: dict[str, bytes]
    reported: str | None


class Recording(FileSystem):
    """Does what it is asked through another file system, and notes each moment at which something becomes sure.

    Parameters
    ----------
    root
        The folder whose files are watched; all of them are sure at the start.
    lists
        The folder of the lists of running saves.
    inner
        Does it; it may fail.
    """

    def __init__(self, root: Path, lists: Path, inner: FileSystem | None = None) -> None:
        self.inner = inner or FileSystem()
        self.root, self.lists = root, lists
        self.inodes: dict[int, Inode] = {}
        self.names: dict[Path, int] = {}
        self.sure: dict[Path, int] = {}
        self.changes: list[NameChange] = []
        self.moments: list[Moment] = []
        self.reported: str | None = None
        self._handles: dict[int, int] = {}
        for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
            status = path.stat()
            known = next((number for other, number in self.names.items() if other.samefile(path)), len(self.inodes))
            data = path.read_bytes()
            self.inodes[known] = Inode(bytearray(data), status.st_mtime_ns, data, status.st_mode & 0o7777)
            self.names[path] = self.sure[path] = known

    def moment(self, before: str) -> None:
        """Note how things are."""
        lists = {path.name: path.read_bytes() for path in self.lists.glob("*.save")} if self.lists.exists() else {}
        inodes = {number: Inode(one.data[:], one.mtime_ns, one.synced, one.mode) for number, one in self.inodes.items()}
        self.moments.append(Moment(before, dict(self.sure), list(self.changes), inodes, lists, self.reported))

    def end(self, reported: str) -> None:
        """Note what the save said, and the moment after."""
        self.moment(f"the save says {reported}")
        self.reported = reported
        self.moment("anything else")

    def _change(self, folder: Path, *names: tuple[str, int | None]) -> None:
        self.changes.append(NameChange(folder, names))
        for name, inode in names:
            if inode is None:
                self.names.pop(folder / name, None)
            else:
                self.names[folder / name] = inode

    def create(self, path: Path, mode: int = 0o666) -> int:
        handle = self.inner.create(path, mode)
        number = len(self.inodes)
        self.inodes[number] = Inode(bytearray(), 0, None, mode)
        self._handles[handle] = number
        self._change(path.parent, (path.name, number))
        return handle

    def open(self, path: Path) -> int:
        handle = self.inner.open(path)
        self._handles[handle] = self.names[path]
        return handle

    def clone(self, source: int, path: Path, mode: int = 0o666) -> int:
        handle = self.inner.clone(source, path, mode)
        number = len(self.inodes)
        data = bytearray(os.pread(handle, os.fstat(handle).st_size, 0))
        self.inodes[number] = Inode(data, os.fstat(handle).st_mtime_ns, None, mode)
        self._handles[handle] = number
        self._change(path.parent, (path.name, number))
        return handle

    def can_clone(self, source: int, folder: Path) -> bool:
        return self.inner.can_clone(source, folder)

    def copy(self, source: int, offset: int, handle: int, nbytes: int) -> int:
        at = os.lseek(handle, 0, os.SEEK_CUR)
        taken = self.inner.copy(source, offset, handle, nbytes)
        inode = self.inodes[self._handles[handle]]
        inode.data[at : at + taken] = os.pread(source, taken, offset)
        inode.mtime_ns = os.fstat(handle).st_mtime_ns
        return taken

    def write_behind(self, handle: int, start: int, nbytes: int, wait: bool) -> None:
        self.inner.write_behind(handle, start, nbytes, wait)

    def set_times(self, handle: int, times: tuple[int, int]) -> None:
        self.inner.set_times(handle, times)
        self.inodes[self._handles[handle]].mtime_ns = times[1]

    def write(self, handle: int, data: memoryview) -> int:
        at = os.lseek(handle, 0, os.SEEK_CUR)
        taken = self.inner.write(handle, data)
        inode = self.inodes[self._handles[handle]]
        inode.data[at : at + taken] = data[:taken]
        inode.mtime_ns = os.fstat(handle).st_mtime_ns
        return taken

    def seek(self, handle: int, offset: int, whence: int) -> None:
        self.inner.seek(handle, offset, whence)

    def set_mode(self, path: Path, mode: int) -> None:
        self.inner.set_mode(path, mode)
        self.inodes[self.names[path]].mode = mode

    def sync(self, handle: int) -> None:
        number = self._handles[handle]
        self.moment(f"fsync of file {number}")
        self.inner.sync(handle)
        self.inodes[number].synced = bytes(self.inodes[number].data)

    def close(self, handle: int) -> None:
        self.inner.close(handle)
        del self._handles[handle]

    def link(self, path: Path, copy: Path) -> None:
        self.inner.link(path, copy)
        self._change(copy.parent, (copy.name, self.names[path]))

    def replace(self, path: Path, target: Path) -> None:
        self.inner.replace(path, target)
        number = self.names[path]
        if self.names.get(target) != number:  # two names of one file: the system does nothing
            self._change(path.parent, (path.name, None), (target.name, number))

    def remove(self, path: Path) -> None:
        self.inner.remove(path)
        self._change(path.parent, (path.name, None))

    def sync_folder(self, path: Path) -> None:
        self.moment(f"fsync of {path.name}")
        self.inner.sync_folder(path)
        for change in self.changes:
            if change.folder == path:
                self._make_sure(change)
        self.changes = [change for change in self.changes if change.folder != path]

    def _make_sure(self, change: NameChange) -> None:
        for name, inode in change.names:
            if inode is None:
                self.sure.pop(change.folder / name, None)
            else:
                self.sure[change.folder / name] = inode

    def free(self, folder: Path) -> int:
        return self.inner.free(folder)


@dataclass(slots=True)
class Disk:
    """One state that a disk may be found in."""

    moment: Moment
    kept: tuple[bool, ...]
    data: str
    files: dict[Path, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = dict(self.moment.names)
        for change, is_kept in zip(self.moment.changes, self.kept, strict=True):
            for name, inode in change.names if is_kept else ():
                if inode is None:
                    names.pop(change.folder / name, None)
                else:
                    names[change.folder / name] = inode
        inodes = self.moment.inodes
        self.files = {path: (number, inodes[number].on_disk(self.data)) for path, number in names.items()}

    @property
    def title(self) -> str:
        """What happened, in words."""
        lost = [place for place, is_kept in enumerate(self.kept) if not is_kept]
        return (f"before {self.moment.before}, of {len(self.kept)} unsure changes of names lost {lost}, "
                f"unsure bytes {self.data}")  # fmt: skip

    def key(self) -> object:
        """Return what is the same for two states that are."""
        return (tuple(sorted((path, number, hash(data)) for path, (number, data) in self.files.items())),
                self.moment.reported, tuple(self.moment.lists))  # fmt: skip

    def build(self, root: Path, lists: Path | None, stay: Sequence[Path] = ()) -> None:
        """Make the folder so, and the lists too where they survived; some files stay the ones they are."""
        aside = root.with_name("aside")
        aside.mkdir(exist_ok=True)
        for path in stay:
            path.rename(aside / path.name)
        shutil.rmtree(root)
        root.mkdir()
        for path in stay:
            (aside / path.name).rename(path)
        first: dict[int, Path] = {}
        for path, (number, data) in sorted(self.files.items()):
            path.parent.mkdir(parents=True, exist_ok=True)
            if number in first:
                path.hardlink_to(first[number])
                continue
            first[number] = path
            path.write_bytes(data)
            inode = self.moment.inodes[number]
            path.chmod(inode.mode)
            os.utime(path, ns=(inode.mtime_ns, inode.mtime_ns))
        if lists is not None:
            shutil.rmtree(lists, ignore_errors=True)
            lists.mkdir(parents=True)
            for name, data in self.moment.lists.items():
                (lists / name).write_bytes(data)


def disks(moments: list[Moment], most: int, seed: int = 0) -> Iterator[Disk]:
    """Yield the states that a disk may be found in, each once: about `most` a moment, or all where that is fewer."""
    chance = random.Random(seed)
    seen: set[object] = set()
    for moment in moments:
        for kept in _choices(len(moment.changes), most, chance):
            for data in DATA:
                disk = Disk(moment, kept, data)
                key = disk.key()
                if key not in seen:
                    seen.add(key)
                    yield disk


def _choices(count: int, most: int, chance: random.Random) -> Iterator[tuple[bool, ...]]:
    """Yield which of `count` changes are kept: all combinations where they are few, else those in order and others."""
    if 2**count <= most:
        yield from (tuple(bool(number >> place & 1) for place in range(count)) for number in range(2**count))
        return
    yield from (tuple(place < kept for place in range(count)) for kept in range(count + 1))
    yield from (tuple(place != lost for place in range(count)) for lost in range(count))
    for _ in range(max(0, most - 2 * count - 1)):
        yield tuple(chance.random() < 0.5 for _ in range(count))


class Unsynced(FileSystem):
    """Does not wait for the disk: what is on it is the model's business."""

    def sync(self, handle: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


class WithoutFileSync(Recording):
    """A program that forgets the fsync of files."""

    def sync(self, handle: int) -> None:
        self.moment("an fsync of a file that is left out")


class WithoutFolderSync(Recording):
    """A program that forgets the fsync of folders."""

    def sync_folder(self, path: Path) -> None:
        self.moment("an fsync of a folder that is left out")


