"""A file that is replaced hands on rights, owner, group and attributes; nobody gets to read it who could not before."""

from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path

import pytest

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_system import FileSystem
from weightedit.core.transaction import Transaction

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
AS_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes root")
NOBODY = 65534
ACCESS = "system.posix_acl_access"


def an_access_list() -> bytes:
    """user::rw-, user:65534:r--, group::---, mask::r--, other::---, as the system stores it."""
    rows = [(1, 6, 0xFFFFFFFF), (2, 4, NOBODY), (4, 0, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)


def replace(path: Path, system: FileSystem | None = None) -> None:
    with Transaction(system) as transaction:
        transaction.create(path, 3).write(b"new")
        transaction.commit()
    assert path.read_bytes() == b"new"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a"
    made.write_bytes(b"old")
    return made


def set_attribute(path: Path, name: str, value: bytes) -> None:
    if not hasattr(os, "setxattr"):
        pytest.skip("no extended attributes here")
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip(f"this file system keeps no {name}: {error.strerror}")


def test_attributes_are_kept(path):
    set_attribute(path, "user.origin", b"https://example.org/model")
    replace(path)
    assert os.getxattr(path, "user.origin") == b"https://example.org/model"


def test_an_access_list_is_kept(path):
    set_attribute(path, ACCESS, an_access_list())
    before = mode(path)
    replace(path)
    assert os.getxattr(path, ACCESS) == an_access_list()
    assert mode(path) == before


def test_without_its_access_list_the_group_gets_no_more(path):
    """The mode bits of a file with a list show the widest of it: set alone, they would let the group read."""
    set_attribute(path, ACCESS, an_access_list())
    assert mode(path) == 0o640

    class Refusing(FileSystem):
        def set_attribute(self, path: Path, name: str, value: bytes | None) -> None:
            raise OSError(errno.EOPNOTSUPP, "not supported")

    replace(path, Refusing())
    assert mode(path) == 0o600


def test_a_private_file_is_private_from_the_first_byte_on(path):
    path.chmod(0o600)
    seen = []

    class Looking(FileSystem):
        def write(self, handle: int, data: memoryview) -> int:
            seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
            return super().write(handle, data)

    replace(path, Looking())
    assert seen == [0o600]
    assert mode(path) == 0o600


@AS_ROOT
def test_root_keeps_the_owner(path):
    os.chown(path, NOBODY, 12345)
    path.chmod(0o4640)
    replace(path)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (NOBODY, 12345, 0o4640)


@AS_ROOT
def test_who_may_not_give_files_away_keeps_the_group_where_possible(path):
    os.chown(path, NOBODY, 12345)
    path.chmod(0o660)

    class Ordinary(FileSystem):
        def set_owner(self, path: Path, user: int, group: int) -> None:
            if user != -1:
                raise PermissionError(errno.EPERM, "Operation not permitted")
            super().set_owner(path, user, group)

    replace(path, Ordinary())
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (0, 12345, 0o660)


@AS_ROOT
def test_another_group_gets_only_what_everybody_has(path):
    os.chown(path, NOBODY, 12345)
    path.chmod(0o664)

    class Ordinary(FileSystem):
        def set_owner(self, path: Path, user: int, group: int) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    replace(path, Ordinary())
    assert mode(path) == 0o644


@pytest.mark.parametrize("name", ["set_mode", "attributes", "set_attribute", "set_owner"])
def test_an_error_of_the_disk_is_one(path, name):
    """Only what the system does not let be kept is let go; an I/O error ends the save."""
    path.chmod(0o640)
    if name == "set_attribute":
        set_attribute(path, "user.a", b"1")
    if name == "set_owner":
        if os.geteuid() != 0:
            pytest.skip("takes root")
        os.chown(path, NOBODY, NOBODY)

    def fail(self: FileSystem, *arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    broken = type("Broken", (FileSystem,), {name: fail})
    with pytest.raises(CheckpointError, match=r"a could not be written: input/output error; what was there before is"):
        replace(path, broken())
    assert path.read_bytes() == b"old"
    assert [one.name for one in path.parent.iterdir()] == ["a"]
