"""safetensors: one file, or shards joined by an index."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightedit.core.described.collector import collector_paused
from weightedit.core.described.columns import Columns
from weightedit.core.described.contents import TooMuch, check_count
from weightedit.core.described.tensor_dict import TensorDict
from weightedit.core.errors import CheckpointError
from weightedit.core.files.closing import closed_if_stopped
from weightedit.core.hazards import Hazard
from weightedit.core.progress import OFTEN, Ask, Found, Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import SourceFile
from weightedit.core.transaction import Transaction
from weightedit.core.words.paths import shown
from weightedit.core.words.visible import visible
from weightedit.core.writing.leftovers import settle_folder
from weightedit.formats.detection import INDEX_SUFFIX, open_file
from weightedit.formats.protocol import Contents, Opened
from weightedit.formats.safetensors_aliases import aliases_in, with_aliases
from weightedit.formats.safetensors_header import Header, Read, looks_like_header, read_header
from weightedit.formats.safetensors_index import read_index, shard_paths


@dataclass
class Shard:
    """One file of a checkpoint, as it was opened."""

    file: SourceFile
    header: Header

    @property
    def columns(self) -> Columns:
        """Its tensors."""
        return self.header.columns


@dataclass
class SafetensorsOrigin:
    """What was opened.

    Attributes
    ----------
    path
        The file, or the index of the shards.
    shards
        By file name, in the order the index first names them; one where there is no index.
    index
        The whole content of the index file, or None.
    index_raw
        Its bytes.
    aliases
        Other names of tensors, as the metadata gives them, each with the name that the tensor has in the file.
    """

    path: Path
    shards: dict[str, Shard] = field(default_factory=dict)
    index: dict[str, Any] | None = None
    index_raw: bytes = b""
    aliases: dict[str, str] = field(default_factory=dict)


class Safetensors:
    """The format of Hugging Face: a JSON header, then the bytes of the tensors."""

    name = "safetensors"
    suffixes: tuple[str, ...] = (".safetensors", ".safetensors.index.json")
    writes = True

    def probe(self, path: Path, head: bytes) -> bool:
        """Tell a header, or the index of shards, from the first bytes."""
        if path.name.endswith(INDEX_SUFFIX):
            return head.lstrip()[:1] == b"{"
        return looks_like_header(head, lambda: path.stat().st_size)

    def open(self, path: Path | SourceFile, progress: Progress) -> Opened:
        """Describe the file, or every shard of an index or folder."""
        file = open_file(path)
        found = file.path
        if found.name.endswith(INDEX_SUFFIX):
            file.close()  # what an interrupted save left is settled before the index counts
            return _open_index(found, progress)
        progress.begin("Opening", 0)
        shard = _described(file, progress.advance)
        with collector_paused(), closed_if_stopped([shard.file]):
            root = TensorDict()
            root.extend(shard.columns)
            metadata = shard.header.metadata
            aliases = aliases_in(metadata, root)
            origin = SafetensorsOrigin(found, {found.name: shard}, aliases=aliases)
            return Opened(with_aliases(root.finish(), aliases), dict(metadata), [shard.file], origin, found)

    def adopt(self, origin: SafetensorsOrigin, held: Mapping[str, HeldTensor]) -> None:
        """Remember which shard each of the document's tensors lies in."""
        for shard in origin.shards.values():
            shard.columns.adopt(held)

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Say which values, kinds and sharings a flat table of tensors cannot hold."""
        from weightedit.formats.safetensors_hazards import hazards

        return hazards(contents, shared)

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write one file, or shards and their index."""
        from weightedit.formats.safetensors_write import write

        return write(contents, Path(path), transaction, shared=shared, shard_size=shard_size, progress=progress)


def open_shard(path: Path, done: Read) -> Shard:
    """Open one file and describe its tensors; `done` is told of bytes of the header, and what it raises ends it."""
    with collector_paused():
        return _described(SourceFile(path), done)


def _described(file: SourceFile, done: Read) -> Shard:
    with closed_if_stopped([file]):
        return Shard(file, read_header(file, done))


