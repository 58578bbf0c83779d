"""Watches each torch function while a model runs: which one raises, on what, and which modules made its operands."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as functional
from torch.overrides import TorchFunctionMode, resolve_name

from weightedit.doctor.inside.seeing import leaves, seen_one, tensors_in
from weightedit.doctor.shape_trace.trace import Operand, Seen

MADE_BY = "_weightedit_made_by"
"""The attribute of a tensor that names the modules whose weights its values come from."""
MOST_MAKERS = 4
MOST_OPERANDS = 40
MOST_NUMBERS = 1 << 24
_PARAMETERS = {
    "linear": ("input", "weight", "bias"), "conv1d": ("input", "weight", "bias"), "conv2d": ("input", "weight", "bias"),
    "conv3d": ("input", "weight", "bias"), "conv_transpose1d": ("input", "weight", "bias"),
    "conv_transpose2d": ("input", "weight", "bias"), "conv_transpose3d": ("input", "weight", "bias"),
    "embedding": ("input", "weight"), "embedding_bag": ("input", "weight"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias"), "rms_norm": ("input", "normalized_shape", "weight"),
    "group_norm": ("input", "num_groups", "weight", "bias"), "addmm": ("input", "mat1", "mat2"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias"),
    "bilinear": ("input1", "input2", "weight", "bias"),
}  # fmt: skip
"""What positional arguments are called, where the name says more than the place."""


class Watching(TorchFunctionMode):
    """Remembers the torch function that raised last, with its operands.

    Parameters
    ----------
    names
        Parameters and buffers of the model by identity.
    is_fake
        Whether tensors have no values; then torch does not compare dtypes, and a real product of ones does.
    """

    def __init__(self, names: Mapping[int, str], *, is_fake: bool) -> None:
        super().__init__()
        self._names, self._is_fake = names, is_fake
        self.error: BaseException | None = None
        self.operation = ""
        self.operands: tuple[Operand, ...] = ()
        self._marked: list[weakref.ref[torch.Tensor]] = []

    def mark(self, tensor: torch.Tensor, makers: tuple[str, ...]) -> None:
        """Let a tensor name the modules whose weights its values come from."""
        held = vars(tensor)
        if MADE_BY not in held:
            self._marked.append(weakref.ref(tensor))
        held[MADE_BY] = makers

    def unmark(self) -> None:
        """Take the names off again: a tensor may be one that a person has, such as a constant beside the model."""
        for known in self._marked:
            if (tensor := known()) is not None:
                vars(tensor).pop(MADE_BY, None)
        self._marked.clear()

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:  # fmt: skip
        kwargs = kwargs or {}
        try:
            if self._is_fake and func in _PRODUCTS:
                _compare_dtypes(func, args, kwargs)
            made = func(*args, **kwargs)
        except BaseException as error:
            if error is not self.error and (error.__context__ is None or error.__context__ is not self.error):
                self.blame(error, resolve_name(func) or getattr(func, "__name__", ""), args, kwargs)
                if self._is_fake and func in _PRODUCTS:
                    _raise_real(func, args, kwargs, error)
            raise
        self._follow(made, args)
        return made

    def blame(self, error: BaseException, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember which operation raised something, and on what."""
        self.error, self.operation = error, operation
        self.operands = self._operands(operation.rpartition(".")[2], args, kwargs)

    def _operands(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Operand, ...]:
        called = dict(enumerate(_PARAMETERS.get(name, ())))
        given = [*((called.get(place, str(place)), one) for place, one in enumerate(args)), *kwargs.items()]
        found = [Operand(self._seen(one, where), self._names.get(id(one), ""), getattr(one, MADE_BY, ()))
                 for place, value in given for where, one in leaves(value, str(place))]  # fmt: skip
        return tuple(found[:MOST_OPERANDS])

    def _seen(self, one: Any, place: str) -> Seen:
        """Describe an operand, whole numbers with the least and the greatest: they may be indices out of range."""
        seen = seen_one(one, place)
        if self._is_fake or not isinstance(one, torch.Tensor) or one.dtype not in (torch.int64, torch.int32) or \
                not 0 < one.numel() <= MOST_NUMBERS:  # fmt: skip
            return seen
        try:
            low, high = one.aminmax()
            return replace(seen, says=f"{int(low)}..{int(high)}")
        except RuntimeError:  # a device that has gone wrong answers nothing any more
            return seen

    def _follow(self, made: Any, args: tuple[Any, ...]) -> None:
        """Let what was made name the modules that its operands came from."""
        if isinstance(made, torch.Tensor) and id(made) not in self._names:
            makers: dict[str, None] = {}
            for arg in args:
                if isinstance(arg, torch.Tensor):
                    makers |= dict.fromkeys(getattr(arg, MADE_BY, ()))
                elif isinstance(arg, list | tuple):
                    makers |= dict.fromkeys(maker for one in tensors_in(arg) for maker in getattr(one, MADE_BY, ()))
            if makers:
                self.mark(made, tuple(makers)[-MOST_MAKERS:])


