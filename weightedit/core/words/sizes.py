"""Sizes in bytes as people type them."""

from __future__ import annotations

import re

from weightedit.core.errors import WeightEditError

_UNITS: dict[str, int] = {"": 1, "b": 1} | {
    f"{letter}{end}": base**power
    for power, letter in enumerate("kmgt", 1)
    for end, base in (("", 1000), ("b", 1000), ("ib", 1024))
}
_TYPED = re.compile(r"\s*([\d_,]*\.?\d+|[\d_,]+)\s*([a-z]*)\s*", re.IGNORECASE)


class SizeError(WeightEditError):
    """Typed text that is no size."""


def parse_size(text: str) -> int:
    """Return the bytes that `5 GB`, `500MB`, `1.5 GiB` or `4_000_000` mean.

    Units are decimal as torch and the hub write them; those with an `i` are powers of 1024.

    Raises
    ------
    SizeError
        If the text is no size of one byte or more.
    """
    found = _TYPED.fullmatch(text)
    factor = None if found is None else _UNITS.get(found[2].lower())
    if found is None or factor is None:
        raise SizeError(f"{text.strip() or 'Nothing'} is no size, such as 5 GB or 500 MB.")
    try:
        nbytes = round(float(found[1].replace(",", "").replace("_", "")) * factor)
    except (ValueError, OverflowError):
        nbytes = 0
    if nbytes < 1:
        raise SizeError(f"{text.strip()} is no size of one byte or more, such as 5 GB.")
    return nbytes
