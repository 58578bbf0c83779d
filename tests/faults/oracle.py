"""The oracle of every fault trial: what may lie in a folder after a save was disturbed, and what may not.

O1  Each destination holds its old bytes or its new ones; files that belong together are all old or all new once the
    next start has cleaned up, and before that each of them is whole.
O2  Reported success means new, reported failure means old.
O3  It opens again, in weightedit and in the library whose format it is.
O4  Everything else in the folder is as it was; temporary files are gone after the next start. Mode bits and links stay.
O5  A process that goes on has every edit, undoes and redoes all of them, and saves elsewhere.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from weightedit.core.transaction import MARK

ABSENT = "absent"
State = dict[str, str]
"""By tensor name, the hash of its dtype, shape and bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one name in a folder is: bytes, mode bits, and where a link points."""

    digest: str
    mode: int
    link: str | None

    @classmethod
    def of(cls, path: Path) -> Entry:
        """Look at a name without following it; a folder's or pipe's digest is its kind."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return cls(ABSENT, 0, None)
        if stat.S_ISLNK(status.st_mode):
            return cls("link", 0, str(path.readlink()))
        kind = digest(path) if stat.S_ISREG(status.st_mode) else f"kind {stat.S_IFMT(status.st_mode):o}"
        return cls(kind, stat.S_IMODE(status.st_mode), None)


_SETTLED, _LARGE = 100_000_000, 1 << 23
_HASHED: dict[tuple[int, ...], str] = {}


