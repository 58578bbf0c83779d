"""The window's half of the claims that tests/test_torch_claims.py lists: shown before, and done as it was shown."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.test_torch_claims import LogisticRegression, halve, script
from tests.test_torch_claims_models import CustomLayer, Output, Pair
from tests.ui.hand import Hand, text_of


@pytest.fixture
def hand(qtbot, open_window):
    """A person at an empty window."""
    return Hand(qtbot, open_window(real=True))


# ---------------------------------------------------------------- errors when copying weights


def test_copying_raises_syntax_errors(hand):
    """What cannot be copied is said at the field or on a card; nothing raises, and Apply is off."""
    w = torch.zeros(5, 20)
    hand.take({"w": w}).go("w")
    for text in ("[1, 2, 3]", "[[1, 2], [3]]", "text"):
        hand.fill("set", Values=text)
        assert not hand.can_apply
    assert not w.any()


def test_assignment_raises_on_shape(hand):
    kept, source = torch.zeros(2, 3), torch.ones(4, 3)
    hand.take({"kept": kept}).go("kept")
    hand.fill("set", Values=text_of(source))
    assert ("shape-mismatch", "refusal") in hand.kinds()
    assert not hand.can_apply
    assert not kept.any()


@pytest.mark.parametrize(("given", "wanted", "label"), [
    ((10, 20), (5, 20), "Take rows 0–4"), ((20, 10), (10, 20), "Transpose the source"),
], ids=["rows", "transpose"])  # fmt: skip
def test_copy_of_another_shape(hand, given, wanted, label):
    w, source = torch.zeros(wanted), torch.arange(200.0).reshape(given)
    hand.take({"w": w}).go("w")
    hand.fill("set", Values=text_of(source))
    assert ("shape-mismatch", "refusal") in hand.kinds()
    hand.press(label)
    assert not w.any()
    hand.apply()
    assert torch.equal(w, source[:5] if given == (10, 20) else source.T)
    hand.undo()
    assert not w.any()


def test_a_slice_is_a_copy(hand):
    source = torch.zeros(10, 20)
    target = source[:5]
    hand.take({"source": source, "target": target}).go("target")
    hand.region("[0]")
    hand.fill("fill", Value="7")
    assert ("shared-storage", "notice") in hand.kinds()
    assert "source" in hand.said()
    hand.apply()
    assert source[0].tolist() == [7] * 20
    assert not source[1:].any()


def test_broadcast_masks_a_mismatch(hand):
    w = torch.zeros(10, 20)
    hand.take({"w": w}).go("w")
    hand.fill("set", Values=text_of(torch.arange(20.0)))
    assert ("broadcast", "warning") in hand.kinds()
    assert "10 times" in hand.said()
    assert hand.panel.apply_button.text() == "Apply with the repeat"
    assert not w.any()
    hand.apply()
    assert torch.equal(w, torch.arange(20.0).expand(10, 20))


@pytest.mark.parametrize(("dtype", "value", "kind", "level"), [
    ("float32", "0.1", "precision-loss", "notice"), ("int64", "0.5", "truncation", "warning"),
])  # fmt: skip
def test_dtype_mismatch_raises(hand, dtype, value, kind, level):
    w = torch.ones(4, dtype=getattr(torch, dtype))
    stored = torch.zeros_like(w).copy_(torch.full((4,), float(value), dtype=torch.float64))
    hand.take({"w": w, "row": torch.full((4,), float(value), dtype=torch.float64)}).go("w")
    hand.fill("set", Values=text_of(torch.full((4,), float(value), dtype=torch.float64)))
    assert (kind, level) in hand.kinds()
    assert bool((w == 1).all())
    hand.apply()
    assert torch.equal(w, stored)


def test_in_place_before_a_copy(hand):
    w = torch.zeros(3, 3)
    hand.take({"w": w}).go("w")
    hand.fill("fill", Value="3")
    hand.apply()
    hand.fill("set", Values="[[1, 2, 3], [4, 5, 6], [7, 8, 9]]")
    hand.apply()
    assert w.flatten().tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_plain_assignment_shares_memory(hand):
    source = torch.zeros(5, 5)
    target = source
    hand.take({"source": source, "target": target}).go("target")
    hand.region("[0, 0]")
    hand.fill("fill", Value="100")
    assert ("shared-storage", "notice") in hand.kinds()
    hand.apply()
    assert source[0, 0] == 100


def test_clone_is_independent(hand):
    source = torch.zeros(5, 5)
    hand.take({"source": source, "target": source.clone()}).go("target")
    hand.fill("fill", Value="100")
    assert hand.kinds() == set()
    hand.apply()
    assert not source.any()


def test_slices_out_of_bounds_raise(hand):
    """A region past the end is marked wrong where it is typed, and nothing is selected instead."""
    w = torch.zeros(10, 20)
    hand.take({"w": w}).go("w")
    hand.fill("fill", Value="1")
    for text in ("[8:99]", "[10]"):
        hand.region(text)
        field = hand.window.workbench.page.read_out.field
        assert field.text() == text, "what was typed stays, to be mended"
        problem = hand.window.workbench.page.read_out.problem
        assert problem.isVisible()
        assert "10" in problem.toolTip() or "10" in problem.text()
        assert not hand.can_apply
    assert not w.any()


# ---------------------------------------------------------------- when is deep copy and when is shallow copy


def test_state_dict_is_shallow(hand):
    m = LogisticRegression()
    a, before = m.state_dict(), copy.deepcopy(m.state_dict())
    hand.take({"m": m, "a": a}).go("m.fc.weight")
    hand.fill("scale", Factor="0.5")
    assert ("shared-storage", "notice") in hand.kinds()
    assert "a.fc.weight" in hand.said()
    hand.apply()
    assert torch.equal(a["fc.weight"], before["fc.weight"] / 2)
    hand.undo()
    assert torch.equal(m.fc.weight.detach(), before["fc.weight"])


def halve_in_the_window(hand, deep):
    m, a = script(deep)
    before = copy.deepcopy(m.state_dict())
    hand.take({"m": m, "a": a}).go("a.fc.weight")
    hand.fill("scale", Factor="0.5")
    assert hand.kinds() == (set() if deep else {("shared-storage", "notice")})
    hand.apply()
    assert torch.equal(a["fc.weight"], before["fc.weight"] / 2)
    assert torch.equal(m.fc.weight.detach(), before["fc.weight"] if deep else before["fc.weight"] / 2)


def test_load_state_dict_copies(hand):
    halve_in_the_window(hand, deep=True)


def test_without_deepcopy_they_stay_one(hand):
    halve_in_the_window(hand, deep=False)


def test_load_state_dict_assign(hand):
    m, given = LogisticRegression(), copy.deepcopy(LogisticRegression().state_dict())
    m.load_state_dict(given, assign=True)
    hand.take({"m": m, "given": given}).go("given.fc.bias")
    hand.fill("fill", Value="3")
    assert ("shared-storage", "notice") in hand.kinds()
    assert "m.fc.bias" in hand.said()
    hand.apply()
    assert m.fc.bias.tolist() == [3, 3]


def test_writing_through_an_index(hand):
    m = LogisticRegression()
    weight = m.fc.weight
    hand.take(m).go("fc.weight")
    hand.region("[0]")
    hand.fill("fill", Value="123")
    hand.apply()
    assert m.fc.weight is weight
    assert weight[0].tolist() == [123, 123]
    halve(m)
    assert weight[0].tolist() == [61.5, 61.5], "training goes on in the same parameter"


# ---------------------------------------------------------------- copies of tensors made inside a model


def test_deepcopy_of_an_output(hand):
    """A computed tensor is shown and edited; the object stays the one it was."""
    output = nn.Linear(10, 5)(torch.randn(1, 10))
    holder, before = {"output": output}, output.detach().clone()
    hand.take(holder).go("output")
    hand.fill("fill", Value="0")
    hand.apply()
    assert not output.any()
    hand.undo()
    assert holder["output"] is output
    assert torch.equal(output.detach(), before)


def test_deepcopy_leaves_ties_to_the_graph(hand):
    model = nn.Linear(3, 2)
    copied, before = copy.deepcopy(model), model.weight.detach().clone()
    hand.take({"model": model, "copied": copied}).go("copied.weight")
    hand.fill("fill", Value="7")
    assert hand.kinds() == set()
    hand.apply()
    assert bool((copied.weight == 7).all())
    assert torch.equal(model.weight.detach(), before)


def test_detach_shares_memory(hand):
    output = nn.Linear(3, 2)(torch.ones(1, 3))
    hand.take({"output": output, "detached": output.detach()}).go("detached")
    hand.fill("fill", Value="5")
    assert ("shared-storage", "notice") in hand.kinds()
    assert "output" in hand.said()
    hand.apply()
    assert output.tolist() == [[5, 5]]


def test_nested_outputs_keep_their_types(hand):
    """Tensors in named tuples are found and written in place, so what holds them keeps its type and stays shared."""
    x = nn.Linear(3, 2)(torch.ones(1, 3))
    nested = {"pair": Pair(x, x * 2), "output": Output(x, (x, x.sum())), "list": [x, 3]}
    hand.take(nested).go("pair.1")
    hand.fill("fill", Value="5")
    hand.apply()
    assert nested["pair"].cell.tolist() == [[5, 5]]
    assert type(nested["pair"]) is Pair
    assert type(nested["output"]) is Output
    hand.go("list.0")
    hand.fill("fill", Value="6")
    assert ("shared-storage", "notice") in hand.kinds()
    assert "pair.0" in hand.said()
    hand.apply()
    assert nested["pair"].hidden.tolist() == [[6, 6]]


# ---------------------------------------------------------------- a CUDA tensor into a weight


def test_assignment_loses_the_parameter(hand, device):
    m = CustomLayer(device)
    hand.take({"m": m, "new": torch.full((5, 10), 2.0)}).go("m.weight")
    hand.fill("replace", Source="new")
    hand.apply()
    assert isinstance(m.weight, nn.Parameter)
    assert m.weight.device.type == device
    assert m.weight.requires_grad
    assert bool((m.weight == 2).all())


def test_data_is_in_place(hand, device):
    m = nn.Linear(3, 2).to(device)
    weight, state, place = m.weight, m.state_dict(), m.weight.data_ptr()
    hand.take(m).go("weight")
    hand.fill("set", Values="[[1, 2, 3], [4, 5, 6]]")
    hand.apply()
    assert m.weight is weight
    assert weight.data_ptr() == place
    assert state["weight"].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_data_of_another_shape(hand):
    m = nn.Linear(10, 5, bias=False)
    hand.take({"m": m, "new": torch.zeros(7, 7)}).go("m.weight")
    hand.fill("replace", Source="new")
    assert {"shape-mismatch", "module-attribute"} <= {kind for kind, _ in hand.kinds()}
    assert (m.in_features, m.out_features) == (10, 5)
    hand.apply()
    assert (m.in_features, m.out_features) == (7, 7)
    hand.undo()
    assert (m.in_features, m.out_features) == (10, 5)


def test_data_of_another_dtype(hand):
    m = nn.Linear(3, 2)
    hand.take(m).go("weight")
    hand.fill("set", Values=text_of(torch.full((2, 3), 0.1, dtype=torch.float64)))
    assert ("precision-loss", "notice") in hand.kinds()
    hand.apply()
    assert m.weight.dtype == torch.float32
    assert m(torch.ones(1, 3)).shape == (1, 2)


def test_data_of_another_device(hand):
    """A tensor on `meta` has no values to give: it is refused, and the weight stays."""
    m = nn.Linear(2, 2)
    weight, before = m.weight, m.weight.detach().clone()
    hand.take({"m": m, "empty": torch.zeros(2, 2, device="meta")}).go("m.weight")
    hand.fill("replace", Source="empty")
    assert not hand.can_apply
    assert {level for _, level in hand.kinds()} == {"refusal"}
    assert m.weight is weight
    assert torch.equal(weight.detach(), before)


def test_data_keeps_gradients_right(hand):
    m = nn.Module()
    m.w = nn.Parameter(torch.ones(2))
    loss = (m.w * m.w).sum()
    hand.take(m).go("w")
    hand.fill("fill", Value="5")
    hand.apply()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_new_parameter_is_enough(hand):
    both = nn.ModuleDict({"a": nn.Linear(3, 2, bias=False), "b": nn.Linear(3, 2, bias=False)})
    both["b"].weight = both["a"].weight
    optimizer = torch.optim.SGD(both.parameters(), lr=1.0)
    hand.take(both, optimizer).go("a.weight")
    hand.fill("cast", **{"To dtype": "float64"})
    assert ("unties", "notice") in hand.kinds()
    hand.apply()
    assert both["a"].weight is both["b"].weight is optimizer.param_groups[0]["params"][0]
    assert both["a"].weight.dtype == torch.float64


def test_values_from_another_device(hand, device):
    m, values = CustomLayer(device), torch.arange(50.0).reshape(5, 10)
    weight = m.weight
    hand.take(m).go("weight")
    hand.fill("set", Values=text_of(values))
    hand.apply()
    assert m.weight is weight
    assert weight.device.type == device
    assert torch.equal(weight.detach().cpu(), values)


def test_custom_modules(hand, device):
    m = CustomLayer(device)
    m.scale = torch.ones(5, device=device)
    hand.take(nn.Sequential(m)).go("0.bias")
    hand.fill("fill", Value="1")
    hand.apply()
    assert m.bias.tolist() == [1] * 5
    assert isinstance(m.bias, nn.Parameter)
    hand.go("0.scale")
    hand.fill("fill", Value="2")
    hand.apply()
    assert m.scale.tolist() == [2] * 5
