"""What a pass over a data set or loader was seen to give, as plain records."""

from __future__ import annotations

from dataclasses import dataclass

from weightedit.doctor.training_step.parts import Part, Raised


@dataclass(frozen=True, slots=True)
class Form:
    """What samples or batches of one kind are made of.

    Attributes
    ----------
    parts
        Of the first of them; in a batch without the first dimension of tensors and arrays, which is the batch's.
    first
        The number of the first one.
    count
        How many there were.
    """

    parts: tuple[Part, ...]
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class BatchSize:
    """How many samples batches of one size have.

    Attributes
    ----------
    size, first, count
        The size, the number of the first batch that has it, and how many have.
    """

    size: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Uneven:
    """A batch whose own parts are of different sizes.

    Attributes
    ----------
    batch
        Its number.
    parts
        The first part, and one that differs from it, whole.
    """

    batch: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Collated:
    """Samples that could not be made into a batch.

    Attributes
    ----------
    batch
        Its number.
    raised
        What was raised.
    forms
        What its samples are made of; `first` is the number of the sample in the data set, or of the sample as it came
        where the data set has no numbers.
    """

    batch: int
    raised: Raised
    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class BadValues:
    """A sample or batch with NaN or infinities.

    Attributes
    ----------
    number
        Of the first one.
    path, count
        The part, and how many it has there.
    others
        How many more samples or batches have some.
    """

    number: int
    path: str
    count: int
    others: int


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What a data set or loader gave.

    Attributes
    ----------
    what
        `samples` or `batches`.
    source
        The name of its class.
    seen, total
        How many were looked at, and how many there are; None where that is not known.
    stopped
        Why before the end: `most`, `time`, `raised`, or `once` of an iterator; empty at the end.
    forms
        In the order in which they first came.
    sizes
        Of batches.
    raised, raised_at
        What reading a sample or batch raised, and the number of the sample; -1 where only that of the batch is known,
        which is `seen`.
    collated, uneven, bad
        The first of each; None where there is none.
    """

    what: str
    source: str
    seen: int = 0
    total: int | None = None
    stopped: str = ""
    forms: tuple[Form, ...] = ()
    sizes: tuple[BatchSize, ...] = ()
    raised: Raised | None = None
    raised_at: int = -1
    collated: Collated | None = None
    uneven: Uneven | None = None
    bad: BadValues | None = None

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return self.what.removesuffix("es") if self.what == "batches" else self.what.removesuffix("s")
