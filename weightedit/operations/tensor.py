"""Operations on the tensor as a whole: another one in its place, and its flag."""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import TYPE_CHECKING

from weightedit.core.operation import TensorSource, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    from torch import Tensor


def _source_result(spec: TensorSpec, box: Box, source: TensorSpec) -> TensorSpec:
    return replaced(spec.fresh(dtype=source.dtype, shape=source.shape), encoding=source.encoding)


def _nothing(box: Box, result: Box, **_: object) -> None:
    """Say that the old values are not needed."""


@operation("rebind", title="Replace", group="Tensor", converts=True, result=_source_result, inputs=_nothing,
           label="by {source}", code="{source}.clone()", anew=True)  # fmt: skip
def replace(current: Tensor, source: TensorSource) -> TensorSource:
    """Put another tensor in its place, with the shape and dtype it has.

    Parameters
    ----------
    source
        A tensor of this document by name, or a tensor of another file.

    References
    ----------
    torch.clone, https://docs.pytorch.org/docs/stable/generated/torch.clone.html
    """
    return source


@operation("flag", title="Set requires_grad", group="Tensor", label="{value}")
def requires_grad(current: Tensor, value: bool) -> Tensor:
    """Say whether training changes the tensor.

    Parameters
    ----------
    value
        Whether gradients are recorded for it.

    References
    ----------
    torch.Tensor.requires_grad_, https://docs.pytorch.org/docs/stable/generated/torch.Tensor.requires_grad_.html
    """
    return current
