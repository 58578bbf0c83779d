"""Of a training checkpoint the state_dict is compared; what lies beside it is neither renamed nor dropped."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.load_report.models import ResNet, differing, gpt2, kinds, mended, report_on, saved, state_of
from weightedit.doctor.facts import facts_of


def training(model, key):
    """A checkpoint as a training loop saves it."""
    optimizer = torch.optim.Adam(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = state_of(model)
    return {"epoch": 3, "optimizer": optimizer.state_dict(), key: state, "best": {"loss": torch.ones(())}}


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "weights"])
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_the_state_dict_is_found_beside_an_optimizer(tmp_path, key, prefix):
    checkpoint = training(ResNet(), key)
    state = checkpoint[key]
    checkpoint[key] = {prefix + name: tensor for name, tensor in state.items()}
    path = saved(checkpoint, tmp_path / "model.pt")
    report = report_on(ResNet(), path)
    assert report.part == key
    assert report.findings[0].message == \
        f"{key} is the part that is compared, 80 tensors; 124 beside it are not looked at; in code it is " \
        f'checkpoint["{key}"]'  # fmt: skip
    assert report.findings[0].level == "notice"
    assert len(kinds(report)) == 1 + bool(prefix)
    assert {row.checkpoint_name for row in report.rows} == {f"{key}.{prefix}{name}" for name in state}
    assert report.names["fc.bias"] == f"{key}.{prefix}fc.bias"
    assert differing(mended(ResNet(), path), state) == []
    with weightedit.open(path.with_name("mended.pt")) as document:
        assert sum(slot.name.startswith("optimizer.") for slot in document.slots) == 123


def test_an_average_beside_the_weights_can_be_chosen(tmp_path):
    state = state_of(gpt2())
    average = {f"module.{name}": tensor.clone() for name, tensor in state.items()}
    path = saved({"ema": average, "model": state}, tmp_path / "model.pt")
    report = report_on(gpt2(), path)
    assert report.part == "model"
    assert "ema could be meant as well" in report.findings[0].message
    chosen = report_on(gpt2(), path, part="ema")
    assert chosen.part == "ema"
    assert "wrapper" in kinds(chosen)
    with pytest.raises(KeyError, match="teacher"):
        report_on(gpt2(), path, part="teacher")


def test_a_module_of_its_own_dict_is_the_part(tmp_path):
    whole = nn.ModuleDict({"encoder": nn.Linear(3, 4), "decoder": nn.Linear(4, 3)})
    path = saved({name: one.state_dict() for name, one in whole.items()}, tmp_path / "model.pt")
    assert report_on(nn.Linear(4, 3), path).part == "decoder"
    report = report_on(whole, path)
    assert report.part == ""
    assert report.headline == "4 names match"
    assert kinds(report) == ["nested"]


def test_what_a_rename_would_take_out_of_its_dict_has_no_mend(tmp_path):
    whole = nn.ModuleDict({"encoder": nn.Linear(3, 4), "decoder": nn.Linear(4, 5)})
    state = state_of(whole)
    path = saved({"a": {"encoder.weight": state["encoder.weight"], "encoder.bias": state["encoder.bias"]},
                  "b": {"decoder.weight": state["decoder.weight"], "decoder.bias": state["decoder.bias"]}},
                 tmp_path / "model.pt")  # fmt: skip
    for finding in report_on(whole, path).findings:
        assert not any(edit.operation == "rename" for mend in finding.mends for edit in mend.edits)


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: {"model": model}, lambda model: [model]])
def test_a_module_is_compared_as_its_state_dict(tmp_path, wrap):
    model = ResNet()
    with weightedit.open(wrap(model)) as document:
        assert [facts.key for facts in facts_of(document)] == list(model.state_dict())
    torch.save(wrap(model), tmp_path / "model.pt")
    report = report_on(ResNet(), tmp_path / "model.pt")
    assert report.headline == "80 names match"
    assert kinds(report) in ([], ["part"])


def test_names_within_lists_and_deeper(tmp_path):
    state = state_of(ResNet())
    path = saved({"runs": [{"note": torch.ones(3)}, {"net": state}]}, tmp_path / "model.pt")
    report = report_on(ResNet(), path)
    assert report.part == "runs.1.net"
    assert report.headline == "80 names match"
