"""Sizes that modules keep beside their tensors follow an edit, so that a module equals one built with the new size."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from weightedit import ConfirmationNeeded, Hazard

Edits = list[tuple[str, str, dict[str, Any]]]


def rows(gone: str, *names: str, dim: int = 0) -> Edits:
    return [("delete_rows", name, {"rows": gone, "dim": dim}) for name in names]


NORMS = ("weight", "bias", "running_mean", "running_var")
CASES: dict[str, tuple[nn.Module, nn.Module, Edits, tuple[int, ...]]] = {
    "Linear": (nn.Linear(4, 6), nn.Linear(3, 5), [*rows("1", "weight", "bias"), *rows("0", "weight", dim=1)], (2, 3)),
    "Bilinear": (nn.Bilinear(4, 3, 6), nn.Bilinear(4, 2, 6), rows("0", "weight", dim=2), ()),
    "Conv1d": (nn.Conv1d(4, 6, 3), nn.Conv1d(4, 5, 2),
               [*rows("1", "weight", "bias"), *rows("0", "weight", dim=2)], (2, 4, 9)),
    "Conv2d, groups": (nn.Conv2d(4, 6, 3, groups=2), nn.Conv2d(2, 6, 3, groups=2), rows("1", "weight", dim=1),
                       (2, 2, 5, 5)),
    "Conv2d, same": (nn.Conv2d(2, 3, 3, padding="same", padding_mode="circular"),
                     nn.Conv2d(2, 3, (3, 5), padding="same", padding_mode="circular"),
                     [("pad", "weight", {"pad": [1, 1]})], (1, 2, 8, 8)),
    "Conv3d": (nn.Conv3d(2, 3, 2), nn.Conv3d(1, 3, 2), rows("1", "weight", dim=1), (1, 1, 4, 4, 4)),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 6, 3, groups=2), nn.ConvTranspose2d(4, 4, 3, groups=2),
                        [*rows("1", "weight", dim=1), *rows("0, 1", "bias")], (1, 4, 5, 5)),
    "BatchNorm2d": (nn.BatchNorm2d(5), nn.BatchNorm2d(4), rows("2", *NORMS), (2, 4, 3, 3)),
    "InstanceNorm1d": (nn.InstanceNorm1d(5, affine=True), nn.InstanceNorm1d(4, affine=True),
                       rows("2", "weight", "bias"), (2, 4, 3)),
    "LayerNorm": (nn.LayerNorm((3, 5)), nn.LayerNorm((3, 4)), rows("2", "weight", "bias", dim=1), (2, 3, 4)),
    "RMSNorm": (nn.RMSNorm(5), nn.RMSNorm(4), rows("2", "weight"), (2, 4)),
    "GroupNorm": (nn.GroupNorm(2, 6), nn.GroupNorm(2, 4), rows("0, 1", "weight", "bias"), (2, 4, 3)),
    "PReLU": (nn.PReLU(5), nn.PReLU(4), rows("0", "weight"), (2, 4, 3)),
    "RNNCell": (nn.RNNCell(4, 3), nn.RNNCell(2, 3), rows("0, 1", "weight_ih", dim=1), (5, 2)),
    "LSTMCell": (nn.LSTMCell(4, 3), nn.LSTMCell(2, 3), rows("0, 1", "weight_ih", dim=1), (5, 2)),
}  # fmt: skip


def sizes(module: nn.Module) -> dict[str, Any]:
    """Everything a module says of itself, beside its tensors and children."""
    return {name: value for name, value in vars(module).items()
            if not name.startswith(("_parameters", "_buffers", "_modules", "_flat_weight"))
            and isinstance(value, int | str | tuple | list | bool | None)}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_module_equals_one_built_with_the_new_size(case):
    module, built, edits, shape = case
    before, objects = sizes(module), dict(module.named_parameters())
    with weightedit.open(module) as doc:
        for operation, name, arguments in edits:
            doc.apply(operation, name, accept="all", **arguments)
        assert sizes(module) == sizes(built)
        assert repr(module) == repr(built)
        if shape:
            assert module(torch.ones(shape)) is not None
        doc.go_to(0, accept="all")  # a BatchNorm counts what it saw
        assert sizes(module) == before
        assert all(one is objects[name] for name, one in module.named_parameters())


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_an_embedding_follows_with_its_padding_row(kind):
    """padding_idx names a row: where rows before it go or come, it is another number."""
    module = kind(7, 3, padding_idx=4)
    with weightedit.open(module) as doc:
        for operation, arguments, padding in (
            ("delete_rows", {"rows": "0, 6"}, 3), ("insert_rows", {"index": 1, "count": 2}, 5),
            ("flip", {"dims": [0]}, 1), ("roll", {"shifts": [3], "dims": [0]}, 4), ("slice", {"region": "[2:5]"}, 2),
        ):  # fmt: skip
            row = module.weight[module.padding_idx].detach().clone()
            found = doc.preflight(operation, "weight", **arguments)
            assert [one.level for one in found if one.kind == "module-attribute"] == ["notice"]
            doc.apply(operation, "weight", **arguments)
            assert module.padding_idx == padding
            assert torch.equal(module.weight[padding].detach(), row)
            assert (module.num_embeddings, module.embedding_dim) == tuple(module.weight.shape)
        assert module(torch.tensor([[0, 1, 2]])) is not None
        found = doc.preflight("delete_rows", "weight", rows="2")
        warned = [one for one in found if one.kind == "module-attribute" and one.level == "warning"]
        assert "padding_idx stays 2" in warned[0].message
        doc.go_to(0)
        assert (module.padding_idx, module.num_embeddings) == (4, 7)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_recurrent_layer_follows_with_its_flat_weights(kind):
    module, built = kind(5, 4, num_layers=2, bidirectional=True), kind(3, 4, num_layers=2, bidirectional=True)
    with weightedit.open(module) as doc:
        doc.apply("slice", "re:weight_ih_l0(_reverse)?", region="[:, 1:4]", accept="all")
        assert sizes(module) == sizes(built)
        assert module.all_weights is not None
        assert [one.data_ptr() for one in module._flat_weights] == [one.data_ptr() for one in module.parameters()]
        with torch.no_grad():
            for own, other in zip(module.parameters(), built.parameters(), strict=True):
                other.copy_(own)
        inputs = torch.randn(6, 2, 3)
        assert torch.equal(module(inputs)[0], built(inputs)[0])
        doc.undo()
        assert module.input_size == 5
        assert module(torch.ones(6, 2, 5))[0].shape == (6, 2, 8)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
def test_the_hidden_size_of_an_lstm_with_a_projection_follows_when_all_weights_do():
    module, built = nn.LSTM(3, 4, proj_size=2), nn.LSTM(3, 3, proj_size=2)
    with weightedit.open(module) as doc:
        names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
        doc.apply("delete_rows", names, rows="3, 7, 11, 15", accept="all")
        found = [one for one in doc.preflight("delete_rows", "weight_hr_l0", rows="3", dim=1)
                 if one.kind == "module-attribute"]  # fmt: skip
        assert found == []
        doc.apply("delete_rows", "weight_hr_l0", rows="3", dim=1, accept="all")
        assert sizes(module) == sizes(built)
        assert module(torch.ones(5, 2, 3))[0].shape == (5, 2, 2)


def test_attention_follows_and_says_which_heads_no_longer_fit():
    module, built = nn.MultiheadAttention(8, 2), nn.MultiheadAttention(6, 2)
    with weightedit.open(module) as doc:
        kept = [row for part in (0, 8, 16) for row in range(part, part + 6)]
        found = warned(doc.preflight("slice", "in_proj_weight", region=f"[{kept}, 0:6]"))
        assert "out_proj.weight" in found.message
        doc.apply("slice", "in_proj_weight", region=f"[{kept}, 0:6]", accept="all")
        doc.apply("slice", "in_proj_bias", region=f"[{kept}]", accept="all")
        doc.apply("slice", "out_proj.weight", region="[0:6, 0:6]", accept="all")
        doc.apply("slice", "out_proj.bias", region="[0:6]", accept="all")
        assert sizes(module) == sizes(built)
        assert sizes(module.out_proj) == sizes(built.out_proj)
        assert module(*[torch.ones(3, 1, 6)] * 3)[0].shape == (3, 1, 6)
        found = warned(doc.preflight("slice", "in_proj_weight", region="[0:15, 0:5]"))
        assert "num_heads 2 does not divide embed_dim 5" in found.message
        doc.go_to(0)
        assert (module.embed_dim, module.head_dim) == (8, 4)


def test_a_subclass_follows_too():
    class Own(nn.Linear):
        pass

    module = Own(3, 2, bias=False)
    with weightedit.open(module) as doc:
        doc.apply("slice", "weight", region="[:, 0:2]")
        assert module.in_features == 2


# ---------------------------------------------------------------- what is said


def warned(found: list[Hazard]) -> Hazard:
    only = [one for one in found if one.kind == "module-attribute" and one.level == "warning"]
    assert len(only) == 1, found
    return only[0]


def test_what_follows_is_said_once_for_all_modules():
    net = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(5)))
    with weightedit.open(net) as doc:
        found = [one for one in doc.preflight("slice", "*", region="[:, 0:3]") if one.kind == "module-attribute"]
        assert [(one.level, one.count) for one in found] == [("notice", 5)]
        assert "in_features 4 → 3" in found[0].message
        assert not [one for one in doc.preflight("transpose", "*") if one.kind == "module-attribute"]


@pytest.mark.parametrize(("operation", "arguments"), [
    ("delete_rows", {"rows": "1"}), ("insert_rows", {"count": 2, "method": "mean"}), ("slice", {"region": "[0:4, :]"}),
])  # fmt: skip
def test_a_sibling_left_behind_is_named_and_offered(operation, arguments):
    """torch raises at the next forward only: a weight of 5 rows and a bias of 6."""
    module = nn.Linear(4, 6)
    with weightedit.open(module) as doc:
        found = warned(doc.preflight(operation, "weight", **arguments))
        assert "bias" in found.message
        assert set(found.targets) == {"weight", "bias"}
        assert found.labels == ("Do the same to bias",)
        with pytest.raises(ConfirmationNeeded):
            doc.apply(operation, "weight", **arguments)
        edit = found.alternatives[0]
        doc.apply(edit.operation, list(edit.targets), region=edit.region, **edit.arguments)
        assert module(torch.ones(2, 4)).shape == (2, module.out_features) == (2, module.bias.shape[0])
        doc.undo()
        assert module.out_features == 6


def test_running_statistics_are_siblings_too():
    module = nn.BatchNorm1d(4)
    with weightedit.open(module) as doc:
        found = warned(doc.preflight("delete_rows", "weight", rows="0"))
        assert "running_mean" in found.message
        edit = found.alternatives[0]
        doc.apply(edit.operation, list(edit.targets), **edit.arguments)
        assert module.eval()(torch.ones(2, 3)).shape == (2, 3)


def test_a_class_of_ones_own_is_warned_about_and_left_alone():
    """Nobody knows what its `in_features` means."""

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.in_features, self.depth = 5, 3
            self.w = nn.Parameter(torch.ones(3, 5))

    module = Own()
    with weightedit.open(module) as doc:
        assert "Own.in_features stays 5" in warned(doc.preflight("slice", "w", region="[:, 0:4]")).message
        doc.apply("slice", "w", region="[:, 0:4]", accept="all")
        assert module.in_features == 5
        assert not [one for one in doc.preflight("slice", "w", region="[0:2, :]") if one.kind == "module-attribute"]


def test_a_pickled_module_follows_in_the_file(tmp_path):
    """It is data that nobody ran; loaded again, torch prints and runs the new size."""
    torch.save({"net": nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))}, tmp_path / "whole.pt")
    with weightedit.open(tmp_path / "whole.pt") as doc:
        found = doc.preflight("delete_rows", "net.0.weight", rows="0")
        assert "out_features 6 → 5" in " ".join(one.message for one in found)
        assert "bias" in warned(found).message
        doc.apply("delete_rows", ["net.0.weight", "net.0.bias"], rows="0")
        doc.apply("delete_rows", [f"net.1.{name}" for name in NORMS], rows="0")
        assert [entry.value for entry in doc.entries if entry.name == "net.0.out_features"] == [5]
        doc.undo()
        assert [entry.value for entry in doc.entries if entry.name == "net.1.num_features"] == [6]
        doc.redo()
        doc.export(tmp_path / "new.pt")
    net = torch.load(tmp_path / "new.pt", weights_only=False)["net"]
    assert (net[0].out_features, net[1].num_features) == (5, 5)
    assert net.eval()(torch.ones(2, 4)).shape == (2, 5)
    assert pickle.dumps(net)
