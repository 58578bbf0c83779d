"""Where Python finds code that was named, and what that code is like now; nothing is imported to find out."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightedit.doctor.bringing.model_reference import ModelReference

CONFIG = "config.json"
PIECE = 1 << 20
PACKAGE = str(Path(__file__).parents[3])
"""Where weightedit itself is found, also by the process that a model runs in."""


def searched(references: Iterable[ModelReference], folder: Path) -> list[str]:
    """Return where code is looked for before what is installed: beside the files named, and where it runs.

    A folder of Hugging Face names no Python beside it, so nothing that lies there is imported by its name.

    Parameters
    ----------
    references
        The code of one run, the model's first.
    folder
        Where it runs.
    """
    named = list(references)
    beside = [str(Path(one.where).parent) for one in named if one.kind == "file"]
    return list(dict.fromkeys([*beside, *([str(folder)] if any(one.kind != "folder" for one in named) else [])]))


def spec_of_package(name: str, paths: Sequence[str]) -> ModuleSpec | None:
    """Return where Python finds a package or module of a dotted name, or the last part of it that is found.

    Parameters
    ----------
    paths
        Looked through before what is installed.
    """
    first, *rest = name.split(".")
    found = _top(first, [*paths, PACKAGE, *sys.path[1:]])
    for part in rest:
        try:
            places = list(found.submodule_search_locations or ()) if found is not None else []
            inner = PathFinder.find_spec(f"{found.name}.{part}", places) if found is not None and places else None
        except (ImportError, KeyError, ValueError, OSError):
            inner = None
        if inner is None:
            break
        found = inner
    return found


def _top(name: str, paths: list[str]) -> ModuleSpec | None:
    """Ask for a package as Python does: by its own finders, with these paths for its path."""
    for finder in sys.meta_path:
        try:
            found = PathFinder.find_spec(name, paths) if finder is PathFinder else finder.find_spec(name, None)
        except (AttributeError, ImportError, ValueError, OSError):
            continue
        if found is not None:
            return found
    return None


def fingerprints(reference: ModelReference, paths: Sequence[str]) -> dict[str, str]:
    """Return what the files of named code are like, by path; of a package by its name, with where it is found.

    Parameters
    ----------
    reference
        The code.
    paths
        Where packages are looked for first.
    """
    if reference.kind == "package":
        found = spec_of_package(reference.where, paths)
        origin = found.origin if found is not None and found.origin is not None else ""
        return {reference.where: f"{origin} {fingerprint(Path(origin)) if origin else ''}"}
    where = Path(reference.where)
    files = [where] if reference.kind == "file" else [where / CONFIG, *(where / name for name in reference.own_code)]
    return {str(file): fingerprint(file) for file in files}


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file; empty where it cannot be read."""
    known = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while piece := opened.read(PIECE):
                known.update(piece)
    except OSError:
        return ""
    return known.hexdigest()
