"""How tensors were nested in what a module was given or gave back: tuples, lists, dicts, named tuples, dataclasses."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Key = str | int | float | bool | None
Path = tuple[Key, ...]
KEYED = ("dict", "named tuple", "dataclass")
"""Kinds whose parts have keys or fields, and no positions."""


@dataclass(frozen=True, slots=True)
class Form:
    """A value as it was nested, its tensors by name.

    Attributes
    ----------
    kind
        `tensor`, `value` (a plain one), `tuple`, `list`, `dict`, `named tuple` or `dataclass`; `left out` for a tensor
        that was not captured, and `other` for what is neither.
    type
        The name of its class; empty for a plain tensor, tuple, list or dict.
    keys, parts
        Of what holds others: the keys of a dict, the fields of a named tuple or dataclass, and what is there.
    tensor
        The name the tensor was captured by.
    dtype, shape, device
        Of a tensor when it was seen.
    value
        A plain value; a float that is not finite is text.
    said
        Why it was left out, as the end of a sentence.
    """

    kind: str
    type: str = ""
    keys: tuple[Key, ...] = ()
    parts: tuple[Form, ...] = ()
    tensor: str = ""
    dtype: str = ""
    shape: tuple[int, ...] = ()
    device: str = ""
    value: Key = None
    said: str = ""

    @property
    def places(self) -> tuple[Key, ...]:
        """Under what each part is: a key, a field, or a position."""
        return self.keys if self.kind in KEYED else tuple(range(len(self.parts)))




@dataclass(frozen=True, slots=True)
class Fields:
    """A named tuple or dataclass whose class is not at hand: its fields, by name and, of a tuple, by position."""

    type: str
    fields: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"{self.type} has no field {name}") from None

    def __getitem__(self, key: int | str) -> Any:
        return self.fields[key] if isinstance(key, str) else list(self.fields.values())[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fields.values())

    def __len__(self) -> int:
        return len(self.fields)


def leaves(form: Form, path: Path = ()) -> Iterator[tuple[Path, Form]]:
    """Yield what holds nothing else, each with the keys and positions that lead to it."""
    if not form.parts:
        yield path, form
    for key, part in zip(form.places, form.parts, strict=True):
        yield from leaves(part, (*path, key))


def rebuilt(form: Form, read: Callable[[str], Any], classes: Mapping[str, type] | None = None) -> Any:
    """Return the value again, nested as it was.

    Parameters
    ----------
    form
        Of the value.
    read
        Returns the tensor with a name.
    classes
        By name, those at hand; a named tuple or dataclass of another class comes as `Fields`.

    Returns
    -------
    object
        Where something was neither a tensor, a plain value nor a container, its form stands for it.
    """
    known = classes or {}
    if form.kind == "tensor":
        return read(form.tensor)
    if form.kind == "value":
        return float(form.value) if form.type == "float" and isinstance(form.value, str) else form.value
    parts = [rebuilt(part, read, known) for part in form.parts]
    kind = known.get(form.type, object)
    if form.kind == "list":
        return deque(parts) if kind is deque else parts
    if form.kind == "dict":
        pairs = dict(zip(form.keys, parts, strict=True))
        return OrderedDict(pairs) if kind is OrderedDict else pairs
    if form.kind == "tuple":
        return tuple(parts) if kind is object else kind(parts) if kind.__module__ == "torch" else \
            tuple.__new__(kind, parts)  # fmt: skip
    if form.kind in KEYED:
        fields = dict(zip(map(str, form.keys), parts, strict=True))
        return Fields(form.type, fields) if kind is object else _of_class(kind, form.kind, fields)
    return form


def _of_class(kind: type, what: str, fields: dict[str, Any]) -> Any:
    """Make an object of a person's class; a dataclass as it was, without running what its `__init__` would do."""
    if what == "named tuple":
        make: Callable[[Any], Any] = getattr(kind, "_make", kind)  # those of torch.return_types take the values
        return make(list(fields.values()))
    if issubclass(kind, dict):  # it fills itself from its fields, as the outputs of transformers do
        return kind(**fields)
    made = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made
