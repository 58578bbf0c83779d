"""How a tensor is cut and padded to another shape of as many dimensions, always at the end of each."""

from __future__ import annotations

Shape = tuple[int, ...]


def region_of(old: Shape, new: Shape) -> str:
    """Return the region that is kept where a dimension gets smaller, `[:, 0:3]`; empty where all is kept."""
    bounds = [f"0:{wanted}" if wanted < had else ":" for had, wanted in zip(old, new, strict=True)]
    while bounds and bounds[-1] == ":":
        bounds.pop()
    return f"[{', '.join(bounds)}]" if bounds else ""


def padding_of(old: Shape, new: Shape) -> tuple[int, ...]:
    """Return what `pad` takes to make one shape another, last dimension first; below 0 where it gets smaller."""
    return tuple(number for had, wanted in zip(old[::-1], new[::-1], strict=True) for number in (0, wanted - had))
