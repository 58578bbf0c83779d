"""Which bytes of each storage are written, and where its tensors are then: what no tensor covers is left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec, contiguous_stride
from weightedit.core.values.streaming import has_repeats, logical_bytes, range_bytes
from weightedit.formats.protocol import Written

_STEP = 16
"""Bytes of the largest dtype: where several dtypes share a storage, gaps are cut in multiples of it."""


@dataclass(frozen=True, slots=True)
class _Range:
    """Bytes `[start, stop)` of the old storage, or all of one tensor in row-major order."""

    at: int
    start: int
    stop: int
    compact: TensorSpec | None = None

    @property
    def nbytes(self) -> int:
        return self.stop - self.start if self.compact is None else self.compact.nbytes


@dataclass
class StoragePlan:
    """One storage as it will be written.

    Attributes
    ----------
    content
        Its bytes now.
    nbytes
        How many of them are written.
    specs
        By present spec, the spec over what is written.
    untyped
        Whether tensors of several dtypes lie over it.
    """

    content: ByteSource
    nbytes: int = 0
    specs: dict[TensorSpec, TensorSpec] = field(default_factory=dict)
    untyped: bool = False
    _ranges: list[_Range] = field(default_factory=list)

    def chunks(self) -> Iterator[memoryview | bytes]:
        """Yield the bytes to write."""
        done = 0
        for part in self._ranges:
            yield bytes(part.at - done)
            if part.compact is None:
                yield from range_bytes(self.content, part.start, part.stop)
            else:
                yield from logical_bytes(part.compact, self.content)
            done = part.at + part.nbytes
        yield bytes(self.nbytes - done)


def whole_storage(content: ByteSource, members: Sequence[Written]) -> StoragePlan:
    """Plan to write every byte, for a storage that stands by itself."""
    specs = {member.spec: member.spec for member in members}
    untyped = len({member.spec.dtype for member in members}) > 1
    return StoragePlan(content, content.nbytes, specs, untyped, [_Range(0, 0, content.nbytes)])


def plan_storage(members: Sequence[Written]) -> StoragePlan:
    """Plan to write what the tensors over one storage cover.

    Ranges that touch or overlap stay together, gaps between them go. A tensor with gaps between its own elements
    is packed row-major where nothing else lies in its range. Everything that shared the storage still does.
    """
    plan = StoragePlan(members[0].content)
    plan.untyped = len({member.spec.dtype for member in members}) > 1
    for low, high, specs in _clusters(members):
        lone = specs[0] if len(specs) == 1 else None
        if lone is not None and lone.nbytes < high - low and not has_repeats(lone):
            at = _next(plan, 0)
            part = _Range(at, low, high, lone)
            plan.specs[lone] = replace(lone, stride=contiguous_stride(lone.shape), offset=at // lone.type.itemsize)
        else:
            at = _next(plan, low)
            part = _Range(at, low, high)
            for spec in specs:
                start = spec.offset * spec.type.itemsize
                plan.specs[spec] = replace(spec, offset=(start - low + at) // spec.type.itemsize)
        plan._ranges.append(part)
        plan.nbytes = at + part.nbytes
    for member in members:
        if member.spec not in plan.specs:  # an empty tensor covers nothing
            plan.specs[member.spec] = replace(member.spec, offset=0)
    if plan.untyped:
        plan.nbytes += -plan.nbytes % _STEP
    return plan


def _next(plan: StoragePlan, low: int) -> int:
    """Return where a range that began at `low` goes, so that elements of every dtype stay aligned."""
    return plan.nbytes + (low - plan.nbytes) % _STEP if plan.untyped else plan.nbytes


def _clusters(members: Sequence[Written]) -> Iterator[tuple[int, int, list[TensorSpec]]]:
    """Yield ranges of bytes that touch nothing else, each with the specs in it."""
    specs = sorted({member.spec for member in members if member.spec.numel}, key=lambda spec: spec.extent)
    cluster: list[TensorSpec] = []
    low = high = 0
    for spec in specs:
        start, stop = spec.extent
        if cluster and start > high:
            yield low, high, cluster
            cluster = []
        if not cluster:
            low, high = start, stop
        high = max(high, stop)
        cluster.append(spec)
    if cluster:
        yield low, high, cluster
