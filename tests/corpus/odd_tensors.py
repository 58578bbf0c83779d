"""Torch checkpoints of every kind of tensor, module, optimizer and form, saved by torch itself."""

from __future__ import annotations

import collections
import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.corpus.case import Family, Opens, holds
from tests.corpus.honest import EMA, Config, Net, Pair, Row, Slotted, Stateful, Subclass, Table

FAMILY = Family("odd tensors")
W = torch.arange(6.0).reshape(2, 3)


def saved(
    name: str, root: Callable[[], Any], wanted: Callable[[Any], dict[str, Any]] | None = None, **options: Any
) -> None:
    """Add what torch.save writes; without `wanted` the tensors of a flat dict."""

    def make(folder: Path) -> tuple[Path, Opens]:
        torch.manual_seed(5)
        path = folder / "model.pt"
        value = root()
        torch.save(value, path, **options)
        return path, holds(wanted(value) if wanted else value)

    FAMILY.add(name, lambda folder: quiet(lambda: make(folder)))


def quiet(make: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch says of quantized, sparse and nested tensors and of complex32
        return make()


BITS = torch.arange(48, dtype=torch.uint8)
DTYPES = (
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "complex128",
    "complex64",
    "complex32",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "bits8",
    "bits16",
)
for _dtype in DTYPES:
    if hasattr(torch, _dtype):
        saved(
            f"dtype {_dtype}",
            lambda dtype=_dtype: {"w": (BITS & 1 if dtype == "bool" else BITS).clone().view(getattr(torch, dtype))},
        )
for _protocol in (1, 2, 3, 4, 5):
    if _protocol >= 2:
        saved(
            f"protocol {_protocol}",
            lambda: {"w": W, "n": [1, "a"]},
            lambda root: {"w": root["w"]},
            pickle_protocol=_protocol,
        )
    saved(
        f"before 1.6, protocol {_protocol}",
        lambda: {"w": W, "n": [1, "a"]},
        lambda root: {"w": root["w"]},
        pickle_protocol=_protocol,
        _use_new_zipfile_serialization=False,
    )

BASE = torch.arange(24.0)
FLAT: dict[str, Callable[[], dict[str, Any]]] = {
    "a scalar": lambda: {"w": torch.tensor(3.0)},
    "empty": lambda: {"w": torch.empty(0)},
    "empty of three dimensions": lambda: {"w": torch.empty(2, 0, 3)},
    "transposed": lambda: {"w": W.t()},
    "permuted": lambda: {"w": BASE.reshape(2, 3, 4).permute(2, 0, 1)},
    "expanded": lambda: {"w": torch.ones(1, 3).expand(4, 3)},
    "expanded from a scalar": lambda: {"w": torch.tensor(2.0).expand(3, 3)},
    "every second": lambda: {"w": BASE[1::2]},
    "a column": lambda: {"w": BASE.reshape(4, 6)[:, 2]},
    "a diagonal": lambda: {"w": BASE[:16].reshape(4, 4).diagonal()},
    "overlapping windows": lambda: {"w": BASE.unfold(0, 4, 2)},
    "a slice of a large storage": lambda: {"w": torch.arange(5000.0)[7:9]},
    "channels last": lambda: {"w": BASE.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)},
    "as_strided over itself": lambda: {"w": torch.as_strided(BASE, (3, 3), (1, 1), 2)},
    "views of one storage": lambda: {"a": BASE[:10], "b": BASE[5:], "c": BASE.reshape(4, 6)},
    "tied": lambda: (lambda w: {"a": w, "b": w, "c": w})(W.clone()),
    "a parameter": lambda: {"w": torch.nn.Parameter(W.clone())},
    "a parameter and its data": lambda: (lambda p: {"p": p, "d": p.data})(torch.nn.Parameter(W.clone())),
    "requires grad": lambda: {"w": W.clone().requires_grad_()},
    "integers that require nothing": lambda: {"w": torch.nn.Parameter(torch.arange(3), requires_grad=False)},
    "NaNs with payloads": lambda: {
        "w": torch.tensor([0x7FC00001, -1, 0x7F800001], dtype=torch.int32).view(torch.float32)
    },
    "subnormals and minus zero": lambda: {"w": torch.tensor([1e-45, -0.0, 3.4e38])},
    "no tensor": dict,
    "names with dots and spaces": lambda: {"a.b.c": W, " ": W + 1, "a b": W + 2},
    "an empty name": lambda: {"": W},
    "hostile names": lambda: {"<b>\n\x1b[31m": W, "\u202e": W + 1, "n" * 10_000: W + 2},
    "ninety-nine tensors": lambda: {f"layer.{i}": torch.full((2,), float(i)) for i in range(99)},
}
for _name, _root in FLAT.items():
    saved(_name, _root)
    if _name in ("transposed", "views of one storage", "tied", "expanded", "empty", "a scalar"):
        saved(f"{_name}, before 1.6", _root, _use_new_zipfile_serialization=False)

