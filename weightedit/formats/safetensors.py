"""safetensors: one file, or shards joined by an index."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from weightedit.core.collector import collector_paused
from weightedit.core.errors import CheckpointError
from weightedit.core.hazards import Hazard
from weightedit.core.leftovers import settle_folder
from weightedit.core.paths import shown
from weightedit.core.progress import OFTEN, Ask, Found, Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import Source, SourceFile
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage
from weightedit.core.transaction import Transaction
from weightedit.core.visible import visible
from weightedit.formats.detection import INDEX_SUFFIX, locate
from weightedit.formats.protocol import Contents, Opened
from weightedit.formats.safetensors_aliases import aliases_in, with_aliases
from weightedit.formats.safetensors_header import TO_TORCH, Header, Record, looks_like_header, read_header
from weightedit.formats.safetensors_index import read_index, shard_paths


@dataclass
class Shard:
    """One file of a checkpoint, as it was opened."""

    file: SourceFile
    header: Header
    held: dict[str, HeldTensor]


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
        return looks_like_header(head, path.stat().st_size)

    def open(self, path: Path, progress: Progress) -> Opened:
        """Describe the file, or every shard of an index or folder."""
        found = locate(Path(path))
        if found.name.endswith(INDEX_SUFFIX):
            return _open_index(found, progress)
        progress.begin("Opening", 1)
        shard = open_shard(found, progress.ask)
        aliases = aliases_in(shard.header.metadata, shard.held)
        origin = SafetensorsOrigin(found, {found.name: shard}, aliases=aliases)
        progress.advance(1)
        return Opened(with_aliases(shard.held, aliases), dict(shard.header.metadata), [shard.file], origin, found)

    def adopt(self, origin: SafetensorsOrigin, held: Mapping[str, HeldTensor]) -> None:
        """Remember which shard each of the document's tensors lies in."""
        for shard in origin.shards.values():
            shard.held = {name: held.get(name, old) for name, old in shard.held.items()}

    def hazards(self, contents: Contents, shared: str | None) -> list[Hazard]:
        """Say which values, kinds and sharings a flat table of tensors cannot hold."""
        from weightedit.formats.safetensors_hazards import hazards

        return hazards(contents, shared)

    def write(self, contents: Contents, path: Path, transaction: Transaction, *, shared: str | None = None,
              shard_size: int | None = None, progress: Progress) -> list[Path]:  # fmt: skip
        """Write one file, or shards and their index."""
        from weightedit.formats.safetensors_write import write

        return write(contents, Path(path), transaction, shared=shared, shard_size=shard_size, progress=progress)


def open_shard(path: Path, ask: Ask) -> Shard:
    """Open one file and describe its tensors; `ask` is called in between, and what it raises ends it."""
    file = SourceFile(path)
    with collector_paused():
        header = read_header(file, ask)
        held = _held(file, header, ask)
    file.remember_header(header.start)
    return Shard(file, header, held)


def _held(file: SourceFile, header: Header, ask: Ask) -> dict[str, HeldTensor]:
    """Return tensors that are described when someone looks: 45,000 specs cost as much as parsing the header."""
    start = header.start
    held: dict[str, HeldTensor] = {}
    for number, (name, record) in enumerate(header.records.items()):
        if not number % OFTEN:
            ask()
        held[name] = HeldTensor(partial(_describe, file, start, record))
    return held


def _describe(file: SourceFile, start: int, record: Record) -> tuple[TensorSpec, Storage]:
    first, stop = record["data_offsets"]
    return spec_of(record), Storage(Source(file, start + first, stop - first))


def spec_of(record: Record) -> TensorSpec:
    """Describe one tensor as torch would; two 4-bit numbers are one element there."""
    dtype, shape = record["dtype"], record["shape"]
    if dtype == "F4":
        shape = [*shape[:-1], shape[-1] // 2]
    return TensorSpec.contiguous(TO_TORCH[dtype], tuple(shape))


def _open_index(path: Path, progress: Progress) -> Opened:
    _settle([path], path)
    index, raw = read_index(path)
    shard_of: dict[str, str] = index["weight_map"]
    paths = shard_paths(path, shard_of)
    _settle(paths.values(), path)
    origin = SafetensorsOrigin(path, index=index, index_raw=raw)
    progress.begin("Opening shards", len(paths))
    for name, shard in paths.items():
        origin.shards[name] = open_shard(shard, progress.ask)
        progress.found(_found(origin.shards[name]))
        progress.advance(1)
    files = [shard.file for shard in origin.shards.values()]
    for file in files:
        file.check()  # else a save that began meanwhile could have replaced some of them
    joined = _joined(path, shard_of, origin, progress.ask)
    for shard_opened in origin.shards.values():
        origin.aliases |= aliases_in(shard_opened.header.metadata, joined)
    return Opened(with_aliases(joined, origin.aliases), _index_metadata(index, origin), files, origin, path)


def _found(shard: Shard) -> Found:
    specs = list(map(spec_of, shard.header.records.values()))
    return Found(list(shard.held), [spec.dtype for spec in specs], [spec.shape for spec in specs],
                 [spec.nbytes for spec in specs])  # fmt: skip


def _settle(files: Iterable[Path], opening: Path) -> None:
    """See to it that files are of one save: an interrupted one may have replaced only some of them."""
    for folder in dict.fromkeys(Path(os.path.realpath(file)).parent for file in files):
        settle_folder(folder, opening)


def _joined(path: Path, shard_of: dict[str, str], origin: SafetensorsOrigin, ask: Ask) -> dict[str, HeldTensor]:
    """Return the tensors of all shards, shard by shard in file order; those the index leaves out are in too."""
    root: dict[str, HeldTensor] = {}
    home: dict[str, str] = {}
    for number, (name, file_name) in enumerate(shard_of.items()):
        if not number % OFTEN:
            ask()
        if name not in origin.shards[file_name].held:
            raise CheckpointError(f'{shown(path)} says that {file_name} holds "{visible(name, 100)}", which it does '
                                  "not.", file=path, place=name)  # fmt: skip
    for file_name, shard in origin.shards.items():
        ask()
        for name, held in shard.held.items():
            if name in root:  # programs differ in which of the two they would take
                raise CheckpointError(f'{shown(path)} names {home[name]} and {file_name}, and both hold a tensor '
                                      f'"{visible(name, 100)}".', file=path, place=name)  # fmt: skip
            root[name], home[name] = held, file_name
    return root


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
    outside = sum(name not in index["weight_map"] for shard in origin.shards.values() for name in shard.held)
    if outside:
        joined["tensors not in the index"] = str(outside)
    return joined


def _items(table: object) -> Iterable[tuple[str, Any]]:
    return table.items() if isinstance(table, dict) else ()
