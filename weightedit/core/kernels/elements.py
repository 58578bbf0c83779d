"""What compiled kernels are made with: how they are compiled and kept, and the bits of each type of element.

Values are compared as signed whole numbers that sort as they do (their bits, those below the sign turned over where
the sign is set), which a processor does 16 or 32 at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic, overload

from weightedit.core.kernels.kept import Locator, folder

FINITE_SUMS = {"reassoc", "contract", "nsz"}
"""What a compiler may do to sums of finite values: add them in another order."""

_CAN_KEEP = folder() is not None


def compiled(*, kept: bool = False, sums: bool = False) -> Callable[[Any], Any]:
    """Return what compiles a function: `kept` on disk where others are part of it, `sums` in any order."""

    def compile_it(function: Any) -> Any:
        theirs = config.CACHE_LOCATOR_CLASSES  # code beside ours keeps its own elsewhere
        config.CACHE_LOCATOR_CLASSES = f"{Locator.__module__}.{Locator.__name__}"
        try:
            return njit(nogil=True, error_model="numpy", boundscheck=False, cache=kept and _CAN_KEEP,
                        fastmath=FINITE_SUMS if sums else False)(function)  # fmt: skip
        finally:
            config.CACHE_LOCATOR_CLASSES = theirs

    return compile_it


# ---- bits

WIDTH = {types.uint16: 16, types.int16: 16, types.int32: 32, types.int64: 64, types.float32: 32, types.float64: 64}
SIGNED = {16: types.int16, 32: types.int32, 64: types.int64}


def _turned(builder: Any, bits: Any, width: int) -> Any:
    kind = ir.IntType(width)
    is_negative = builder.icmp_signed("<", bits, ir.Constant(kind, 0))
    return builder.select(is_negative, builder.xor(bits, ir.Constant(kind, (1 << (width - 1)) - 1)), bits)


@intrinsic  # type: ignore[untyped-decorator]
def order(typing: Any, value: Any) -> Any:
    """Return the signed number that sorts as a float, or the bits of 16, do; of such a number, the bits again."""
    width = WIDTH[value]

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = arguments[0]
        if isinstance(value, types.Float):
            bits = builder.bitcast(bits, ir.IntType(width))
        return _turned(builder, bits, width)

    return SIGNED[width](value), generate


@intrinsic  # type: ignore[untyped-decorator]
def float32_of(typing: Any, bits: Any) -> Any:
    """Return the float32 of bits; whole numbers of numba grow to 64 bits where they are shifted."""

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic  # type: ignore[untyped-decorator]
def ordered_float(typing: Any, key: Any) -> Any:
    """Return the float32 or float64 that `order` made a number of 32 or 64 bits of."""
    kind = types.float64 if key.bitwidth == 64 else types.float32

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        turned = _turned(builder, arguments[0], key.bitwidth)
        return builder.bitcast(turned, ir.DoubleType() if key.bitwidth == 64 else ir.FloatType())

    return kind(key), generate


@intrinsic  # type: ignore[untyped-decorator]
def bits32(typing: Any, value: Any) -> Any:
    """Return the bits of a float32."""

    def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


def _choosing(comparison: str) -> Any:
    def choose(typing: Any, one: Any, other: Any) -> Any:
        def generate(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.select(builder.icmp_signed(comparison, *arguments), *arguments)

        return one(one, one), generate

    return choose


least_of, most_of = intrinsic(_choosing("<")), intrinsic(_choosing(">"))


@compiled()
def half(bits: Any) -> Any:
    """Return a finite float16 as float32: 2**112 makes up for the other bias, and for what is subnormal."""
    wide = np.uint32(np.uint16(bits))
    size = float32_of((wide & np.uint32(0x7FFF)) << np.uint32(13)) * np.float32(2.0**112)
    return float32_of(bits32(size) | ((wide & np.uint32(0x8000)) << np.uint32(16)))


@intrinsic  # type: ignore[untyped-decorator]
def pair_at(typing: Any, values: Any, at: Any) -> Any:
    """Return two neighbours of 16 bits as one uint32, wherever they lie."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(values)(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(32).as_pointer()), align=2)

    return types.uint32(values, types.int64), generate


@compiled()
def left_of(pair: Any) -> Any:
    """Return the first of two bfloat16 of a pair, which lies in the lower half, as numba's processors have it."""
    return np.float64(float32_of(pair << np.uint32(16)))


@compiled()
def right_of(pair: Any) -> Any:
    """Return the second of them."""
    return np.float64(float32_of(pair & np.uint32(0xFFFF0000)))


# ---- elements: what differs by type; the stubs are what numba looks the overloads up by


def number_of(value: Any) -> Any:
    """Return the number that a finite element stands for."""
    raise NotImplementedError


def end_of(key: Any, values: Any) -> Any:
    """Return the number of a key of elements like those in an array."""
    raise NotImplementedError


@overload(number_of, strict=False)  # type: ignore[untyped-decorator]
def _(value: Any) -> Any:
    if value == types.uint16:
        return lambda value: float32_of(np.uint32(value) << np.uint32(16))
    if value == types.int16:
        return lambda value: half(value)
    return lambda value: value


@overload(end_of, strict=False)  # type: ignore[untyped-decorator]
def _(key: Any, values: Any) -> Any:
    if values.dtype == types.uint16:
        return lambda key, values: float32_of(np.uint32(np.uint16(order(key))) << np.uint32(16))
    if values.dtype == types.int16:
        return lambda key, values: half(order(key))
    return lambda key, values: ordered_float(key)
