"""What a model's process is asked to do, as plain records: to make the model, run it, train it, capture it."""

from __future__ import annotations

from dataclasses import dataclass

from weightedit.doctor.inside.put import Put


@dataclass(frozen=True, slots=True)
class BringOrder:
    """Make the model that a reference means.

    Attributes
    ----------
    reference
        As a person writes it, with absolute paths.
    device
        `fake` for tensors without values, else a device of torch.
    paths
        Where Python looks for packages before what is installed.
    agreed
        Code that a person said yes to, with its fingerprints; None where any may run.
    loss, optimizer
        What it is to be trained with, so that a name which torch does not have is told before any code runs.
    """

    reference: str
    device: str
    paths: tuple[str, ...] = ()
    agreed: dict[str, str] | None = None
    loss: str = ""
    optimizer: str = ""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """Put tensors in and run the model once.

    Attributes
    ----------
    inputs, given, data
        As a spec; or the file of arguments and target, `here` for those that a live module was given; or a reference
        to data, whose first batch they are.
    put
        The tensors of the checkpoint by the model's names.
    assign
        Whether their dtypes replace the model's.
    values
        The file with their values; empty where only shapes matter.
    is_measured
        Whether time and memory of each module are taken too.
    """

    inputs: str
    given: str = ""
    data: str = ""
    put: tuple[Put, ...] = ()
    assign: bool = False
    values: str = ""
    is_measured: bool = False


@dataclass(frozen=True, slots=True)
class TrainOrder(RunOrder):
    """Put tensors in and take one training step.

    Attributes
    ----------
    target
        As a spec; empty where it is given or comes with the data.
    loss, optimizer
        By name or reference; empty for what a live module was given, or for none.
    step_to, names
        The file that the tensors of these names are written to after the step, those that it changed; empty for none.
    """

    target: str = ""
    loss: str = ""
    optimizer: str = ""
    step_to: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptureOrder(RunOrder):
    """Put tensors in, run the model once, and write what its modules take and give to a file.

    Attributes
    ----------
    modules
        Names, patterns or `re:` expressions.
    to, folder
        The file, and where what exceeds the budget is kept meanwhile.
    budget
        Bytes of captures that stay in memory.
    """

    modules: tuple[str, ...] = ("*",)
    to: str = ""
    folder: str = ""
    budget: int = 0
