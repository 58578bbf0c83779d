"""Bringing the norm, the mean or the standard deviation of a tensor, or of each of its rows, to a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.edits.place import Place, Survey
from weightedit.core.operation import Number, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.operations import coding
from weightedit.operations.refusing import floating_tensor, real

if TYPE_CHECKING:
    from torch import Tensor

    from weightedit.operations.passes import Gathered, Norms

Per = Literal["tensor", "row", "column"]
Quantity = Literal["norm", "mean", "std", "mean and std"]


@dataclass(frozen=True, slots=True)
class _Moments:
    """Mean and standard deviation by index; the deviations only where asked for."""

    sums: Gathered
    counts: Gathered
    squares: Gathered | None

    def mean(self, box: Box) -> Tensor:
        return self.sums.at(box) / self.counts.at(box)

    def std(self, box: Box) -> Tensor:
        assert self.squares is not None
        found: Tensor = (self.squares.at(box) / (self.counts.at(box) - 1)).sqrt()
        return found


def _moments(survey: Survey, dim: int | None, deviations: bool) -> _Moments:
    import torch

    from weightedit.operations.passes import gathered

    dtype = "complex128" if survey.spec.type.family == "complex" else "float64"
    sums = gathered(survey, dim, lambda values, _: values, dtype=dtype)
    counts = gathered(survey, dim, lambda values, _: torch.ones(values.shape, dtype=torch.float64))
    found = _Moments(sums, counts, None)
    if not deviations:
        return found
    squares = gathered(survey, dim, lambda values, box: (values - found.mean(box)).abs() ** 2)
    return _Moments(sums, counts, squares)


def _prepare(survey: Survey, to: str, value: Number | None, ord: Number, per: str) -> Norms | _Moments:
    from weightedit.operations.passes import grouped_dim, norms

    floating_tensor("normalize", survey.name, survey.spec, complex_too=True)
    dim = grouped_dim("normalize", survey, per)
    if to == "norm":
        real("value of normalize", value)
        return norms(survey, dim, real("ord of normalize", ord))
    if to != "mean":
        real("value of normalize", value)
    return _moments(survey, dim, to != "mean")


def _code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    if given["per"] == "tensor":
        return _formula("{cells}", spec, "", given)
    if len(spec.shape) == 1:
        *lines, last = _formula("{kept}[:, None]", spec, "1, keepdim=True", given).splitlines()
        return "\n".join([*lines, f"({last})[:, 0]"])
    return _formula("{kept}", spec, f"{_along(spec, given)}, keepdim=True", given)


def _along(spec: TensorSpec, given: Mapping[str, Any]) -> tuple[int, ...]:
    kept = 0 if given["per"] == "row" else 1
    return tuple(dim for dim in range(len(spec.shape)) if dim != kept)


def _formula(cells: str, spec: TensorSpec, along: str, given: Mapping[str, Any]) -> str:
    lines = [f"wide = {cells}{coding.widest(spec)}"]
    if given["to"] == "norm":
        norm = f"norm = torch.linalg.vector_norm(wide, {', '.join([coding.number(given['ord']), along]).strip(', ')})"
        return "\n".join([*lines, norm, _scaled(given)])
    lines.append(f"mean = wide.mean({along})")
    if given["to"] != "mean":
        lines.append(f"std = wide.std({along})")
    return "\n".join([*lines, _scaled(given)])


def _scaled(given: Mapping[str, Any]) -> str:
    """Return what becomes of `wide`; what has no norm or deviation stays as it is."""
    target = coding.number(_target(given["to"], given["value"]))
    if given["to"] == "mean":
        return f"torch.where(mean.isfinite(), wide - mean + {target}, wide)"
    if given["to"] == "norm":
        return f"torch.where(norm.isfinite() & (norm > 0), wide / norm * {target}, wide)"
    shifted = f"(wide - mean) / std * {target}{'' if given['to'] == 'mean and std' else ' + mean'}"
    return f"torch.where(std.isfinite() & (std > 0), {shifted}, wide)"


def _masked(spec: TensorSpec, given: Mapping[str, Any], several: bool) -> str:
    """Return the code for rows or columns of which the mask leaves some cells out; empty where all cells count."""
    if given["per"] == "tensor":
        return ""
    if len(spec.shape) == 1:
        return _code(spec, given)
    along = f"{_along(spec, given)}, keepdim=True"
    lines = [f"wide = {{kept}}{coding.widest(spec)}"]
    if given["to"] == "norm":
        order = coding.number(given["ord"])
        lines.append(f"norm = torch.linalg.vector_norm(torch.where(mask, wide, 0), {order}, {along})")
        return "\n".join([*lines, _scaled(given)])
    lines += [f"count = mask.sum({along})", f"mean = torch.where(mask, wide, 0).sum({along}) / count"]
    if given["to"] != "mean":
        lines.append(f"std = ((torch.where(mask, wide - mean, 0).abs() ** 2).sum({along}) / (count - 1)).sqrt()")
    return "\n".join([*lines, _scaled(given)])


def _target(to: str, value: Number | None) -> Number:
    return value if value is not None else 0.0 if to == "mean" else 1.0


def _label(given: Mapping[str, str]) -> str:
    text = f"{given['to']} {given['value'].replace('None', '')}".strip()
    return text if given["per"] == "tensor" else f"{text} per {given['per']}"


@operation("write", title="Normalize", locality="whole", prepare=_prepare, label=_label, code=_code,
           masked=_masked, uses={"to": {"norm": ["ord"]}})  # fmt: skip
def normalize(current: Tensor, to: Quantity = "norm", value: Number | None = None, ord: Number = 2,
              per: Per = "tensor", *, place: Place) -> Tensor:  # fmt: skip
    """Bring the norm, the mean or the standard deviation of the region, or of each row or column, to a value.

    `norm` scales, `mean` shifts, `std` scales the distances from the mean, which stays, and `mean and std` makes the
    mean 0 besides. What has no such scale stays as it is: zeros, equal values, and rows with NaN or Inf.
    Sums are in float64; the standard deviation divides by n - 1, as torch's does.

    Parameters
    ----------
    to
        What is brought to the value.
    value
        The value; 1 where left out, and 0 for a mean.
    ord
        The order of the norm: 1, 2, inf or any other above 0.
    per
        Whether each row (index of dimension 0) or column (of dimension 1) is taken by itself, or all together.

    References
    ----------
    torch.nn.functional.normalize, https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.normalize.html
    torch.linalg.vector_norm, https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html
    torch.std, https://docs.pytorch.org/docs/stable/generated/torch.std.html
    """
    import torch

    from weightedit.operations.passes import Norms, wide

    values, box, known = wide(current).cpu(), place.piece, place.context
    target = _target(to, value)
    if isinstance(known, Norms):
        by = known.at(box)
        exact, is_known = values / by * target, torch.isfinite(by) & (by > 0)
    elif to == "mean":
        mean = known.mean(box)
        exact, is_known = values - mean + target, torch.isfinite(mean)
    else:
        mean, std = known.mean(box), known.std(box)
        exact = (values - mean) / std * target + (0 if to == "mean and std" else mean)
        is_known = torch.isfinite(std) & (std > 0)
    return torch.where(is_known, exact, values)
