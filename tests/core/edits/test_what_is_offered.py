"""What hazards offer can be done, and what they say is a sentence for people."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from weightedit import EditRefused, Hazard


def told(found: list[Hazard], kind: str, level: str = "") -> Hazard:
    [hazard] = [one for one in found if one.kind == kind and level in ("", one.level)]
    return hazard


@pytest.mark.parametrize(("source", "labels"), [("b.weight", ("Tie them instead",)), ("buffer", ())])
def test_tying_is_offered_only_where_tie_does_it(source, labels):
    net = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    net.register_buffer("buffer", torch.ones(3, 3))
    document = weightedit.open(net)
    found = document.preflight("replace", "a.weight", source=source)
    hazard = told(found, "alias")
    assert hazard.labels == labels
    assert len(hazard.alternatives) == len(labels)
    if not labels:
        with pytest.raises(EditRefused):
            document.apply("tie", "a.weight", to=source)


def test_a_row_that_fills_a_matrix_is_said_so():
    document = weightedit.open({"w": torch.zeros(10, 20)})
    hazard = told(document.preflight("set", "w", values=torch.ones(20)), "broadcast")
    assert hazard.title == "One row of 20 is repeated 10 times"
    assert "10 × 20" in hazard.detail


def test_a_restore_of_what_was_deleted_says_one_thing():
    document = weightedit.open({"a": torch.zeros(2), "b": torch.ones(2)})
    document.snapshot("before")
    document.apply("delete", "b", accept="all")
    with pytest.raises(EditRefused) as refused:
        document.restore("before", "b")
    assert [hazard.title for hazard in refused.value.hazards] == ["b was deleted since before was taken"]


def _classes() -> tuple[nn.Module, weightedit.Document]:
    net = nn.ModuleDict({"classes": nn.Linear(4, 10)})
    return net, weightedit.open(net)


@pytest.mark.parametrize(("operation", "arguments", "label"), [
    ("insert_rows", {"count": 2}, "Add 2 zeros to classes.bias"),
    ("insert_rows", {"count": 2, "method": "zeros"}, "Do the same to bias"),
    ("delete_rows", {"rows": "0:3"}, "Do the same to bias"),
    ("pad", {"pad": [0, 0, 1, 2]}, "Pad classes.bias by 3 values too"),
])  # fmt: skip
def test_what_is_offered_for_a_bias_makes_the_module_whole(operation, arguments, label):
    net, document = _classes()
    hazard = told(document.preflight(operation, "classes.weight", **arguments), "module-attribute", "warning")
    assert hazard.title == "classes.bias does not fit the new classes.weight"
    assert hazard.labels == (label,)
    [offer] = hazard.alternatives
    if label != "Do the same to bias":
        document.apply(operation, "classes.weight", accept="all", **arguments)
    document.apply(offer.operation, list(offer.targets), accept="all", **offer.arguments)
    layer = net["classes"]
    assert layer(torch.ones(1, 4)).shape == (1, layer.out_features)
    document.close()


@pytest.mark.parametrize("name", ["weight", "bias", "running_mean", "running_var"])
@pytest.mark.parametrize(("operation", "settings"), [
    ("delete_rows", {"rows": "0"}), ("insert_rows", {"count": 2, "method": "zeros"}), ("slice", {"region": "[1:4]"}),
    ("pad", {"pad": [0, 2]}),
])  # fmt: skip
def test_all_tensors_of_a_batch_norm_are_offered_whichever_is_edited(operation, settings, name):
    net = nn.BatchNorm1d(6).eval()
    document = weightedit.open(net)
    hazard = told(document.preflight(operation, name, **settings), "module-attribute", "warning")
    [offer] = hazard.alternatives
    assert set(offer.targets) == {"weight", "bias", "running_mean", "running_var"}
    document.apply(operation, list(offer.targets), accept="all", region=offer.region, **offer.arguments)
    assert net(torch.ones(2, net.num_features)).shape == (2, net.num_features)
    document.close()


def test_sizes_of_several_dimensions_are_written_as_shapes_are():
    document = weightedit.open(nn.LayerNorm(4))
    hazard = told(document.preflight("slice", "weight", region="[0:2]"), "module-attribute", "notice")
    assert hazard.detail == "LayerNorm: normalized_shape 4 → 2."


def test_several_moments_stay():
    net = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    document = weightedit.open(net, optimizer=optimizer)
    assert "exp_avg and exp_avg_sq stay with their cells" in told(
        document.preflight("cast", "weight", dtype="float64"), "optimizer-state-shape").detail  # fmt: skip
    assert "exp_avg and exp_avg_sq go through" in told(
        document.preflight("delete_rows", "weight", rows="0"), "optimizer-state-shape").detail  # fmt: skip
    document.close()