def _convolved(dims: int, transposed: bool = False) -> Callable[..., Any]:
    plain = (functional.conv1d, functional.conv2d, functional.conv3d)
    back = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
    function: Any = (back if transposed else plain)[dims - 1]
    return lambda *dtypes: function(*(torch.ones([1] * (dims + 2) if place < 2 else [1], dtype=dtype)
                                      for place, dtype in enumerate(dtypes)))  # fmt: skip


def _of_ones(function: Any, *shapes: tuple[int, ...]) -> Callable[..., Any]:
    return lambda *dtypes: function(*(torch.ones(shape, dtype=dtype)
                                      for shape, dtype in zip(shapes, dtypes, strict=False)))  # fmt: skip


_ONE = (1, 1)
_PRODUCTS: dict[Any, Callable[..., Any]] = {
    functional.linear: _of_ones(functional.linear, _ONE, _ONE, (1,)),
    functional.bilinear: _of_ones(functional.bilinear, _ONE, _ONE, (1, 1, 1), (1,)),
    torch.addmm: _of_ones(torch.addmm, _ONE, _ONE, _ONE), torch.baddbmm: _of_ones(torch.baddbmm, *[(1, 1, 1)] * 3),
    **dict.fromkeys((torch.mm, torch.Tensor.mm), _of_ones(torch.mm, _ONE, _ONE)),
    **dict.fromkeys((torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__), _of_ones(torch.matmul, _ONE, _ONE)),
    **dict.fromkeys((torch.bmm, torch.Tensor.bmm), _of_ones(torch.bmm, (1, 1, 1), (1, 1, 1))),
    functional.scaled_dot_product_attention: _of_ones(functional.scaled_dot_product_attention, *[(1, 1, 1, 1)] * 3),
    functional.conv1d: _convolved(1), functional.conv2d: _convolved(2), functional.conv3d: _convolved(3),
    functional.conv_transpose1d: _convolved(1, True), functional.conv_transpose2d: _convolved(2, True),
    functional.conv_transpose3d: _convolved(3, True),
}  # fmt: skip
"""What multiplies its operands, and the same of ones: torch compares dtypes only where there are values."""


def _compare_dtypes(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise what torch raises where dtypes do not go together; done once for each combination."""
    given = [*args, *(kwargs[name] for name in _PARAMETERS.get(getattr(func, "__name__", ""), ())[len(args) :]
                      if name in kwargs)]  # fmt: skip
    dtypes = []
    for one in given:
        if not isinstance(one, torch.Tensor):
            break
        dtypes.append(one.dtype)
    if len(set(dtypes)) > 1 or any(not dtype.is_floating_point for dtype in dtypes):
        _multiply_ones(func, tuple(dtypes), torch.is_autocast_enabled("cpu"))


@lru_cache(maxsize=256)
def _multiply_ones(func: Any, dtypes: tuple[torch.dtype, ...], _: bool) -> None:
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    with unset_fake_temporarily(), torch.no_grad():
        _PRODUCTS[func](*dtypes)


def _raise_real(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: BaseException) -> None:
    """Raise what torch says of real tensors of these shapes, where their inner sizes differ: no values are needed."""
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    shapes = [tuple(one.shape) for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)]
    inner = -1 if func is functional.linear else -2
    if len(shapes) < 2 or min(map(len, shapes[:2])) < 2 or shapes[0][-1] == shapes[1][inner]:
        return
    with unset_fake_temporarily(), torch.no_grad():
        def real(one: Any) -> Any:
            return torch.zeros((), dtype=one.dtype).expand(one.shape) if isinstance(one, torch.Tensor) else one

        try:
            func(*map(real, args), **{name: real(one) for name, one in kwargs.items()})
        except RuntimeError as said:
            error.args = said.args
