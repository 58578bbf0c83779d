"""Functions of many values, block after block, in float64: what `mean`, `std`, `max` and their kin keep of a pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from weightedit.core.values.codes import Array


class Accumulator:
    """Takes blocks of values and keeps what the result is made of.

    Parameters
    ----------
    shape
        Of all values.
    dims
        Which dimensions are reduced; those stay with size 1.
    """

    def __init__(self, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
        self.dims = dims
        self.shape = tuple(1 if dim in dims else size for dim, size in enumerate(shape))
        self.count = math.prod(shape[dim] for dim in dims)

    def add(self, values: Array, where: tuple[slice, ...]) -> None:
        """Take one block; `where` is its place in the result."""
        raise NotImplementedError

    def ended(self) -> bool:
        """Say that a pass is over; returns whether it was the last."""
        return True

    def result(self) -> Array:
        """Return the result in its shape: float64, int64, complex128 or bool."""
        raise NotImplementedError


class Fold(Accumulator):
    """One number for each cell, put together with that of each block: sums, products, extremes, counts."""

    def __init__(self, shape: tuple[int, ...], dims: tuple[int, ...], dtype: Any, first: Any,
                 reduce: Callable[..., Array], join: Callable[[Array, Array], Array],
                 finish: Callable[[Array, int], Array] | None = None) -> None:  # fmt: skip
        super().__init__(shape, dims)
        self._so_far = np.full(self.shape, first, dtype)
        self._reduce, self._join, self._finish = reduce, join, finish

    def add(self, values: Array, where: tuple[slice, ...]) -> None:
        """Reduce a block and join it to what came before."""
        self._so_far[where] = self._join(self._so_far[where], self._reduce(values, axis=self.dims, keepdims=True))

    def result(self) -> Array:
        """Return the numbers."""
        return self._so_far if self._finish is None else self._finish(self._so_far, self.count)


class Spread(Accumulator):
    """Mean and variance: those of the blocks, combined pair by pair.

    Chan, Golub, LeVeque: Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979.
    """

    def __init__(self, shape: tuple[int, ...], dims: tuple[int, ...], root: bool) -> None:
        super().__init__(shape, dims)
        self._root = root
        self._counted = np.zeros(self.shape, np.float64)
        self._mean = np.zeros(self.shape, np.float64)
        self._squares = np.zeros(self.shape, np.float64)

    def add(self, values: Array, where: tuple[slice, ...]) -> None:
        """Combine a block's mean and squares with those before."""
        added = float(math.prod(values.shape[dim] for dim in self.dims))
        if not added:
            return
        mean = values.mean(axis=self.dims, keepdims=True)
        squares = np.square(values - mean).sum(axis=self.dims, keepdims=True)
        before = self._counted[where]
        total, apart = before + added, mean - self._mean[where]
        self._squares[where] = self._squares[where] + squares + np.square(apart) * before * added / total
        self._mean[where] = np.where(before == 0, mean, self._mean[where] + apart * added / total)
        self._counted[where] = total

    def result(self) -> Array:
        """Return the variance of a sample, or its root; NaN for fewer than two values."""
        known = self._counted > 1
        found = np.where(known, self._squares / np.where(known, self._counted - 1, 1), np.nan)
        return np.sqrt(found) if self._root else found


class Finite(Accumulator):
    """The mean or standard deviation of the finite values among all."""

    def __init__(self, shape: tuple[int, ...], dims: tuple[int, ...], deviation: bool) -> None:
        super().__init__(shape, dims)
        self._deviation = deviation
        self._within = Spread((1,), (0,), root=True)

    def add(self, values: Array, where: tuple[slice, ...]) -> None:
        """Take the finite values of a block."""
        self._within.add(values[np.isfinite(values)], (slice(0, 1),))

    def result(self) -> Array:
        """Return one number; NaN where no value is finite."""
        if self._deviation:
            return self._within.result().reshape(self.shape)
        return np.where(self._within._counted > 0, self._within._mean, np.nan).reshape(self.shape)
