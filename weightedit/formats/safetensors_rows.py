"""What the records of a safetensors header say, taken into columns and checked there.

The checks run over whole columns, and what depends on dtype and shape alone once for each pair of them: a loop over
45,000 records would cost more than parsing them.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import chain
from math import prod
from operator import add, attrgetter, itemgetter
from typing import Any

from weightedit.core.described.columns import Kind
from weightedit.core.progress import OFTEN, Ask
from weightedit.formats.safetensors_text import WrittenKinds, taken_apart

METADATA = "__metadata__"
ITEMS = ("dtype", "shape", "data_offsets")
MOST_DIMS = 64
"""numpy has no more, and torch computes with no more."""
MOST_BYTES = (1 << 63) - 1
"""torch and numpy count elements and bytes in 63 bits, those of an empty tensor's other sizes too."""

TO_TORCH: dict[str, str] = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "F4": "float4_e2m1fn_x2",
}  # fmt: skip
"""safetensors' name of each dtype, and torch's."""
FROM_TORCH: dict[str, str] = {torch: name for name, torch in TO_TORCH.items()}
BITS = dict.fromkeys(TO_TORCH, 8) | {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16,
    "U16": 16, "F4": 4,
}  # fmt: skip

_SMALL = 1 << 18
"""Three sizes below it, of the widest dtype, are far below what can be counted."""
_NBYTES = attrgetter("nbytes")
_ITEMS = itemgetter(*ITEMS)
Record = dict[str, Any]
"""What the header says of one tensor: `dtype`, `shape`, `data_offsets`."""


class Unsound(Exception):  # it says only that something is wrong; who catches it says what
    """Something in the records is not as it has to be."""


class Rows:
    """What a header says of each tensor, in its order, and of all of them.

    Attributes
    ----------
    names, kinds, starts
        Of each tensor; `starts` in bytes from where the data begin.
    metadata
        The texts beside the tensors; None where there are none yet.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.kinds: list[Kind] = []
        self.starts = array("Q")
        self.metadata: dict[str, str] | None = None
        self._kinds = _Kinds()
        self._written = WrittenKinds(self._kinds.__getitem__)
        self._end = 0
        self._is_in_order = True

    def take_text(self, text: str) -> bool:
        """Add the records of a header, or of a piece of it, where it is written as most are; else nothing is added."""
        try:
            taken = taken_apart(text, METADATA, self._written, self._end) if self._is_in_order else None
            if taken is None or (taken.metadata is not None and self.metadata is not None):
                return False
            end = taken.bounds.pop()
            self.starts.extend(array("Q", taken.bounds))  # as one, or where one of them is too large none is added
        except (KeyError, ValueError, OverflowError, Unsound):
            return False
        self._end = end
        self.names += taken.names
        self.kinds += taken.kinds
        self.metadata = taken.metadata or self.metadata
        return True

    def take(self, records: dict[str, Any]) -> None:
        """Add the records of a header, or of a piece of it; they are used up.

        Raises
        ------
        Unsound
            If any of them is not well-formed, or they are out of bounds.
        """
        if METADATA in records:
            self._take_metadata(records.pop(METADATA))
        if not records:
            return
        try:
            kinds, starts, stops = self._columns(list(records.values()))
            if tuple(map(add, starts, map(_NBYTES, kinds))) != stops:
                raise Unsound
            self._is_in_order &= starts[0] == self._end and starts[1:] == stops[:-1]
            self._end = stops[-1]
            self.starts.extend(starts)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Unsound from error
        self.names += records
        self.kinds += kinds

    def _take_metadata(self, metadata: object) -> None:
        if self.metadata is not None or not is_metadata(metadata):
            raise Unsound
        assert isinstance(metadata, dict)
        self.metadata = metadata

    def _columns(self, infos: list[Any]) -> tuple[list[Kind], tuple[int, ...], tuple[int, ...]]:
        if set(map(len, infos)) != {len(ITEMS)}:
            raise Unsound
        dtypes, shapes, offsets = zip(*map(_ITEMS, infos), strict=True)
        starts, stops = zip(*offsets, strict=True)
        numbers = chain(chain.from_iterable(shapes), starts, stops)
        if set(map(type, shapes)) != {list} or set(map(type, numbers)) != {int}:
            raise Unsound
        return list(map(self._kinds.__getitem__, zip(dtypes, map(tuple, shapes), strict=True))), starts, stops

    def fill(self, nbytes: int, ask: Ask) -> bool:
        """Whether the tensors fill `nbytes` bytes without gap or overlap."""
        if self._is_in_order or not self.names:
            return self._end == nbytes
        spans: dict[int, int] = {}
        empty: list[int] = []
        for number, (start, kind) in enumerate(zip(self.starts, self.kinds, strict=True)):
            if not number % OFTEN:
                ask()
            if not kind.nbytes:
                empty.append(start)
            elif spans.setdefault(start, start + kind.nbytes) != start + kind.nbytes:
                return False
        return self._follow(spans, nbytes, ask) and all(start in spans or start == nbytes for start in empty)

    def _follow(self, spans: Mapping[int, int], nbytes: int, ask: Ask) -> bool:
        at = number = 0
        for number in range(len(spans) + 1):
            if not number % OFTEN:
                ask()
            if at not in spans:
                break
            at = spans[at]
        return at == nbytes and number == sum(kind.nbytes > 0 for kind in self.kinds)


class _Kinds(dict[tuple[str, tuple[int, ...]], Kind]):
    """The kinds of tensors there are so far, by the dtype and shape that the header gives them."""

    def __missing__(self, key: tuple[str, tuple[int, ...]]) -> Kind:
        dtype, shape = key
        is_usual = 0 < len(shape) < 4 and dtype != "F4" and 0 < min(shape) <= max(shape) < _SMALL  # most of them
        if not is_usual and not is_sound_shape(dtype, shape):
            raise Unsound
        nbytes = prod(shape) * BITS[dtype] // 8
        if dtype == "F4":  # two numbers are one element to torch
            shape = (*shape[:-1], shape[-1] // 2)
        self[key] = kind = Kind(TO_TORCH[dtype], shape, nbytes)
        return kind


def is_sound_shape(dtype: str, shape: tuple[int, ...]) -> bool:
    """Whether torch can have such a tensor; raises KeyError for a dtype that safetensors does not have."""
    if min(shape, default=0) < 0 or len(shape) > MOST_DIMS or max(shape, default=0) > MOST_BYTES:
        return False
    return is_countable(dtype, shape) and (dtype != "F4" or is_packed_evenly(shape))


def is_countable(dtype: str, shape: tuple[int, ...]) -> bool:
    """Whether torch can count the bytes of a tensor, its sizes of 0 taken as 1, as its strides need it."""
    return prod(max(size, 1) for size in shape) * BITS[dtype] <= 8 * MOST_BYTES


def is_packed_evenly(shape: tuple[int, ...]) -> bool:
    """Whether pairs of 4-bit numbers share a byte along the last dimension, as torch needs it."""
    return bool(shape) and shape[-1] % 2 == 0


def is_metadata(value: object) -> bool:
    """Whether a value is a table of texts."""
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
