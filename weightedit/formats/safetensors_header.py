"""The header of a safetensors file: read, and everything it promises checked against the file.

Format: https://github.com/huggingface/safetensors#format. The checks of a sound file run over whole columns,
because a loop over 45,000 entries would cost more than parsing them; the loop only runs to name what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from math import prod
from operator import itemgetter, mul, sub
from typing import Any

from weightedit.core.errors import CheckpointError
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.core.source import SourceFile
from weightedit.formats.detection import lying_length, with_remedy

MOST_HEADER = 100_000_000
"""Bytes; the reference reader takes no longer header either."""
_LONG_HEADER = 1 << 20
"""Bytes; while a longer one is parsed it is asked whether to stop."""
METADATA = "__metadata__"
MOST_DIMS = 64
"""numpy has no more, and torch computes with no more."""
_MOST_BYTES = (1 << 63) - 1
"""torch and numpy count elements and bytes in 63 bits, those of an empty tensor's other sizes too."""

TO_TORCH: dict[str, str] = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "F4": "float4_e2m1fn_x2",
}  # fmt: skip
"""safetensors' name of each dtype, and torch's."""
FROM_TORCH: dict[str, str] = {torch: name for name, torch in TO_TORCH.items()}
_BITS = dict.fromkeys(TO_TORCH, 8) | {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16,
    "U16": 16, "F4": 4,
}  # fmt: skip
_BYTES = {name: bits // 8 for name, bits in _BITS.items()}
_UNKNOWN_TO_TORCH = ("F6_E2M3", "F6_E3M2")
_ITEMS = ("dtype", "shape", "data_offsets")

Record = dict[str, Any]
"""What the header says of one tensor: `dtype`, `shape`, `data_offsets`."""


@dataclass
class Header:
    """A checked header.

    Attributes
    ----------
    raw
        The bytes as they are in the file, padding included, without the length before them.
    records
        What it says of each tensor, in its own order.
    metadata
        Its `__metadata__`, in its own order.
    start
        Where in the file the data begins.
    """

    raw: bytes
    records: dict[str, Record]
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """Where in the file the data begins, in bytes."""
        return 8 + len(self.raw)


def looks_like_header(head: bytes, size: int) -> bool:
    """Whether a file that begins so may be meant as safetensors: a length, and then the start of a JSON object."""
    if len(head) < 10:
        return False
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= max(size, MOST_HEADER) and not head[:8].isalnum()


def read_header(file: SourceFile, ask: Ask = unasked) -> Header:
    """Read and check the header of an open file; `ask` is called in between, and what it raises ends it.

    Raises
    ------
    CheckpointError
        If anything the header says is wrong or does not fit the file.
    """
    if file.size < 8:
        raise _wrong(file, f"is cut short. A safetensors file has at least 8 bytes, the file has {file.size}.")
    length = int.from_bytes(file.read(0, 8), "little")
    if length > max(file.size, MOST_HEADER):
        raise _wrong(file, lying_length(length, file.size))
    if length > MOST_HEADER:
        raise _wrong(file, f"says its header has {length:,} bytes; more than {MOST_HEADER:,} is not allowed.")
    if 8 + length > file.size:
        raise _wrong(file, f"is cut short. Its header alone has {length:,} bytes, the file has {file.size:,}.")
    raw = file.read(8, length)
    records = _parse(file, raw, ask)
    metadata = _metadata(file, records.pop(METADATA, {}))
    data = file.size - 8 - length
    ask()
    if not _is_sound(records, data, ask) or not _is_free_of_repeats(raw, records, metadata):
        _explain(file, raw, records, data)
    return Header(raw, records, metadata)


def _wrong(file: SourceFile, what: str, place: str | None = None) -> CheckpointError:
    return CheckpointError(f"{file.name} {with_remedy(what)}", file=file.path, place=place)


def _parse(file: SourceFile, raw: bytes, ask: Ask) -> dict[str, Any]:
    if raw[:1] != b"{":
        raise _wrong(file, "is no safetensors file: its header does not begin with {.")
    try:
        hook = _asking(ask) if len(raw) > _LONG_HEADER else None
        records = json.loads(raw.decode("utf-8"), object_hook=hook, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise _wrong(file, f"has a header that is not UTF-8 at byte {8 + error.start:,}.") from error
    except RecursionError as error:
        raise _wrong(file, "has a header whose tables or lists are nested too deep.") from error
    except ValueError as error:
        where = f" at byte {8 + error.pos:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise _wrong(file, f"has a header that is not valid JSON{where}.") from error
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
    """Refuse `NaN` and `Infinity`, which Python reads as numbers and JSON does not have."""
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
            raise _wrong(file, f"has a header with a text that is no Unicode: {_quoted(ascii(text))} has half a "
                               "surrogate pair.") from error  # fmt: skip


def _metadata(file: SourceFile, metadata: object) -> dict[str, str]:
    if isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()):
        return metadata
    raise _wrong(file, f"has metadata that is not a table of texts under {METADATA}.", METADATA)


def _is_sound(records: Mapping[str, Record], data: int, ask: Ask) -> bool:
    """Whether every record is well-formed and the tensors fill `data` bytes without gap or overlap."""
    if not records:
        return data == 0
    try:
        infos = list(records.values())
        if set(map(type, infos)) != {dict} or set(map(len, infos)) != {3}:
            return False
        dtypes, shapes, offsets = (list(map(itemgetter(item), infos)) for item in _ITEMS)
        if set(map(type, shapes)) != {list} or set(map(type, offsets)) != {list} or set(map(len, offsets)) != {2}:
            return False
        starts, stops = (list(map(itemgetter(i), offsets)) for i in (0, 1))
        ask()
        sizes = set(chain.from_iterable(shapes))
        if set(map(type, chain(sizes, starts, stops))) != {int} or min(sizes, default=0) < 0:
            return False
        if max(sizes, default=0) > _MOST_BYTES or max(map(len, shapes)) > MOST_DIMS:  # before they are multiplied
            return False
        ask()
        bits = set(map(_BITS.__getitem__, set(dtypes)))
        sizes_of = _BYTES if 4 not in bits else _BITS
        lengths = map(sub, stops, starts)
        wanted = list(lengths) if 4 not in bits else [8 * length for length in lengths]
        if list(map(mul, map(prod, shapes), map(sizes_of.__getitem__, dtypes))) != wanted:
            return False
        if not _packed_evenly(dtypes, shapes) or (0 in sizes and not all(map(_is_countable, dtypes, shapes))):
            return False
    except (KeyError, TypeError):
        return False
    ask()
    if starts[1:] != stops[:-1]:
        spans = sorted(zip(starts, stops, strict=True))
        starts, stops = [start for start, _ in spans], [stop for _, stop in spans]
    return starts[0] == 0 and stops[-1] == data and starts[1:] == stops[:-1]


def _is_countable(dtype: str, shape: list[int]) -> bool:
    """Whether torch can count the bytes of a tensor, its sizes of 0 taken as 1, as its strides need it."""
    return prod(max(size, 1) for size in shape) * _BITS[dtype] <= 8 * _MOST_BYTES


def _packed_evenly(dtypes: list[str], shapes: list[list[int]]) -> bool:
    """Whether pairs of 4-bit numbers share a byte along the last dimension, as torch needs it."""
    if "F4" not in dtypes:
        return True
    return all(shape and shape[-1] % 2 == 0 for dtype, shape in zip(dtypes, shapes, strict=True) if dtype == "F4")


def _is_free_of_repeats(raw: bytes, records: Mapping[str, Record], metadata: Mapping[str, str]) -> bool:
    """Whether no key stands twice: JSON readers silently keep the last one.

    In a header without escapes every quotation mark bounds a text, so counting them counts keys and values.
    """
    if b"\\" in raw:
        repeats: list[str] = []
        json.loads(raw, object_pairs_hook=lambda pairs: _note_repeats(pairs, repeats))
        return not repeats
    texts = 5 * len(records) + 2 * len(metadata) + (b'"__metadata__"' in raw and METADATA not in records)
    return raw.count(b'"') == 2 * texts


def _note_repeats(pairs: list[tuple[str, Any]], repeats: list[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            repeats.append(key)
        table[key] = value
    return table


def _explain(file: SourceFile, raw: bytes, records: Mapping[str, Any], data: int) -> None:
    """Raise the error that names what is wrong with the header."""
    repeats: list[str] = []
    json.loads(raw, object_pairs_hook=lambda pairs: _note_repeats(pairs, repeats))
    if repeats:
        raise _wrong(file, f"names {_quoted(repeats[0])} twice in its header.", repeats[0])
    for name, info in records.items():
        _explain_record(file, name, info)
    spans = sorted((*info["data_offsets"], name) for name, info in records.items())
    end, before = 0, ""
    for start, stop, name in spans:
        if start < end:
            raise _wrong(file, f"is damaged: tensors {_quoted(before)} and {_quoted(name)} overlap.", name)
        if start > end:
            raise _wrong(file, f"is damaged: bytes {end:,} to {_counted(start)} of its data belong to no tensor.", name)
        end, before = stop, name
    promised, has = 8 + len(raw) + end, 8 + len(raw) + data
    if end > data:
        raise _wrong(file, f"is cut short. The header promises {promised:,} bytes, the file has {has:,}.")
    if end < data:
        raise _wrong(file, f"is longer than it says. The header promises {promised:,} bytes, the file has {has:,}.")


def _explain_record(file: SourceFile, name: str, info: Any) -> None:
    def wrong(what: str) -> CheckpointError:
        return _wrong(file, f"is damaged: tensor {_quoted(name)} {what}.", name)

    if not isinstance(info, dict):
        raise wrong("is not described by a table")
    missing = [item for item in _ITEMS if item not in info]
    if missing or len(info) != len(_ITEMS):
        raise wrong(f"has no {missing[0]}" if missing else f"has more than {', '.join(_ITEMS)}")
    dtype, shape, offsets = (info[item] for item in _ITEMS)
    if dtype in _UNKNOWN_TO_TORCH:
        raise _wrong(file, f"holds tensor {_quoted(name)} of dtype {dtype}, for which torch has none.", name)
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise wrong(f"has the dtype {_quoted(dtype)}, which safetensors does not have")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise wrong(f"has the shape {_quoted(shape)}, which is no list of sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(at) is int and at >= 0 for at in offsets):
        raise wrong(f"has the offsets {_quoted(offsets)}, which are no two positions")
    if len(shape) > MOST_DIMS:
        raise wrong(f"has {len(shape):,} dimensions, where torch computes with {MOST_DIMS} at most")
    if any(size > _MOST_BYTES for size in shape) or not _is_countable(dtype, shape):
        raise wrong(f"has the shape {_quoted(shape)}, whose elements need more bytes than 63 bits count")
    start, stop = offsets
    bits = prod(shape) * _BITS[dtype]
    if dtype == "F4" and not _packed_evenly([dtype], [shape]):
        raise wrong(f"has the shape {_quoted(shape)}: F4 needs an even last size, two numbers share a byte")
    if bits != 8 * (stop - start):
        raise wrong(f"needs {bits // 8:,} bytes for its shape {_quoted(shape)} of {dtype}, "
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