saved("conjugated", lambda: {"w": torch.tensor([1 + 2j, 3j]).conj()}, lambda root: {"w": root["w"].conj()})
saved("negated", lambda: {"w": torch.tensor([1 + 2j, 3j]).conj().imag}, lambda root: {"w": torch._neg_view(root["w"])})
saved("integer keys", lambda: {0: W, 1: W + 1, -5: W + 2}, lambda root: {"0": root[0], "1": root[1], "-5": root[-5]})
saved("tuple keys", lambda: {(1, "a"): W}, lambda root: {"(1, 'a')": W})
saved("None among tensors", lambda: {"a": None, "w": W, "z": None}, lambda root: {"w": W})
saved(
    "lists and tuples", lambda: {"l": [W, (W + 1, [W + 2])]}, lambda root: {"l.0": W, "l.1.0": W + 1, "l.1.1.0": W + 2}
)
saved("a tensor alone", lambda: W, lambda root: {"": W})
saved("a list alone", lambda: [W, W + 1], lambda root: {"0": W, "1": W + 1})
saved("a state_dict", lambda: Net().state_dict(), lambda root: dict(root))
saved("a state_dict in float16", lambda: Net().half().state_dict(), lambda root: dict(root))
saved("a dict subclass", lambda: Table(w=W), lambda root: {"w": W})
saved("a list subclass", lambda: Row([W]), lambda root: {"0": W})
saved("a named tuple", lambda: Pair(W, W + 1), lambda root: {"0": W, "1": W + 1})
saved("slots", lambda: Slotted(W, 1), lambda root: {"state.1.a": W})
saved("a dataclass", lambda: Config(weight=W), lambda root: {"weight": W})
saved("a state of its own", lambda: Stateful(W), lambda root: {"state.0": W})
saved(
    "an EMA object",
    lambda: {"ema": EMA(torch.nn.Linear(2, 1))},
    lambda root: {f"ema.shadow.{name}": one for name, one in root["ema"].shadow.items()},
)
saved("a defaultdict of tensors", lambda: collections.defaultdict(list, w=[W]), lambda root: {"w.0": W})
saved("a deque of tensors", lambda: {"q": collections.deque([W, W + 1])}, lambda root: {"q.0": W, "q.1": W + 1})
saved("a generator's state", lambda: {"rng": torch.Generator().manual_seed(3).get_state()})
saved("a storage without a tensor", lambda: {"w": W, "s": W.clone().untyped_storage()}, lambda root: {"w": W})


def optimizer(kind: Callable[..., torch.optim.Optimizer], **options: Any) -> Any:
    module = torch.nn.Linear(3, 2)
    made = kind(module.parameters(), lr=0.1, **options)
    for _ in range(2):
        module(torch.ones(1, 3)).sum().backward()
        made.step()
    return {"model": module.state_dict(), "optimizer": made.state_dict(), "epoch": 2}