def digest(path: Path) -> str:
    """Hash a file; "absent" where there is none.

    A file that did not change for a while is hashed once: a change since sets another change time, which no program
    can set back, and only one within a tick of the clock could set the same. A large one is waited for till then.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if key in _HASHED:
                return _HASHED[key]
            settles = max(status.st_mtime_ns, status.st_ctime_ns) + _SETTLED - time.time_ns()
            if status.st_size > _LARGE and 0 < settles <= _SETTLED:
                time.sleep(settles / 1e9)
            found = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
    except FileNotFoundError:
        return ABSENT
    is_same = (after.st_mtime_ns, after.st_ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)
    if is_same and time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED - 1_000_000:
        _HASHED[key] = found
    return found


class Oracle:
    """Knows a folder before a save is disturbed, and judges it after.

    Parameters
    ----------
    folder
        Everything in it and below is watched, but for `aside`.
    new
        By destination, the hash of what an undisturbed run of the same edits wrote there; make it with `digest`. A
        destination may be a link; what it points to is judged and the link must stay.
    aside
        Folders below `folder` in which anything may happen.
    """

    def __init__(self, folder: Path, new: Mapping[Path, str], aside: Iterable[Path] = ()) -> None:
        self.folder = folder
        self.aside = tuple(aside)
        self.new = {Path(os.path.realpath(path)): value for path, value in new.items()}
        self.before = self._entries()
        self.old = {path: self.before.get(path, Entry(ABSENT, 0, None)).digest for path in self.new}

    def _entries(self) -> dict[Path, Entry]:
        paths = (path for path in sorted(self.folder.rglob("*")) if not any(path.is_relative_to(a) for a in self.aside))
        return {Path(os.path.realpath(path.parent)) / path.name: Entry.of(path) for path in paths}

    def faults(self, reported: bool | None = None, *, clean: bool = True, reopen: bool = True,
               patched: bool = False) -> list[str]:  # fmt: skip
        """Say what does not hold, one line each; nothing means that all of O1 to O4 does.

        Parameters
        ----------
        reported
            Whether the program said that it saved; None when it did not live to say.
        clean
            Whether to do first what the next start does about leftovers; each file by itself is judged before that.
        reopen
            Whether to open each destination in weightedit and in the library of its format, too.
        patched
            Whether it was a patch in place, which may leave a file of old and new bytes until the next start.
        """
        found = [] if patched else [f"O1 before cleaning: {fault}" for fault in self._whole()]
        cleaned = clean and next_start()
        found += [f"O1: {fault}" for fault in self._whole() + (self._together() if cleaned else [])]
        states = {path: digest(path) for path in self.new}
        if reported is not None:
            wanted, word = (self.new, "success") if reported else (self.old, "failure")
            found += [f"O2: {word} was reported and {path.name} is {self._named(path, states[path])}"
                      for path in self.new if states[path] != wanted[path]]  # fmt: skip
        if reopen:
            found += [f"O3: {fault}" for path in self.new if path.exists() for fault in reopening(path)]
        return found + [f"O4: {fault}" for fault in self._others(cleaned)]

    def is_new(self) -> bool:
        """Whether every destination holds what was to be written."""
        return all(digest(path) == value for path, value in self.new.items())

    def _named(self, path: Path, value: str) -> str:
        return "the old file" if value == self.old[path] else "the new file" if value == self.new[path] else (
            value if value == ABSENT else f"neither old nor new, {path.stat().st_size:,} bytes")  # fmt: skip

    def _whole(self) -> list[str]:
        states = {path: digest(path) for path in self.new}
        return [f"{path.name} is {self._named(path, state)}" for path, state in states.items()
                if state not in (self.old[path], self.new[path])]  # fmt: skip

    def _together(self) -> list[str]:
        """Several files are all old or all new; a file that is the same in both counts as either."""
        moved = [path for path in self.new if self.old[path] != self.new[path]]
        kinds = {self._named(path, digest(path)) for path in moved}
        mixed = [f"the files are not of one save: {sorted(kinds)}"] if len(kinds) > 1 else []
        return mixed + [fault for path in self.new if path.name.endswith(".index.json") for fault in shards(path)]

    def _others(self, cleaned: bool) -> list[str]:
        now, found = self._entries(), []
        for path in sorted({*now, *self.before} - {*self.new}):
            was, present = self.before.get(path), now.get(path)
            if was is None and MARK in path.name:
                found += [f"{path.name} was left behind"] if cleaned else []
            elif was != present:
                found.append(f"{path.name} was {was} and is {present}")
        for path in self.new:
            was, present = self.before.get(path), now.get(path)
            if was is not None and present is not None and was.mode != present.mode:
                found.append(f"the mode of {path.name} was {was.mode:o} and is {present.mode:o}")
        return found


def shards(index: Path) -> list[str]:
    """Say which shards an index names that are not whole."""
    if not index.exists():
        return []
    from safetensors import safe_open

    found = []
    held: dict[str, set[str]] = {}
    for name, shard in json.loads(index.read_text(encoding="utf-8"))["weight_map"].items():
        held.setdefault(shard, set()).add(name)
    for shard, tensors in held.items():
        try:
            with safe_open(index.parent / shard, "pt") as file:  # it checks the length against the header
                missing = tensors - set(file.keys())
        except Exception as error:
            found.append(f"{index.name} names {shard}, which does not open: {error}")
            continue
        found += [f"{index.name} names {name} in {shard}, which lacks it" for name in sorted(missing)]
    return found


def next_start() -> bool:
    """Do what the next start does about what dead processes left; say whether there is something that does it."""
    if not find_spec("weightedit.core.writing.leftovers"):
        return False
    from weightedit.core.progress import Progress

    importlib.import_module("weightedit.core.writing.leftovers").clean(Progress())
    return True


def reopening(path: Path) -> list[str]:
    """Open a file in weightedit and in the library of its format and compare every tensor; once for the same bytes."""
    key = (path.name, *(digest(file) for file in _read_with(path)))
    if key not in _OPENED:
        _OPENED[key] = _reopening(path)
    return _OPENED[key]


_OPENED: dict[tuple[str, ...], list[str]] = {}


def _read_with(path: Path) -> list[Path]:
    if not path.name.endswith(".index.json"):
        return [path]
    return [path, *(path.parent / name for name in sorted(set(json.loads(path.read_bytes())["weight_map"].values())))]


def _reopening(path: Path) -> list[str]:
    try:
        ours = weightedit_state(path)
    except Exception as error:
        return [f"{path.name} does not open in weightedit: {type(error).__name__}: {error}"]
    try:
        theirs = library_state(path)
    except Exception as error:
        return [f"{path.name} does not open in its own library: {type(error).__name__}: {error}"]
    if theirs is None or ours == theirs:
        return []
    return [f"{path.name} reads otherwise in its own library: {sorted(set(ours.items()) ^ set(theirs.items()))[:4]}"]


def weightedit_state(path: Path) -> State:
    """Hash every tensor of a file as weightedit reads it."""
    import weightedit

    with weightedit.open(path) as document:
        return document_state(document)


def document_state(document: Any) -> State:
    """Hash every tensor of a document as it is now."""
    return {name: tensor_digest(document.read(name)) for name in document.tensors}


def tensor_digest(tensor: Any) -> str:
    """Hash dtype, shape and bytes of a torch tensor or a numpy array."""
    import numpy
    import torch

    if not isinstance(tensor, torch.Tensor):
        tensor = torch.from_numpy(numpy.ascontiguousarray(tensor)).reshape(tensor.shape)
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    head = f"{tensor.dtype} {tuple(tensor.shape)} ".encode()
    return hashlib.sha256(head + memoryview(flat).cast("B")).hexdigest()


def library_state(path: Path) -> State | None:
    """Hash every tensor of a file as the library of its format reads it; None for one that has none."""
    if path.name.endswith(".safetensors.index.json"):
        from safetensors.torch import load_file

        names = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = {shard: load_file(path.parent / shard) for shard in sorted(set(names.values()))}
        return {name: tensor_digest(files[shard][name]) for name, shard in names.items()}
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return {name: tensor_digest(tensor) for name, tensor in load_file(path).items()}
    if path.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        import torch

        return _nested(torch.load(path, weights_only=True, map_location="cpu"))
    if path.suffix in (".npz", ".npy"):
        import numpy

        loaded = numpy.load(path, allow_pickle=False)
        return _nested(dict(loaded.items()) if path.suffix == ".npz" else {"array": loaded})
    if path.suffix in (".csv", ".tsv"):
        import numpy

        values = numpy.loadtxt(path, delimiter="," if path.suffix == ".csv" else "\t", ndmin=2)
        return {"array": tensor_digest(values)}
    return None


def _nested(value: Any, name: str = "") -> State:
    if isinstance(value, Mapping):
        inner = [_nested(item, f"{name}.{key}" if name else str(key)) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        inner = [_nested(item, f"{name}.{place}" if name else str(place)) for place, item in enumerate(value)]
    else:
        return {name: tensor_digest(value)} if hasattr(value, "dtype") and hasattr(value, "shape") else {}
    return {key: hashed for part in inner for key, hashed in part.items()}


def edits_kept(document: Any, states: list[State], elsewhere: Path) -> list[str]:
    """O5: say which edits a document that goes on has lost.

    Parameters
    ----------
    document
        It has `len(states) - 1` steps of history, all of them applied.
    states
        `document_state` after each of them, from before the first one on.
    elsewhere
        A destination that can be written.
    """
    found = []
    if document_state(document) != states[-1]:
        found.append("O5: the edits are not what they were")
    for step in range(len(states) - 2, -1, -1):
        document.undo()
        if document_state(document) != states[step]:
            found.append(f"O5: undo of step {step + 1} gives other values")
    for step in range(1, len(states)):
        document.redo()
        if document_state(document) != states[step]:
            found.append(f"O5: redo of step {step} gives other values")
    document.export(elsewhere)
    if weightedit_state(elsewhere) != states[-1]:
        found.append("O5: what was saved elsewhere holds other values")
    return found
