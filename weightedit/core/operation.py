"""What an operation is: one typed, documented function, from which menu, form, record and checks are made."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NewType, get_args

from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec

Effect = Literal["write", "rebind", "restructure", "flag", "share"]
Locality = Literal["elementwise", "row", "whole", "several"]
Number = int | float | complex
DTypeName = NewType("DTypeName", str)
DeviceName = NewType("DeviceName", str)
"""A parameter that takes a device: `cpu`, `cuda:0`."""
Values = Any
"""A parameter that takes numbers for every element: a number, a nested list, an array or a tensor."""
TensorSource = Any
"""A parameter that takes a tensor: one in memory, a name in the document, or (file, tensor name)."""
TensorSources = Any
"""A parameter that takes several tensors, each as `TensorSource` does."""
Operand = Any
"""A parameter that takes a number, or a tensor that broadcasts to the region."""
Ints = tuple[int, ...]
"""A parameter that takes whole numbers: a shape, dimensions, an order."""
Plain = Any
"""A parameter that takes a value that is no tensor: None, a bool, number or text, or a list, tuple or dict of them."""
ExpressionText = NewType("ExpressionText", str)
"""A parameter that takes a formula in the language of expressions."""

_TYPES = {
    "Number": "number", "int": "integer", "bool": "boolean", "DTypeName": "dtype", "str": "text",
    "DeviceName": "device", "Values": "values", "TensorSource": "tensor", "TensorSources": "tensors",
    "Operand": "operand", "Ints": "integers", "Plain": "plain", "ExpressionText": "expression",
}  # fmt: skip
Subject = Literal["tensor", "entry", "value"]
Code = Callable[[TensorSpec, Mapping[str, Any]], str]
MaskedCode = Callable[[TensorSpec, Mapping[str, Any], bool], str]
Uses = Mapping[str, Mapping[str, Sequence[str]]]
Label = Callable[[Mapping[str, str]], str]
REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation, as its form shows it.

    Attributes
    ----------
    name, label
        As in code, and for people.
    type
        `number`, `integer`, `boolean`, `dtype`, `text`, `choice`, `integers`, `values`, `operand`, `tensor`, `tensors`,
        `plain` or `expression`.
    default
        `REQUIRED` where there is none.
    help
        One sentence out of the docstring.
    optional
        Whether None is a value of its own, as in `clamp(min=None)`.
    choices
        What a `choice` takes.
    """

    name: str
    label: str
    type: str
    default: Any
    help: str
    optional: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A declared operation.

    Attributes
    ----------
    name, title, summary, doc
        For the record, the menu, the tooltip and Help.
    group
        The part of the menu it stands in: `Values`, `Shape`, …
    parameters
        In the order of the function.
    locality
        Which values one result needs.
    effect
        `write` changes values in place; `rebind` gives the slot a new tensor; `restructure` changes slots;
        `flag` changes what is said of a tensor; `share` changes which slots hold one and the same tensor.
    takes_region
        Whether it applies to a part of a tensor.
    converts
        The values come through as they are, so that any difference in what is stored is a loss.
    scales
        A value that is not 0 must not become 0.
    compute
        `(current, **arguments) → values`: torch tensors of one piece; tensor arguments are cut to the piece, lists of
        tensors are not. A parameter `place` gets a `core.place.Place`. Of a restructure: `(draft, entry, **arguments)`,
        of a share: `(sharing, **arguments)`.
        Where values that stay must keep their bits it may return a pair: the exact values, and those to be stored.
    result
        `(spec, box, **arguments) → spec` of a rebind, on specs alone.
    label
        How history shows its arguments after the name: `× {factor}`; or a function of the arguments' texts.
    code
        The new values as a PyTorch expression: `{current} * {factor}`; or a function of the spec and the arguments
        (a tensor of the document as its spec) that returns one. Lines before the last set names. `{current}` is what
        the region selects; `{kept}` the same with the dimensions of single indices kept, for expressions that name
        dimensions; `{cells}` the same, but flat where a condition or several regions choose, for expressions that look
        at all cells together; `{tensor}` the whole and `{region}` the index alone.
    masked
        `(spec, arguments, several) → code` where only some cells are chosen and the others must not count: `mask`, of
        the shape of `{kept}`, says which. `several` where it was made of several regions, not of a condition.
    fits
        `(lowest, highest, **whole numbers) → (lowest, highest)`: which integers give one in the dtype's range.
    inputs
        `(box, result box, **arguments) → box`: the part of the old tensor a part of the new one is made from, its
        indices in any order and repeated where need be; None where the result does not depend on the old values.
    prepare
        `(survey, **arguments) → context`: passes over the region before anything is computed; see `core.place`.
    random
        Whether the edit has a seed.
    subject
        What it is applied to: tensors, or for a restructure any `entry` of the tree, or only a `value`.
    takes_place
        Whether `compute` wants to know its place.
    uses
        What a choice decides on: `{"method": {"constant": ("value",)}}` says that `value` matters for `constant` alone.
    mentions
        `(**arguments) → names` of tensors that its arguments name within a text; `code` has them as `{at[0]}`, ….
    takes_groups
        Whether a dotted prefix that is no entry itself, such as `stem`, stands for every entry below it; its argument
        `to`, where it has one, is the new prefix.
    anew
        Whether the old values are not read at all, so that a tensor without plain values can be given new ones.
    decodes
        Whether a quantized tensor is taken as the numbers it stands for.
    moves
        Values only come to other places, as in a slice or a flip, so that an optimizer's moments can be taken through
        the same operation. Where it also makes values, the arguments under which it makes zeros.
    relocates
        Whether tensors stay what they are and only come to another device, with all that shares their storages.
    """

    name: str
    title: str
    summary: str
    doc: str
    parameters: tuple[Parameter, ...]
    locality: Locality
    effect: Effect
    takes_region: bool
    converts: bool
    scales: bool
    compute: Callable[..., Any]
    result: Callable[..., TensorSpec] | None
    inputs: Callable[..., Box | None] | None
    label: str | Label
    code: str | Code
    masked: MaskedCode | None
    fits: Callable[..., tuple[int, int]] | None
    group: str
    prepare: Callable[..., Any] | None
    random: bool
    subject: Subject
    takes_place: bool
    mentions: Callable[..., Sequence[str]] | None
    uses: Uses
    takes_groups: bool = False
    moves: bool | Mapping[str, Any] = False
    anew: bool = False
    decodes: bool = False
    relocates: bool = False

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter called `name`, or None."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    def matters(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Whether a parameter matters, given what was chosen for the others."""
        for choice, by_value in self.uses.items():
            mentioned = any(name in names for names in by_value.values())
            if mentioned and name not in by_value.get(arguments.get(choice, ""), ()):
                return False
        return True


