"""Looks for the size of images, or length of signals, whose flattened features a weight counts on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from weightedit.doctor.bringing.input_spec import InputSpec, TensorItem
from weightedit.doctor.shape_trace.disagreement import Disagreement, disagreement
from weightedit.doctor.shape_trace.mending import Candidate, respecified
from weightedit.doctor.shape_trace.trace import Trace

Run = Callable[[InputSpec], Trace | None]
"""Runs the model on other inputs; None where it does not take them at all."""
MOST_RUNS = 10
LARGEST = 4096
"""Pixels of one side."""
ROUND = (32, 16, 8, 4, 2)
"""What people's sizes are multiples of, where several sizes fit."""


def resized_inputs(found: Disagreement, module: str, calls: int, spec: InputSpec, run: Run) -> Iterator[Candidate]:
    """Give the inputs in another size that go through the module which stopped, if there are any.

    Parameters
    ----------
    found
        What disagrees there: features that came out of other modules with those that a weight takes.
    module, calls
        Where the run stopped, and after how many calls.
    spec
        The inputs, one of them with sizes behind its channels.
    run
        Runs the model on other inputs.
    """
    places = [place for place, item in enumerate(spec.args) if isinstance(item, TensorItem) and len(item.shape) > 2]
    if found.kind != "features" or not found.got.made_by or len(places) != 1:
        return
    search = _Search(spec, places[0], module, calls, found.weight_size, run)
    size = search.fitting(found.got_size)
    if size is not None:
        yield from respecified(spec, search.spec(search.rounded(size)))


@dataclass(slots=True)
class _Search:
    """Tries sizes, each with all sides in proportion, as features grow with them."""

    before: InputSpec
    place: int
    module: str
    calls: int
    wanted: int
    run: Run
    runs: int = 0

    @property
    def item(self) -> TensorItem:
        item = self.before.args[self.place]
        assert isinstance(item, TensorItem)
        return item

    def spec(self, size: int) -> InputSpec:
        """Return the inputs with a first side of that size."""
        sides = self.item.shape[2:]
        shape = (*self.item.shape[:2], *(max(1, round(side * size / sides[0])) for side in sides))
        args = list(self.before.args)
        args[self.place] = replace(self.item, shape=shape)
        return replace(self.before, args=tuple(args))

    def features(self, size: int) -> int:
        """Return how many features come of that size; 0 where it is too small to come so far."""
        self.runs += 1
        trace = self.run(self.spec(size))
        if trace is None:
            return 0
        failure = trace.failure
        if failure is None or (failure.module != self.module and len(trace.calls) > self.calls):
            return self.wanted
        met = disagreement(failure.operation, failure.operands) if failure.module == self.module else None
        return 0 if met is None else met.got_size

    def fitting(self, came: int) -> int | None:
        """Return a first side that fits; `came` is how many features come of the present one."""
        size = self.item.shape[2]
        below, above = (size, LARGEST + 1) if came < self.wanted else (0, size)
        while self.runs < MOST_RUNS and above - below > 1:
            guess = round(size * (self.wanted / came) ** (1 / len(self.item.shape[2:]))) if came else 0
            size = guess if below < guess < above else (below + min(above, 2 * below + 2)) // 2
            before, came = came, self.features(size)
            if came == self.wanted:
                return size
            if came == before and self.runs == 1:  # it does not depend on the size
                return None
            below, above = (size, above) if came < self.wanted else (below, size)
        return None

    def rounded(self, size: int) -> int:
        """Return a size as people choose it that fits as well, or the same."""
        for step in ROUND:
            for one in dict.fromkeys((size // step * step, -(-size // step) * step)):
                if one == size or (one and self.features(one) == self.wanted):
                    return one
        return size
