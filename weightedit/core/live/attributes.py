"""Sizes that a module keeps beside its tensors, such as `in_features`: they follow a change of shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weightedit.core.described.placeholder import Placeholder
from weightedit.core.live.computed_shapes import ComputedShape, computed_shapes, computing_module
from weightedit.core.live.sizes import KNOWN, Shape, Shapes, Sizes, rule_for
from weightedit.core.region import shape_text
from weightedit.core.slots import Entry, HeldTensor, Slot, put

MovedRow = Callable[[Slot, int], int | None]
PARTS = ("_parameters", "_buffers")


@dataclass(slots=True)
class SetAttributes:
    """Set attributes of a module, live or of a pickle; undo puts the very values back.

    Attributes
    ----------
    owner
        A live module, or the dict of a pickled one's attributes.
    before, after
        By name.
    """

    owner: Any
    before: dict[str, Any]
    after: dict[str, Any]
    nbytes: int = 0

    def do(self) -> None:
        """Set them."""
        try:
            self._set(self.after)
        except BaseException:
            self._set({name: self.before[name] for name in self.after if _get(self.owner, name) is self.after[name]})
            raise

    def undo(self) -> None:
        """Set them back."""
        self._set(self.before)

    def _set(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            put(self.owner, name, value)

    def was_changed_elsewhere(self) -> bool:
        """Whether other code set one of them since."""
        return any(_get(self.owner, name) != value for name, value in self.after.items())


def _get(owner: Any, name: str) -> Any:
    return owner.get(name) if isinstance(owner, dict) else getattr(owner, name, None)


@dataclass(frozen=True, slots=True)
class ModuleChange:
    """What new shapes mean for one module.

    Attributes
    ----------
    module
        The live module or the placeholder of a pickled one.
    kind, name
        Its class, and its name in the document.
    before, after
        Attributes that follow, by name.
    complaints
        What cannot follow, in sentences.
    siblings
        Tensors of the module whose shape no longer fits, by their key in it.
    only_shapes
        Whether all that cannot follow is the shape of these.
    unchecked
        Whether torch would compute a weight of tensors that do not fit, and read past the end of one.
    """

    module: Any
    kind: str
    name: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    unchecked: bool = False
    only_shapes: bool = False

    @property
    def title(self) -> str:
        """Class and name, as people call a module."""
        return f"{self.kind} {self.name}".strip()

    @property
    def command(self) -> SetAttributes | None:
        """The step that brings the attributes along, or None."""
        if not self.after:
            return None
        owner = self.module.attributes if isinstance(self.module, Placeholder) else self.module
        return SetAttributes(owner, self.before, self.after)


def module_changes(changed: Sequence[tuple[Slot, Shape]], entries: Iterable[Entry], root: Any,
                   moved_row: MovedRow = lambda slot, row: row) -> list[ModuleChange]:  # fmt: skip
    """Return what other shapes of tensors mean for the modules they are in.

    Parameters
    ----------
    changed
        (slot, the shape it comes to have)
    entries, root
        Of the document, to find a pickled module by what is in it.
    moved_row
        `(slot, row) → row` where a row of a tensor comes to be, or None where that cannot be said; for `padding_idx`.
    """
    weights = {id(slot): _weight_of(slot, root) for slot, _ in changed}
    different = [(slot, shape) for slot, shape in changed if slot.spec.shape != shape]
    if not different and not any(_padded(weights[id(slot)]) for slot, _ in changed):
        return []
    pickled = _pickled(entries, root) if any(isinstance(slot.owner, dict) for slot, _ in changed) else {}
    after = {(id(slot.owner), slot.key): shape for slot, shape in changed}
    found: dict[int, ModuleChange] = {}
    for slot, _ in changed:
        weight = weights[id(slot)]
        weight = replace(weight, module=pickled.get(id(slot.owner), weight.module))
        module = weight.module
        if id(module) not in found and (isinstance(module, Placeholder) or hasattr(module, "_parameters")):
            found[id(module)] = _change(weight, after, moved_row)
    return [change for change in found.values() if change.after or change.complaints]


@dataclass(frozen=True, slots=True)
class _Weight:
    """A slot as its module knows it: an original of a parametrization counts as the weight that is computed of it."""

    slot: Slot
    module: Any
    name: str
    key: Any


def _weight_of(slot: Slot, root: Any) -> _Weight:
    found = computing_module(slot.path, root) if hasattr(slot.owner, "_parameters") else None
    if found is None:
        key = slot.key
        hooks = getattr(slot.owner, "_forward_pre_hooks", None)
        for hook in hooks.values() if isinstance(hooks, dict) else ():
            name = getattr(hook, "name", None) or getattr(hook, "_tensor_name", None)
            key = name if key in (f"{name}_v", f"{name}_orig") else key
        return _Weight(slot, slot.owner, slot.name.rpartition(".")[0], key)
    module, key, length = found
    steps = slot.name.rsplit(".", len(slot.path) - length)
    return _Weight(slot, module, steps[0] if len(steps) > len(slot.path) - length else "", key)


def _padded(weight: _Weight) -> bool:
    return isinstance(getattr(weight.module, "padding_idx", None), int)


def _change(weight: _Weight, after: Mapping[tuple[int, Any], Shape], moved_row: MovedRow) -> ModuleChange:
    module, slot, name = weight.module, weight.slot, weight.name

    def ask(attribute: str) -> Any:
        return _get(module.attributes if isinstance(module, Placeholder) else module, attribute)

    kind = module.type.name if isinstance(module, Placeholder) else type(module).__name__
    computed = _newly_unfit(module, after)
    told = tuple(text for one in computed for text in one.misfits)
    beside = tuple(key for one in computed for key in one.siblings)
    if any(one.unchecked or one.shape is None for one in computed):
        return ModuleChange(module, kind, name, {}, {}, told, beside, any(one.unchecked for one in computed))
    old, new = _shapes(module, {}), _shapes(module, after)
    rule = rule_for(_classes(module))
    if rule is None:
        return ModuleChange(module, kind, name, complaints=(*told, *_stale(ask, old, new, kind)), siblings=beside)
    then, now = rule(old, ask), rule(new, ask)
    if now is None:
        unfit = (f"{kind} takes no {weight.key} of {shape_text(new[weight.key])}",) \
            if then is not None and weight.key in new else ()  # fmt: skip
        return ModuleChange(module, kind, name, complaints=(*told, *unfit), siblings=beside)
    values = {key: value for key, value in now.values.items() if ask(key) is not None and ask(key) != value}
    odd, siblings = _misfits(now, new)
    known = {*_misfits(then, old)[0], *then.complaints} if then is not None else set()
    complaints = [*told, *now.complaints, *odd]
    padding = ask("padding_idx")
    if isinstance(padding, int) and weight.key == "weight":
        row = moved_row(slot, padding)
        if row is None:
            complaints = [*told, *odd, f"padding_idx stays {padding}, and that row is another one or gone"]
        elif row != padding:
            complaints = [*told, *odd]
            values["padding_idx"] = row
    return ModuleChange(module, kind, name, {key: ask(key) for key in values}, values,
                        tuple(text for text in complaints if text not in known), (*siblings, *beside),
                        only_shapes=complaints == list(odd))  # fmt: skip


def _newly_unfit(module: Any, after: Mapping[tuple[int, Any], Shape]) -> list[ComputedShape]:
    """Return the computed weights of a live module whose originals no longer fit each other, and did before."""
    if isinstance(module, Placeholder):
        return []
    known = {text for one in computed_shapes(module, {}) for text in one.misfits}
    return [one for one in computed_shapes(module, after) if any(text not in known for text in one.misfits)]


def _misfits(sizes: Sizes, shapes: Shapes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return in words, and by key, which tensors do not have the shape that the others ask for."""
    wrong = {key: wanted for key, wanted in sizes.shapes.items() if key in shapes and shapes[key] != wanted}
    return tuple(f"{key} is {shape_text(shapes[key])} and has to be {shape_text(wanted)}"
                 for key, wanted in wrong.items()), tuple(wrong)  # fmt: skip


