"""Everything that writing a person's files asks of the system, in one place that tests make fail at each step."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

from weightedit.core.files.file_limits import check_file_size
from weightedit.core.files.kernel_copy import can_clone, clone, copy_some, write_out

if sys.platform == "darwin":
    import fcntl

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_CHANGE = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_NO_FOLDERS = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems say that have no fsync of folders, such as those of some servers."""


def _sync(handle: int) -> None:
    if sys.platform == "darwin":  # there, fsync leaves the bytes in the drive's own cache
        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _NO_FOLDERS:
                raise
        else:
            return
    os.fsync(handle)


class FileSystem:
    """What a transaction asks of the system, one method each."""

    def create(self, path: Path, mode: int = 0o666) -> int:
        """Create a file that must not exist yet and return its handle."""
        return os.open(path, _FLAGS, mode)

    def open(self, path: Path) -> int:
        """Open a file that is there, to write into it, and return its handle."""
        return os.open(path, _CHANGE)

    def clone(self, source: int, path: Path, mode: int = 0o666) -> int:
        """Create a file that shares all blocks with an open one and return its handle; raises `CannotClone`."""
        check_file_size(os.fstat(source).st_size)
        return clone(source, path, _FLAGS, mode)

    def can_clone(self, source: int, folder: Path) -> bool:
        """Whether that would work in a folder; nothing is left of the attempt."""
        return can_clone(source, folder)

    def copy(self, source: int, offset: int, handle: int, nbytes: int) -> int:
        """Copy from a place of one file to the place of the handle of another; returns how many bytes were taken."""
        check_file_size(os.lseek(handle, 0, os.SEEK_CUR) + nbytes)
        return copy_some(source, offset, handle, nbytes)

    def write_behind(self, handle: int, start: int, nbytes: int, wait: bool) -> None:
        """Let the system begin to put a range on the disk, or wait for it; where it knows no ranges, for the file."""
        if not write_out(handle, start, nbytes, wait=wait) and wait:
            os.fsync(handle)

    def write(self, handle: int, data: memoryview) -> int:
        """Write at the place of the handle; returns how many bytes were taken."""
        check_file_size(os.lseek(handle, 0, os.SEEK_CUR) + len(data))
        return os.write(handle, data)

    def seek(self, handle: int, offset: int, whence: int) -> None:
        """Move to where the next write goes."""
        os.lseek(handle, offset, whence)

    def set_mode(self, path: Path, mode: int) -> None:
        """Set the mode bits."""
        path.chmod(mode)

    def set_owner(self, path: Path, user: int, group: int) -> None:
        """Give a file to a user and a group; -1 leaves either."""
        os.chown(path, user, group)

    def attributes(self, path: Path) -> dict[str, bytes]:
        """Return the extended attributes by name; an access list is one of them."""
        if not hasattr(os, "listxattr"):
            return {}
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}

    def set_attribute(self, path: Path, name: str, value: bytes | None) -> None:
        """Set an extended attribute, or remove it with None."""
        if value is None:
            os.removexattr(path, name)
        else:
            os.setxattr(path, name, value)

    def set_times(self, handle: int, times: tuple[int, int]) -> None:
        """Set when a file was last read and changed, in nanoseconds."""
        os.utime(handle, ns=times)

    def sync(self, handle: int) -> None:
        """Wait until the file's bytes are on the disk."""
        _sync(handle)

    def close(self, handle: int) -> None:
        """Close a file."""
        os.close(handle)

    def link(self, path: Path, copy: Path) -> None:
        """Give a file a second name."""
        os.link(path, copy)

    def replace(self, path: Path, target: Path) -> None:
        """Put one file in the place of another in one step."""
        path.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def make_folder(self, path: Path) -> None:
        """Make a folder, which must not exist yet, in one that does."""
        path.mkdir()

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def sync_folder(self, path: Path) -> None:
        """Wait until the names in a folder are on the disk; Windows does so by itself, as do some file systems."""
        if os.name != "posix":
            return
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError:  # one may write into it and not look: then for everything there is
            os.sync()
            return
        try:
            _sync(handle)
        except OSError as error:
            if error.errno not in _NO_FOLDERS:
                raise
        finally:
            os.close(handle)

    def free(self, folder: Path) -> int:
        """Return how many bytes fit on the disk that holds a folder."""
        return shutil.disk_usage(folder).free


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; one that cannot be looked at, such as a name that is too long, is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def write_all(system: FileSystem, handle: int, data: bytes | memoryview) -> None:
    """Write all of it, in as many pieces as the system takes."""
    view = memoryview(data)
    while view:
        taken = system.write(handle, view)
        if taken <= 0:
            raise OSError(errno.EIO, "the system takes no more bytes and does not say why")
        view = view[taken:]


def write_new(system: FileSystem, path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make a small file and wait until its bytes are on the disk; what is left of it after an error is removed."""
    handle = system.create(path, mode)
    try:
        try:
            write_all(system, handle, data)
            system.sync(handle)
        finally:
            system.close(handle)
    except BaseException:
        forget(system, path)
        raise


def forget(system: FileSystem, path: Path) -> bool:
    """Remove a file that is no longer needed; returns whether it is gone."""
    try:
        system.remove(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
