"""What one training step was seen to do, stage by stage, as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field

from weightedit.doctor.training_step.parts import Part, Raised, Values


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning that Python was given.

    Attributes
    ----------
    stage
        One of `STAGES`.
    type, message
        The name of its category, and what it says.
    """

    stage: str
    type: str
    message: str


@dataclass(frozen=True, slots=True)
class TrainedCall:
    """One run of one module, in the order in which they ended, so that inner ones come first.

    Attributes
    ----------
    module, type
        Its dotted name and the name of its class.
    bad_in, bad_out
        How many NaN and infinities went in and came out.
    is_dead
        Whether only zeros came out, of something that was not all zero.
    takes_graph, gives_graph
        Whether gradients could flow back from here, to an input, a parameter of its own or what is inside, and whether
        they can from its output.
    in_shape
        Of the first tensor that went in.
    out_dtype
        Of the first tensor that came out.
    """

    module: str
    type: str
    bad_in: int = 0
    bad_out: int = 0
    is_dead: bool = False
    takes_graph: bool = False
    gives_graph: bool = False
    in_shape: tuple[int, ...] = ()
    out_dtype: str = ""


@dataclass(frozen=True, slots=True)
class Indexed:
    """An input of the model that chooses rows of an embedding.

    Attributes
    ----------
    path
        The input.
    module, rows
        The embedding, and how many rows it has.
    """

    path: str
    module: str
    rows: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The tensor of the output that the loss was made of.

    Attributes
    ----------
    path
        Where in the output it is.
    shape, dtype
        As in torch.
    requires_grad
        Whether gradients can flow from it.
    values
        What is in it.
    sums_to_one
        Whether it lies between 0 and 1 and sums to 1 over the dimension of classes, as softmax makes it.
    head
        The module it came out of: the last with parameters of its own.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    values: Values
    sums_to_one: bool = False
    head: str = ""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Output and target that the loss took together though their shapes differ.

    Attributes
    ----------
    function
        What took them, `mse_loss` or `sub`.
    output, target, result
        Their shapes, and the one they were stretched to.
    """

    function: str
    output: tuple[int, ...]
    target: tuple[int, ...]
    result: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LossFacts:
    """The loss.

    Attributes
    ----------
    name
        As it was asked for.
    function
        The function of torch.nn.functional it is; empty for a person's own, `output`, `sum` and `mean` else.
    type, shape, dtype
        Of what it returned; the type is empty where it raised.
    value
        Where it is one number.
    has_graph
        Whether gradients can flow from it.
    ignore_index
        The class that does not count, where the loss has one.
    log_target
        Whether the target of a divergence is logarithms.
    broadcasts
        Pairs of output and target that it stretched.
    """

    name: str
    function: str = ""
    type: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    value: float | None = None
    has_graph: bool = False
    ignore_index: int | None = None
    log_target: bool = False
    broadcasts: tuple[Broadcast, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterFacts:
    """One parameter; tied names are one.

    Attributes
    ----------
    name, also
        Its first name, and the others it has.
    shape, dtype, device, requires_grad
        As in torch.
    values, after
        What is in it before and after the step; None where it has no values or there was no step.
    grad
        What is in its gradient; None where it was not reached.
    is_held
        Whether the optimizer has it.
    moved
        The norm of what the step changed; None where there was no step.
    ran
        Whether the module it belongs to was called.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    device: str
    requires_grad: bool
    also: tuple[str, ...] = ()
    values: Values | None = None
    grad: Values | None = None
    after: Values | None = None
    is_held: bool = False
    moved: float | None = None
    ran: bool = True

    @property
    def module(self) -> str:
        """The name of the module it belongs to."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class BufferFacts:
    """A tensor that `parameters()` does not give: a buffer, or one a module has besides.

    Attributes
    ----------
    name, shape, dtype, requires_grad
        As in torch.
    kind
        `buffer`; `attribute` for a tensor that is set on a module, `listed` for a module that a list or dict holds.
    is_reached
        Whether it has a gradient after the backward pass.
    is_held
        Whether the optimizer has it.
    changed
        Whether the forward pass changed it, as that of a normalization does.
    values, before
        What is in it after the forward pass, and before it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    kind: str = "buffer"
    is_reached: bool = False
    is_held: bool = False
    changed: bool = False
    values: Values | None = None
    before: Values | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in the backward pass something begins.

    Attributes
    ----------
    what
        `non-finite` or `zero`.
    function
        Of autograd, `SqrtBackward0`.
    module, module_type
        The innermost module in whose forward it was recorded; the type is empty where it was in none.
    in_loss
        Whether it was recorded after the model was done.
    reaches
        Names of the parameters to which gradients flow through it; of the first few.
    """

    what: str
    function: str
    module: str = ""
    module_type: str = ""
    in_loss: bool = False
    reaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Misfit:
    """What an optimizer keeps for a parameter in a shape that is not the parameter's.

    Attributes
    ----------
    parameter, shape
        Its name and shape.
    key, kept
        What is kept, `exp_avg`, and in which shape.
    """

    parameter: str
    shape: tuple[int, ...]
    key: str
    kept: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OptimizerFacts:
    """The optimizer.

    Attributes
    ----------
    type
        The name of its class.
    is_default
        Whether it was made for this step because none was given.
    rates
        The learning rate of each group that has one.
    held
        How many tensors it has.
    foreign
        Those that are not the model's.
    misfits
        State that does not fit.
    """

    type: str
    is_default: bool
    rates: tuple[float, ...] = ()
    held: int = 0
    foreign: tuple[Part, ...] = ()
    misfits: tuple[Misfit, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """One forward, loss, backward and step of a model in training mode, as far as it came.

    Attributes
    ----------
    model
        The name of its class.
    done
        The stages that came to their end.
    inputs, output, target
        What they are made of. Positional inputs have their number as path, others their name.
    bad_inputs
        By path, what is in an input that has NaN or infinities.
    indexed
        Inputs that go as they are into an embedding.
    taken, target_values, loss, optimizer
        None where it did not come so far. Of a target of classes, the one that the loss leaves out does not count among
        the values, unless there is no other.
    raised
        What stopped it; None where all stages were done.
    """

    model: str
    done: tuple[str, ...] = ()
    inputs: tuple[Part, ...] = ()
    output: tuple[Part, ...] = ()
    target: tuple[Part, ...] = ()
    bad_inputs: dict[str, Values] = field(default_factory=dict)
    indexed: tuple[Indexed, ...] = ()
    taken: Taken | None = None
    target_values: Values | None = None
    loss: LossFacts | None = None
    optimizer: OptimizerFacts | None = None
    raised: Raised | None = None
    warnings: tuple[Warned, ...] = ()
    calls: tuple[TrainedCall, ...] = ()
    origins: tuple[Origin, ...] = ()
    parameters: tuple[ParameterFacts, ...] = ()
    buffers: tuple[BufferFacts, ...] = ()
