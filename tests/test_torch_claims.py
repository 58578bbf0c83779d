"""Each claim of the notes people bring about copying weights: what the note says, torch does, and weightedit does.

One test for each, of the same name: of the first two notes here, of the others in tests/test_torch_claims_models.py;
the window's half of all of them is in tests/ui/test_torch_claims.py.

Errors when copying weights
    copying_raises_syntax_errors      wrong: RuntimeError or TypeError, and most mistakes raise nothing
    assignment_raises_on_shape        wrong: `target = source` gives a name to another tensor, and copies nothing
    copy_of_another_shape             (10, 20) into (5, 20) and (20, 10) into (10, 20): `copy_` raises
    a_slice_is_a_copy                 `target = source[:5]` has the shape, copies nothing, and shares memory
    broadcast_masks_a_mismatch        right, and silent
    dtype_mismatch_raises             wrong: `copy_` rounds, overflows, truncates; nothing is said
    in_place_before_a_copy            wrong: `copy_` overwrites whatever was there
    plain_assignment_shares_memory    right
    clone_is_independent              right of memory
    slices_out_of_bounds_raise        wrong of slices, right of indices

When is deep copy and when is shallow copy
    state_dict_is_shallow             right: halve the parameters and see it in `a`
    load_state_dict_copies            right: after `deepcopy` and `load_state_dict`, the two are apart
    without_deepcopy_they_stay_one    right: `a` was the module's own memory all along
    load_state_dict_assign            `assign=True` is the other kind: the module takes the given tensors
    writing_through_an_index          `v[0] = 123.0` raises, `v[0].data = …` is lost, `a[k][1] = 456.0` is seen in `m`

Copies of tensors made inside a model
    deepcopy_of_an_output             wrong that it may appear to work: it raises
    deepcopy_leaves_ties_to_the_graph wrong: a deep copy of a leaf has a memory and a graph of its own
    detach_shares_memory              right
    nested_outputs_keep_their_types   the note's own function turns tuples into lists and doubles what is shared

A CUDA tensor into a weight
    assignment_loses_the_parameter    wrong: it raises TypeError, and the Parameter stays
    data_is_in_place                  wrong: `.data =` takes another memory, and goes on sharing it with its source
    data_of_another_shape             accepted; `in_features` stays
    data_of_another_dtype             accepted; forward raises
    data_of_another_device            accepted across cpu and cuda, raises for meta
    data_keeps_gradients_right        wrong: a write through `.data` gives wrong gradients, silently
    a_new_parameter_is_enough         wrong: an optimizer and tied names keep the old one, and memory is shared
    values_from_another_device        `copy_` goes across; the weight stays where it is
    custom_modules                    right: a bare Parameter is registered, a bare tensor is not

The note on training errors (inputs, batch sizes, activations, dtypes of inputs) belongs to a later issue.
"""

from __future__ import annotations

import ast
import copy
import math

import pytest
import torch
from torch import nn

import weightedit
from tests.conftest import ROOT
from tests.torch_behaviour.saying import PLACES, offered, opened, said
from weightedit import EditRefused


class LogisticRegression(nn.Module):
    """The module of the note's script."""

    def __init__(self, in_channels: int = 2, class_num: int = 2) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, class_num)


def halve(module: nn.Module) -> None:
    """As the note's script does."""
    for value in module.parameters():
        value.data -= 0.5 * value.data


# ---------------------------------------------------------------- errors when copying weights


def test_copying_raises_syntax_errors():
    for source in (torch.ones(3), torch.ones(5, 7), "text", None):
        with pytest.raises((RuntimeError, TypeError)) as caught:
            torch.zeros(5, 20).copy_(source)
        assert not isinstance(caught.value, SyntaxError)
        with weightedit.open({"w": torch.zeros(5, 20)}) as doc, pytest.raises(EditRefused):
            doc.apply("set", "w", values=source)


def test_assignment_raises_on_shape():
    source, kept = torch.randn(10, 20), torch.zeros(5, 20)
    target = kept
    target = source  # "this should not happen": it does, and nothing is copied
    assert target is source
    assert not kept.any()
    with weightedit.open({"target": kept}) as doc:
        hazard = said(doc, "shape-mismatch", "refusal", "set", "target", values=source)
        assert "10" in hazard.title
        assert not kept.any()


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("given", "wanted", "label"), [
    ((10, 20), (5, 20), "Take rows 0–4"),
    ((20, 10), (10, 20), "Transpose the source"),
], ids=["rows", "transpose"])  # fmt: skip
def test_copy_of_another_shape(where, given, wanted, label, tmp_path):
    source = torch.randn(given)
    with pytest.raises(RuntimeError, match="must match"):
        torch.zeros(wanted).copy_(source)
    with opened(where, tmp_path, {"w": torch.zeros(wanted)}) as doc:
        hazard = said(doc, "shape-mismatch", "refusal", "set", "w", values=source)
        offered(doc, hazard, label)
        assert torch.equal(doc.read("w"), source[:5] if given == (10, 20) else source.T)


