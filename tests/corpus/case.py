"""What a case of the corpus is: a file made from code, and what must come of opening it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One tensor: torch's name of its dtype, its shape, and the SHA-256 of its elements in row-major order."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class Refused:
    """The file is wrong: a `CheckpointError` names it, and says `words`.

    Attributes
    ----------
    words
        Part of the sentence: the cause, and the place where there is one.
    when
        `open`; or `read` for what only the bytes of one tensor tell (a checksum, what a record inflates to).
    """

    words: str
    when: str = "open"


@dataclass(frozen=True)
class Opens:
    """The file is honest: these tensors are in it, in this order, and nothing else is.

    Attributes
    ----------
    tensors
        By name, as the reference library has them or as they were made by hand.
    metadata
        The texts beside them; None where the format has none or they are of no interest.
    unwritable
        Words of the refusal to export it in its own format, for the forms that are only read.
    """

    tensors: Mapping[str, Seen]
    metadata: Mapping[str, str] | None = None
    unwritable: str | None = None


Expect = Refused | Opens
Make = Callable[[Path], "Path | tuple[Path, Opens]"]
"""Makes the file in a folder and returns its path, and for what opens also what is in it."""


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes
    ----------
    name, family
        What it is called, once in its family, and what it belongs to.
    make
        Makes it.
    expect
        What must come of it; None where `make` says so.
    not_here
        Says why it cannot be tried here, or None where it can.
    as_nobody
        Whether it is opened by somebody who may not read everything, also where root runs the corpus.
    """

    name: str
    family: str
    make: Make
    expect: Refused | None = None
    not_here: Callable[[], str | None] = lambda: None
    as_nobody: bool = False


class Family:
    """The cases about one subject."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: list[Case] = []

    def add(self, name: str, make: Make, expect: Refused | None = None,
            not_here: Callable[[], str | None] = lambda: None, as_nobody: bool = False) -> None:  # fmt: skip
        """Add one case."""
        if any(case.name == name for case in self.cases):
            raise ValueError(f"{self.name} has two cases called {name}")
        self.cases.append(Case(name, self.name, make, expect, not_here, as_nobody))

    def bad(self, words: str, when: str = "open",
            not_here: Callable[[], str | None] = lambda: None,
            as_nobody: bool = False) -> Callable[[Make], Make]:  # fmt: skip
        """Take a function that makes a file which must be refused; its name, in words, is the case's."""

        def take(make: Make) -> Make:
            self.add(make.__name__.replace("_", " ").strip(), make, Refused(words, when), not_here, as_nobody)
            return make

        return take

    def odd(self, make: Make) -> Make:
        """Take a function that makes a file which must open, and says what is in it."""
        self.add(make.__name__.replace("_", " ").strip(), make)
        return make


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def raw(dtype: str, shape: tuple[int, ...], data: bytes) -> Seen:
    """Describe a tensor by bytes made by hand."""
    return Seen(dtype, shape, digest(data))


def seen(tensor: Any) -> Seen:
    """Describe a tensor as torch has it; of a quantized one the integers that are stored."""
    import torch

    plain = tensor.detach().cpu()
    name = str(plain.dtype).removeprefix("torch.")
    data = (plain.int_repr() if plain.is_quantized else plain.resolve_conj().resolve_neg()).contiguous()
    whole = bytes(data.clone(memory_format=torch.contiguous_format).untyped_storage()) if data.numel() else b""
    return Seen(name, tuple(plain.shape), digest(whole[: data.numel() * data.element_size()]))


def holds(tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None,
          unwritable: str | None = None) -> Opens:  # fmt: skip
    """Say what is in a file by torch tensors."""
    described = {name: one if isinstance(one, Seen) else seen(one) for name, one in tensors.items()}
    return Opens(described, metadata, unwritable)
