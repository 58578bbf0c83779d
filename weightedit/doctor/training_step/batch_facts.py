"""What a pass over a data set or loader was seen to give, as plain records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weightedit.core.words.numbers import count_text
from weightedit.core.words.visible import visible
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
class At:
    """Where in the data something is.

    Attributes
    ----------
    number
        Of the sample or batch.
    item
        Which item of the batch; -1 in a sample, and where the part has no dimension for the batch.
    sample
        The number that the data set has for it; -1 where that is not known.
    """

    number: int
    item: int = -1
    sample: int = -1


@dataclass(frozen=True, slots=True)
class BadValues:
    """A part in which samples or batches have NaN or infinities.

    Attributes
    ----------
    at
        The first one.
    path
        The part.
    nan, inf, of
        How many it has there, of how many values.
    others
        How many more samples or batches have some.
    """

    at: At
    path: str
    nan: int
    inf: int
    of: int
    others: int = 0


@dataclass(frozen=True, slots=True)
class Extreme:
    """A number beyond all that came before it.

    Attributes
    ----------
    at
        Where it is.
    value
        The number.
    """

    at: At
    value: int | float


@dataclass(frozen=True, slots=True)
class Extremes:
    """From where to where the numbers of one part go: whole ones, such as classes or token ids, or those of a target.

    Attributes
    ----------
    path
        The part.
    highs, lows
        Each is beyond the one before, so that the first past any limit is among them; the last is that of all. A class
        that the loss leaves out counts for nothing, as do NaN and infinities.
    """

    path: str
    highs: tuple[Extreme, ...]
    lows: tuple[Extreme, ...]

    @property
    def low(self) -> int | float:
        """The lowest of all."""
        return self.lows[-1].value

    @property
    def high(self) -> int | float:
        """The highest of all."""
        return self.highs[-1].value

    def first_not(self, takes: Callable[[float], bool]) -> Extreme | None:
        """Return the first that is not taken; None where all are."""
        return min((one for one in (*self.highs, *self.lows) if not takes(one.value)),
                   key=lambda one: one.at.number, default=None)  # fmt: skip


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
    collated, uneven
        The first of each; None where there is none.
    bad
        Parts with NaN or infinities, in the order in which they came.
    target
        The part that is the target; empty where none is.
    extremes
        Of the parts of whole numbers, and of the target.
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
    bad: tuple[BadValues, ...] = ()
    target: str = ""
    extremes: tuple[Extremes, ...] = ()

    @property
    def targets(self) -> Extremes | None:
        """From where to where the targets go; None where there are none that count."""
        return next((one for one in self.extremes if one.path == self.target), None)

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return self.what.removesuffix("es") if self.what == "batches" else self.what.removesuffix("s")

    def called(self, path: str) -> str:
        """Return what a part is called: `target`, `input 0`, `input_ids`; empty where it is all there is."""
        if not path or (path == self.target and path.isdigit()):
            return "target" if path else ""
        return f"input {visible(path)}" if path[:1].isdigit() else visible(path)

    def place(self, at: At) -> str:
        """Return the number of a sample or batch as sentences begin: `Batch 3`."""
        return f"{self.noun.capitalize()} {count_text(at.number)}"

    @staticmethod
    def item(at: At) -> str:
        """Return the item of a batch as a clause: `in item 2, which is sample 14 of the data`."""
        sample = f", which is sample {count_text(at.sample)} of the data" if at.sample >= 0 else ""
        return f"in item {count_text(at.item)}{sample}" if at.item >= 0 else ""