def test_a_slice_is_a_copy():
    source = torch.randn(10, 20)
    target = source[:5, :]
    target[0, 0] = 100
    assert source[0, 0] == 100
    with weightedit.open({"source": source, "target": target}) as doc:
        assert doc.tensors["source"].storage_group == doc.tensors["target"].storage_group == "S1"
        hazard = said(doc, "shared-storage", "notice", "fill", "target", value=7, region="[0]")
        assert (hazard.targets, hazard.count) == (("source",), 20)
        doc.apply("untie", "target")
        doc.apply("fill", "target", value=7)
        assert source[0, 0] == 100


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("shape", "times"), [((20,), 10), ((1, 20), 10), ((10, 1), 20), ((1, 1), 200)], ids=str)
def test_broadcast_masks_a_mismatch(where, shape, times, tmp_path):
    source = torch.arange(1.0, 1 + math.prod(shape)).reshape(shape)
    target = torch.zeros(10, 20).copy_(source)
    with opened(where, tmp_path, {"w": torch.zeros(10, 20)}) as doc:
        assert said(doc, "broadcast", "warning", "set", "w", values=source).count == times
        doc.apply("set", "w", values=source, accept={"broadcast"})
        assert torch.equal(doc.read("w"), target)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("dtype", "value", "kind", "level"), [
    ("float32", 0.1, "precision-loss", "notice"), ("float16", 70000.0, "overflow", "warning"),
    ("float16", 1e-9, "underflow", "warning"), ("int64", 0.5, "truncation", "warning"),
])  # fmt: skip
def test_dtype_mismatch_raises(where, dtype, value, kind, level, tmp_path):
    source = torch.tensor([value, 1.0], dtype=torch.float64)
    target = torch.zeros(2, dtype=getattr(torch, dtype))
    target.copy_(source)
    assert target.double()[0] != value
    assert torch.equal(target, torch.zeros_like(target).copy_(source.to(target.dtype))), "casting first changes nothing"
    with opened(where, tmp_path, {"w": torch.zeros_like(target)}) as doc:
        assert said(doc, kind, level, "set", "w", values=source).count == 1
        doc.apply("set", "w", values=source, accept={kind})
        assert torch.equal(doc.read("w"), target)


def test_in_place_before_a_copy():
    source, target = torch.randn(5, 5), torch.zeros(5, 5)
    target.add_(3).mul_(2)
    target.copy_(source)
    assert torch.equal(target, source)
    with weightedit.open({"w": target}) as doc:
        for operation, arguments in (("add", {"value": 3}), ("scale", {"factor": 2}), ("set", {"values": source})):
            doc.apply(operation, "w", **arguments)
        assert torch.equal(target, source)


def test_plain_assignment_shares_memory():
    source = torch.randn(5, 5)
    target = source
    target[0, 0] = 100
    assert source[0, 0] == 100
    with weightedit.open({"source": source, "target": target}) as doc:
        assert doc.tensors["source"].storage_group == doc.tensors["target"].storage_group == "S1"
        hazard = said(doc, "shared-storage", "notice", "fill", "target", value=7, region="[0, 0]")
        assert (hazard.targets, hazard.count) == (("source",), 1)
        doc.apply("fill", "target", value=7, region="[0, 0]")
        assert source[0, 0] == 7


def test_clone_is_independent():
    source = torch.randn(5, 5)
    target = source.clone()
    target[0, 0] = 100
    assert source[0, 0] != 100
    with weightedit.open({"source": source, "target": target}) as doc:
        assert doc.tensors["target"].storage_group is None
        assert doc.preflight("fill", "target", value=7) == []
        doc.apply("fill", "target", value=7)
        assert not bool((source == 7).any())


@pytest.mark.parametrize("where", PLACES)
def test_slices_out_of_bounds_raise(where, tmp_path):
    w = torch.zeros(10, 20)
    assert w[8:99].shape == (2, 20)
    w[10:99] = 1
    assert not w.any()
    with pytest.raises(IndexError):
        w[10]
    with opened(where, tmp_path, {"w": w}) as doc:
        for region in ("[8:99]", "[10:99]", "[10]", "[0, -21]"):
            said(doc, "out-of-range", "refusal", "fill", "w", value=1, region=region)
            with pytest.raises(EditRefused):
                doc.read("w", region)


# ---------------------------------------------------------------- when is deep copy and when is shallow copy


