"""A pass over a data set or loader: what its samples or batches are made of, and the first that differ or raise."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import torch
from torch.utils.data import Dataset, IterableDataset

from weightedit.core.progress import Ask, unasked
from weightedit.doctor.bringing.first_batch import FirstBatch
from weightedit.doctor.inside.training.data_values import DataValues
from weightedit.doctor.inside.training.loader import Uncollated, Unread, batches_of, is_loader
from weightedit.doctor.inside.training.parts import parts_of
from weightedit.doctor.inside.training.watching import Watch
from weightedit.doctor.training_step.batch_facts import BatchFacts, BatchSize, Collated, Form, Uneven
from weightedit.doctor.training_step.parts import Part, Raised

MOST = 1_000
"""Samples or batches that are looked at unless someone asks for more."""
SECONDS = 30.0
"""How long a pass may take unless someone asks for more."""
MOST_FORMS = 100
"""Different forms that are told of; what comes after has one of them or is counted to none."""
TARGETS = ("labels", "label", "targets", "target", "y")
"""What the target is called in a batch that is a dict."""
Numbered = tuple[Any, tuple[int, ...]]
"""A sample or batch, with the numbers that the data set has for what it is made of."""


def scan_batches(source: Any, most: int = MOST, seconds: float = SECONDS, ask: Ask = unasked,
                 ignored: int | None = None) -> BatchFacts:  # fmt: skip
    """Look at what a data set or loader gives, up to a number or a time.

    A loader's batches are made here, one by one, from its own sampler and its own function that collates them, and not
    in workers, so that what raises is known by its sample.

    Parameters
    ----------
    source
        A `Dataset` (with numbers or iterable), whose samples are looked at; a `DataLoader` or any other iterable, whose
        batches are.
    most, seconds
        How many, and how long.
    ask
        Called before each; raises to stop.
    ignored
        The class that the loss leaves out, if any.

    Returns
    -------
    BatchFacts
        Exceptions of the data set are part of it.
    """
    holds_samples = is_dataset(source)
    name = source.source_name if isinstance(source, FirstBatch) else type(source).__name__
    scan = _Scan("samples" if holds_samples else "batches", name, _length(source), DataValues(ignored))
    found = _samples(source) if holds_samples else batches_of(source) if is_loader(source) else _batches(source)
    with torch.random.fork_rng([]):  # a sampler that shuffles draws from torch's own generator
        seen = scan.all_of(found, most, seconds, ask)
    return replace(seen, stopped="once") if isinstance(source, FirstBatch) and not seen.stopped else seen


def first_batch(source: Any) -> Any:
    """Return the first batch of a loader or other iterable, or of a data set its first sample as a batch of one.

    Raises
    ------
    StopIteration
        If there is none. Whatever the data set raises comes through as it is.
    """
    if not is_dataset(source):
        return next(batches_of(source))[0] if is_loader(source) else next(iter(source))
    return torch.utils.data.default_collate([next(_samples(source))[0]])


def as_call(batch: Any, model: torch.nn.Module, takes_target: bool = True) -> \
        tuple[tuple[Any, ...], dict[str, Any], Any]:  # fmt: skip
    """Take a batch apart into what a model is called with, and the target.

    A dict goes by keywords, as models of transformers take it, with its `labels` or `target` as the target too, and
    left out where the model takes no such keyword. Of a tuple or list the last is the target, where the loss takes one
    and there are two or more; anything else is the only input.

    Returns
    -------
    (args, kwargs, target)
        The target is None where there is none.
    """
    if isinstance(batch, Mapping):
        name = target_of(batch)
        kwargs = {str(key): value for key, value in batch.items()}
        if name and not _takes(model, name):
            del kwargs[name]
        return (), kwargs, batch.get(name) if name else None
    if isinstance(batch, list | tuple) and not hasattr(batch, "_fields"):
        if takes_target and target_of(batch):
            return tuple(batch[:-1]), {}, batch[-1]
        return tuple(batch), {}, None
    return (batch,), {}, None


def target_of(batch: Any) -> str:
    """Return the key or the number of the target in a sample or batch; empty where it has none."""
    if isinstance(batch, Mapping):
        return next((name for name in TARGETS if name in batch), "")
    if isinstance(batch, list | tuple) and not hasattr(batch, "_fields") and len(batch) > 1:
        return str(len(batch) - 1)
    return ""


def is_dataset(source: Any) -> bool:
    """Whether something gives samples and not batches: a `Dataset` of torch, or what has numbers and a length."""
    if isinstance(source, Dataset):
        return True
    has_numbers = hasattr(source, "__getitem__") and hasattr(source, "__len__")
    return has_numbers and not isinstance(source, list | tuple | Mapping | torch.Tensor) and not is_loader(source)


def told(error: BaseException) -> Raised:
    """Describe an exception of a data set."""
    return Watch(torch.nn.Module()).raised("data", error)


@dataclass(slots=True)
class _Scan:
    """A pass, and what it found so far."""

    what: str
    source: str
    total: int | None
    values: DataValues
    seen: int = 0
    raised: Raised | None = None
    raised_at: int = -1
    collated: Collated | None = None
    uneven: Uneven | None = None
    target: str = ""
    forms: dict[tuple[Part, ...], Form] = field(default_factory=dict)
    sizes: dict[int, BatchSize] = field(default_factory=dict)

    def all_of(self, found: Iterator[Numbered], most: int, seconds: float, ask: Ask) -> BatchFacts:
        """Look at what there is, up to a number or a time."""
        until = time.monotonic() + seconds
        while True:
            ask()
            if self.seen >= most or time.monotonic() > until:
                stopped = "" if self.seen == self.total else "most" if self.seen >= most else "time"
                break
            try:
                one, numbers = next(found)
            except StopIteration:
                stopped = ""
                break
            except Uncollated as error:
                self.collated, stopped = _collated(self.seen, error), "raised"
                break
            except Unread as error:
                self.raised, self.raised_at, stopped = told(error.cause), error.number, "raised"
                break
            except Exception as error:
                self.raised, stopped = told(error), "raised"
                self.raised_at = self.seen if self.what == "samples" else -1
                break
            self.look(one, numbers)
        return self.facts(stopped)

    def look(self, one: Any, numbers: tuple[int, ...]) -> None:
        """Take note of one sample or batch, which was made of the samples of these numbers."""
        parts = parts_of(one)
        if self.what == "batches":
            self._measure(parts)
            parts = tuple(replace(part, shape=part.shape[1:]) if part.dtype else part for part in parts)
        parts = tuple(replace(part, device="cpu") if part.device else part for part in parts)
        was = self.forms.get(parts)
        if was is not None:
            self.forms[parts] = replace(was, count=was.count + 1)
        elif len(self.forms) < MOST_FORMS:
            self.forms[parts] = Form(parts, self.seen, 1)
        if not self.seen:
            self.target = target_of(one)
        self.values.look(one, self.seen, self.target, numbers if self.what == "batches" else None)
        self.seen += 1

    def facts(self, stopped: str) -> BatchFacts:
        """Return all that was found."""
        return BatchFacts(self.what, self.source, self.seen, self.total, stopped, tuple(self.forms.values()),
                          tuple(self.sizes.values()), self.raised, self.raised_at, self.collated,
                          self.uneven, self.values.bad, self.target, self.values.extremes)  # fmt: skip

    def _measure(self, parts: tuple[Part, ...]) -> None:
        """Note the size of a batch: the first dimension of its first tensor, and the first part that has another."""
        sized = [part for part in parts if part.dtype and part.shape]
        if not sized:
            return
        size = sized[0].shape[0]
        was = self.sizes.get(size, BatchSize(size, self.seen, 0))
        self.sizes[size] = replace(was, count=was.count + 1)
        other = next((part for part in sized if part.shape[0] != size), None)
        if other is not None and self.uneven is None:
            self.uneven = Uneven(self.seen, (sized[0], other))


def _batches(source: Any) -> Iterator[Numbered]:
    """Yield what any iterable gives; what its `iter()` raises comes with the first."""
    for batch in source:
        yield batch, ()


def _samples(source: Any) -> Iterator[Numbered]:
    if isinstance(source, IterableDataset) or not hasattr(source, "__getitem__"):
        for sample in source:
            yield sample, ()
        return
    length = _length(source)
    for number in count() if length is None else range(length):
        try:
            sample = source[number]
        except IndexError:
            if length is None:
                return
            raise
        yield sample, (number,)


def _length(source: Any) -> int | None:
    """Return how many there are; None where it is not known, as of an iterable data set."""
    length: Callable[[], int] | None = getattr(source, "__len__", None)
    try:
        return None if length is None else int(length())
    except Exception:
        return None


def _collated(batch: int, error: Uncollated) -> Collated:
    forms: dict[tuple[Part, ...], Form] = {}
    for number, sample in error.samples:
        parts = parts_of(sample)
        was = forms.get(parts, Form(parts, number, 0))
        forms[parts] = replace(was, count=was.count + 1)
    return Collated(batch, told(error.cause), tuple(forms.values()))


def _takes(model: torch.nn.Module, name: str) -> bool:
    try:
        taken = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(one.name == name or one.kind is one.VAR_KEYWORD for one in taken)
