"""What the headers of files say of their tensors, in columns: nothing is made for a tensor until someone looks at it.

A list of a million tensors is a million names, offsets and references to a few kinds. A `HeldTensor` is made where a
tensor is looked at, and it is the same one for whoever looks.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain

from weightedit.core.slots import HeldTensor
from weightedit.core.source import Source, SourceFile
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage


class Kind:
    """A dtype and a shape, described once for all row-major tensors that have them.

    Attributes
    ----------
    dtype
        torch's name of it, without `torch.`.
    shape
        In elements, as torch counts them.
    nbytes
        Of the values.
    """

    __slots__ = ("_spec", "dtype", "nbytes", "shape")

    def __init__(self, dtype: str, shape: tuple[int, ...], nbytes: int) -> None:
        self.dtype = dtype
        self.shape = shape
        self.nbytes = nbytes
        self._spec: TensorSpec | None = None

    @property
    def spec(self) -> TensorSpec:
        """What such a tensor is."""
        if self._spec is None:
            self._spec = TensorSpec.contiguous(self.dtype, self.shape)
        return self._spec


class Columns:
    """The tensors of one file, in the order of its header; each lies alone in its bytes.

    Parameters
    ----------
    file
        The file.
    start
        Where in it the data begin, in bytes.
    names, kinds
        Of each tensor.
    offsets
        From `start`, in bytes.
    """

    def __init__(self, file: SourceFile, start: int, names: list[str], kinds: list[Kind],
                 offsets: array[int]) -> None:  # fmt: skip
        self.file = file
        self.start = start
        self.names = names
        self.kinds = kinds
        self.offsets = offsets
        self._held: dict[int, HeldTensor] = {}

    def __len__(self) -> int:
        return len(self.names)

    def held(self, index: int) -> HeldTensor:
        """Return the tensor at a place; every caller gets the same object."""
        found = self._held.get(index)
        return found or self._held.setdefault(index, HeldTensor(partial(self._describe, index)))

    def _describe(self, index: int) -> tuple[TensorSpec, Storage]:
        kind = self.kinds[index]
        return kind.spec, Storage(Source(self.file, self.start + self.offsets[index], kind.nbytes))

    def known(self, index: int) -> HeldTensor | None:
        """Return the tensor at a place if someone looked at it; else it is as the file says."""
        return self._held.get(index)

    def all_known(self) -> Iterable[HeldTensor]:
        """Return the tensors that someone looked at."""
        return self._held.values()

    def adopt(self, held: Mapping[str, HeldTensor]) -> None:
        """Take these tensors, by name, for those the file has."""
        for index, name in enumerate(self.names):
            if name in held:
                self._held[index] = held[name]


class Table:
    """The tensors of a file, or of several one after the other.

    Attributes
    ----------
    files
        The columns of each file.
    names, kinds
        Of all tensors.
    """

    def __init__(self, files: Sequence[Columns]) -> None:
        self.files = files
        self._starts = [0]
        for columns in files:
            self._starts.append(self._starts[-1] + len(columns))
        only = files[0] if len(files) == 1 else None
        self.names: list[str] = only.names if only else list(chain.from_iterable(one.names for one in files))
        self.kinds: list[Kind] = only.kinds if only else list(chain.from_iterable(one.kinds for one in files))

    def __len__(self) -> int:
        return len(self.names)

    def _at(self, index: int) -> tuple[Columns, int]:
        at = bisect_right(self._starts, index) - 1
        return self.files[at], index - self._starts[at]

    def held(self, index: int) -> HeldTensor:
        """Return the tensor at a place; every caller gets the same object."""
        columns, at = self._at(index)
        return columns.held(at)

    def deferred_nbytes(self, index: int) -> int | None:
        """Return the bytes of a tensor that nobody looked at; None where somebody did, who may have changed it."""
        columns, at = self._at(index)
        known = columns.known(at)
        return self.kinds[index].nbytes if known is None or known.is_deferred else None
