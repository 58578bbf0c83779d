"""The batches of a `DataLoader`, made here and not in its workers, so that each is known by its samples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from torch.utils.data import DataLoader, IterableDataset


class Uncollated(Exception):
    """Samples that could not be made into a batch.

    Attributes
    ----------
    samples
        Each with its number in the data set; -1 where it has another key.
    cause
        What was raised.
    """

    def __init__(self, samples: list[tuple[int, Any]], cause: Exception) -> None:
        super().__init__(str(cause))
        self.samples, self.cause = samples, cause


class Unread(Exception):
    """A sample that could not be read.

    Attributes
    ----------
    number
        In the data set; -1 where it has another key.
    cause
        What was raised.
    """

    def __init__(self, number: int, cause: Exception) -> None:
        super().__init__(str(cause))
        self.number, self.cause = number, cause


def is_loader(source: Any) -> bool:
    """Whether something is a `DataLoader` that iterates as torch's own does."""
    return isinstance(source, DataLoader) and type(source).__iter__ is DataLoader.__iter__


def batches_of(loader: Any) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yield the batches of a loader, in the order of its own sampler, with the numbers of their samples.

    Raises
    ------
    Uncollated
        If its samples do not go together.
    Unread
        If a sample cannot be read.
    """
    for samples in _groups(loader):
        try:
            batch = loader.collate_fn([sample for _, sample in samples] if loader.batch_sampler is not None
                                      else samples[0][1])  # fmt: skip
        except Exception as error:
            raise Uncollated(samples, error) from error
        yield batch, tuple(number for number, _ in samples)


def _groups(loader: Any) -> Iterator[list[tuple[int, Any]]]:
    """Yield the samples of each batch with their numbers; one where the loader makes no batches."""
    data = loader.dataset
    if isinstance(data, IterableDataset):
        size, samples = loader.batch_size or 1, _numbered(data)
        while group := list(islice(samples, size)):
            if len(group) == size or not loader.drop_last:
                yield group
    elif loader.batch_sampler is not None:
        for numbers in loader.batch_sampler:
            yield [_read(data, number) for number in numbers]
    else:
        for number in loader.sampler:
            yield [_read(data, number)]


def _numbered(data: Any) -> Iterator[tuple[int, Any]]:
    found = iter(data)
    for number in count():
        try:
            sample = next(found)
        except StopIteration:
            return
        except Exception as error:
            raise Unread(number, error) from error
        yield number, sample


def _read(data: Any, key: Any) -> tuple[int, Any]:
    number = int(key) if hasattr(key, "__index__") else -1  # samplers may give keys of any kind
    try:
        return number, data[key]
    except Exception as error:
        raise Unread(number, error) from error
