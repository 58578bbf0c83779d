"""Objects that people save beside their tensors, as torch.save writes them."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import types
import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch


class Color(enum.Enum):
    RED = 1


class Level(enum.IntFlag):
    LOW = 1
    HIGH = 2


@dataclass
class Config:
    width: int = 3
    names: list[str] = field(default_factory=lambda: ["a", "b"])
    weight: Any = None


@dataclass(frozen=True, slots=True)
class Frozen:
    width: int = 3


class Pair(NamedTuple):
    a: Any
    b: Any


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b


class Stateful:
    def __init__(self, weight: Any) -> None:
        self.weight = weight

    def __getstate__(self) -> Any:
        return (self.weight, "more")

    def __setstate__(self, state: Any) -> None:
        self.weight = state[0]


class Reduced:
    def __init__(self, weight: Any) -> None:
        self.weight = weight

    def __reduce__(self) -> Any:
        return Reduced, (self.weight,)


class Table(dict):
    pass


class Row(list):
    pass


class Subclass(torch.Tensor):
    pass


class EMA:
    """Keeps averages as many training programs do."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.decay = 0.999
        self.shadow = {name: one.detach().clone() for name, one in module.named_parameters()}
        self.backup: dict[str, Any] = {}


class Net(torch.nn.Module):
    """Every kind of place a module has for tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)
        self.list = torch.nn.ModuleList([torch.nn.Linear(2, 2, bias=False)])
        self.table = torch.nn.ParameterDict({"x": torch.nn.Parameter(torch.ones(2))})
        self.register_buffer("mask", torch.tensor([True, False]), persistent=False)
        self.register_parameter("none", None)
        self.plain = torch.arange(3)


def omega(content: Any) -> Any:
    """What omegaconf pickles of a DictConfig: an object with `_metadata`, `_parent`, `_flags_cache` and `_content`."""
    made = types.SimpleNamespace()
    nodes = {
        key: types.SimpleNamespace(_val=value, _parent=made, _metadata={"key": key}) for key, value in content.items()
    }
    made.__dict__.update(_metadata={"ref_type": Any, "optional": True}, _parent=None, _flags_cache=None, _content=nodes)
    return made


def values() -> dict[str, Any]:
    """One of each thing; every one stands beside a tensor in a checkpoint of its own."""
    rng = np.random.RandomState(3)
    return {
        "argparse.Namespace": argparse.Namespace(lr=1e-3, layers=[1, 2], name="x"),
        "SimpleNamespace": types.SimpleNamespace(a=1, b=None),
        "numpy bool": np.bool_(True),
        "numpy float32": np.float32(1.5),
        "numpy float64": np.float64(2.5),
        "numpy float16": np.float16(0.5),
        "numpy int64": np.int64(-7),
        "numpy uint8": np.uint8(7),
        "numpy complex64": np.complex64(1 + 2j),
        "numpy longdouble": np.longdouble(1),
        "numpy str": np.str_("text"),
        "numpy bytes": np.bytes_(b"raw"),
        "numpy datetime64": np.datetime64("2020-01-01"),
        "numpy timedelta64": np.timedelta64(5, "s"),
        "numpy void": np.void(b"abcd"),
        "numpy dtype": np.dtype("<f4"),
        "numpy structured dtype": np.dtype([("a", "<f4"), ("b", "i2")]),
        **{
            f"numpy array of {code}": np.arange(6).astype(code).reshape(2, 3)
            for code in (
                "b1",
                "i1",
                "i2",
                "i4",
                "i8",
                "u1",
                "u2",
                "u4",
                "u8",
                "f2",
                "f4",
                "f8",
                "c8",
                "c16",
                "S2",
                "U2",
                "M8[s]",
                "m8[s]",
                ">f4",
            )
        },
        "numpy array of objects": np.array([{}, "a", None], dtype=object),
        "numpy records": np.zeros(2, [("a", "f4"), ("b", "i8")]),
        "numpy array in Fortran's order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "numpy scalar array": np.array(3.0),
        "numpy empty array": np.zeros((0, 2)),
        "numpy view": np.arange(10)[::3],
        "numpy masked array": np.ma.array([1, 2], mask=[0, 1]),
        "numpy record array": np.rec.array([(1, 2.0)]),
        "numpy RandomState": rng.get_state(),
        "numpy Generator": np.random.default_rng(1).bit_generator.state,
        "numpy ufunc": np.add,
        "defaultdict": collections.defaultdict(list, {"a": [1]}),
        "Counter": collections.Counter("abca"),
        "deque": collections.deque([1, 2], maxlen=5),
        "OrderedDict": collections.OrderedDict(a=1, b=2),
        "ChainMap": collections.ChainMap({"a": 1}, {"b": 2}),
        "UserDict": collections.UserDict(a=1),
        "enum": Color.RED,
        "int flag": Level.LOW | Level.HIGH,
        "datetime": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "date": datetime.date(2020, 1, 2),
        "time zone": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        "timedelta": datetime.timedelta(days=1),
        "path": pathlib.PurePosixPath("/a/b"),
        "Windows path": pathlib.PureWindowsPath("C:/a"),
        "dataclass": Config(),
        "frozen dataclass": Frozen(),
        "named tuple": Pair(1, 2),
        "slots": Slotted(1, [2]),
        "state of its own": Stateful("w"),
        "reduce of its own": Reduced("w"),
        "dict subclass": Table(a=1),
        "list subclass": Row([1, 2]),
        "omegaconf": omega({"lr": 0.1, "name": "x", "layers": None}),
        "decimal": decimal.Decimal("1.5"),
        "fraction": fractions.Fraction(1, 3),
        "UUID": uuid.UUID(int=7),
        "torch.device": torch.device("cuda:1"),
        "torch.dtype": torch.bfloat16,
        "torch.Size": torch.Size([2, 3]),
        "torch.layout": torch.strided,
        "torch.finfo": torch.finfo(torch.float32).max,
        "set": {1, 2, 3},
        "frozenset": frozenset({"a", "b"}),
        "bytes": b"\0\xff",
        "bytearray": bytearray(b"abc"),
        "complex": 1 + 2j,
        "range": range(3, 9, 2),
        "slice": slice(1, None, 2),
        "ellipsis": ...,
        "NotImplemented": NotImplemented,
        "None": None,
        "a huge int": 10**200,
        "a tiny int": -(10**50),
        "infinity": [float("inf"), -float("inf"), float("nan"), -0.0],
        "an empty text": "",
        "emoji": "🙂\u202e\x1b[0m",
        "a long text": "x" * 100_000,
        "nested lists": [[[[]]], ((), {})],
        "a class": Config,
        "a function": omega,
        "a builtin": len,
        "a type": int,
        "a method of a class": dict.fromkeys,
        "deepspeed's": {
            "module": None,
            "ds_config": {"zero_optimization": {"stage": 3}},
            "ds_version": "0.14",
            "buffer_names": [],
        },
        "lightning's": {
            "pytorch-lightning_version": "2.1",
            "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_path": pathlib.PurePosixPath("x")}},
            "loops": {"fit_loop": {"state_dict": {}}},
        },
        "a tuple as a key": {(1, "a"): 2, (): 3},
        "keys of every kind": {1: "a", 2.5: "b", None: "c", b"x": "e", frozenset({1}): "f"},
        "the same list twice": [[1], [1]],
    }
