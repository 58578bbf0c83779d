"""Edits that would let a run go on past what disagrees, each with the shapes it leads to, so that it can be tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from weightedit.core.edit import Edit
from weightedit.core.region import shape_text
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.input_spec import DictItem, InputSpec, Item, SeveralItem, TensorItem
from weightedit.doctor.cast_loss import cast_loss
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.finding import Mend
from weightedit.doctor.resizing import padding_of, region_of
from weightedit.doctor.shape_trace.disagreement import Disagreement
from weightedit.doctor.shape_trace.input_forms import forms

if TYPE_CHECKING:
    from weightedit.core.document import Document

COMPUTES = ("float64", "float32", "bfloat16", "float16", "complex128", "complex64")
"""dtypes that layers compute in."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mend, and what it makes of tensors and inputs.

    Attributes
    ----------
    mend
        What is proposed.
    after
        Shape and dtype of each tensor of the checkpoint that it changes.
    spec
        The inputs it asks for; None where they stay.
    """

    mend: Mend
    after: Mapping[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    spec: InputSpec | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors that a run used: those of the checkpoint by the model's names.

    Attributes
    ----------
    names
        The checkpoint's name for each of the model's.
    facts
        The checkpoint's tensors by its own names.
    model
        What the model's code makes, by its names.
    is_own
        Whether the checkpoint is the model itself, so that no code stands against a new shape.
    """

    names: Mapping[str, str]
    facts: Mapping[str, TensorFacts]
    model: Mapping[str, TensorFacts] = field(default_factory=dict)
    is_own: bool = False

    def of(self, name: str) -> TensorFacts | None:
        """Return the tensor of the checkpoint that the model has under a name."""
        return self.facts.get(self.names.get(name, ""))

    def is_against_code(self, candidate: Candidate) -> bool:
        """Whether a mend gives a tensor another shape than the model's code does, so that it would not load."""
        after = {} if self.is_own else candidate.after
        return any(own in after and name in self.model and self.model[name].kind != "uninitialized"
                   and after[own][0] != self.model[name].shape for name, own in self.names.items())  # fmt: skip

    def beside(self, name: str, size: int, dim: int) -> list[TensorFacts]:
        """Return a tensor and those of the same module with that size in that dimension, where it is dimension 0."""
        found = self.of(name)
        if found is None:
            return []
        module = name.rpartition(".")[0]
        others = [self.of(other) for other in self.names if other != name and other.rpartition(".")[0] == module]
        return [found, *(one for one in others if one is not None and dim == 0 and one.shape[:1] == (size,))]


def candidates(found: Disagreement, weights: Weights, spec: InputSpec | None) -> list[Candidate]:
    """Return what may mend a disagreement, the least loss first; not all of it need work.

    Parameters
    ----------
    found
        What disagrees.
    weights
        The tensors it may change.
    spec
        The inputs, where they were given as text.
    """
    makers = {"dtype": _dtypes, "index": _rows, "index-dtype": _indices, "device": _devices}
    return list(makers.get(found.kind, _sizes)(found, weights, spec))


def ranked(found: Iterable[Candidate], weights: Weights) -> list[Candidate]:
    """Return candidates as they are, but last those with which the model's code would have to change too."""
    fitting: list[Candidate] = []
    others: list[Candidate] = []
    for one in found:
        if not weights.is_against_code(one):
            fitting.append(one)
            continue
        detail = f"{one.mend.detail}; the code must then say so too".lstrip("; ")
        others.append(replace(one, mend=replace(one.mend, detail=detail)))
    return [*fitting, *others]


def undoing(document: Document, name: str, weights: Weights) -> Iterator[Candidate]:
    """Give the way back to before the last edit that changed what a tensor is, if there is one.

    Parameters
    ----------
    document
        The checkpoint.
    name
        Of its tensor that something disagrees with.
    weights
        The tensors as they are.
    """
    steps = document.history.steps[: document.history.position]
    place = next((place for place in range(len(steps) - 1, -1, -1)
                  if steps[place].structure and name in steps[place].names), None)  # fmt: skip
    if place is None:
        return
    before = document.state_at(place)
    after = {}
    for slot, own in before.names.items():
        spec = before.pin(slot).spec
        now = weights.facts.get(own)
        if now is not None and (tuple(spec.shape), spec.dtype) != (now.shape, now.dtype):
            after[own] = (tuple(spec.shape), spec.dtype)
    if after:
        is_last = place == len(steps) - 1
        title = f"Undo edit {place + 1:,}" if is_last else f"Go back to before edit {place + 1:,}"
        yield Candidate(Mend(title, detail=f"{steps[place].label}, {steps[place].where}", undo_to=place), after)