def flattened(value: Any, name: str = "") -> dict[str, Any]:
    """Name the tensors of dicts and lists by their path."""
    if isinstance(value, torch.Tensor):
        return {name: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return {
        key: one
        for part, inner in items
        for key, one in flattened(inner, f"{name}.{part}" if name else str(part)).items()
    }


saved("Adam", lambda: optimizer(torch.optim.Adam, amsgrad=True), flattened)
saved("SGD with momentum", lambda: optimizer(torch.optim.SGD, momentum=0.9), flattened)
saved("LBFGS", lambda: optimizer(torch.optim.Adagrad), flattened)
saved(
    "RMSprop, before 1.6",
    lambda: optimizer(torch.optim.RMSprop, centered=True),
    flattened,
    _use_new_zipfile_serialization=False,
)
saved(
    "a scheduler's state",
    lambda: {
        "w": W,
        "s": torch.optim.lr_scheduler.CosineAnnealingLR(
            torch.optim.SGD([W.clone().requires_grad_()], 0.1), 10
        ).state_dict(),
    },
    lambda root: {"w": W},
)
saved("a deep copy with ties", lambda: copy.deepcopy((lambda w: {"a": w, "b": w})(W.clone())))


def module_tensors(module: torch.nn.Module) -> dict[str, Any]:
    """Name what a whole module holds as the window shows it: of each its parameters, its buffers, then its modules."""
    found: dict[str, Any] = {}

    def walk(one: torch.nn.Module, prefix: str) -> None:
        for table in (one._parameters, one._buffers):
            found.update({prefix + name: tensor for name, tensor in table.items() if tensor is not None})
        for name, inner in one._modules.items():
            walk(inner, f"{prefix}{name}.")
        found.update({prefix + name: tensor for name, tensor in vars(one).items() if isinstance(tensor, torch.Tensor)})

    walk(module, "")
    return found


saved("a whole module", Net, module_tensors)
saved("a whole module, before 1.6", Net, module_tensors, _use_new_zipfile_serialization=False)
saved(
    "a whole sequential",
    lambda: torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU()),
    module_tensors,
)
saved(
    "a whole LSTM",
    lambda: torch.nn.LSTM(2, 3),
    lambda root: {**module_tensors(root), **{f"_flat_weights.{i}": one for i, one in enumerate(root._flat_weights)}},
)
saved(
    "a module in a dict",
    lambda: {"model": torch.nn.Linear(2, 2), "epoch": 3},
    lambda root: {f"model.{name}": one for name, one in module_tensors(root["model"]).items()},
)


def subclass(value: torch.Tensor) -> torch.Tensor:
    made = value.as_subclass(Subclass)
    made.note = "hello"
    return made


def noted(value: Any) -> Any:
    value.note = {"scale": 0.5}
    return value


saved("a tensor subclass", lambda: {"w": W.clone().as_subclass(Subclass)}, lambda root: {"w.2": W})
saved("a tensor subclass with attributes", lambda: {"w": subclass(W.clone())}, lambda root: {"w.2": W})
saved("a tensor with attributes", lambda: {"w": noted(W.clone())}, lambda root: {"w.2": W})
saved("a parameter with attributes", lambda: {"w": noted(torch.nn.Parameter(W.clone()))}, lambda root: {"w": W})
saved("a tensor on meta", lambda: {"w": W, "m": torch.empty(3, device="meta")}, lambda root: {"w": W})

