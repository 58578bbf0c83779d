"""weightedit: see, change and export the weights of PyTorch models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from weightedit.core.document import Document
    from weightedit.core.errors import CheckpointError, ConfirmationNeeded, EditRefused
    from weightedit.core.hazards import Hazard
    from weightedit.core.live.detached import detached_copy
    from weightedit.core.progress import CancelFlag, Report
    from weightedit.core.recipe import Recipe
    from weightedit.doctor.inside.capturing.captures import Captures

__version__ = "0.1.0"
__all__ = [
    "CheckpointError",
    "ConfirmationNeeded",
    "Document",
    "EditRefused",
    "Hazard",
    "Recipe",
    "capture",
    "check",
    "detached_copy",
    "edit",
    "explain",
    "open",
]

_HOMES = {
    "CheckpointError": "errors",
    "ConfirmationNeeded": "errors",
    "Document": "document",
    "EditRefused": "errors",
    "Hazard": "hazards",
    "Recipe": "recipe",
    "detached_copy": "live.detached",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first asked for, so that `import weightedit` costs nothing."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"weightedit.core.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'weightedit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


def open(source: str | Path | Any, *, optimizer: Any = None, progress: Report | None = None,
         cancel: CancelFlag | None = None, journal: bool = False) -> Document:  # fmt: skip
    """Open a checkpoint or a live object; runs no code from a file.

    Parameters
    ----------
    source
        A file, a folder or index of shards, an `nn.Module`, or any nesting of modules, state_dicts, dicts and lists.
    optimizer
        Of a live module, to be kept in step with edits.
    progress, cancel
        Called with (label, done, total); checked between steps.
    journal
        Whether every edit of a file is written down before it is applied. After a crash, `weightedit recover` lists
        and gives back what was not saved; closing the document, or a clean end of the program, leaves nothing.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, or something in it is wrong.
    """
    from weightedit.assembly import open_document
    from weightedit.core.progress import Progress

    return open_document(source, optimizer=optimizer, progress=Progress(progress, cancel), journal=journal)


def capture(model: Any, inputs: Any, modules: str | Sequence[str] = "*", *, budget: int | None = None,
            folder: str | Path | None = None, seed: int | None = None) -> Captures:  # fmt: skip
    """Run a live module once, in the mode it is in, and keep what its modules are given and give back.

    Everything is a copy without a graph, nested as it was: tuples, lists, dicts and dataclasses keep their form, and
    layers which work in place change nothing that was kept. What the run changed in the module is put back.

    Parameters
    ----------
    model
        An `nn.Module`; its code and hooks run here.
    inputs
        Tensors: one, a tuple of arguments, or a dict of named ones.
    modules
        Names, patterns (`layers.*.mlp`) or `re:` expressions; the model itself has an empty name.
    budget
        Bytes of copies that stay in memory, 256 MB where left out; the rest goes to files of its own in `folder`.
    folder
        The temporary folder of the system where left out.
    seed
        What random numbers begin with, so that two runs draw the same; they are put back afterwards.

    Returns
    -------
    Captures
        To be used in `with`, or closed: `output(module)`, `inputs(module)`, `read(name)`, `drift(other)` and
        `export(path)`.

    Raises
    ------
    EditRefused
        If a name or pattern means no module.
    WeightEditError
        If model or inputs are none, the model has parameters without values yet, or there is no room.
    """
    from weightedit.checking import capture_live

    return capture_live(model, inputs, modules, folder=folder, budget=budget, seed=seed)


def check(source: Document | str | Path | Any, model: str | Path | Any, inputs: Any = None, *, target: Any = None,
          loss: Any = None, train: bool = False, optimizer: Any = None, data: Any = None,
          step_to: str | Path | None = None, device: str = "auto", assign: bool = False,
          folder: str | Path | None = None, seconds: float = 600.0,
          progress: Report | None = None, cancel: CancelFlag | None = None) -> dict[str, Any]:  # fmt: skip
    """Say whether a model loads, runs and trains with these weights, where it breaks, and which edit mends it.

    Code that is named runs in a process of its own, as this call says; a module that is handed over is copied. The
    document is not changed.

    Parameters
    ----------
    source
        A document, or what `open` takes.
    model
        An `nn.Module`; or code that makes one: `package.module:factory`, `file.py:Class(3, width=64)`, or a folder
        with a `config.json` of transformers.
    inputs
        As a spec, `float32[2,3,224,224]` or `ids: int64[1,16]<32000, mask: bool[1,16]`; or tensors: one, a tuple of
        arguments, or a dict of named ones. Without, the model is only made and compared with the checkpoint, and `ok`
        is about that.
    target, loss, train, optimizer, data
        A training step: the target as a spec or tensor; the loss by name (`CrossEntropyLoss`, `mse_loss`) or as code;
        `train=True` for a step with a loss of the model's own; an optimizer, one of torch by name (`AdamW(lr=1e-4)`),
        or code that makes one of the model; and code that makes a `Dataset` or `DataLoader`.
    step_to
        A file for the weights after the step, `.pt`: a finding of the kind `step` offers them as edits then.
    device
        `fake` (tensors without values or memory), `cpu`, `cuda:0`; `auto` is fake, and the CPU where values are needed.
        What runs with values is run twice, to measure it.
    assign
        Whether the checkpoint's dtypes replace the model's, as in `load_state_dict(assign=True)`.
    folder
        Where named code runs, and what relative paths are relative to; by default the current one.
    seconds
        How long the model's process may take; of a live module it is asked as each module is entered, and while the
        module is looked at and copied.
    progress, cancel
        Called with (label, done, total); checked between steps.

    Returns
    -------
    dict
        `ok`; `findings`, the first cause first, each with `module`, `tensor`, `kind`, `message`, `mend` (the first of
        `mends` as a step of a recipe, or None where that is no single edit), `mends`, `level` and `torch_says`;
        `trace`, each call of a module with `module`, `type`, `inputs` and `outputs`, and with `seconds` and `bytes`
        where it ran with values; `ran`, whether it ran to its end, and the `device`; `training`, with the loss, the
        norm of the gradient and what the step changed, or None; `notes`; and the `output` that its code printed.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint.
    WeightEditError
        If model, inputs or target do not read, or name what is not there. What goes wrong in the model's own code is
        a finding.
    """
    from weightedit.checking import check_model
    from weightedit.core.progress import Progress
    from weightedit.doctor.checkup import Asked, Wanted

    asked = Asked(device, assign, seconds=seconds)
    training = Wanted(target=target, loss=loss, optimizer=optimizer, data=data, train=train,
                      step_to="" if step_to is None else str(step_to))  # fmt: skip
    return check_model(source, model, inputs, asked, training=training, folder=folder,
                       progress=Progress(progress, cancel)).to_json()  # fmt: skip


def explain(text: str, document: Document | None = None) -> dict[str, Any]:
    """Say what a message or traceback of PyTorch means; nothing of it is run, and what is unknown is said to be.

    Parameters
    ----------
    text
        A message, a traceback, or a piece of code that Python does not read.
    document
        Whose tensors it may be about.

    Returns
    -------
    dict
        `kind` (`unknown` where it is none that is known), `title`, `message`, `why`, `causes`, `torch_says`, `frame`,
        `tensors` of the document that fit, `mends` with steps of a recipe, and `caret` of a syntax error.
    """
    from weightedit.doctor.explain.explain import explain as explained
    from weightedit.doctor.facts import facts_of

    return explained(text, () if document is None else facts_of(document)).to_json()


def edit(module: Any, optimizer: Any = None) -> None:
    """Open the window on a live module, from a script, IPython or a debugger.

    Blocks until the window is closed, unless events are handled once this returns: inside a running Qt application,
    and at IPython's prompt after `%gui qt`. There it returns at once and the window stays. A window that is open on
    the same object comes to the front. Training goes on with what the window made of module and optimizer.

    Parameters
    ----------
    module
        What `open` takes, but for files.
    optimizer
        Kept in step with edits.

    Raises
    ------
    WeightEditError
        If there is no display, or this is not the main thread.
    """
    from weightedit.ui.live.live_edit import edit as show

    show(module, optimizer)
