"""Headers of safetensors as most programs write them, taken apart at their quotation marks instead of parsed.

Where no text has an escape, each quotation mark bounds one. So names, dtypes and shapes are found by counting; the
header that they make, each tensor after the one before, is written anew and compared. Where it is the same, the header
is right, in less time than a parser takes to make objects of it. Any other one is left to the parser: other spaces,
another order, escapes, errors.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

from weightedit.core.described.columns import Kind

_KIND, _BETWEEN, _END = '":{"dtype":"%s","shape"%s"data_offsets":[', ",", ']},"'
"""What is written between a name and where its tensor begins, between that and where it ends, and then."""
_DTYPE, _SHAPE, _STEP = 4, 7, 10
"""Where the dtype and the shape are, in pieces after the name; and how many pieces a record is."""
_CONTROL = bytes(range(32))


class Taken(NamedTuple):
    """The tensors of a header, or of a piece of it.

    Attributes
    ----------
    names, kinds
        Of each.
    bounds
        Where each begins and then where the last one ends, in bytes from where the data begin.
    metadata
        The texts beside the tensors, None where there are none.
    """

    names: list[str]
    kinds: tuple[Kind, ...]
    bounds: list[int]
    metadata: dict[str, str] | None


class WrittenKinds(dict[tuple[str, str], tuple[Kind, int, str]]):
    """The kinds of tensors there are so far, by dtype and by what is written around the shape, as in `:[2,3],`.

    Each is there with its bytes, and with the text of a record from the name to the offsets.

    Parameters
    ----------
    kind_of
        Returns the kind of a dtype and shape; raises where there is none.
    """

    def __init__(self, kind_of: Callable[[tuple[str, tuple[int, ...]]], Kind]) -> None:
        self._kind_of = kind_of

    def __missing__(self, key: tuple[str, str]) -> tuple[Kind, int, str]:
        dtype, written = key
        shape = tuple(map(int, written[2:-2].split(","))) if len(written) > len(":[],") else ()
        if f":{[*shape]}, " != written.replace(",", ", "):  # `int` reads more than JSON has
            raise ValueError(written)
        kind = self._kind_of((dtype, shape))
        self[key] = found = kind, kind.nbytes, _KIND % key
        return found


def taken_apart(text: str, reserved: str, kinds: WrittenKinds, start: int) -> Taken | None:
    """Return what a header says, or a piece of it; None where it is written in another way than most, or is wrong.

    Parameters
    ----------
    text
        A table in JSON, without any backslash.
    reserved
        The key of the metadata, which comes first where it is there.
    kinds
        Those so far.
    start
        Where the first tensor has to begin, in bytes.

    Raises
    ------
    Exception
        Whatever `kinds` raises, for a dtype or shape that no tensor has.
    """
    text = text.rstrip(" ")
    parts = text.split('"')
    first, metadata = 1, None
    if parts[1:3] == [reserved, ":{"]:
        first, metadata = _metadata(parts)
    names, dtypes, shapes = (parts[first + place :: _STEP] for place in (0, _DTYPE, _SHAPE))
    if not 0 < len(names) == len(dtypes) == len(shapes) or reserved in names:
        return None
    found, sizes, written = zip(*map(kinds.__getitem__, zip(dtypes, shapes, strict=True)), strict=True)
    bounds = list(accumulate(sizes, initial=start))
    before = '"'.join(parts[1:first]) + '"' if first > 1 else ""
    if text != f'{{"{before}{_records(names, written, bounds)[:-2]}}}' or _has_control("".join(names)):
        return None
    return Taken(names, found, bounds, metadata)


def _records(names: list[str], written: tuple[str, ...], bounds: list[int]) -> str:
    places = list(map(str, bounds))
    parts = [_END] * (6 * len(names))
    parts[::6], parts[1::6], parts[2::6] = names, written, places[:-1]
    parts[3::6], parts[4::6] = [_BETWEEN] * len(names), places[1:]
    return "".join(parts)


def _metadata(parts: list[str]) -> tuple[int, dict[str, str] | None]:
    """Return where the first name is after the metadata, and these; a place behind the end where they are not usual."""
    found: dict[str, str] = {}
    for at in range(3, len(parts) - 3, 4):
        if parts[at + 1] != ":" or parts[at] in found:
            break
        found[parts[at]] = parts[at + 2]
        if parts[at + 3] == "},":
            return len(parts) if _has_control("".join(parts[3 : at + 3])) else at + 4, found
        if parts[at + 3] != ",":
            break
    return len(parts), None


def _has_control(text: str) -> bool:
    """Whether a text has what stands in JSON as an escape only."""
    data = text.encode("utf-8")
    return len(data.translate(None, _CONTROL)) < len(data)
