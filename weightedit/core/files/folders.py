"""Where weightedit keeps what is its own: what a crash must not lose, and what may go at any time."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Return the folder of journals, logs and lists of unfinished saves; WEIGHTEDIT_STATE names another one.

    It is not made here.
    """
    if chosen := os.environ.get("WEIGHTEDIT_STATE"):
        return Path(chosen)
    from platformdirs import user_state_path

    return user_state_path("weightedit")


def cache_folder() -> Path:
    """Return the folder of the spill, which is of no use once the process that made it has ended."""
    from platformdirs import user_cache_path

    return user_cache_path("weightedit")


def spill_parent() -> Path:
    """Return where the folders of spills are made."""
    return cache_folder() / "spill"
