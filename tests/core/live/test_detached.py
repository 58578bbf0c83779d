"""`detached_copy`: what `copy.deepcopy` gives where it works, and what it refuses: independent memory, the same types
and the same sharing inside."""

from __future__ import annotations

import copy
import threading
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import detached_copy

Point = namedtuple("Point", "x y")


class Output(NamedTuple):
    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...] = ()


@dataclass
class Plain:
    value: torch.Tensor
    made: Any = field(init=False, default=None)


@dataclass(frozen=True)
class Frozen:
    value: torch.Tensor
    others: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class FrozenSlots:
    value: torch.Tensor
    name: str = "a"
    made: Any = field(init=False, default=3)


class Named(dict[str, Any]):
    """A dict of a class of its own, with an attribute, as transformers' outputs are."""

    note: Any = None


class Slotted:
    __slots__ = ("other", "value")


class Kept(torch.Tensor):
    """A tensor of a class of its own."""


def computed(device: str = "cpu") -> torch.Tensor:
    """A tensor that is no leaf."""
    return torch.arange(6.0, device=device, requires_grad=True).reshape(2, 3) * 2


def tensors_in(value: Any, seen: set[int] | None = None) -> list[torch.Tensor]:
    """Every tensor object anywhere inside, in the order met, each once."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        return [value]
    inside: list[Any] = []
    if isinstance(value, dict):
        inside += [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | deque):
        inside += value
    if is_dataclass(value) and not isinstance(value, type):
        inside += [getattr(value, one.name) for one in fields(value)]
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        inside += vars(value).values()
    return [tensor for one in inside for tensor in tensors_in(one, seen)]


def place(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def sharing(value: Any) -> list[int]:
    """For each tensor inside, which of the storages met it lies over."""
    order: dict[int, int] = {}
    return [order.setdefault(place(tensor), len(order)) for tensor in tensors_in(value)]


def described(tensor: torch.Tensor) -> tuple[Any, ...]:
    return (type(tensor), tensor.dtype, tensor.device, tuple(tensor.shape), tuple(tensor.stride()),
            tensor.storage_offset(), tensor.is_conj(), tensor.is_neg())  # fmt: skip


def check_independent(original: Any, made: Any) -> None:
    """Assert the same values and layout, the same sharing inside, no memory in common and no graph."""
    before, after = tensors_in(original), tensors_in(made)
    assert len(before) == len(after)
    assert {place(one) for one in before if one.numel()}.isdisjoint(place(one) for one in after if one.numel())
    for old, new in zip(before, after, strict=True):
        assert described(new) == described(old)
        assert new.grad_fn is None
        assert new.is_leaf
        assert new.requires_grad == (old.requires_grad and old.is_leaf)
        assert oracle.bits(new.resolve_conj().resolve_neg()) == oracle.bits(old.resolve_conj().resolve_neg())
    assert sharing(made) == sharing(original)


def leaves(device: str) -> list[torch.Tensor]:
    """Tensors that `deepcopy` copies too."""
    base = torch.arange(24.0, device=device)
    return [
        base, torch.zeros((), device=device), torch.zeros(0, 3, device=device), base.view(4, 6).T, base[3:7],
        torch.arange(3, device=device).expand(5, 3), torch.ones(2, device=device, requires_grad=True),
        nn.Parameter(torch.ones(2, device=device)), nn.Parameter(torch.arange(2, device=device), requires_grad=False),
        nn.Buffer(torch.ones(2, device=device)), torch.ones(2, dtype=torch.bfloat16, device=device),
        torch.ones(2, dtype=torch.complex64, device=device), torch.tensor([True, False], device=device),
        torch.tensor([float("nan"), -0.0], device=device),
        torch.zeros(4, dtype=torch.float8_e4m3fn, device=device),
    ]  # fmt: skip


def test_every_leaf_is_copied_as_deepcopy_does(device):
    for tensor in leaves(device):
        made, theirs = detached_copy(tensor), copy.deepcopy(tensor)
        check_independent([tensor], [made])
        assert (type(made), made.dtype, made.requires_grad, vars(made)) == (
            type(theirs), theirs.dtype, theirs.requires_grad, vars(theirs))  # fmt: skip
        assert oracle.bits(made) == oracle.bits(theirs)
        assert made.stride() == theirs.stride() or isinstance(tensor, nn.Parameter)  # which torch lays out anew


def test_what_deepcopy_refuses_is_copied(device):
    result = computed(device)
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy({"out": [result]})
    nested = {"out": [result, result[0], result.detach()], "leaf": torch.ones(2, requires_grad=True, device=device)}
    made = detached_copy(nested)
    check_independent(nested, made)
    assert made["out"][0].requires_grad is False
    assert made["leaf"].requires_grad is True
    made["out"][0][0, 0] = 7.0
    assert made["out"][1][0] == 7.0, "views of one storage stay views of one storage"
    assert result[0, 0] == 0.0, "and the original keeps its values"


@pytest.mark.parametrize(
    "make",
    [
        lambda t: (t, [t, t[0]], {"a": t.T}),
        lambda t: Point(t, [t]),
        lambda t: Output(t, (t[0], t[1])),
        lambda t: OrderedDict(b=t, a=t[0]),
        lambda t: defaultdict(list, {"a": [t]}),
        lambda t: deque([t, t[0]], maxlen=4),
        lambda t: Plain(t),
        lambda t: Frozen(t, (t, 1)),
        lambda t: FrozenSlots(t),
        lambda t: {1: t, (2, "b"): t[0], None: [()]},
        lambda t: torch.max(t, dim=0),
        lambda t: [np.ones(3), {1, 2}, frozenset([3]), "text", 1.5, None, torch.float32, t],
    ],
    ids=["tuple", "named tuple", "typed named tuple", "OrderedDict", "defaultdict", "deque", "dataclass",
         "frozen dataclass", "frozen dataclass with slots", "dict", "torch.max", "values"],
)  # fmt: skip
def test_containers_keep_their_types(make: Callable[[torch.Tensor], Any]):
    """Compared with what deepcopy makes of the same container with a leaf in it; then with a tensor it refuses."""
    leaf = torch.arange(6.0).reshape(2, 3)
    made, theirs = detached_copy(make(leaf)), copy.deepcopy(make(leaf))
    assert shape_of(made) == shape_of(theirs)
    assert [oracle.bits(one) for one in tensors_in(made)] == [oracle.bits(one) for one in tensors_in(theirs)]
    result = make(computed())
    check_independent(result, detached_copy(result))
    assert shape_of(detached_copy(result)) == shape_of(made)


def shape_of(value: Any) -> Any:
    """The nesting with types in place of tensors and arrays."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return type(value), value.dtype, tuple(value.shape)
    if isinstance(value, dict):
        return type(value), [(shape_of(key), shape_of(one)) for key, one in value.items()]
    if isinstance(value, list | tuple | deque):
        return type(value), [shape_of(one) for one in value]
    if is_dataclass(value):
        return type(value), [(one.name, shape_of(getattr(value, one.name))) for one in fields(value)]
    return value


