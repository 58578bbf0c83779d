"""Writes safetensors: a header as the file had it wherever possible, and every tensor streamed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from weightedit.core.errors import CheckpointError, EditRefused, SourceChanged
from weightedit.core.files.file_system import is_folder
from weightedit.core.progress import Progress
from weightedit.core.slots import HeldTensor
from weightedit.core.source import Source
from weightedit.core.spec import TensorSpec
from weightedit.core.transaction import Transaction
from weightedit.core.words.paths import shown, some
from weightedit.core.writing.file_layout import FileLayout, Fresh, Kept, Piece
from weightedit.formats.detection import INDEX_SUFFIX
from weightedit.formats.live_view import as_plain
from weightedit.formats.protocol import Contents, Expected, Written, shared_refusals, written_slots
from weightedit.formats.safetensors import SafetensorsOrigin, Shard
from weightedit.formats.safetensors_aliases import aliases_in, renewed, with_aliases
from weightedit.formats.safetensors_hazards import kept_metadata, overlaps, plain_hazards, settled
from weightedit.formats.safetensors_rows import FROM_TORCH, METADATA

Table = dict[str, Written]
"""By name, in the order of the header."""
_MOST_PADDING = 64 << 10
"""Spaces that a header may end in so that what follows need not move."""


def write(contents: Contents, path: Path, transaction: Transaction, *, shared: str | None, shard_size: int | None,
          progress: Progress) -> list[Path]:  # fmt: skip
    """Write one file, or shards and then their index; see `Format.write`."""
    if refused := shared_refusals(shared):
        raise EditRefused(refused)
    plain = as_plain(contents)
    if refused := [hazard for hazard in plain_hazards(plain, shared) if hazard.level == "refusal"]:
        raise EditRefused(refused)
    contents = plain.contents
    table, aliases = _table(contents, shared, path)
    transaction.tensors, transaction.aliases = len(table), len(aliases)
    origin = contents.origin if isinstance(contents.origin, SafetensorsOrigin) else None
    if origin is not None:
        transaction.guard(shard.file for shard in origin.shards.values())
    progress.begin("Writing", _data_nbytes(table))
    sharded = is_folder(path) or path.name.endswith(INDEX_SUFFIX)
    if shard_size is not None:
        return _write_split(table, kept_metadata(contents, aliases), path, transaction, shard_size, progress)
    if sharded and origin is not None and origin.index is not None:
        return _write_shards(table, aliases, origin, path, transaction, progress)
    if sharded:
        path = _one_file(path, origin)
    metadata = kept_metadata(contents, aliases)
    shard = next(iter(origin.shards.values())) if origin is not None and origin.index is None else None
    return [write_file(table, metadata, shard, path, transaction, progress)]


def _one_file(path: Path, origin: SafetensorsOrigin | None) -> Path:
    if path.name.endswith(INDEX_SUFFIX):
        raise CheckpointError(f"{shown(path)} is the name of an index; give a shard size, or a name that ends in "
                              ".safetensors.", file=path)  # fmt: skip
    if origin is not None and origin.path.parent.resolve() == path.resolve():
        return origin.path
    return path / "model.safetensors"


def _table(contents: Contents, shared: str | None, path: Path) -> tuple[Table, dict[str, str]]:
    """Return what is written, and the names that only stand for others."""
    named = written_slots(contents)
    aliases: dict[str, str] = {}
    if settled(contents, named, shared) == "alias":
        aliases = {name: group[0] for group in overlaps(named)[0] for name in group[1:]}
    table = {slot.name: written for slot, written in named if slot.name not in aliases}
    if len(table) + len(aliases) != len(named):
        twice = [name for name, count in Counter(slot.name for slot, _ in named).items() if count > 1]
        raise CheckpointError(f"{shown(path)} could not be written: several tensors have the name {some(twice)}, and "
                              "safetensors holds each name once. Rename one of them.", file=path)  # fmt: skip
    return table, aliases


def written_spec(written: Written) -> TensorSpec:
    """Return what a reader of the file must find."""
    return TensorSpec.contiguous(written.spec.dtype, written.spec.shape)


def write_file(table: Table, metadata: dict[str, str], shard: Shard | None, path: Path, transaction: Transaction,
               progress: Progress, layout: FileLayout | None = None) -> Path:  # fmt: skip
    """Write one file.

    Parameters
    ----------
    table
        What it holds.
    metadata
        Its texts.
    shard
        The file it was read from: where names, dtypes and shapes are still the same its header is kept to the byte.
    path, transaction, progress
        Where to, by which transaction, told how far.
    layout
        What `file_layout` says of it, where that was asked for before.
    """
    layout = layout or file_layout(table, metadata, shard)
    pending = transaction.create(path, layout)
    pending.lay(progress)
    expected = {name: Expected(written_spec(written), written) for name, written in table.items()}
    pending.expected = with_aliases(expected, aliases_in(metadata, table))
    return path


def file_layout(table: Table, metadata: dict[str, str], shard: Shard | None) -> FileLayout:
    """Return what a file is made of: its header, and every tensor at its place."""
    head, starts = _head(table, metadata, shard)
    layout = FileLayout()
    layout.add(head)
    for name in sorted(table, key=starts.__getitem__):
        written = table[name]
        low, high = written.spec.extent
        if written.spec.is_contiguous:
            layout.add_content(written.content, low, high)
        else:
            layout.add(Fresh.whole(written.spec, written.content))
    return layout


def _head(table: Table, metadata: dict[str, str], shard: Shard | None) -> tuple[Piece, dict[str, int]]:
    """Return length and header of a file, and where each of its tensors begins.

    They are as they are in the file that was read, where they would say the same and it can still be read.
    Where every tensor of a file is still there, with as many bytes, it stays at its place, whatever its name and the
    header's order are now; and where the new header fits into the room of the old one it gets its length, so that
    nothing else in the file has to move.
    """
    if shard is not None and _fits(table, metadata, shard):
        with suppress(SourceChanged):
            shard.file.check()
            starts = dict(zip(shard.columns.names, shard.columns.offsets, strict=True))
            return Kept(shard.file, 0, shard.header.start), starts
    kept = None if shard is None else _kept_starts(table, shard)
    starts = kept or _layout(table)
    header = _header(table, metadata, starts)
    if kept is not None and shard is not None:
        bare, room = len(header.rstrip(b" ")), shard.header.start - 8
        if bare <= room <= bare + _MOST_PADDING:
            header = header[:bare] + b" " * (room - bare)
    return Fresh.of(len(header).to_bytes(8, "little") + header), starts


def _kept_starts(table: Table, shard: Shard) -> dict[str, int] | None:
    """Return where each tensor lies in the file it is from; None unless they are all of that file, and fit there."""
    columns = shard.columns
    place = {id(columns.held(at)): (columns.offsets[at], columns.kinds[at].nbytes) for at in range(len(columns))}
    starts = {}
    for name, written in table.items():
        start, nbytes = place.pop(id(written.held), (0, -1))
        if nbytes != written.spec.nbytes or start % written.spec.type.itemsize:
            return None
        starts[name] = start
    return starts if not place else None


def _data_nbytes(table: Table) -> int:
    return sum(written.spec.nbytes for written in table.values())


def _fits(table: Table, metadata: dict[str, str], shard: Shard) -> bool:
    columns = shard.columns
    if list(table) != columns.names or list(metadata.items()) != list(shard.header.metadata.items()):
        return False
    return all(written_spec(written) == kind.spec for written, kind in zip(table.values(), columns.kinds, strict=True))


def _layout(table: Table) -> dict[str, int]:
    """Return where each tensor begins: in the order of the header, or by falling itemsize where that aligns them."""
    starts: dict[str, int] = {}
    at, aligned = 0, True
    for name, written in table.items():
        starts[name] = at
        aligned = aligned and at % written.spec.type.itemsize == 0
        at += written.spec.nbytes
    if aligned:
        return starts
    at = 0
    for name in sorted(table, key=lambda name: -table[name].spec.type.itemsize):
        starts[name] = at
        at += table[name].spec.nbytes
    return starts


def _header(table: Table, metadata: dict[str, str], starts: dict[str, int]) -> bytes:
    records: dict[str, Any] = {METADATA: metadata} if metadata else {}
    for name, written in table.items():
        shape = list(written.spec.shape)
        if written.spec.dtype == "float4_e2m1fn_x2":
            shape[-1] *= 2  # torch counts pairs of these numbers, safetensors each of them
        start = starts[name]
        records[name] = {"dtype": FROM_TORCH[written.spec.dtype], "shape": shape,
                         "data_offsets": [start, start + written.spec.nbytes]}  # fmt: skip
    raw = _json(records, separators=(",", ":"))
    return raw + b" " * (-len(raw) % 8)


def _json(value: dict[str, Any], **style: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, **style).encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can spell
        return json.dumps(value, **style).encode("ascii")


def _write_split(table: Table, metadata: dict[str, str], path: Path, transaction: Transaction, shard_size: int,
                 progress: Progress) -> list[Path]:  # fmt: skip
    """Cut the tensors into shards of at most `shard_size` bytes, named as Hugging Face names them."""
    if shard_size < 1:
        raise CheckpointError(f"A shard of {shard_size} bytes holds nothing.", file=path)
    parts: list[Table] = [{}]
    size = 0
    for name, written in table.items():
        if parts[-1] and size + written.spec.nbytes > shard_size:
            parts.append({})
            size = 0
        parts[-1][name] = written
        size += written.spec.nbytes
    folder = path if is_folder(path) else path.parent
    stem = "model" if is_folder(path) else path.name.removesuffix(INDEX_SUFFIX).removesuffix(".safetensors")
    if not stem.isascii() and any("\ud800" <= char <= "\udfff" for char in stem):
        raise CheckpointError(f"{shown(path)} is no text, and an index is: it could not name the shards; nothing was "
                              "written, choose another name.", file=path)  # fmt: skip
    names = [f"{stem}-{number:05}-of-{len(parts):05}.safetensors" for number in range(1, len(parts) + 1)]
    weight_map = {name: file for file, part in zip(names, parts, strict=True) for name in part}
    total = _data_nbytes(table)
    jobs = [(part, folder / file, file_layout(part, metadata, None)) for file, part in zip(names, parts, strict=True)]
    transaction.expect((file, layout) for _, file, layout in jobs)
    done = [write_file(part, metadata, None, file, transaction, progress, layout) for part, file, layout in jobs]
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    return [*done, _write_index(index, folder / f"{stem}.safetensors{INDEX_SUFFIX}", transaction)]


def _write_index(index: dict[str, Any], path: Path, transaction: Transaction, raw: bytes | None = None) -> Path:
    raw = raw or _json(index, indent=2) + b"\n"
    transaction.create(path, len(raw)).write(raw)
    return path


def _write_shards(table: Table, aliases: dict[str, str], origin: SafetensorsOrigin, path: Path,
                  transaction: Transaction, progress: Progress) -> list[Path]:  # fmt: skip
    """Write the shards there were: all of them elsewhere, only those that changed in their own folder."""
    assert origin.index is not None
    index_path = path / origin.path.name if is_folder(path) else path
    own = index_path.resolve() == origin.path.resolve()
    parts = _parts(table, origin)
    jobs = []
    for file, part in parts.items():
        shard = origin.shards[file]
        metadata = renewed(shard.header.metadata, origin.aliases, _aliases_of(part, aliases))
        if own and metadata == shard.header.metadata and _is_untouched(part, shard):
            progress.advance(_data_nbytes(part))
            continue
        target = index_path.parent / file
        transaction.make_folder(target.parent)
        jobs.append((part, metadata, shard, target, file_layout(part, metadata, shard)))
    transaction.expect((target, layout) for *_, target, layout in jobs)
    done = [write_file(part, metadata, shard, target, transaction, progress, layout)
            for part, metadata, shard, target, layout in jobs]  # fmt: skip
    index = _new_index(origin.index, parts)
    if not own or index != origin.index:
        raw = origin.index_raw if index == origin.index else None
        done.append(_write_index(index, index_path, transaction, raw))
    return done


def _aliases_of(part: Table, aliases: dict[str, str]) -> dict[str, str]:
    """Return the aliases of tensors in one shard."""
    return {name: kept for name, kept in aliases.items() if kept in part}


def _parts(table: Table, origin: SafetensorsOrigin) -> dict[str, Table]:
    """Sort tensors into the shards they came from; new ones go where the one before them is."""
    home: dict[HeldTensor, str] = {}
    for file, shard in origin.shards.items():
        home |= dict.fromkeys(shard.columns.all_known(), file)
    parts: dict[str, Table] = {file: {} for file in origin.shards}
    file = next(iter(parts))
    for name, written in table.items():
        file = home.get(written.held, file)
        parts[file][name] = written
    return parts


def _is_untouched(part: Table, shard: Shard) -> bool:
    columns = shard.columns
    if list(part) != columns.names:
        return False
    return all(
        isinstance(written.content, Source) and written.content.file is shard.file
        and written.content.offset == columns.start + offset
        and written.spec == kind.spec
        for written, kind, offset in zip(part.values(), columns.kinds, columns.offsets, strict=True)
    )  # fmt: skip


def _new_index(index: dict[str, Any], parts: dict[str, Table]) -> dict[str, Any]:
    """Return the index with the names of now; everything else in it stays, order included."""
    file_of = {name: file for file, part in parts.items() for name in part}
    old: Iterable[str] = index["weight_map"]
    kept = {name: file_of[name] for name in old if name in file_of}
    weight_map = kept if len(kept) == len(file_of) else file_of
    metadata = index.get("metadata")
    if isinstance(metadata, dict) and "total_size" in metadata:
        metadata = dict(metadata)
        metadata["total_size"] = sum(written.spec.nbytes for part in parts.values() for written in part.values())
    return index | {"weight_map": weight_map} | ({"metadata": metadata} if "metadata" in index else {})