def _sizes(found: Disagreement, weights: Weights, spec: InputSpec | None) -> Iterator[Candidate]:
    """Let the weight fit what comes, what comes fit the weight, or the input fit both."""
    if found.weight_dim < 0:
        if found.kind == "dims" and not found.got.made_by and spec is not None:
            yield from _formed(found, spec)
        return
    comes_in = not found.got.made_by and spec is not None
    formed = list(_formed(found, spec)) if comes_in and spec is not None else []
    yield from formed  # what changes no weight first
    weight = weights.of(found.weight.tensor)
    if weight is not None:
        fits = found.got_size == weight.shape[1 - found.weight_dim] if len(weight.shape) == 2 else False
        if fits:
            yield _changed([weight], "transpose", f"Transpose {visible(weight.name)}", weight.shape[::-1])
        groups = max(1, found.weight_size // max(1, weight.shape[found.weight_dim]))
        if found.got_size % groups == 0:
            tensors = weights.beside(found.weight.tensor, weight.shape[found.weight_dim], found.weight_dim)
            yield _resized(tensors, found.weight_dim, found.got_size // groups)
    makers = [f"{maker}.weight" for maker in found.got.made_by]
    fit = [name for name in makers if (made := weights.of(name)) is not None and made.shape[:1] == (found.got_size,)]
    if fit:  # what several made together is changed together
        yield _resized([one for name in fit for one in weights.beside(name, found.got_size, 0)], 0, found.weight_size)
    if comes_in and spec is not None and not formed:
        yield from _in_another_size(found, spec)


def _changed(tensors: list[TensorFacts], operation: str, title: str, shape: tuple[int, ...],
             dtype: str = "", **arguments: object) -> Candidate:  # fmt: skip
    edit = Edit(operation, tuple(one.name for one in tensors), arguments=arguments)
    before = tensors[0]
    return Candidate(Mend(title, (edit,), f"{shape_text(before.shape)} → {shape_text(shape)}"),
                     {one.name: (shape, dtype or one.dtype) for one in tensors})  # fmt: skip


def _resized(tensors: list[TensorFacts], dim: int, size: int) -> Candidate:
    """Slice or pad tensors in one dimension; all of them have one size there."""
    first = tensors[0]
    old = first.shape[dim]
    after = {one.name: ((*one.shape[:dim], size, *one.shape[dim + 1 :]), one.dtype) for one in tensors}
    edits = []
    for dims, one in {len(one.shape): one for one in tensors}.items():
        names = tuple(one.name for one in tensors if len(one.shape) == dims)
        edits.append(Edit("slice", names, region_of(one.shape, after[one.name][0])) if size < old else
                     Edit("pad", names, arguments={"pad": padding_of(one.shape, after[one.name][0])}))
    what = _along(len(first.shape), dim, abs(size - old))
    name = " and ".join(visible(one.name) for one in tensors[:2]) + (f" and {len(tensors) - 2} more" if tensors[2:] else
                                                                    "")  # fmt: skip
    title = f"Slice {name} to {_along(len(first.shape), dim, size)}" if size < old else \
        f"Pad {name} with {what} of zeros"  # fmt: skip
    lost = f", drops {what}" if size < old else ""
    detail = f"{shape_text(first.shape)} → {shape_text(after[first.name][0])}{lost}"
    return Candidate(Mend(title, tuple(edits), detail), after)


def _along(dims: int, dim: int, count: int) -> str:
    if dims == 2:
        one = ("row", "column")[dim]
    elif dims > 2:
        one = ("filter", "channel")[dim] if dim < 2 else f"slice of dim {dim}"
    else:
        one = "value"
    return f"{count:,} {one}{'' if count == 1 else 's'}".replace("slice of dims", "slices of dim")


def _formed(found: Disagreement, spec: InputSpec) -> Iterator[Candidate]:
    """Ask for the input in another form, in which nothing of it is lost."""
    shape = found.got.seen.shape or ()
    for wanted, method in forms(found):
        yield from _respecified(spec, partial(_reshaped, shape, wanted), method)


def _in_another_size(found: Disagreement, spec: InputSpec) -> Iterator[Candidate]:
    shape = found.got.seen.shape or ()
    if found.got_dim >= 0:
        wanted = (*shape[: found.got_dim], found.weight_size, *shape[found.got_dim + 1 :])
        yield from _respecified(spec, partial(_reshaped, shape, wanted))


def _reshaped(shape: tuple[int, ...], wanted: tuple[int, ...], item: TensorItem) -> TensorItem:
    return replace(item, shape=wanted) if item.shape == shape else item


def with_tensors(spec: InputSpec, fit: Callable[[TensorItem], TensorItem]) -> InputSpec:
    """Return inputs with each tensor that is made up as `fit` makes it, wherever it is in them."""

    def one(item: Item) -> Item:
        if isinstance(item, SeveralItem):
            return replace(item, items=tuple(map(one, item.items)))
        if isinstance(item, DictItem):
            return replace(item, items=tuple((key, one(value)) for key, value in item.items))
        return fit(item) if isinstance(item, TensorItem) else item

    return InputSpec(tuple(map(one, spec.args)), tuple((name, one(item)) for name, item in spec.kwargs))


def _respecified(spec: InputSpec, fit: Callable[[TensorItem], TensorItem], method: str = "") -> Iterator[Candidate]:
    yield from respecified(spec, with_tensors(spec, fit), method)


def respecified(spec: InputSpec, made: InputSpec, method: str = "") -> Iterator[Candidate]:
    """Give the candidate that other inputs are, if they are others; `method` of a tensor makes one the other."""
    if made != spec:
        how = f", as `.{method}` makes it" if method else ""
        yield Candidate(Mend(f"Give it {made}", detail=f"instead of {spec}{how}; no weight changes", inputs=str(made)),
                        spec=made)  # fmt: skip


def _dtypes(found: Disagreement, weights: Weights, spec: InputSpec | None) -> Iterator[Candidate]:
    """Cast the weights to what comes, or ask for inputs in the dtype of the weights; what loses values comes last."""
    wanted, have = found.got.seen.dtype, found.weight.seen.dtype
    if found.got.tensor or not (wanted in COMPUTES or have in COMPUTES):
        return
    casts: list[Candidate] = []
    lost = cast_loss(have, wanted)
    if wanted in COMPUTES and (tensors := _to_cast(found.weight.tensor, have, weights)):
        names = tuple(one.name for one in tensors)
        what = visible(names[0]) if len(names) == 1 else f"{len(names):,} tensors"
        casts.append(Candidate(Mend(f"Cast {what} to {wanted}", (Edit("cast", names, arguments={"dtype": wanted}),),
                                    f"{have} → {wanted}{f', {lost}' if lost else ''}"),
                               {one.name: (one.shape, wanted) for one in tensors}))  # fmt: skip
    given: Iterator[Candidate] = iter(())
    if spec is not None and have in COMPUTES:
        given = _respecified(spec, lambda item: replace(item, dtype=have) if item.dtype == wanted else item)
    yield from (*given, *casts) if lost else (*casts, *given)


def _to_cast(name: str, have: str, weights: Weights) -> list[TensorFacts]:
    """Return what else has the dtype of a weight: of whole numbers parameters alone."""
    found: dict[str, TensorFacts] = {}
    for other, own in weights.names.items():
        one, ours = weights.of(other), weights.model.get(other)
        if one is None or one.dtype != have:
            continue
        if have in COMPUTES or other == name or "parameter" in (one.kind, "" if ours is None else ours.kind):
            found[own] = one
    return list(found.values())


def _rows(found: Disagreement, weights: Weights, spec: InputSpec | None) -> Iterator[Candidate]:
    """Give an embedding the rows that indices ask for, or ask for lower indices."""
    weight = weights.of(found.weight.tensor)
    if weight is not None and found.got_size >= weight.shape[0]:
        count = found.got_size + 1 - weight.shape[0]
        shape = (found.got_size + 1, *weight.shape[1:])
        made = _changed([weight], "insert_rows", f"Insert {count:,} row{'' if count == 1 else 's'} into "
                        f"{visible(weight.name)}", shape, count=count, method="mean")  # fmt: skip
        yield replace(made, mend=replace(made.mend, detail=f"{made.mend.detail}, each the mean of the old rows"))
    length = (found.got.seen.shape or (0,))[-1]
    if spec is not None and length > found.weight_size:  # positions, which count along it
        yield from _respecified(spec, lambda item: replace(item, shape=(*item.shape[:-1], found.weight_size))
                                if item.shape[-1:] == (length,) else item)  # fmt: skip
    if spec is not None:
        yield from _respecified(spec, lambda item: replace(item, below=found.weight_size) if item.below is not None
                                and item.below > found.weight_size else item)  # fmt: skip


def _indices(found: Disagreement, weights: Weights, spec: InputSpec | None) -> Iterator[Candidate]:
    if spec is not None:
        yield from _respecified(spec, lambda item: replace(item, dtype="int64") if item.shape == found.got.seen.shape
                                else item)  # fmt: skip


def _devices(found: Disagreement, weights: Weights, spec: InputSpec | None) -> Iterator[Candidate]:
    weight = weights.of(found.weight.tensor)
    if weight is not None:
        device = found.got.seen.device
        yield Candidate(Mend(f"Move {visible(weight.name)} to {device}",
                             (Edit("to_device", (weight.name,), arguments={"device": device}),)))  # fmt: skip


