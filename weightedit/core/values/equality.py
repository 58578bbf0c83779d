"""Whether two tensors have the same bits, at the speed at which memory is read; a NaN equals itself bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.values.side_by_side import side_by_side, threads_for
from weightedit.core.values.streaming import is_dense, logical_bytes

if TYPE_CHECKING:
    import numpy as np

WINDOW = 1 << 20
"""Bytes compared at once: what is read of both sides stays in the cache of the core that reads it."""
WORTH_A_THREAD = 16 << 20
"""Bytes from which on another thread is worth its start."""
Told = Callable[[int], object]
"""Called with the bytes of each piece that was compared; may raise to stop."""


def untold(nbytes: int) -> None:
    """Tell nobody."""


def same_bytes(spec: TensorSpec, content: ByteSource, other: TensorSpec, others: ByteSource,
               told: Told = untold) -> bool:  # fmt: skip
    """Whether two tensors of one shape and dtype have the same bits in every element, whatever their strides."""
    try:
        _compare(spec, content, other, others, told, _stop_at_a_difference)
    except _Differ:
        return False
    return True


def differing(spec: TensorSpec, content: ByteSource, other: TensorSpec, others: ByteSource,
              told: Told = untold) -> int:  # fmt: skip
    """Return how many elements of two tensors of one shape and dtype differ in bits."""
    found: list[int] = []
    _compare(spec, content, other, others, told, found.append)
    return sum(found)


class _Differ(Exception):
    """A difference was found, and nobody asks how many there are."""


def _stop_at_a_difference(count: int) -> None:
    if count:
        raise _Differ


def _compare(spec: TensorSpec, content: ByteSource, other: TensorSpec, others: ByteSource, told: Told,
             found: Callable[[int], object]) -> None:  # fmt: skip
    """Call `found` with the number of differing elements of each window."""
    size = spec.type.itemsize
    alike = spec.stride == other.stride and is_dense(spec) and is_dense(other)
    if not (alike or (spec.is_contiguous and other.is_contiguous)):
        import numpy as np

        for mine, theirs in _in_step(logical_bytes(spec, content), logical_bytes(other, others)):
            found(differing_in(np.frombuffer(mine, np.uint8), np.frombuffer(theirs, np.uint8), size))
            told(len(mine))
        return
    (low, high), (elsewhere, _) = spec.extent, other.extent

    def reading() -> Callable[[int], tuple[int, int]]:
        import numpy as np

        room = min(WINDOW, high - low)
        mine, theirs = np.empty(room, np.uint8), np.empty(room, np.uint8)

        def compare(at: int) -> tuple[int, int]:
            nbytes = min(WINDOW, high - at)
            content.read_into(mine[:nbytes].data, at)
            others.read_into(theirs[:nbytes].data, at - low + elsewhere)
            return differing_in(mine[:nbytes], theirs[:nbytes], size), nbytes

        return compare

    def take(result: tuple[int, int]) -> None:
        found(result[0])
        told(result[1])

    side_by_side(range(low, high, WINDOW), reading, take, threads_for(high - low, WORTH_A_THREAD))


def _in_step(first: Iterator[memoryview], second: Iterator[memoryview]) -> Iterator[tuple[memoryview, memoryview]]:
    """Yield pieces of one length of two streams of bytes, whose chunks may have others."""
    mine = theirs = memoryview(b"")
    while True:
        mine, theirs = mine if mine.nbytes else next(first, mine), theirs if theirs.nbytes else next(second, theirs)
        nbytes = min(mine.nbytes, theirs.nbytes)
        if not nbytes:
            return
        yield mine[:nbytes], theirs[:nbytes]
        mine, theirs = mine[nbytes:], theirs[nbytes:]


def differing_in(mine: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], size: int) -> int:
    """Return how many elements of `size` bytes differ in two flat uint8 arrays of one length."""
    import numpy as np

    whole = len(mine) // 8 * 8
    if not (mine[:whole].view(np.int64) != theirs[:whole].view(np.int64)).any() \
            and bool((mine[whole:] == theirs[whole:]).all()):  # fmt: skip
        return 0
    return int(np.count_nonzero(elements_differ(mine, theirs, size)))


def elements_differ(mine: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Return which elements of `size` bytes differ in two flat uint8 arrays of one length."""
    import numpy as np

    item = next(width for width in (8, 4, 2, 1) if not size % width)
    differs = np.not_equal(mine.view(f"u{item}"), theirs.view(f"u{item}"))
    found: np.ndarray[Any, Any] = differs if item == size else differs.reshape(-1, size // item).any(1)
    return found