def _stale(ask: Callable[[str], Any], old: Shapes, new: Shapes, kind: str) -> tuple[str, ...]:
    """Return which attributes of a module of one's own look like a size that is no longer so."""
    gone = {size for key, shape in old.items() if new.get(key) != shape
            for size in shape if size not in new.get(key, ())}  # fmt: skip
    return tuple(f"{kind}.{name} stays {ask(name)}" for name in KNOWN
                 if isinstance(ask(name), int) and ask(name) in gone)  # fmt: skip


def _classes(module: Any) -> list[tuple[str, str]]:
    if isinstance(module, Placeholder):
        return [(module.type.module, module.type.name)]
    return [(one.__module__, one.__name__) for one in type(module).__mro__]


def _shapes(module: Any, after: Mapping[tuple[int, Any], Shape]) -> dict[str, Shape]:
    """Return the shapes of a module's own tensors, and of its output projection's, as they come to be."""
    attributes = module.attributes if isinstance(module, Placeholder) else vars(module)
    found: dict[str, Shape] = {}
    for part in PARTS:
        inside = attributes.get(part)
        for key, tensor in inside.items() if isinstance(inside, dict) else ():
            own = inside if isinstance(module, Placeholder) else module
            if tensor is not None:
                known = after.get((id(own), key))
                found[str(key)] = known if known is not None else _shape(tensor)
    for one in () if isinstance(module, Placeholder) else computed_shapes(module, after):
        if one.shape is not None:
            found[one.key] = one.shape
    projection = (attributes.get("_modules") or {}).get("out_proj")
    if projection is not None and (isinstance(projection, Placeholder) or hasattr(projection, "_parameters")):
        found |= {f"out_proj.{key}": shape for key, shape in _shapes(projection, after).items()}
    return found


def _shape(tensor: Any) -> Shape:
    return tensor.spec.shape if isinstance(tensor, HeldTensor) else tuple(tensor.shape)


def _pickled(entries: Iterable[Entry], root: Any) -> dict[int, Placeholder]:
    """Return the pickled module of each dict of parameters or buffers, by the dict's id."""
    modules = [entry.value for entry in entries if entry.kind == "module"] + [root]
    return {
        id(module.attributes[part]): module
        for module in modules if isinstance(module, Placeholder) and module.is_module
        for part in PARTS if part in module.attributes
    }  # fmt: skip
