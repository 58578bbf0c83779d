"""Operations on the dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.operation import DTypeName, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    from torch import Tensor


OutOfRange = Literal["overflow", "clamp"]


def _cast_result(spec: TensorSpec, box: Box, dtype: str, **_: object) -> TensorSpec:
    return spec.fresh(dtype=dtype)


def _code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    from weightedit.core.values.ranges import clamp_code

    current = "{current}.dequantize()" if spec.encoding == "quantized" else "{current}"
    if given.get("out_of_range") == "clamp":
        dtype = "float32" if spec.encoding == "quantized" else spec.dtype
        return clamp_code(dtype, given["dtype"]).replace("{current}", current)
    return f"{current}.to(torch.{given['dtype']})"


def _label(given: Mapping[str, str]) -> str:
    return given["dtype"] + (", clamped" if given.get("out_of_range") == "clamp" else "")


@operation("rebind", title="Cast dtype", converts=True, result=_cast_result, moves=True, label=_label, code=_code,
           decodes=True)  # fmt: skip
def cast(current: Tensor, dtype: DTypeName,
         out_of_range: OutOfRange = "overflow") -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """Store the tensor in another dtype.

    Parameters
    ----------
    dtype
        The dtype to store values in, by torch's name.
    out_of_range
        What becomes of values past the range of the dtype: `overflow` does what torch does, which is ±Inf in most
        floats and wraps around in integers; `clamp` gives them, and ±Inf, the largest or smallest finite value of the
        dtype. NaN stays NaN where the dtype has one.

    References
    ----------
    torch.Tensor.to, https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
    """
    if out_of_range == "clamp":
        from weightedit.core.values.ranges import clamped

        return current, clamped(current.cpu(), dtype)
    return current
