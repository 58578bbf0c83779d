"""Data that is an iterator and does not start again: one batch is taken from it, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ONCE = "The data is an iterator, which does not start again: only its first batch was taken from it."


class FirstBatch:
    """The first batch of an iterator, as often as it is asked for; the iterator is left after it.

    Parameters
    ----------
    found
        A generator, the iterator of a loader, or anything else with `__next__`.
    """

    def __init__(self, found: Iterator[Any]) -> None:
        self._found, self._taken = found, False
        self._batches: list[Any] = []
        self._raised: Exception | None = None

    @property
    def source_name(self) -> str:
        """The name of the iterator's class."""
        return type(self._found).__name__

    def __iter__(self) -> Iterator[Any]:
        """Give the batch, or raise what the iterator raised."""
        if not self._taken:
            self._taken = True
            try:
                self._batches += [next(self._found)]
            except StopIteration:
                pass
            except Exception as error:
                self._raised = error
        if self._raised is not None:
            raise self._raised
        return iter(self._batches)


def restartable(data: Any) -> Any:
    """Return data as it is where it can be gone through again, and else its first batch."""
    return FirstBatch(data) if hasattr(data, "__next__") and not hasattr(data, "__getitem__") else data
