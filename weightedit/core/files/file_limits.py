"""How large a file this process may write, past which the system ends it by a signal, and how many it may have open."""

from __future__ import annotations

import errno
import sys

if sys.platform != "win32":
    import resource


def largest_file() -> int | None:
    """Return how many bytes a file may have, or None where there is no limit; it may change while the process runs."""
    if sys.platform == "win32":  # it has no such limit
        return None
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def check_file_size(nbytes: int) -> None:
    """Raise `OSError` (EFBIG) where a file of `nbytes` bytes would be past the limit; ask before each write."""
    limit = largest_file()
    if limit is not None and nbytes > limit:
        raise OSError(errno.EFBIG, f"this process may write files of at most {limit:,} bytes (ulimit -f)")


def most_open_files() -> int:
    """Return how many files this process may have open; as many as Windows' own library has where nothing says."""
    if sys.platform == "win32":
        return 512
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
