"""How far each module's outputs are from what they were before an edit, in the order in which modules end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from weightedit.core.progress import Ask, unasked
from weightedit.doctor.activations.difference import Difference, difference
from weightedit.doctor.activations.form import Form, Path, leaves
from weightedit.doctor.activations.reading import Captured
from weightedit.doctor.activations.run import CapturedCall

TOLERANCE = 0.01
"""Of the largest magnitude before: by how much an output may be off."""


@dataclass(frozen=True, slots=True)
class ValueDrift:
    """One tensor or plain value that a module gave back.

    Attributes
    ----------
    place
        Where in the output it is, dotted; empty where it is the output.
    name
        The name it was captured by, before or where it is only after; empty for what is no captured tensor.
    what
        `same`; `values`, `dtype` (other dtype, the same values) or `shape` where that differs; `value` where a plain
        value is another one or something else is there; `only before`, `only after`; `left out` where a tensor was not
        captured, so that nobody knows.
    difference
        Of tensors that were captured before and after.
    """

    place: str
    name: str
    what: str
    difference: Difference | None = None

    @property
    def differs(self) -> bool:
        """Whether something is known to be different."""
        return self.what not in ("same", "left out")

    def exceeds(self, tolerance: float) -> bool:
        """Whether it is off by more than a part of the largest magnitude, is no longer finite, or of another shape."""
        if self.difference is None or self.what == "shape":
            return self.differs
        return self.difference.appeared > 0 or self.difference.relative > tolerance


@dataclass(frozen=True, slots=True)
class ModuleDrift:
    """One call of a module, before and after.

    Attributes
    ----------
    module, type, number
        As in `CapturedCall`.
    what
        `both`; `only before` or `only after` where it was called in one of the runs; `raised` where it gave something
        back before and not after, `raised before` the other way round.
    outputs
        Each value it gave back.
    inputs_differ
        Whether what it was given differs already: then the cause is further ahead, or in what its caller does.
    """

    module: str
    type: str
    number: int
    what: str
    outputs: tuple[ValueDrift, ...] = ()
    inputs_differ: bool = False

    @property
    def differs(self) -> bool:
        """Whether anything it gave back is different in any bit."""
        return self.what != "both" or any(one.differs for one in self.outputs)

    def exceeds(self, tolerance: float = TOLERANCE) -> bool:
        """Whether anything it gave back is off by more than `tolerance` of its largest magnitude, or broken."""
        return self.what != "both" or any(one.exceeds(tolerance) for one in self.outputs)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of the tensors that could be compared."""
        return tuple(one.difference for one in self.outputs if one.difference is not None)

    @property
    def max_abs(self) -> float:
        """The largest absolute difference in what it gave back; 0 where there is none."""
        return max((one.max_abs for one in self.differences), default=0.0)

    @property
    def relative(self) -> float:
        """The largest difference as a part of the largest magnitude of the same tensor before."""
        return max((one.relative for one in self.differences), default=0.0)

    @property
    def cosine(self) -> float | None:
        """The smallest cosine of what it gave back; None where there is no tensor to compare."""
        return min((one.cosine for one in self.differences if one.cosine is not None), default=None)

    @property
    def appeared(self) -> int:
        """How many elements are no longer finite."""
        return sum(one.appeared for one in self.differences)


def drift(before: Captured, after: Captured, ask: Ask = unasked) -> tuple[ModuleDrift, ...]:
    """Compare two runs of a model, module by module, with bounded memory.

    Parameters
    ----------
    before, after
        Captures, or documents of them: runs with the same inputs.
    ask
        Called between chunks; raises to stop.

    Returns
    -------
    tuple of ModuleDrift
        In the order in which calls ended before, so that a module comes after those inside it; what raised before and
        what was called only after comes last.
    """
    comparison = _Comparison(before, after, ask)
    now = {(call.module, call.number): call for call in after.run.calls}
    then = {(call.module, call.number): call for call in before.run.calls}
    order = sorted(then, key=lambda key: then[key].ended or math.inf)
    found = [comparison.call(then[key], now.get(key)) for key in order]
    new = sorted((key for key in now if key not in then), key=lambda key: now[key].ended or math.inf)
    return (*found, *(ModuleDrift(now[key].module, now[key].type, now[key].number, "only after") for key in new))


def first_excess(drifts: Sequence[ModuleDrift], tolerance: float = TOLERANCE) -> ModuleDrift | None:
    """Return the first call whose output is off by more than `tolerance` of its largest magnitude, or broken."""
    return next((one for one in drifts if one.exceeds(tolerance)), None)


class _Comparison:
    """Compares calls of two runs; a tensor that was handed on is compared once."""

    def __init__(self, before: Captured, after: Captured, ask: Ask) -> None:
        self._before, self._after, self._ask = before, after, ask
        self._known: dict[tuple[str, str], Difference] = {}

    def call(self, then: CapturedCall, now: CapturedCall | None) -> ModuleDrift:
        names = then.module, then.type, then.number
        if now is None:
            return ModuleDrift(*names, "only before")
        inputs = (*self._forms(then.args, now.args), *self._forms(then.kwargs, now.kwargs))
        differs = any(one.differs and one.what != "dtype" for one in inputs)
        if then.output is None or now.output is None:
            what = "both" if then.output is now.output else "raised" if now.output is None else "raised before"
            return ModuleDrift(*names, what, inputs_differ=differs)
        return ModuleDrift(*names, "both", tuple(self._forms(then.output, now.output)), differs)

    def _forms(self, then: Form, now: Form) -> list[ValueDrift]:
        mine, theirs = dict(leaves(then)), dict(leaves(now))
        return [self._leaf(path, mine.get(path), theirs.get(path)) for path in {**mine, **theirs}]

    def _leaf(self, path: Path, then: Form | None, now: Form | None) -> ValueDrift:
        place = ".".join(map(str, path))
        if then is None or now is None:
            one = then or now
            return ValueDrift(place, "" if one is None else one.tensor, "only after" if then is None else "only before")
        if then.kind == now.kind == "tensor":
            found = self._tensors(then.tensor, now.tensor)
            same = "same" if found.dtypes[0] == found.dtypes[1] else "dtype"
            what = "shape" if found.before != found.after else same if found.is_none else "values"
            return ValueDrift(place, then.tensor, what, found)
        if "left out" in (then.kind, now.kind) and {then.kind, now.kind} <= {"left out", "tensor"}:
            return ValueDrift(place, then.tensor, "left out" if then.shape == now.shape else "shape")
        if then.type == now.type and isinstance(then.value, int | float) and isinstance(now.value, int | float) \
                and type(then.value) is type(now.value) is not bool:  # fmt: skip
            found = _of_numbers(then.value, now.value)
            return ValueDrift(place, "", "same" if found.is_none else "values", found)
        return ValueDrift(place, then.tensor, "same" if then == now else "value")

    def _tensors(self, name: str, other: str) -> Difference:
        key = self._before.same_as(name), self._after.same_as(other)
        if key not in self._known:
            self._known[key] = difference(self._before.content(key[0]), self._after.content(key[1]), self._ask)
        return self._known[key]


def _of_numbers(then: float, now: float) -> Difference:
    dtype = "int64" if isinstance(then, int) else "float64"
    cosine = 0.0 if not then or not now else 1.0 if (then > 0) == (now > 0) else -1.0
    return Difference((), (), (dtype, dtype), int(then != now), float(abs(now - then)), float(abs(then)),
                      1.0 if then == now else cosine)  # fmt: skip
