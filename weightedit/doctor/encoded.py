"""Tensors of a checkpoint whose values are not plain numbers: a model cannot be given them, and that is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from weightedit.core.edit import Edit
from weightedit.core.errors import WeightEditError
from weightedit.core.values.quantized import STORED
from weightedit.core.words.labels import listed
from weightedit.core.words.visible import visible
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.finding import Finding, Mend

_REFUSED = ("quantized", "sparse", "meta")
"""Encodings of which `load_state_dict` copies no values into a tensor of plain numbers."""


class NoValues(WeightEditError):
    """A model cannot be run with values that are not plain.

    Attributes
    ----------
    finding
        Says of which tensors.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def encoded_finding(names: Mapping[str, str], facts: Mapping[str, TensorFacts]) -> Finding | None:
    """Return the finding of tensors that a model has and whose values it cannot be given; None where there is none.

    Parameters
    ----------
    names
        The checkpoint's name of each tensor of the model.
    facts
        The checkpoint's tensors by name.
    """
    found = [facts[own] for own in dict.fromkeys(names.values()) if not facts[own].has_values]
    if not found:
        return None
    kinds: dict[str, list[str]] = {}
    for one in found:
        kinds.setdefault(_kind(one), []).append(one.name)
    said = ", ".join(f"{listed(same)} {'is' if len(same) == 1 else 'are'} {kind}" for kind, same in kinds.items())
    numbers = tuple(one.name for one in found if one.encoding == "quantized" and one.dtype in STORED)
    what = visible(numbers[0]) if len(numbers) == 1 else f"{len(numbers):,} tensors"
    cast = Edit("cast", numbers, arguments={"dtype": "float32"})
    others = [one.name for one in found if one.name not in numbers]
    detail = f"not {listed(others)}" if others else ""
    mends = (Mend(f"Dequantize {what} to float32", (cast,), detail),) if numbers else ()
    module = next(name for name, own in names.items() if own == found[0].name).rpartition(".")[0]
    return Finding("encoded", module, found[0].name, f"{said}: a model takes plain numbers, so it cannot be given "
                   f"{'its' if len(found) == 1 else 'their'} values.", mends)  # fmt: skip


def is_refused(one: TensorFacts) -> bool:
    """Whether `load_state_dict` raises for a tensor, as a model of plain numbers does not take it."""
    return not one.has_values and one.encoding.startswith(("plain", *_REFUSED))


def as_loaded(facts: Iterable[TensorFacts], model: Sequence[TensorFacts]) -> tuple[TensorFacts, ...]:
    """Return facts to compare with a model: those without values by name and shape, in the dtype that the model has."""
    ours = {one.name: one.dtype for one in model}
    return tuple(one if one.has_values else replace(one, dtype=ours.get(one.key, "float32")) for one in facts)


def _kind(one: TensorFacts) -> str:
    return one.dtype if one.encoding == "plain" else f"quantized ({one.dtype})" if one.encoding == "quantized" \
        else one.encoding  # fmt: skip