def operation(effect: Effect, *, title: str, group: str = "Values", locality: Locality = "elementwise",
              takes_region: bool | None = None, converts: bool = False, scales: bool = False,
              result: Callable[..., TensorSpec] | None = None, inputs: Callable[..., Box | None] | None = None,
              label: str | Label = "", code: str | Code = "", masked: MaskedCode | None = None,
              fits: Callable[..., tuple[int, int]] | None = None,
              prepare: Callable[..., Any] | None = None, random: bool = False, subject: Subject = "tensor",
              mentions: Callable[..., Sequence[str]] | None = None, uses: Uses = MappingProxyType({}),
              takes_groups: bool = False, moves: bool | Mapping[str, Any] = False,
              anew: bool = False, decodes: bool = False, relocates: bool = False,
              ) -> Callable[[Callable[..., Any]], Operation]:  # fmt: skip
    """Declare a function as an operation; a signature or docstring that cannot make a form fails at import."""

    def declare(function: Callable[..., Any]) -> Operation:
        doc = inspect.getdoc(function) or ""
        names = list(inspect.signature(function).parameters.values())[2 if effect == "restructure" else 1 :]
        helps = _parameter_help(doc)
        takes_place = any(found.name == "place" for found in names)
        parameters = tuple(_declared(function, found, helps) for found in names if found.name != "place")
        if not doc or (effect == "rebind") != (result is not None):
            raise TypeError(f"operation {function.__name__} needs a docstring, and a result if it rebinds")
        region = effect == "write" if takes_region is None else takes_region
        return Operation(function.__name__.rstrip("_"), title, doc.splitlines()[0], doc, parameters, locality, effect,
                         region, converts, scales, function, result, inputs, label, code, masked, fits, group, prepare,
                         random, subject, takes_place, mentions, uses, takes_groups, moves, anew,
                         decodes, relocates)  # fmt: skip

    return declare


def _declared(function: Callable[..., Any], found: inspect.Parameter, helps: dict[str, str]) -> Parameter:
    """Make one parameter out of its annotation: a known type, `| None`, or a Literal alias of the module."""
    annotation = str(found.annotation)
    bare = annotation.removesuffix(" | None")
    choices = get_args(function.__globals__.get(bare)) if bare not in _TYPES else ()
    kind = "choice" if choices else _TYPES.get(bare)
    if kind is None or found.name not in helps:
        raise TypeError(f"operation {function.__name__}: {found.name} needs a known type and a description")
    words = found.name.replace("_", " ").capitalize() if kind != "dtype" else "To dtype"
    return Parameter(found.name, words, kind, found.default, helps[found.name], annotation != bare,
                     tuple(str(choice) for choice in choices))  # fmt: skip


def _parameter_help(doc: str) -> dict[str, str]:
    """Take each parameter's description out of a numpy docstring."""
    section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n[A-Z][a-z]+\n-+|\Z)", doc, re.DOTALL)
    found: dict[str, str] = {}
    name = ""
    for line in section[1].splitlines() if section else ():
        if line and not line.startswith(" "):
            name = line.split(":")[0].strip()
            found[name] = ""
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
