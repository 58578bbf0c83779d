"""What is wrong with the header of a safetensors file, named to the tensor or the byte.

Nothing here runs for a header that is as it has to be, but for the rare one that cannot be cut into pieces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import chain, count
from math import prod
from typing import Any

from weightedit.core.errors import CheckpointError
from weightedit.core.progress import OFTEN, Ask
from weightedit.core.source import SourceFile
from weightedit.formats.detection import with_remedy
from weightedit.formats.safetensors_rows import (
    BITS,
    ITEMS,
    METADATA,
    MOST_BYTES,
    MOST_DIMS,
    Record,
    Rows,
    is_countable,
    is_metadata,
    is_packed_evenly,
)

_UNKNOWN_TO_TORCH = ("F6_E2M3", "F6_E3M2")


def explained(file: SourceFile, raw: bytes, data: int, ask: Ask) -> Rows:
    """Raise the error that names what is wrong with a header; return its rows where nothing is.

    Parameters
    ----------
    file, raw
        The file, and the header without its length.
    data
        Bytes in the file after the header.
    ask
        Called in between; what it raises ends it.
    """
    records = _parse(file, raw, ask)
    ask()
    if not is_metadata(records.get(METADATA, {})):
        raise wrong(file, f"has metadata that is not a table of texts under {METADATA}.", METADATA)
    _refuse_repeats(file, raw)
    _explain(file, raw, {name: info for name, info in records.items() if name != METADATA}, data, ask)
    rows = Rows()
    rows.take(records)
    return rows


def wrong(file: SourceFile, what: str, place: str | None = None) -> CheckpointError:
    """Return the error that says what is wrong with a file, and where."""
    return CheckpointError(f"{file.name} {with_remedy(what)}", file=file.path, place=place)


def _parse(file: SourceFile, raw: bytes, ask: Ask) -> dict[str, Any]:
    if raw[:1] != b"{":
        raise wrong(file, "is no safetensors file: its header does not begin with {.")
    try:
        records = json.loads(raw.decode("utf-8"), object_hook=_asking(ask), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise wrong(file, f"has a header that is not UTF-8 at byte {8 + error.start:,}.") from error
    except RecursionError as error:
        raise wrong(file, "has a header whose tables or lists are nested too deep.") from error
    except ValueError as error:
        where = f" at byte {8 + error.pos:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise wrong(file, f"has a header that is not valid JSON{where}.") from error
    assert isinstance(records, dict)  # it begins with a brace
    if b"\\u" in raw:
        _check_characters(file, records)
    return records


def _asking(ask: Ask) -> Callable[[Record], Record]:
    """Return what lets every table be as it is and calls `ask` now and then."""
    turns = count(1)

    def hook(table: Record) -> Record:
        if not next(turns) % OFTEN:
            ask()
        return table

    return hook


def _no_number(text: str) -> None:
    raise ValueError(text)


def _check_characters(file: SourceFile, records: Mapping[str, Any]) -> None:
    """Raise for half of a surrogate pair, which an escape can spell and no file can be written with."""
    metadata = records.get(METADATA)
    texts = chain.from_iterable(metadata.items()) if isinstance(metadata, dict) else ()
    for text in chain(records, texts):
        try:
            if isinstance(text, str):
                text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise wrong(file, f"has a header with a text that is no Unicode: {_quoted(ascii(text))} has half a "
                              "surrogate pair.") from error  # fmt: skip


def note_repeats(pairs: list[tuple[str, Any]], repeats: list[str]) -> dict[str, Any]:
    """Return what a table of JSON holds, and put keys that stand twice in it among `repeats`."""
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            repeats.append(key)
        table[key] = value
    return table


def _refuse_repeats(file: SourceFile, raw: bytes) -> None:
    repeats: list[str] = []
    json.loads(raw, object_pairs_hook=lambda pairs: note_repeats(pairs, repeats))
    if repeats:
        raise wrong(file, f"names {_quoted(repeats[0])} twice in its header.", repeats[0])


def _explain(file: SourceFile, raw: bytes, records: Mapping[str, Any], data: int, ask: Ask) -> None:
    for number, (name, info) in enumerate(records.items()):
        if not number % OFTEN:
            ask()
        _explain_record(file, name, info)
    spans = sorted((*info["data_offsets"], name) for name, info in records.items())
    end, before = 0, ""
    for start, stop, name in spans:
        if start < end:
            raise wrong(file, f"is damaged: tensors {_quoted(before)} and {_quoted(name)} overlap.", name)
        if start > end:
            raise wrong(file, f"is damaged: bytes {end:,} to {_counted(start)} of its data belong to no tensor.", name)
        end, before = stop, name
    promised, has = 8 + len(raw) + end, 8 + len(raw) + data
    if end > data:
        raise wrong(file, f"is cut short. The header promises {promised:,} bytes, the file has {has:,}.")
    if end < data:
        raise wrong(file, f"is longer than it says. The header promises {promised:,} bytes, the file has {has:,}.")


def _explain_record(file: SourceFile, name: str, info: Any) -> None:
    def damaged(what: str) -> CheckpointError:
        return wrong(file, f"is damaged: tensor {_quoted(name)} {what}.", name)

    if not isinstance(info, dict):
        raise damaged("is not described by a table")
    missing = [item for item in ITEMS if item not in info]
    if missing or len(info) != len(ITEMS):
        raise damaged(f"has no {missing[0]}" if missing else f"has more than {', '.join(ITEMS)}")
    dtype, shape, offsets = (info[item] for item in ITEMS)
    if dtype in _UNKNOWN_TO_TORCH:
        raise wrong(file, f"holds tensor {_quoted(name)} of dtype {dtype}, for which torch has none.", name)
    if not isinstance(dtype, str) or dtype not in BITS:
        raise damaged(f"has the dtype {_quoted(dtype)}, which safetensors does not have")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise damaged(f"has the shape {_quoted(shape)}, which is no list of sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(at) is int and at >= 0 for at in offsets):
        raise damaged(f"has the offsets {_quoted(offsets)}, which are no two positions")
    if len(shape) > MOST_DIMS:
        raise damaged(f"has {len(shape):,} dimensions, where torch computes with {MOST_DIMS} at most")
    if any(size > MOST_BYTES for size in shape) or not is_countable(dtype, tuple(shape)):
        raise damaged(f"has the shape {_quoted(shape)}, whose elements need more bytes than 63 bits count")
    start, stop = offsets
    bits = prod(shape) * BITS[dtype]
    if dtype == "F4" and not is_packed_evenly(tuple(shape)):
        raise damaged(f"has the shape {_quoted(shape)}: F4 needs an even last size, two numbers share a byte")
    if bits != 8 * (stop - start):
        raise damaged(f"needs {bits // 8:,} bytes for its shape {_quoted(shape)} of {dtype}, "
                      f"its offsets give {_counted(stop - start)}")  # fmt: skip


def _counted(number: int) -> str:
    """Return a number that fits in a sentence."""
    return f"{number:,}" if abs(number) < 1 << 64 else "a number of more than 64 bits"


def _quoted(value: object) -> str:
    try:
        text = repr(value) if not isinstance(value, str) else json.dumps(value[:400], ensure_ascii=False)
    except RecursionError:  # a list that could just be read may be too deep to print
        return "of lists in lists"
    return text if len(text) <= 200 else text[:199] + "…"
