"""One applied operation as a record: what history shows, the journal stores and a recipe replays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Region = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TensorValue:
    """A tensor given as an argument: its bytes row-major, known by their hash.

    Attributes
    ----------
    digest
        SHA-256 of dtype, shape and bytes, in hexadecimal.
    dtype, shape
        As in `TensorSpec`.
    data
        The bytes; left out of comparison, since `digest` stands for them.
    """

    digest: str
    dtype: str
    shape: tuple[int, ...]
    data: memoryview = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TensorName:
    """A tensor given by name: of this document, or of `file`."""

    tensor: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor argument seen in another way; nothing of it is copied.

    Attributes
    ----------
    source
        The tensor.
    permute
        The old dimension that comes at each place.
    region
        The part that is taken after that, made of slices: `[0:5, :]`.
    shape
        The shape it has at last, with its values in row-major order.
    """

    source: TensorValue | TensorName
    permute: tuple[int, ...] | None = None
    region: str | None = None
    shape: tuple[int, ...] | None = None


TENSORS = (TensorValue, TensorName, TensorView)
"""What a tensor argument is."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One operation on targets, serialisable.

    Attributes
    ----------
    operation
        Name of the declared operation.
    targets
        Names and patterns as the person gave them, so that a recipe fits other checkpoints.
    region
        One region, several (their union), a condition (`where abs(w) < 1e-4`, `[0:64, :] where w > 3`), or None for
        whole tensors.
    arguments
        By parameter name; numbers, strings, `TensorValue` or `TensorName`.
    seed
        What random values are keyed by; None where nothing is random.
    device
        Where values are computed.
    tied
        `all` or `untie`: what a rebind does with slots that hold the same tensor.
    accepted
        The kinds of warnings that were accepted.
    moments
        `follow` or `drop`: what a handed-over optimizer's state does when a tensor's shape or dtype changes.
    leave
        Names, patterns and `dtype:…` of tensors that the targets mean and that stay as they are.
    """

    operation: str
    targets: tuple[str, ...]
    region: Region = None
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    seed: int | None = None
    device: str = "cpu"
    tied: str = "all"
    accepted: tuple[str, ...] = ()
    moments: str = "follow"
    leave: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; a tensor argument is named by its hash, its bytes are stored beside."""
        return {
            "operation": self.operation,
            "targets": list(self.targets),
            "region": list(self.region) if isinstance(self.region, tuple) else self.region,
            "arguments": {name: _argument_to_json(value) for name, value in self.arguments.items()},
            "seed": self.seed,
            "device": self.device,
            "tied": self.tied,
            "accepted": list(self.accepted),
            "moments": self.moments,
            "leave": list(self.leave),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], tensors: Mapping[str, memoryview]) -> Edit:
        """Read what `to_json` wrote; `tensors` gives the bytes of tensor arguments by their hash.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the data is not such a record.
        """
        return cls(
            str(data["operation"]),
            _texts(data["targets"]),
            region_of(data["region"]),
            {name: _argument_from_json(value, tensors) for name, value in data["arguments"].items()},
            data["seed"],
            str(data["device"]),
            str(data["tied"]),
            _texts(data["accepted"]),
            str(data.get("moments", "follow")),
            _texts(data.get("leave", [])),
        )

    def tensor_values(self) -> list[TensorValue]:
        """Return the tensors given as arguments."""
        given = [one for value in self.arguments.values() for one in (value if isinstance(value, tuple) else (value,))]
        given = [one.source if isinstance(one, TensorView) else one for one in given]
        return [value for value in given if isinstance(value, TensorValue)]


def is_tensor_argument(value: Any) -> bool:
    """Whether an argument is a tensor, or several."""
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(one, TENSORS) for one in value)
    return isinstance(value, TENSORS)


def _texts(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise TypeError(f"a list of texts is expected, not {given!r}")
    return tuple(given)


def region_of(given: Any) -> Region:
    """Return one region, several as a tuple, or None; TypeError for anything else."""
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, list | tuple) and given and all(isinstance(part, str) for part in given):
        return tuple(given)
    raise TypeError(f"a region is text such as [3, :], or a list of such texts, not {given!r}")


def _argument_to_json(value: Any) -> Any:
    if isinstance(value, TensorView):
        how = {"permute": value.permute, "region": value.region, "shape": value.shape}
        kept = {name: list(given) if isinstance(given, tuple) else given for name, given in how.items()}
        return {"view": _argument_to_json(value.source), **{name: given for name, given in kept.items()
                                                            if given is not None}}  # fmt: skip
    if isinstance(value, TensorValue):
        return {"sha256": value.digest, "dtype": value.dtype, "shape": list(value.shape)}
    if isinstance(value, TensorName):
        return {"tensor": value.tensor} | ({} if value.file is None else {"file": value.file})
    if isinstance(value, complex):
        return {"real": _argument_to_json(value.real), "imag": _argument_to_json(value.imag)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}  # JSON has no NaN and no infinity
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_argument_to_json(one) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[_argument_to_json(key), _argument_to_json(one)] for key, one in value.items()]}
    return value


def _argument_from_json(value: Any, tensors: Mapping[str, memoryview]) -> Any:
    if not isinstance(value, dict):
        return value
    if "view" in value:
        permute, shape = (tuple(map(int, value[name])) if name in value else None for name in ("permute", "shape"))
        region = None if value.get("region") is None else str(value["region"])
        return TensorView(_argument_from_json(value["view"], tensors), permute, region, shape)
    if "sha256" in value:
        shape = tuple(map(int, value["shape"]))
        return TensorValue(value["sha256"], value["dtype"], shape, tensors[value["sha256"]])
    if "number" in value:
        return float(value["number"])
    if "tuple" in value:
        return tuple(_argument_from_json(one, tensors) for one in value["tuple"])
    if "list" in value:
        return [_argument_from_json(one, tensors) for one in value["list"]]
    if "dict" in value:
        return {_argument_from_json(key, tensors): _argument_from_json(one, tensors) for key, one in value["dict"]}
    if "real" in value:
        real, imag = (_argument_from_json(value[part], tensors) for part in ("real", "imag"))
        return complex(real, imag)
    return TensorName(value["tensor"], value.get("file"))
