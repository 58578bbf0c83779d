"""Deep copies of anything that holds tensors: independent memory, no graph, and the same sharing inside."""

from __future__ import annotations

import copy
import copyreg
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from weightedit.core.progress import Ask, unasked
from weightedit.core.stage import over_storage, reparametrized

T = TypeVar("T")

_ATOMS = frozenset((
    type(None), int, float, bool, complex, bytes, str, type, range, type(Ellipsis), type(NotImplemented),
    types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.CodeType, property, weakref.ref,
    torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size,
))  # fmt: skip
"""What is never copied: it cannot change, or is code."""


def detached_copy(obj: T) -> T:
    """Return a deep copy that shares no memory and no graph with the original.

    Where `copy.deepcopy` raises on a tensor that was computed (a non-leaf), this copies its values. What is nested in
    tuples, lists, dicts, sets, named tuples, dataclasses, modules and objects of your own keeps its type; what was one
    object stays one, cycles included.

    Parameters
    ----------
    obj
        A tensor, or anything that holds tensors.

    Returns
    -------
    The same type as `obj`
        Every tensor in it is a leaf, on the same device, of the same dtype, shape and stride. `requires_grad` stays
        what it was for leaves and parameters; a computed tensor comes out without it. `.grad` and hooks of tensors are
        not copied. Views of one storage become views of one new storage, at the same offsets; of sparse, quantized,
        nested and other tensors without plain storage each gets memory of its own.

    Raises
    ------
    TypeError
        If something inside cannot be copied, such as a lock or a generator. Nothing is ever shared instead; only
        functions, classes and weak references are kept as they are, with what they refer to.

    See Also
    --------
    copy.deepcopy, which unties parameters that are views of one storage and raises on non-leaf tensors.
    """
    found: T = Copier().copy(obj)
    return found


