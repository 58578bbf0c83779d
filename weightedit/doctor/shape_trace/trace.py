"""What a run of a model came to, as plain records: every call of a module in order, and the first failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """One value that went into or came out of a module or an operation.

    Attributes
    ----------
    place
        Where in the arguments or the output: `0`, `mask`, `past.0.1`; empty for a single output.
    type
        `Tensor`, or the name of another class.
    shape, dtype, device
        Of a tensor; None and empty otherwise.
    says
        A number or text as it is, cut short.
    """

    place: str
    type: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    device: str = ""
    says: str = ""

    def __str__(self) -> str:
        if self.shape is None:
            return self.says or self.type
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data: shape and dtype of a tensor, the type of anything else."""
        if self.shape is None:
            return {"place": self.place, "type": self.type}
        return {"place": self.place, "shape": list(self.shape), "dtype": self.dtype, "device": self.device}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module.

    Attributes
    ----------
    module, type
        Its dotted name, empty for the model itself, and its class.
    number
        Which call of this module it is, from 0.
    inside
        The place in the trace of the call it happened in; -1 for the model's own.
    inputs, outputs
        Tensors and other values, nested ones by their places; no outputs where it did not return.
    state
        `done`, `stopped` where it raised, or `caught` where what it raised was caught.
    seconds, nbytes
        Time with what it calls, and the most bytes that it allocated and kept; None where it was not run for real.
    """

    module: str
    type: str
    number: int
    inside: int
    inputs: tuple[Seen, ...]
    outputs: tuple[Seen, ...] = ()
    state: str = "stopped"
    seconds: float | None = None
    nbytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        found: dict[str, Any] = {
            "module": self.module, "type": self.type, "inputs": [one.to_json() for one in self.inputs],
            "outputs": [one.to_json() for one in self.outputs], "state": self.state}  # fmt: skip
        if self.seconds is not None:
            found |= {"seconds": self.seconds, "bytes": self.nbytes}
        return found


@dataclass(frozen=True, slots=True)
class Operand:
    """One argument of the operation that raised.

    Attributes
    ----------
    seen
        What it is; its place is the parameter's name where that is known, else its position.
    tensor
        The name of the parameter or buffer it is; empty for anything else.
    made_by
        The modules with weights whose output it comes from, as far as that was followed.
    """

    seen: Seen
    tensor: str = ""
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One place in the person's code.

    Attributes
    ----------
    file, line, function
        Where; line counts from 1.
    code
        The line and a few before it, as far as the file has them, without the indentation they share.
    """

    file: str
    line: int
    function: str
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What a run stopped at.

    Attributes
    ----------
    module, type
        The innermost module that raised, and its class.
    exception, message
        As Python names it, and PyTorch's own words.
    operation
        The torch function that raised, `torch.nn.functional.linear`; empty where it was none.
    operands
        Its arguments in order.
    frames
        Where in code outside torch it was called, the outermost first.
    needs_values
        Whether it could not go on only because the tensors have no values.
    """

    module: str
    type: str
    exception: str
    message: str
    operation: str = ""
    operands: tuple[Operand, ...] = ()
    frames: tuple[Frame, ...] = ()
    needs_values: bool = False


@dataclass(frozen=True, slots=True)
class BadTensor:
    """A tensor with values that are not finite.

    Attributes
    ----------
    name
        Of a parameter or buffer, or its place in inputs or output.
    count, of
        How many, of how many values.
    """

    name: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class NotFinite:
    """Where values begin that are not finite.

    Attributes
    ----------
    outputs
        What the model gives that has some.
    inputs
        What the model is given that has some.
    module, type
        The first that gave some though it was given none; both empty where they came with the input.
    tensors
        Its own parameters and buffers that have some, by their whole names.
    """

    outputs: tuple[BadTensor, ...]
    inputs: tuple[BadTensor, ...] = ()
    module: str = ""
    type: str = ""
    tensors: tuple[BadTensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """One run of a model.

    Attributes
    ----------
    calls
        In the order in which they began.
    failure
        None where it ran to its end.
    device
        `fake`, `cpu` or `cuda:0`.
    seconds
        How long the run took.
    warnings
        What Python and torch warned of meanwhile.
    left_out
        How many calls are more than a trace keeps.
    bad
        Where its output has NaN or infinite values; None where it has none, or no values at all.
    """

    calls: tuple[Call, ...]
    failure: Failure | None
    device: str
    seconds: float
    warnings: tuple[str, ...] = ()
    left_out: int = 0
    bad: NotFinite | None = None