def test_attributes_of_containers_and_tensors_come_along():
    result = computed()
    outer = Named(logits=result)
    outer.note = [result]
    outer.default = defaultdict(list)  # type: ignore[attr-defined]
    result.tag = {"scale": result[0]}  # type: ignore[attr-defined]
    made = detached_copy(outer)
    assert type(made) is Named
    assert made.note[0] is made["logits"]
    assert made.default.default_factory is list
    assert place(made["logits"].tag["scale"]) == place(made["logits"]) != place(result)
    slotted = Slotted()
    slotted.value = result
    slotted.other = slotted
    again = detached_copy(slotted)
    assert again.other is again
    assert place(again.value) != place(result)


def test_cycles_and_aliases():
    result = computed()
    ring: dict[str, Any] = {"t": result, "again": result, "list": []}
    ring["list"] += [ring, (ring, ring["list"])]
    made = detached_copy(ring)
    assert made["t"] is made["again"]
    assert made["list"][0] is made
    assert made["list"][1][0] is made
    assert made["list"][1][1] is made["list"]
    frozen = (1, "a", (2, None))
    assert detached_copy(frozen) is frozen  # as deepcopy: nothing in it can change
    holder: list[Any] = []
    loop = (holder, result)
    holder.append(loop)
    copied = detached_copy(loop)
    assert copied[0][0] is copied


def test_conjugated_and_negated_views_stay_views():
    """`y.imag` of a conjugated tensor is a negated view: both bits say that the memory holds something else."""
    base = torch.tensor([1 + 2j, 3 - 4j]) * torch.ones((), requires_grad=True)
    views = [base.conj(), base.conj().imag, base.real, base]
    assert views[0].is_conj()
    assert views[1].is_neg()
    made = detached_copy(views)
    check_independent(views, made)
    made[3][0] = 9 + 9j
    assert made[0][0] == 9 - 9j
    assert made[1][0] == -9


def test_a_tensor_class_of_ones_own_keeps_its_class():
    kept = torch.ones(3).as_subclass(Kept)
    with pytest.raises(RuntimeError, match="subclass"):
        copy.deepcopy(kept)
    made = detached_copy([kept, kept[1:]])
    assert [type(one) for one in made] == [Kept, Kept]
    assert place(made[0]) == place(made[1]) != place(kept)


def test_meta_tensors_have_sharing_without_memory():
    base = torch.empty(4, 5, device="meta")
    made = detached_copy([base, base[1:], nn.Parameter(base.T)])
    assert [one.device.type for one in made] == ["meta"] * 3
    assert made[1].storage_offset() == 5
    assert made[0].untyped_storage()._cdata == made[1].untyped_storage()._cdata != base.untyped_storage()._cdata