def _open_index(path: Path, progress: Progress) -> Opened:
    _settle([path], path)
    index, raw = read_index(path, progress.ask)
    shard_of: dict[str, str] = index["weight_map"]
    paths = shard_paths(path, shard_of)
    _settle(paths.values(), path)
    origin = SafetensorsOrigin(path, index=index, index_raw=raw)
    progress.begin("Opening shards", len(paths))
    count = 0
    for name, shard in paths.items():
        origin.shards[name] = open_shard(shard, lambda nbytes: progress.ask())
        columns = origin.shards[name].columns
        count += len(columns)
        try:
            check_count(count)
        except TooMuch as error:
            raise CheckpointError(f"{shown(path)} {error}.", file=path) from error
        progress.found(_found(columns))
        progress.advance(1)
    files = [shard.file for shard in origin.shards.values()]
    for file in files:
        file.check()  # else a save that began meanwhile could have replaced some of them
    joined = _joined(path, shard_of, origin, progress.ask)
    for shard_opened in origin.shards.values():
        origin.aliases |= aliases_in(shard_opened.header.metadata, joined)
    return Opened(with_aliases(joined, origin.aliases), _index_metadata(index, origin), files, origin, path)


def _found(columns: Columns) -> Found:
    return Found(columns.names, [kind.dtype for kind in columns.kinds], [kind.shape for kind in columns.kinds],
                 [kind.nbytes for kind in columns.kinds])  # fmt: skip


def _settle(files: Iterable[Path], opening: Path) -> None:
    """See to it that files are of one save: an interrupted one may have replaced only some of them."""
    for folder in dict.fromkeys(Path(os.path.realpath(file)).parent for file in files):
        settle_folder(folder, opening)


def _joined(path: Path, shard_of: dict[str, str], origin: SafetensorsOrigin, ask: Ask) -> TensorDict:
    """Return the tensors of all shards, shard by shard in file order; those the index leaves out are in too."""
    root, ranges = TensorDict(), dict[str, range]()
    for file_name, shard in origin.shards.items():
        ask()
        before = len(root)
        if not root.extend(shard.columns):  # programs differ in which of the two they would take
            raise _twice(path, origin, file_name)
        ranges[file_name] = range(before, len(root))
    root.finish()
    for number, (name, file_name) in enumerate(shard_of.items()):
        if not number % OFTEN:
            ask()
        if root.number(name) not in ranges[file_name]:
            raise CheckpointError(f'{shown(path)} says that {file_name} holds "{visible(name, 100)}", which it does '
                                  "not.", file=path, place=name)  # fmt: skip
    return root


def _twice(path: Path, origin: SafetensorsOrigin, file_name: str) -> CheckpointError:
    """Return the error that says which tensor of a shard is in an earlier one too."""
    home: dict[str, str] = {}
    for earlier, shard in origin.shards.items():
        if earlier == file_name:
            break
        home |= dict.fromkeys(shard.columns.names, earlier)
    name = next(name for name in origin.shards[file_name].columns.names if name in home)
    return CheckpointError(f'{shown(path)} names {home[name]} and {file_name}, and both hold a tensor '
                           f'"{visible(name, 100)}".', file=path, place=name)  # fmt: skip


def _index_metadata(index: dict[str, Any], origin: SafetensorsOrigin) -> dict[str, str]:
    """Join what the shards and the index say, as texts; a value that differs between shards names its shard."""
    joined: dict[str, str] = {}
    for file_name, shard in origin.shards.items():
        for key, value in shard.header.metadata.items():
            if joined.setdefault(key, value) != value:
                joined[f"{key} ({file_name})"] = value
    own = index.get("metadata")
    for key, value in _items(own):
        joined.setdefault(key, value if isinstance(value, str) else json.dumps(value))
    outside = sum(name not in index["weight_map"] for shard in origin.shards.values()
                  for name in shard.columns.names)  # fmt: skip
    if outside:
        joined["tensors not in the index"] = str(outside)
    return joined


def _items(table: object) -> Iterable[tuple[str, Any]]:
    return table.items() if isinstance(table, dict) else ()
