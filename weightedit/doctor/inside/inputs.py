"""Makes what a model is called with from a spec: real values by a seed, or tensors without any under a fake mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weightedit.core.dtypes import DTYPES, torch_dtype
from weightedit.core.live.detached import detached_copy
from weightedit.doctor.bringing.input_spec import (
    DictItem,
    FileItem,
    InputSpec,
    Item,
    NumbersItem,
    TensorItem,
    ValueItem,
)

FEW = 10
"""What integers are below where neither the spec nor an embedding says."""
CLASSES = 2
"""What integers of a target are below where the spec does not say: any classifier has as many classes."""


class InputMissing(Exception):
    """An input's file is not there, or holds something else; says so in one sentence."""


@dataclass(frozen=True, slots=True)
class Making:
    """How inputs are made.

    Attributes
    ----------
    device
        Where tensors are.
    folder
        What relative paths of files are relative to.
    below
        What integers without a bound of their own are below.
    fake
        The mode under which they have no values; None for real ones.
    generator
        Of random values, which are the same on every device.
    """

    device: str
    folder: Path
    below: int = FEW
    fake: Any = None
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    def placed(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor on the device, or one without values under the fake mode."""
        if self.fake is None:
            return tensor.to(self.device)
        with self.fake:
            return torch.empty(tuple(tensor.shape), dtype=tensor.dtype, device=self.device)


def make_inputs(spec: InputSpec, how: Making) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments by place and by name.

    Parameters
    ----------
    spec
        What they are.
    how
        On what device, and whether with values.

    Raises
    ------
    InputMissing
        If a file is not there or does not hold what the spec says.
    """
    return tuple(make(item, how) for item in spec.args), {name: make(item, how) for name, item in spec.kwargs}


def make(item: Item, how: Making) -> Any:
    """Return one item, such as a target; raises as `make_inputs` does."""
    if isinstance(item, ValueItem):
        return item.value
    if isinstance(item, TensorItem):
        return _tensor(item, how)
    if isinstance(item, NumbersItem):
        whole = all(isinstance(value, int) for value in item.values)
        return how.placed(torch.tensor(item.values, dtype=torch.int64 if whole else torch.float32).reshape(item.shape))
    if isinstance(item, FileItem):
        return placed(_from_file(item, how.folder), how)
    if isinstance(item, DictItem):
        return {name: make(one, how) for name, one in item.items}
    made = [make(one, how) for one in item.items]
    return made if item.is_list else tuple(made)


def _tensor(item: TensorItem, how: Making) -> torch.Tensor:
    dtype, facts = torch_dtype(item.dtype), DTYPES[item.dtype]
    if how.fake is not None:
        with how.fake:
            return torch.empty(item.shape, dtype=dtype, device=how.device)
    if facts.family == "bool":
        return how.placed(_every_other(item.shape))
    if facts.is_integer:
        most = {"int8": 127, "uint8": 255, "int16": 32_767, "uint16": 65_535}.get(item.dtype, 1 << 31)
        high = max(1, min(item.below or how.below, most))
        return how.placed(torch.randint(high, item.shape, generator=how.generator).to(dtype))
    drawn = torch.complex64 if facts.family == "complex" else torch.float32
    return how.placed(torch.randn(item.shape, dtype=drawn, generator=how.generator).to(dtype))


def _every_other(shape: tuple[int, ...]) -> torch.Tensor:
    """Return truth values, true at every other place: as a mask that keeps or one that hides, some are left."""
    made = torch.zeros(shape, dtype=torch.bool)
    if shape:
        made[..., ::2] = True
    return made if shape else ~made


def placed(value: Any, how: Making) -> Any:
    """Return a value with its tensors where they belong; lists, tuples and dicts keep their form."""
    if isinstance(value, torch.Tensor):
        return how.placed(value)
    if isinstance(value, dict):
        return {key: placed(one, how) for key, one in value.items()}
    return type(value)(placed(one, how) for one in value) if type(value) in (list, tuple) else value


def independent(value: Any) -> Any:
    """Return a deep copy of what a model is called with: layers that work in place write into the copy.

    Tensors keep dtype, shape, stride, what they share with each other, and `requires_grad` where they are leaves. Where
    something in it cannot be copied, that is itself there, among copies of the rest.
    """
    try:
        return detached_copy(value)
    except Exception:  # a lock, a file, or whatever its own way of copying raises
        if type(value) is dict:
            return {key: independent(one) for key, one in value.items()}
        return type(value)(map(independent, value)) if type(value) in (list, tuple) else value


def _from_file(item: FileItem, folder: Path) -> Any:
    path = folder / Path(item.path).expanduser()
    try:
        found = _read(path)
    except FileNotFoundError:
        raise InputMissing(f"There is no file {path} to take an input from.") from None
    except Exception as error:  # of torch, numpy and safetensors: each has its own for what is no file of its kind
        raise InputMissing(f"The input {path} does not read: {type(error).__name__}: {error}.") from error
    if isinstance(found, dict) and item.key:
        if item.key not in found:
            raise InputMissing(f"The input {path} has no {item.key}; it has {', '.join(map(str, list(found)[:8]))}.")
        return found[item.key]
    if item.key:
        raise InputMissing(f"The input {path} is no file of several tensors, so it has no {item.key}.")
    return next(iter(found.values())) if isinstance(found, dict) and len(found) == 1 else found


def _read(path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if suffix in (".pt", ".pth"):
        return torch.load(path, map_location="cpu", weights_only=True)
    found = np.load(path, allow_pickle=False)
    if suffix == ".npz":
        return {name: torch.from_numpy(found[name]) for name in found.files}
    return torch.from_numpy(found)