class Copier:
    """Copies objects as `detached_copy` does, each once; what several hold is one in all that one copier copies.

    Parameters
    ----------
    ask
        Called at each tensor and object; what it raises stops the copying.

    Attributes
    ----------
    made
        Copies by the id of the original; the same mapping that `copy.deepcopy` hands to a `__deepcopy__`.
    """

    def __init__(self, ask: Ask = unasked) -> None:
        self._ask = ask
        self.made: dict[int, Any] = {}
        self._kept: list[Any] = []  # while an original lives, no other object gets its id
        self._storages: dict[tuple[str, int], torch.UntypedStorage] = {}
        self._open: set[int] = set()

    def copy(self, obj: Any) -> Any:
        """Return the copy of an object, made now or before."""
        if type(obj) in _ATOMS or isinstance(obj, type):
            return obj
        if id(obj) in self.made:
            return self.made[id(obj)]
        made = self._make(obj)
        if made is not obj:
            self._keep(obj, made)
        return made

    def _keep(self, obj: Any, made: Any) -> None:
        self.made[id(obj)] = made
        self._kept.append(obj)

    def _make(self, obj: Any) -> Any:
        by_type = _BY_TYPE.get(type(obj))
        if by_type is not None:
            return by_type(self, obj)
        self._ask()
        if isinstance(obj, torch.Tensor):
            return self.tensor(obj)
        if isinstance(obj, torch.UntypedStorage):
            return self._storage(obj)
        if isinstance(obj, torch.jit.ScriptModule):
            return self._script(obj)
        if isinstance(obj, torch.nn.Module) and "__deepcopy__" in vars(type(obj)) and torch.nn.utils.parametrize.\
                is_parametrized(obj):  # fmt: skip
            return self._parametrized(obj)
        if hasattr(obj, "__deepcopy__"):
            return self._by_its_own_way(obj)
        return self._rebuilt(obj)

    # ---- tensors

    def tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the copy of a tensor, with copies of what hangs on it."""
        grad = tensor.requires_grad and tensor.is_leaf
        with torch.no_grad():
            if torch.nn.parameter.is_lazy(tensor):
                return blank(tensor)
            made = self._over_new_storage(tensor) if _has_plain_storage(tensor) else tensor.detach().clone()
            made = self._of_its_class(made, tensor, grad)
        attributes = getattr(tensor, "__dict__", None)
        if attributes:
            self._keep(tensor, made)
            vars(made).update(self.copy(attributes))
        return made

    def _of_its_class(self, made: torch.Tensor, like: torch.Tensor, grad: bool) -> torch.Tensor:
        kind = type(like)
        if kind in (torch.Tensor, torch.nn.Parameter) or type(made) is kind:
            return reparametrized(made, like, grad)
        if issubclass(kind, torch.nn.Parameter):
            return torch.Tensor._make_subclass(kind, made, grad)
        return made.as_subclass(kind).requires_grad_(grad) if grad else made.as_subclass(kind)

    def _over_new_storage(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the same view of the copy of its storage, with the conjugate and negative bits it has."""
        plain = tensor.detach()
        if plain.is_conj():
            plain = plain.conj()
        if plain.is_neg():
            plain = torch._neg_view(plain)
        made = over_storage(plain, self._storage(plain.untyped_storage()))
        made = torch._neg_view(made) if tensor.is_neg() else made
        return made.conj() if tensor.is_conj() else made

    def _storage(self, storage: torch.UntypedStorage) -> torch.UntypedStorage:
        key = str(storage.device), storage._cdata
        if key not in self._storages:
            self._storages[key] = storage.clone()  # type: ignore[no-untyped-call]
            self._kept.append(storage)
        return self._storages[key]

    # ---- containers

    def _list(self, obj: list[Any]) -> list[Any]:
        made: list[Any] = []
        self._keep(obj, made)
        made += (self.copy(item) for item in obj)
        return made

    def _dict(self, obj: dict[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self._keep(obj, made)
        for key, value in obj.items():
            made[self.copy(key)] = self.copy(value)
        return made

    def _ordered(self, obj: OrderedDict[Any, Any]) -> OrderedDict[Any, Any]:
        """Copy an empty one at once: each module has about ten of them, for hooks."""
        if obj or vars(obj):
            made: OrderedDict[Any, Any] = self._rebuilt(obj)
            return made
        return OrderedDict()

    def _set(self, obj: set[Any]) -> set[Any]:
        made: set[Any] = set()
        self._keep(obj, made)
        made.update(self.copy(item) for item in obj)
        return made

    def _fixed(self, obj: Any) -> Any:
        """Copy a tuple or frozenset; one in which nothing was copied is what it was."""
        items = [self.copy(item) for item in obj]
        if id(obj) in self.made:  # it holds itself, by way of a list
            return self.made[id(obj)]
        same = all(made is item for made, item in zip(items, obj, strict=True))
        return obj if same else type(obj)(items)

    def _method(self, obj: types.MethodType) -> types.MethodType:
        return types.MethodType(obj.__func__, self.copy(obj.__self__))

    # ---- objects

    def _parametrized(self, module: torch.nn.Module) -> torch.nn.Module:
        """Copy a parametrized module: its class, made for it alone, is kept, as torch's own copy does."""
        made: torch.nn.Module = type(module).__new__(type(module))
        self._keep(module, made)
        vars(made).update(self.copy(vars(module)))
        return made

    def _script(self, script: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
        """Let torch copy a script, whose tensors are none of Python's; others that hold them get those of the copy."""
        with torch.no_grad():  # else they would be computed from those of the original
            made: torch.jit.ScriptModule = copy.deepcopy(script)
        own = dict([*made.named_parameters(), *made.named_buffers()])
        for name, tensor in [*script.named_parameters(), *script.named_buffers()]:
            self._keep(tensor, own[name].requires_grad_(tensor.requires_grad and tensor.is_leaf))
        return made

    def _by_its_own_way(self, obj: Any) -> Any:
        """Let an object copy itself, after its tensors were copied: it finds these in the mapping it is handed."""
        if id(obj) not in self._open and hasattr(obj, "__dict__"):
            self._open.add(id(obj))
            for value in list(vars(obj).values()):
                self.copy(value)
            self._open.discard(id(obj))
        return self.made[id(obj)] if id(obj) in self.made else copy.deepcopy(obj, self.made)

    def _rebuilt(self, obj: Any) -> Any:
        """Make an object again out of what it gives to pickle, as `copy.deepcopy` does."""
        reduce = copyreg.dispatch_table.get(type(obj))
        try:
            parts = reduce(obj) if reduce is not None else obj.__reduce_ex__(4)
        except TypeError as error:
            raise TypeError(f"a {type(obj).__name__} cannot be copied ({error}); take it out first") from error
        if isinstance(parts, str):
            return obj  # a name that is looked up, such as a logger's
        call, arguments, state, items, pairs, put_state = (*parts, None, None, None, None)[:6]
        self._kept.append(parts)
        made = call(*(self.copy(argument) for argument in arguments))
        if id(obj) in self.made:
            return self.made[id(obj)]
        self._keep(obj, made)
        if state is not None:
            self._restore(made, self.copy(state), put_state)
        for item in items or ():
            made.append(self.copy(item))
        for key, value in pairs or ():
            made[self.copy(key)] = self.copy(value)
        return made

    def _restore(self, made: Any, state: Any, put_state: Callable[[Any, Any], object] | None) -> None:
        if put_state is not None:
            put_state(made, state)
        elif hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            inside, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            if inside is not None:
                vars(made).update(inside)
            for name, value in (slots or {}).items():
                object.__setattr__(made, name, value)


def _has_plain_storage(tensor: torch.Tensor) -> bool:
    """Whether storage, offset, shape and stride say all of a tensor's values."""
    own = type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    other = tensor.is_nested or tensor.is_quantized or tensor.is_mkldnn
    return tensor.layout == torch.strided and not own and not other


_BY_TYPE: dict[type, Callable[[Copier, Any], Any]] = {
    list: Copier._list,
    dict: Copier._dict,
    OrderedDict: Copier._ordered,
    set: Copier._set,
    tuple: Copier._fixed,
    frozenset: Copier._fixed,
    types.MethodType: Copier._method,
}


def blank(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor like another one that has no shape and no values yet.

    `copy.deepcopy` raises for buffers of lazy modules.
    """
    kind: Any = type(tensor)
    made: torch.Tensor = kind(tensor.requires_grad, tensor.device, tensor.dtype)
    return made