SPARSE = torch.tensor([[0.0, 2, 0, 0], [3, 0, 0, 4]])
saved(
    "sparse COO",
    lambda: {"s": SPARSE.to_sparse()},
    lambda root: {"s.1.0": root["s"].indices(), "s.1.1": root["s"].values()},
)
saved(
    "sparse COO, hybrid",
    lambda: {"s": SPARSE.to_sparse(1)},
    lambda root: {"s.1.0": root["s"].indices(), "s.1.1": root["s"].values()},
)
saved(
    "sparse COO of nothing",
    lambda: {"s": torch.zeros(2, 3).to_sparse()},
    lambda root: {"s.1.0": root["s"].indices(), "s.1.1": root["s"].values()},
)
saved(
    "sparse COO, not coalesced",
    lambda: {"s": torch.sparse_coo_tensor([[1, 1, 0]], [1.0, 2, 3], (2,))},
    lambda root: {"s.1.0": root["s"]._indices(), "s.1.1": root["s"]._values()},
)
for _layout, _rows, _make in (
    ("CSR", True, SPARSE.to_sparse_csr),
    ("CSC", False, SPARSE.to_sparse_csc),
    ("BSR", True, lambda: SPARSE.to_sparse_bsr((1, 2))),
    ("BSC", False, lambda: SPARSE.to_sparse_bsc((2, 2))),
):
    saved(
        f"sparse {_layout}",
        lambda make=_make: {"s": quiet(make)},
        lambda root, rows=_rows: {
            "s.1.0": root["s"].crow_indices() if rows else root["s"].ccol_indices(),
            "s.1.1": root["s"].col_indices() if rows else root["s"].row_indices(),
            "s.1.2": root["s"].values(),
        },
    )
saved(
    "sparse CSR, a batch",
    lambda: {"s": quiet(torch.stack([SPARSE, SPARSE.flip(0)]).to_sparse_csr)},
    lambda root: {"s.1.0": root["s"].crow_indices(), "s.1.1": root["s"].col_indices(), "s.1.2": root["s"].values()},
)
saved(
    "sparse, before 1.6",
    lambda: {"w": W, "s": SPARSE.to_sparse()},
    lambda root: {"w": W, "s.1.0": root["s"].indices(), "s.1.1": root["s"].values()},
    _use_new_zipfile_serialization=False,
)
saved(
    "nested",
    lambda: {"n": quiet(lambda: torch.nested.nested_tensor([torch.ones(2, 3), torch.zeros(1, 3)]))},
    lambda root: {
        "n.0": root["n"].values(),
        "n.1": root["n"]._nested_tensor_size(),
        "n.2": root["n"]._nested_tensor_strides(),
        "n.3": root["n"]._nested_tensor_storage_offsets(),
    },
)
for _dtype in ("quint8", "qint8", "qint32"):
    saved(
        f"quantized {_dtype}",
        lambda dtype=_dtype: {"q": quiet(lambda: torch.quantize_per_tensor(W, 0.25, 1, getattr(torch, dtype)))},
    )
saved(
    "quantized per channel",
    lambda: {
        "q": quiet(
            lambda: torch.quantize_per_channel(W, torch.tensor([0.5, 0.25]), torch.tensor([0, 1]), 0, torch.qint8)
        )
    },
    lambda root: {"q": root["q"]},
)


def script(folder: Path, module: torch.nn.Module, traced: bool) -> Path:
    path = folder / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and its files are still about
        made = torch.jit.trace(module, torch.ones(1, 3)) if traced else torch.jit.script(module)
        torch.jit.save(made, str(path))
    return path


@FAMILY.odd
def torch_script_by_scripting(folder: Path) -> tuple[Path, Opens]:
    module = torch.nn.Linear(3, 2)
    return script(folder, module, traced=False), holds({"weight": module.weight, "bias": module.bias})


@FAMILY.odd
def torch_script_by_tracing(folder: Path) -> tuple[Path, Opens]:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    return script(folder, module, traced=True), holds({"0.weight": module[0].weight, "0.bias": module[0].bias})


@FAMILY.bad("persistent id")
def protocol_0_before_1_6(folder: Path) -> Path:
    """Its persistent ids are texts, which torch writes and does not read either."""
    torch.save({"w": W}, folder / "model.pt", pickle_protocol=0, _use_new_zipfile_serialization=False)
    return folder / "model.pt"
