"""A write to a tensor as PyTorch code: to all of it, to one region, to several, or where a condition holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weightedit.core.errors import RegionError
from weightedit.core.region import Axis, Box, parse_region, parse_regions
from weightedit.core.spec import TensorSpec
from weightedit.core.values.conditions import Condition

MOST_LINES = 256
"""Regions that would be more lines of code are not printed."""


@dataclass(frozen=True, slots=True)
class PrintedWrite:
    """What is written, and to which tensor.

    Attributes
    ----------
    place
        Code that reaches the tensor.
    spec
        What it is.
    code, arguments
        The operation's template, and code for what it has besides the region.
    masked
        The template for several regions, and for a condition; empty where `code` does for them.
    mixes
        Whether it may give another dtype than the tensor's, so that what torch does not cast by itself is cast.
    """

    place: str
    spec: TensorSpec
    code: str
    arguments: Mapping[str, Any]
    masked: tuple[str, str] = ("", "")
    mixes: bool = True

    def filled(self, current: str, kept: str, region: str, *, code: str = "", cells: str = "") -> list[str]:
        """Return the template's lines; the last is the expression of the new values."""
        return (code or self.code).format(current=current, kept=kept, cells=cells or kept, tensor=self.place,
                                          region=region, **self.arguments).split("\n")  # fmt: skip

    def whole(self) -> Iterator[str]:
        """Yield a write to all cells."""
        *lines, new = self.filled(self.place, self.place, "")
        yield from lines
        yield f"{self.place}.copy_({new})"

    def region(self, text: str) -> Iterator[str]:
        """Yield a write to one region, given as it was typed."""
        try:
            box = parse_region(text, self.spec.shape)
        except RegionError:  # the tensor has another shape by now
            current = f"{self.place}{bracketed(text)}"
            *lines, new = self.filled(current, current, bracketed(text))
            yield from [*lines, f"{current} = {new}"]
            return
        if "{cells}" in self.code and not all(map(_ascends, box.axes)):  # of equal cells the first in the tensor
            yield from self.regions([text])
            return
        if self.masked[1]:
            box = _ascending(box)
            text = index_of(box)
        lists = any(not isinstance(axis, range) for axis in box.axes)
        yield from self.box(box, index_of(box) if box.dropped and lists else bracketed(text))

    def box(self, box: Box, text: str = "") -> Iterator[str]:
        """Yield a write to one box; `text` says what it is called."""
        kept = index_of(Box(box.axes))
        own = kept if "{kept}" in self.code or "{region}" in self.code else text or kept
        *lines, new = self.filled(f"{self.place}{own}", f"{self.place}{kept}", own)
        yield from lines
        lists = any(not isinstance(axis, range) for axis in box.axes)
        yield f"{self.place}{own} = {self._cast(new) if lists else new}"

    def regions(self, texts: Sequence[str]) -> Iterator[str]:
        """Yield writes to the union of regions: box by box, or at once where cells depend on each other."""
        try:
            boxes = [box for box in parse_regions(texts, self.spec.shape) if box.numel]
        except RegionError:
            for text in texts:
                yield from self.region(text)
            return
        together = bool(self.masked[0]) or "{cells}" in self.code or "{region}" in self.code
        if not together:
            parts = [part for box in boxes for part in _by_one_list(box)]
            if len(parts) > MOST_LINES:
                yield from _none("It would be a line for each of many rows; apply it to one region after the other.")
                return
            for part in parts:
                yield from self.box(part)
            return
        yield f"mask = torch.zeros_like({self.place}, dtype=torch.bool)"
        for text in texts:
            box = parse_region(text, self.spec.shape)
            yield f"mask{index_of(Box(box.axes))} = True"
        yield from self._chosen(self.masked[0] or self.code)

    def _chosen(self, code: str) -> Iterator[str]:
        """Yield a write to the cells of the whole tensor that `mask` says."""
        flat = "{cells}" in code
        *lines, new = self.filled(self.place, self.place, "", code=code, cells=f"{self.place}[mask]")
        yield from lines
        if flat:
            yield f"{self.place}[mask] = {self._cast(new)}"
        else:
            yield f"{self.place}.copy_(torch.where(mask, {self._exact(new)}, {self.place}))"

    def where(self, text: str | None, condition: Condition, names: Mapping[str, str]) -> Iterator[str]:
        """Yield a write of the cells where a condition holds, in a region or everywhere."""
        box = parse_region(text, self.spec.shape)
        if self.masked[1]:
            box = _ascending(box)
        index = "" if text is None else index_of(Box(box.axes))
        kept = f"{self.place}{index}"
        holds = condition.to_pytorch(f"{kept}{_wide(self.spec)}", names)
        if self.masked[1] and "torch.arange(" in holds and box != parse_region(text, self.spec.shape):
            yield from _none("The condition counts indices of a list that does not ascend; write the list in order.")
            return
        code = self.masked[1] or self.code
        if "{cells}" in code:  # which looks at all of its cells together, and these are those that meet the condition
            if index:
                yield f"mask = torch.zeros_like({self.place}, dtype=torch.bool)"
                yield f"mask{index} = {holds}"
            else:
                yield f"mask = ({holds}).expand_as({self.place})"
            yield from self._chosen(code)
            return
        own, rest = index, ""
        if box.dropped and not ("{kept}" in code or "{region}" in code):
            rest = f"[{', '.join('0' if dim in box.dropped else ':' for dim in range(len(box.axes)))}]"
            own = index_of(box)
        full = bool(rest) or "mask" in code
        yield f"mask = ({holds}).expand_as({kept}){rest}" if full else f"mask = {holds}"
        current = f"{self.place}{own}"
        *lines, new = self.filled(current, kept, index, code=code)
        yield from lines
        values = f"torch.where(mask, {self._exact(new)}, {current})"
        lists = any(not isinstance(axis, range) for axis in box.axes)
        yield f"{current} = {self._cast(values) if lists else values}" if own else f"{self.place}.copy_({values})"

    def _exact(self, new: str) -> str:
        """Return new values so that the old ones beside them stay: as integers of 64 bits, which no float holds."""
        return self._cast(new) if self.spec.dtype in ("int64", "uint64") else new

    def _cast(self, new: str) -> str:
        """Return new values in the tensor's dtype, for what torch does not cast when it stores it."""
        sure = self.spec.dtype in ("float32", "float64") and not self.mixes
        sure = sure and not any(mark in new for mark in (".double()", ".float()", ".to(", "wide", "rounded", "@"))
        return new if sure or new.startswith("torch.full_like(") else f"{_one(new)}.to(torch.{self.spec.dtype})"


