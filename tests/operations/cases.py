"""Each operation on values with arguments, and what plain torch makes of them: one table for all concerns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.utils.prune as torch_prune
from torch.nn import functional

SHAPE = (6, 8)
OTHER = torch.linspace(-2, 3, 48).reshape(6, 8)


@dataclass(frozen=True)
class Case:
    """One use of an operation.

    `reference` computes it in torch from the float32 values of what is chosen; None where values are random.
    `close` allows what another order of summing makes of it. `region` says whether it takes one.
    """

    operation: str
    arguments: dict[str, Any]
    reference: Callable[[torch.Tensor], torch.Tensor] | None
    close: bool = False
    region: bool = True

    def __str__(self) -> str:
        texts = (f"{key}={'tensor' if isinstance(one, torch.Tensor) else one}" for key, one in self.arguments.items())
        return f"{self.operation}({', '.join(texts)})"


def standardized(values: torch.Tensor, dim: int | None) -> torch.Tensor:
    """Mean 0 and standard deviation 1."""
    if dim is None:
        return (values - values.mean()) / values.std()
    return (values - values.mean(dim, keepdim=True)) / values.std(dim, keepdim=True)


def two_of_four(values: torch.Tensor) -> torch.Tensor:
    """The two largest of each four that follow each other."""
    groups = values.abs().reshape(-1, 4)
    keep = torch.zeros_like(groups, dtype=torch.bool).scatter(1, groups.topk(2).indices, True)
    return torch.where(keep.reshape(values.shape), values, 0)


def truncated(values: torch.Tensor, rank: int) -> torch.Tensor:
    """A truncated singular value decomposition."""
    u, s, v = torch.linalg.svd(values.double().flatten(1), full_matrices=False)
    return ((u[:, :rank] * s[:rank]) @ v[:rank]).reshape(values.shape).float()


def padded(values: torch.Tensor, pad: tuple[int, ...], mode: str) -> torch.Tensor:
    """torch's pad of a matrix, which wants a batch and channels in all modes but one."""
    return functional.pad(values[None, None], pad, mode=mode)[0, 0]


def mean_row(values: torch.Tensor) -> torch.Tensor:
    """The rows with their mean before the second."""
    return torch.cat([values[:1], values.double().mean(0, keepdim=True).float(), values[1:]])


def write(operation: str, reference: Callable[[torch.Tensor], torch.Tensor] | None, close: bool = False,
          **arguments: Any) -> Case:  # fmt: skip
    """A case that takes regions."""
    return Case(operation, arguments, reference, close)


def rebind(operation: str, reference: Callable[[torch.Tensor], torch.Tensor] | None, close: bool = False,
           **arguments: Any) -> Case:  # fmt: skip
    """A case that takes whole tensors."""
    return Case(operation, arguments, reference, close, region=False)


CASES = [
    write("multiply", lambda w: w * 1.5, other=1.5),
    write("expression", lambda w: torch.where(w.abs() < 0.5, 0.0, w * 2 - 1),
          formula="where(abs(w) < 0.5, 0, w * 2 - 1)"),
    write("clamp", lambda w: w.clamp(-0.5, 0.25), min=-0.5, max=0.25),
    write("clamp", lambda w: w.clamp(max=0), max=0),
    write("replace_nonfinite", torch.nan_to_num),
    write("round", lambda w: w.round(decimals=1), decimals=1),
    write("zero_small", lambda w: functional.hardshrink(w, 0.5), threshold=0.5),
    write("normalize", lambda w: w / w.norm(), True),
    write("normalize", lambda w: functional.normalize(w, p=1, dim=0) * 2, True, per="column", ord=1, value=2),
    write("normalize", lambda w: functional.normalize(w, p=float("inf"), dim=1), True, per="row", ord=float("inf")),
    write("normalize", lambda w: w - w.mean(1, keepdim=True) + 0.5, True, to="mean", value=0.5, per="row"),
    write("normalize", lambda w: standardized(w, None) * 2 + w.mean(), True, to="std", value=2),
    write("normalize", lambda w: standardized(w, 0), True, to="mean and std", per="column"),
    write("prune", lambda w: torch_prune.L1Unstructured(0.3).prune(w) + 0.0, amount=0.3),  # not the -0 of a mask
    write("prune", lambda w: torch_prune.LnStructured(0.5, 1, 0).prune(w) + 0.0, amount=0.5, by="row", ord=1),
    write("prune", lambda w: torch_prune.LnStructured(0.25, 2, 1).prune(w) + 0.0, amount=0.25, by="column"),
    write("prune", two_of_four, by="n:m"),
    write("low_rank", lambda w: truncated(w, 1), True, rank=1),
    write("flip", lambda w: w.flip(0, 1), dims=[0, -1]),
    write("roll", lambda w: w.roll((2, -1), (1, 0)), shifts=[2, -1], dims=[1, 0]),
    write("initialize", torch.zeros_like, method="zeros"),
    write("initialize", lambda w: torch.full_like(w, 0.25), method="constant", value=0.25),
    write("initialize", None, method="kaiming_uniform", nonlinearity="relu"),
    write("initialize", None, method="xavier_normal", gain=2),
    write("initialize", None, method="trunc_normal", std=0.02),
    write("initialize", None, method="orthogonal"),
    rebind("to_device", lambda w: w, device="cpu"),
    rebind("permute_rows", lambda w: w[[3, 1, 5, 0, 2, 4]], order=[3, 1, 5, 0, 2, 4]),
    rebind("permute", lambda w: w.permute(1, 0), dims=[-1, 0]),
    rebind("reshape", lambda w: w.reshape(4, 3, 4), shape=[4, -1, 4]),
    rebind("pad", lambda w: functional.pad(w, (1, 2, 0, 3), value=7.5), pad=[1, 2, 0, 3], value=7.5),
    rebind("pad", lambda w: functional.pad(w, (-1, 2)), pad=[-1, 2]),
    rebind("pad", lambda w: padded(w, (3, 4, 5, 1), "reflect"), pad=[3, 4, 5, 1], mode="reflect"),
    rebind("pad", lambda w: padded(w, (3, 9, 5, 10), "replicate"), pad=[3, 9, 5, 10], mode="replicate"),
    rebind("pad", lambda w: padded(w, (8, 4, 6, 1), "circular"), pad=[8, 4, 6, 1], mode="circular"),
    rebind("concat", lambda w: torch.cat([w, OTHER, OTHER], 1), tensors=[OTHER, OTHER], dim=-1),
    rebind("repeat", lambda w: w.repeat(2, 1, 3), repeats=[2, 1, 3]),
    rebind("insert_rows", mean_row, True, index=1, method="mean"),
    rebind("insert_rows", lambda w: torch.cat([w[:, :-1], w[:, 2:3], w[:, 2:3], w[:, -1:]], 1), index=-1, count=2,
           dim=1, method="copy", row=2),
    rebind("insert_rows", lambda w: torch.cat([w, torch.full((3, 8), 0.5)]), count=3, method="constant", value=0.5),
    rebind("insert_rows", None, count=3, index=2),
    rebind("delete_rows", lambda w: w[[1, 4]], rows="0, 2:4, -1"),
    rebind("delete_rows", lambda w: w[:, 1::2], rows="::2", dim=1),
]  # fmt: skip