@pytest.mark.filterwarnings("ignore:Sparse|.*beta state:UserWarning")
def test_sparse_tensors():
    dense = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    for sparse in (dense.to_sparse(), dense.to_sparse_csr(), (dense.clone().requires_grad_() * 2).to_sparse()):
        made = detached_copy([sparse, sparse])
        assert made[0] is made[1]
        assert made[0].layout == sparse.layout
        assert made[0].grad_fn is None
        assert not made[0].requires_grad
        before, after = (one.values() if one.layout == torch.sparse_csr else one.coalesce().values()
                         for one in (sparse.detach(), made[0]))  # fmt: skip
        assert torch.equal(before, after)
        assert place(before) != place(after)


def test_quantized_tensors():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each = torch.quantize_per_tensor(torch.arange(6.0), 0.5, 2, torch.qint8)
        rows = torch.quantize_per_channel(torch.ones(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0,
                                          torch.qint8)  # fmt: skip
        made = detached_copy({"a": each, "b": rows})
        assert (made["a"].q_scale(), made["a"].q_zero_point()) == (0.5, 2)
        assert torch.equal(made["b"].q_per_channel_scales(), rows.q_per_channel_scales())
        assert torch.equal(made["a"].int_repr(), each.int_repr())
        assert place(made["a"]) != place(each)


def test_views_of_one_buffer_stay_tied_where_deepcopy_unties_them():
    flat = torch.zeros(6)
    pair = nn.ParameterList([nn.Parameter(flat[:2]), nn.Parameter(flat[2:])])
    theirs = copy.deepcopy(pair)
    assert place(theirs[0]) != place(theirs[1])
    made = detached_copy(pair)
    assert place(made[0]) == place(made[1]) != place(flat)
    assert made[1].storage_offset() == 2


class Caching(nn.Module):
    """A module that keeps what it computed last, as many do; deepcopy refuses it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.tied = nn.Linear(3, 2)
        self.tied.weight = self.layer.weight
        self.lstm = nn.LSTM(2, 2)
        self.norm = nn.BatchNorm1d(2)
        self.last: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last = self.layer(x)
        return self.norm(self.lstm(self.last)[0])


def test_a_module_that_keeps_what_it_computed():
    net = Caching()
    x = torch.ones(4, 3)
    out = net(x)
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(net)
    made = detached_copy(net.eval())
    assert isinstance(made, Caching)
    assert made.layer.weight is made.tied.weight is not net.layer.weight
    assert made.last is not None
    assert net.last is not None
    assert torch.equal(made.last, net.last)
    assert made.last.grad_fn is None
    assert {place(p) for p in made.parameters()}.isdisjoint(place(p) for p in net.parameters())
    assert all(p.requires_grad and p.is_leaf for p in made.parameters())
    names = made.lstm._flat_weights_names
    assert all(flat is getattr(made.lstm, name) for name, flat in zip(names, made.lstm._flat_weights, strict=True))
    assert torch.equal(made(x), net(x))
    assert out.grad_fn is not None


def test_a_parametrized_module_and_its_optimizer():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    made, its = detached_copy((layer, optimizer))
    assert torch.equal(made.weight, layer.weight)
    assert {id(p) for group in its.param_groups for p in group["params"]} == {id(p) for p in made.parameters()}
    assert {id(p) for p in its.state} == {id(p) for p in made.parameters()}
    before = made.weight.detach().clone()
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(made.weight, before), "training the original does not reach the copy"
    made(torch.ones(1, 3)).sum().backward()
    its.step()
    assert not torch.equal(made.weight, before), "and the copy can be trained"


def test_model_outputs_of_transformers():
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=1, n_head=2, n_embd=8, vocab_size=11, n_positions=8)
    torch.manual_seed(0)
    out = transformers.GPT2LMHeadModel(config)(torch.tensor([[1, 2, 3]]), output_hidden_states=True, use_cache=False)
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(out)
    made = detached_copy(out)
    assert type(made) is type(out)
    assert torch.equal(made.logits, out.logits)
    assert made.logits is made["logits"]
    check_independent(list(out.hidden_states), list(made.hidden_states))


def test_what_cannot_be_copied_is_never_shared():
    with pytest.raises(TypeError, match="lock"):
        detached_copy({"a": torch.zeros(2), "lock": threading.Lock()})
    with pytest.raises(TypeError, match="generator"):
        detached_copy([(number for number in ())])

    def function() -> None: ...

    assert detached_copy([function, Plain])[:] == [function, Plain]


def test_it_is_public_and_lazy():
    assert "detached_copy" in weightedit.__all__
    assert "detached_copy" in dir(weightedit)
