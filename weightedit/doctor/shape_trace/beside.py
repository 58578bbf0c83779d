"""What stands beside a disagreement: what the module says, what comes to it, and where the numbers come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from weightedit.core.document import Document
from weightedit.core.undo.history_compare import State
from weightedit.core.words.labels import called, listed
from weightedit.doctor.facts import ModelFacts, TensorFacts
from weightedit.doctor.shape_trace.disagreement import Disagreement
from weightedit.doctor.shape_trace.mending import Weights
from weightedit.doctor.shape_trace.trace import Call, Failure, Seen, Trace

MOST_SAID = 4
_BY_DTYPE = ("dtype", "index-dtype")
_TELLING = ("in_features", "in_channels", "num_embeddings", "num_features", "input_size", "embed_dim",
            "normalized_shape.0", "out_features", "out_channels", "embedding_dim", "hidden_size", "groups")  # fmt: skip
"""What modules say of themselves that is told, what they take first."""
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True, slots=True)
class Said:
    """What one side says.

    Attributes
    ----------
    title
        Who: `down_proj says`, `up_proj gives`.
    lines
        What, one number or shape each.
    wrong
        The place of the line that disagrees; -1 for none.
    """

    title: str
    lines: tuple[str, ...]
    wrong: int = -1


@dataclass(frozen=True, slots=True)
class Beside:
    """What is to be said beside and below the picture of a disagreement.

    Attributes
    ----------
    facts
        Of the module that stopped, and of what comes to it.
    sentences
        Where the numbers come from.
    """

    facts: tuple[Said, ...] = ()
    sentences: tuple[str, ...] = ()


def beside(found: Disagreement, failure: Failure, trace: Trace, model: ModelFacts, weights: Weights,
           document: Document) -> Beside:  # fmt: skip
    """Return what a run and a document say of a disagreement.

    Parameters
    ----------
    found, failure, trace, model
        As `diagnose` was given them.
    weights
        The tensors that the run used.
    document
        Whose history may have made a weight what it is.
    """
    own = weights.of(found.weight.tensor)
    edited = list(_edited(document, own))
    sentences = [*(edited or _in_code(own, weights.model.get(found.weight.tensor))), *_like_it(found, own, weights),
                 *_given(found)]  # fmt: skip
    return Beside((*_says(found, failure, model), _gives(found, failure, trace)), tuple(sentences))


def _last(name: str) -> str:
    """Return the part of a module's name that tells it from those around it: `down_proj`, `layers.3`."""
    parts = name.split(".")
    return ".".join(parts[-2:] if parts[-1].isdigit() else parts[-1:])


def _says(found: Disagreement, failure: Failure, model: ModelFacts) -> Iterator[Said]:
    """Give what the module was made with, and what its weight has."""
    says = next((one.says for one in model.modules if one.name == failure.module), None) or {}
    lines = [f"{name.removesuffix('.0')} {says[name]}" for name in _TELLING if name in says and
             not (name == "groups" and says[name] == 1)][:MOST_SAID]  # fmt: skip
    lines.append(f"{_last(found.weight.tensor) or 'it'} {_seen(found, found.weight.seen)}")
    yield Said(f"{called(_last(failure.module) or failure.type)} says", tuple(lines), len(lines) - 1)


def _gives(found: Disagreement, failure: Failure, trace: Trace) -> Said:
    """Return what comes to the module, and from where as far as that is known."""
    line = _seen(found, found.got.seen)
    if found.got.made_by:
        names = [called(_last(name)) for name in found.got.made_by[:2]]
        return Said(f"{' and '.join(names)} {'gives' if len(names) == 1 else 'give'}", (line,), 0)
    before = _before(found.got.seen, failure, trace)
    if before is not None:
        return Said(f"{called(_last(before.module) or before.type)} gives", (line,), 0)
    outermost = trace.calls[0].inputs if trace.calls else ()
    if any(one.shape == found.got.seen.shape and one.dtype == found.got.seen.dtype for one in outermost):
        return Said("the input is", (line,), 0)
    return Said("it is given", (line,), 0)


def _before(got: Seen, failure: Failure, trace: Trace) -> Call | None:
    """Return the last call that returned before the failure, if what came is what it returned."""
    done = [call for call in trace.calls if call.state == "done"]
    last = done[-1] if done else None
    if last is None or last.module == failure.module:
        return None
    return last if any(one.shape == got.shape and one.dtype == got.dtype for one in last.outputs) else None


def _seen(found: Disagreement, seen: Seen) -> str:
    shape = f"[{', '.join(map(str, seen.shape or ()))}]"
    if found.kind == "device":
        return f"{shape} on {seen.device}"
    return f"{shape} {seen.dtype}" if found.kind in _BY_DTYPE else shape


def _edited(document: Document, own: TensorFacts | None) -> Iterator[str]:
    """Say which edit made a tensor what it is, and of what."""
    history = document.history
    steps = history.steps[: history.position]
    if own is None or not steps:
        return
    changing = [at for at, step in enumerate(steps) if step.structure and own.name in step.names]
    if not changing:
        return
    place = changing[-1]
    was = _at(document.state_at(place), own.name)
    now = _at(document.state_at(place + 1), own.name)
    changed = [] if was is None or now is None else \
        [f"{one} to {other}" for one, other in zip(was, now, strict=True) if one != other]  # fmt: skip
    if changed:
        yield f"Edit {place + 1:,} of this document, {steps[place].label}, took {called(own.name)} " \
              f"from {' and from '.join(changed)}."  # fmt: skip


def _at(state: State, name: str) -> tuple[str, str] | None:
    slot = next((slot for slot, known in state.names.items() if known == name), None)
    if slot is None:
        return None
    spec = state.pin(slot).spec
    return f"[{', '.join(map(str, spec.shape))}]", spec.dtype


def _in_code(own: TensorFacts | None, ours: TensorFacts | None) -> Iterator[str]:
    if own is not None and ours is not None and own.shape != ours.shape:
        yield f"The model's code makes {called(ours.name)} {list(ours.shape)}, the document has {list(own.shape)}."


def _like_it(found: Disagreement, own: TensorFacts | None, weights: Weights) -> Iterator[str]:
    """Say what the same tensor of other layers has, where they all have the same."""
    name, dim = found.weight.tensor, found.weight_dim
    pattern = _NUMBER.sub("#", name)
    if own is None or pattern == name or not 0 <= dim < len(own.shape):
        return
    others = [one for other in weights.names if other != name and _NUMBER.sub("#", other) == pattern
              and (one := weights.of(other)) is not None]  # fmt: skip
    sizes = {one.shape[dim] for one in others if len(one.shape) == len(own.shape)}
    if len(sizes) == 1 and sizes != {own.shape[dim]}:
        them = "The other layer has" if len(others) == 1 else f"Each of the {len(others):,} other layers has"
        yield f"{them} {sizes.pop()}."
    elif sizes == {own.shape[dim]}:
        yield f"Every layer has {own.shape[dim]}."


def _given(found: Disagreement) -> Iterator[str]:
    names = found.got.made_by
    if names and found.got_size >= 0:
        said = listed([_last(name) for name in names])
        yield f"{said} {'gives' if len(names) == 1 else 'give'} {found.got_size}."