def test_state_dict_is_shallow():
    m = LogisticRegression()
    a, before = m.state_dict(), copy.deepcopy(m.state_dict())
    halve(m)
    for key, value in a.items():
        assert torch.equal(value, before[key] / 2)
        assert value.data_ptr() == m.get_parameter(key).data_ptr()
    with weightedit.open({"m": m, "a": a}) as doc:
        for key in a:
            assert doc.tensors[f"m.{key}"].storage_group == doc.tensors[f"a.{key}"].storage_group is not None
            assert said(doc, "shared-storage", "notice", "scale", f"m.{key}", factor=0.5).targets == (f"a.{key}",)
        doc.apply("scale", "m.*", factor=0.5)
        for key, value in a.items():
            assert torch.equal(value, before[key] / 4)
        doc.undo()
        for key, value in a.items():
            assert torch.equal(value, before[key] / 2)


def script(deep: bool) -> tuple[LogisticRegression, dict[str, torch.Tensor]]:
    """The note's script up to its second half: with or without the line that matters."""
    m = LogisticRegression()
    a = m.state_dict()
    halve(m)
    a = copy.deepcopy(a) if deep else a
    m.load_state_dict(a)
    return m, a


def check_the_script(deep: bool) -> None:
    """Its second half, and the same by weightedit."""
    m, a = script(deep)
    before = copy.deepcopy(m.state_dict())
    for key in a:
        a[key].data -= 0.5 * a[key].data
        assert torch.equal(m.get_parameter(key).detach(), before[key] if deep else before[key] / 2)
    halve(m)
    for key in a:
        assert torch.equal(a[key], before[key] / 2 if deep else before[key] / 4)
    m, a = script(deep)
    before = copy.deepcopy(m.state_dict())
    with weightedit.open({"m": m, "a": a}) as doc:
        for key in a:
            groups = {doc.tensors[f"m.{key}"].storage_group, doc.tensors[f"a.{key}"].storage_group}
            assert groups == {None} if deep else len(groups) == 1 and None not in groups
            hazards = [one.kind for one in doc.preflight("scale", f"a.{key}", factor=0.5)]
            assert hazards == ([] if deep else ["shared-storage"])
        doc.apply("scale", "a.*", factor=0.5)
        for key in a:
            assert torch.equal(m.get_parameter(key).detach(), before[key] if deep else before[key] / 2)
        doc.apply("scale", "m.*", factor=0.5)
        for key in a:
            assert torch.equal(a[key], before[key] / 2 if deep else before[key] / 4)


def test_load_state_dict_copies():
    check_the_script(deep=True)


def test_without_deepcopy_they_stay_one():
    check_the_script(deep=False)


def test_load_state_dict_assign():
    m, given = LogisticRegression(), copy.deepcopy(LogisticRegression().state_dict())
    old = m.fc.weight
    optimizer = torch.optim.SGD(m.parameters(), lr=1.0)
    m.load_state_dict(given, assign=True)
    assert m.fc.weight.data_ptr() == given["fc.weight"].data_ptr()
    assert optimizer.param_groups[0]["params"][0] is old is not m.fc.weight, "the optimizer goes on with the old one"
    with weightedit.open({"m": m, "given": given}) as doc:
        assert doc.tensors["m.fc.weight"].storage_group == doc.tensors["given.fc.weight"].storage_group is not None
        hazard = said(doc, "shared-storage", "notice", "fill", "given.fc.weight", value=3, region="[1]")
        assert (hazard.targets, hazard.count) == (("m.fc.weight",), 2)
        doc.apply("fill", "given.fc.weight", value=3, region="[1]")
        assert m.fc.weight[1].tolist() == [3, 3]


def test_writing_through_an_index():
    m = LogisticRegression()
    a, value = m.state_dict(), m.fc.weight
    before = value.detach().clone()
    with pytest.raises(RuntimeError, match="view of a leaf"):
        value[0] = 123.0
    value[0].data = torch.Tensor([123.0])
    assert torch.equal(value.detach(), before)
    a["fc.weight"][1] = 456.0
    assert value[1].tolist() == [456, 456]
    with weightedit.open(m) as doc:
        doc.apply("fill", "fc.weight", value=123, region="[0]")
        assert m.fc.weight is value
        assert value.tolist() == [[123, 123], [456, 456]]
        doc.undo()
        assert torch.equal(value[0].detach(), before[0])


# ---------------------------------------------------------------- all of them


def test_every_claim_has_a_test_through_the_api_and_one_through_the_window():
    claims = [line.split()[0] for line in (__doc__ or "").splitlines() if line.startswith("    ") and "  " in line[4:]]
    assert len(claims) == 27
    api, window = ("test_torch_claims.py", "test_torch_claims_models.py"), ("ui/test_torch_claims.py",)
    for files in (api, window):
        trees = [ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")) for file in files]
        names = {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert [claim for claim in claims if f"test_{claim}" not in names] == [], files
