"""What goes into a step and comes out of it, as plain records: parts of a value, what is in them, an exception."""

from __future__ import annotations

from dataclasses import dataclass

from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted
from weightedit.doctor.shape_trace.trace import Failure

STAGES = ("forward", "loss", "backward", "optimizer", "step")
"""In the order in which they come; `optimizer` is its making."""


@dataclass(frozen=True, slots=True)
class Part:
    """One value inside inputs, an output, a target or a sample.

    Attributes
    ----------
    path
        Keys and indices down to it, joined with dots; empty for the value itself.
    type
        The name of its class, `Tensor`, `ndarray`, `str`.
    shape, dtype, device
        As in torch; dtype and device are empty where it is no tensor. An array has a shape and a dtype too.
    """

    path: str
    type: str = "Tensor"
    shape: tuple[int, ...] = ()
    dtype: str = ""
    device: str = ""

    @property
    def is_tensor(self) -> bool:
        """Whether it is a tensor of torch."""
        return bool(self.device)


@dataclass(frozen=True, slots=True)
class Values:
    """What the values of one tensor are like; infinities and NaN count for nothing but their numbers.

    Attributes
    ----------
    lowest, highest
        Of the finite values; None where there is none, or where the tensor is complex.
    nan, inf
        How many.
    norm
        The square root of the sum of squared magnitudes.
    largest, second
        The largest magnitude, and the largest of all the other values.
    """

    lowest: float | None = None
    highest: float | None = None
    nan: int = 0
    inf: int = 0
    norm: float = 0.0
    largest: float = 0.0
    second: float = 0.0

    @property
    def is_finite(self) -> bool:
        """Whether it has neither NaN nor infinities."""
        return not self.nan and not self.inf

    @property
    def is_zero(self) -> bool:
        """Whether every value is 0."""
        return self.is_finite and self.largest == 0


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception, and where it was raised.

    Attributes
    ----------
    stage
        One of `STAGES`.
    type, message
        Of the exception.
    module, module_type
        The innermost module of the model that was at work; the type is empty where none was.
    inputs
        What that module was given.
    failure
        As the trace of a run has it, of the forward pass; None of anything else.
    place
        File and line of the last code that is not torch's own, `net.py:12`.
    function
        What autograd was at, `SqrtBackward0`.
    """

    stage: str
    type: str
    message: str
    module: str = ""
    module_type: str = ""
    inputs: tuple[Part, ...] = ()
    failure: Failure | None = None
    place: str = ""
    function: str = ""


def counts_text(nan: int, inf: int) -> str:
    """Return how many values are not finite: `2 NaN and 1 infinite value`."""
    said = (f"{count_text(nan)} NaN" if nan else "", counted(inf, "infinite value") if inf else "")
    return " and ".join(one for one in said if one)
