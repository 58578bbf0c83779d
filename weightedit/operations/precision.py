"""Operations on the dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.operation import DTypeName, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    from torch import Tensor


def _cast_result(spec: TensorSpec, box: Box, dtype: str) -> TensorSpec:
    return spec.fresh(dtype=dtype)


@operation("rebind", title="Cast dtype", converts=True, result=_cast_result, moves=True, label="{dtype}",
           code="{current}.to(torch.{dtype})", decodes=True)  # fmt: skip
def cast(current: Tensor, dtype: DTypeName) -> Tensor:
    """Store the tensor in another dtype.

    Parameters
    ----------
    dtype
        The dtype to store values in, by torch's name.

    References
    ----------
    torch.Tensor.to, https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
    """
    return current
