"""Which files a person trusts to run as a module, by the hash of what is in them; kept for all processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weightedit.core.errors import WeightEditError
from weightedit.core.files.file_lock import hold
from weightedit.core.files.folders import state_folder
from weightedit.core.words.paths import reason

PURPOSE = "runnable module"
"""What a file may be trusted for: there is one purpose."""
PATIENCE = 5.0
LARGEST = 4 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class TrustedFile:
    """One file somebody trusts.

    Attributes
    ----------
    sha256
        Of its content, as 64 hexadecimal digits: what is trusted is the content, wherever it lies.
    path
        Where it was when it was trusted; for people to know it by.
    purpose
        What it may be used for.
    time
        When, in seconds since 1970.
    """

    sha256: str
    path: str
    purpose: str = PURPOSE
    time: float = 0.0


class Trusted:
    """The list in the state folder; what cannot be read of it counts as not trusted.

    Parameters
    ----------
    folder
        Where `trusted.json` lies; by default the state folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or state_folder()) / "trusted.json"

    @property
    def all(self) -> tuple[TrustedFile, ...]:
        """Every entry that reads, in the order in which they were trusted."""
        try:
            with self.path.open("rb") as file:
                found = json.loads(file.read(LARGEST + 1)[:LARGEST])
        except (OSError, ValueError, RecursionError):
            return ()
        entries = found.get("trusted") if isinstance(found, dict) else None
        read = map(_entry, entries) if isinstance(entries, list) else ()
        return tuple(one for one in read if one is not None)

    def is_trusted(self, sha256: str) -> bool:
        """Whether content of this hash may be run as a module."""
        return any(one.sha256 == sha256 and one.purpose == PURPOSE for one in self.all)

    def trust(self, sha256: str, path: Path | str) -> None:
        """Trust content of this hash.

        Raises
        ------
        WeightEditError
            If it is no hash, or the list cannot be written.
        """
        if not _DIGEST.fullmatch(sha256):
            raise WeightEditError(f"{sha256} is no SHA-256 hash, which has 64 hexadecimal digits; nothing is trusted.")
        made = TrustedFile(sha256, str(path), PURPOSE, time.time())
        self._change(lambda kept: [*(one for one in kept if one.sha256 != sha256), made])

    def revoke(self, sha256: str) -> bool:
        """Trust content of this hash no longer; return whether it was trusted.

        Raises
        ------
        WeightEditError
            If the list cannot be written.
        """
        if not any(one.sha256 == sha256 for one in self.all):
            return False
        self._change(lambda kept: [one for one in kept if one.sha256 != sha256])
        return True

    def _change(self, change: Callable[[list[TrustedFile]], list[TrustedFile]]) -> None:
        """Write the list anew in one piece, alone among all processes."""
        beside = self.path.with_name(f".trusted.weightedit-{secrets.token_hex(4)}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = hold(self.path.with_name("trusted.lock"), PATIENCE)
            if lock is None:
                raise TimeoutError("another program is writing it")
            try:
                entries = [asdict(one) for one in change(list(self.all))]
                handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    json.dump({"weightedit": 1, "trusted": entries}, file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(self.path)
            finally:
                os.close(lock)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise WeightEditError(f"The list of trusted files, {self.path}, could not be written: {reason(error)}; it "
                                  "is as it was.") from error  # fmt: skip


def _entry(found: Any) -> TrustedFile | None:
    if not isinstance(found, dict):
        return None
    sha256, path, purpose, when = (found.get(key) for key in ("sha256", "path", "purpose", "time"))
    if not isinstance(sha256, str) or not _DIGEST.fullmatch(sha256) or not isinstance(path, str) or purpose != PURPOSE:
        return None
    return TrustedFile(sha256, path, PURPOSE, float(when) if isinstance(when, int | float) else 0.0)