def index_of(box: Box) -> str:
    """Return the index of a box in torch; single indices come first by themselves where there is a list too.

    `w[0, :, [1, 2]]` has the dimension of the list in front, `w[0][:, [1, 2]]` where it was.
    """
    if not box.dropped or all(isinstance(axis, range) for axis in box.axes):
        return str(box)
    singles = [str(axis[0]) if dim in box.dropped else ":" for dim, axis in enumerate(box.axes)]
    rest = Box(tuple(axis for dim, axis in enumerate(box.axes) if dim not in box.dropped))
    return f"[{', '.join(singles)}]{rest}"


def _none(why: str) -> Iterator[str]:
    """Yield code that does nothing else than say why there is none."""
    yield f"# {why}"
    yield f"raise NotImplementedError({why!r})"


def _by_one_list(box: Box) -> Iterator[Box]:
    """Yield boxes that have one list each, the last one: torch takes two lists in pairs."""
    first, *others = [dim for dim, axis in enumerate(box.axes) if not isinstance(axis, range)] or [0]
    if not others:
        yield box
        return
    for index in box.axes[first]:
        yield from _by_one_list(Box((*box.axes[:first], range(index, index + 1), *box.axes[first + 1 :]), box.dropped))


def _ascending(box: Box) -> Box:
    """Return a box in the order of the tensor, so that of equal rows the same one comes first."""
    return Box(tuple(axis if _ascends(axis) else tuple(sorted(axis)) for axis in box.axes), box.dropped)


def _ascends(axis: Axis) -> bool:
    return isinstance(axis, range) or list(axis) == sorted(axis)


def bracketed(region: str) -> str:
    """Return a region, which may be typed without its brackets, as an index."""
    text = region.strip()
    return text if text.startswith("[") and _closes_at_end(text) else f"[{text}]"


def _closes_at_end(text: str) -> bool:
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if depth == 0:
            return place == len(text) - 1
    return False


def _wide(spec: TensorSpec) -> str:
    """Return what makes PyTorch compare in the dtype the editor compares in."""
    if spec.type.is_floating:
        return ".float()" if spec.type.itemsize < 4 else ""
    return ".long()" if spec.type.is_integer and spec.dtype != "int64" else ""


def _one(code: str) -> str:
    """Return code that a call or an index may follow."""
    return code if _is_one(code) else f"({code})"


def _is_one(code: str) -> bool:
    depth = 0
    for char in code.strip():
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and char in "+-*/%<>=&|~ ":
            return False
    return True
