"""The same inputs in another form: dimensions in another order, flattened, one of 1 more or less."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from weightedit.doctor.shape_trace.disagreement import Disagreement

Shape = tuple[int, ...]
Form = tuple[Shape, str]
"""The shape of an input, and the method of the tensor that makes it so: `permute(0, 3, 1, 2)`."""


def forms(found: Disagreement) -> Iterator[Form]:
    """Give the forms of an input in which it might go together with a weight; not all of them need run.

    Parameters
    ----------
    found
        What disagrees: an input as it was given, with a weight.
    """
    shape = found.got.seen.shape or ()
    made: dict[Shape, str] = {}
    if found.kind == "dims":
        made = dict(_of_dims(shape, found.weight.seen.shape or ()))
    elif found.kind in ("features", "channels"):
        made = dict(_in_order(shape, found.got_dim, found.weight_size))
        if found.kind == "channels" and len(shape) == len(found.weight.seen.shape or ()) - 1:  # and without its batch
            made = {(1, *one): f"{method}.unsqueeze(0)" for one, method in made.items()} | made
        made |= dict(_flattened(shape, found.weight_size) if found.kind == "features" else _of_one_channel(found))
    made.pop(shape, None)
    yield from made.items()


def _in_order(shape: Shape, dim: int, wanted: int) -> Iterator[Form]:
    """Bring the dimension that has the size which is wanted to where it is wanted: channels that come last first."""
    places = [place for place, size in enumerate(shape) if size == wanted and place != dim]
    for place in sorted(places, key=lambda place: place != len(shape) - 1):
        order = list(range(len(shape)))
        if dim < place:
            order.insert(dim, order.pop(place))
        else:
            order[dim], order[place] = place, dim
        yield tuple(shape[one] for one in order), f"permute({', '.join(map(str, order))})"


def _flattened(shape: Shape, wanted: int) -> Iterator[Form]:
    """Make one of the last dimensions, the first of which is the batch where another is left."""
    for first in range(len(shape) - 1):
        if prod(shape[first:]) == wanted:
            yield ((*shape[:first], wanted), f"flatten({first})") if first else ((1, wanted), f"reshape(1, {wanted})")


def _of_one_channel(found: Disagreement) -> Iterator[Form]:
    """Name the only channel of a batch of grey images, whose first dimension was taken for the channels."""
    shape, kernel = found.got.seen.shape or (), found.weight.seen.shape or ()
    if found.weight_size == 1 and len(shape) == len(kernel) - 1:
        yield (shape[0], 1, *shape[1:]), "unsqueeze(1)"


def _of_dims(shape: Shape, kernel: Shape) -> Iterator[Form]:
    """Add the batch and the only channel, or take away a dimension of 1 that is too many."""
    if len(shape) == len(kernel) - 2 and kernel[1:2] == (1,):
        yield (1, 1, *shape), "unsqueeze(0).unsqueeze(0)"
    if len(shape) == len(kernel) + 1:
        ones = [dim for dim, size in enumerate(shape) if size == 1]
        yield from (((*shape[:dim], *shape[dim + 1 :]), f"squeeze({dim})") for dim in ones)
