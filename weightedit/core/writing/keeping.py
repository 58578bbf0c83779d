"""What a file that is replaced hands on to the new one: mode bits, owner, group and extended attributes.

That is what people know from `cp --preserve=mode,ownership,xattr`. Times are not kept: the content is new. Other hard
links to the old file keep the old bytes, as with every program that replaces a file in one step.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from weightedit.core.files.file_system import FileSystem

_ACCESS = "system.posix_acl_access"
_HANDED_ON = ("user.", _ACCESS, "security.selinux")
_REFUSED = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
_NO_ATTRIBUTES = (*_REFUSED, errno.ENODATA)


def keep(system: FileSystem, original: Path, copy: Path) -> None:
    """Give a new file what the one that it will replace has; nothing where there is none.

    Where the system does not let the owner be kept (one may give files away only as root) the new file is one's own.
    Where it does not let the group or the access list be kept, the group gets only the rights that everybody has:
    nobody may read the new file who could not read the old one.

    Raises
    ------
    OSError
        If the system refuses for another reason.
    """
    try:
        status = original.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if os.name == "posix":
        group_stays = _keep_owner(system, status, copy)
        if not (_keep_attributes(system, original, copy) and group_stays):
            mode &= ~0o070 | (mode & 0o007) << 3
    if stat.S_IMODE(copy.stat().st_mode) != mode:
        system.set_mode(copy, mode)


def _keep_owner(system: FileSystem, status: os.stat_result, copy: Path) -> bool:
    """Return whether the group is the same now."""
    now = copy.stat()
    if (now.st_uid, now.st_gid) == (status.st_uid, status.st_gid):
        return True
    for user, group in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
        try:
            system.set_owner(copy, user, group)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            continue
        break
    return copy.stat().st_gid == status.st_gid


def _keep_attributes(system: FileSystem, original: Path, copy: Path) -> bool:
    """Return whether the access list is the same now."""
    wanted, present = _attributes(system, original), _attributes(system, copy)
    kept = True
    for name in sorted(wanted.keys() | present.keys()):
        if wanted.get(name) == present.get(name):
            continue
        try:
            system.set_attribute(copy, name, wanted.get(name))
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTES:
                raise
            kept = kept and name != _ACCESS
    return kept


def _attributes(system: FileSystem, path: Path) -> dict[str, bytes]:
    try:
        found = system.attributes(path)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return {}
        raise
    return {name: value for name, value in found.items() if name.startswith(_HANDED_ON)}
