"""What modules save beside tensors is compared too: strict loading asks for it, and refuses what nobody takes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.load_report.models import kinds
from weightedit.doctor.facts import extra_states_of, facts_of
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report


class Counting(nn.Linear):
    """A layer that saves something beside its weights; `given` is what."""

    given: object = 3

    def get_extra_state(self):
        return self.given

    def set_extra_state(self, state):
        self.given = state


class OnlyGives(nn.Linear):
    def get_extra_state(self):
        return {"steps": 3}


def net(kind=nn.Linear):
    return nn.ModuleDict({"body": nn.Linear(3, 3), "head": kind(3, 2)})


STATES = [3, {"scale": torch.ones(4), "note": "x"}, torch.ones(7), [torch.ones(2)]]


def checked(model, path):
    """The report, whether its refusals are what torch refuses, and what torch says once its mends are applied."""
    facts = model_facts(model)
    with weightedit.open(path) as document:
        report = load_report(facts, facts_of(document), extra_states=extra_states_of(document))
        assert (refused(model, path) != "") == any(one.level == "refusal" for one in report.findings)
        for finding in report.findings:
            for edit in finding.mends[0].edits if finding.mends else ():
                document.apply(edit, accept="all")
        out = path.with_name("mended.pt")
        document.export(out)
    return report, refused(model, out)


def refused(model, path):
    try:
        model.load_state_dict(torch.load(path, weights_only=True), strict=True)
    except RuntimeError as error:
        return str(error)
    return ""


def saved(model, path, start="", given=3):
    for module in model.modules():
        if isinstance(module, Counting):
            module.given = given
    torch.save({start + name: value for name, value in model.state_dict().items()}, path)
    return path


@pytest.mark.parametrize("given", STATES, ids=["number", "dict", "tensor", "list"])
@pytest.mark.parametrize("start", ["", "module.", "model."])
def test_an_extra_state_that_is_there_is_no_finding_and_moves_with_its_module(tmp_path, given, start):
    report, left = checked(net(Counting), saved(net(Counting), tmp_path / "model.pt", start, given))
    assert kinds(report) == ["wrapper" if start == "module." else "prefix"] * bool(start)
    assert left == ""
    assert all("_extra_state" not in row.name + row.checkpoint_name for row in report.rows)


@pytest.mark.parametrize("given", STATES, ids=["number", "dict", "tensor", "list"])
@pytest.mark.parametrize("wanted", [nn.Linear, OnlyGives])
def test_an_extra_state_that_no_module_takes_is_dropped(tmp_path, given, wanted):
    report, left = checked(net(wanted), saved(net(Counting), tmp_path / "model.pt", given=given))
    assert kinds(report) == ["extra-state"]
    assert report.findings[0].tensor == "head._extra_state"
    assert "no module of the model there takes an extra state" in report.findings[0].message
    assert left == ""


def test_one_that_is_missing_can_only_come_from_the_code(tmp_path):
    report, left = checked(net(Counting), saved(net(), tmp_path / "model.pt"))
    assert kinds(report) == ["extra-state"]
    assert report.findings[0].module == "head"
    assert "only that code can make it, so no edit adds it" in report.findings[0].message
    assert not report.findings[0].mends
    assert 'Missing key(s) in state_dict: "head._extra_state"' in left


def test_one_in_a_module_of_another_name_goes_with_its_tensors(tmp_path):
    given = nn.ModuleDict({"body": nn.Linear(3, 3), "classifier": Counting(3, 2)})
    wanted = nn.ModuleDict({"body": nn.Linear(3, 3), "classifier_2": Counting(3, 2)})
    report, left = checked(wanted, saved(given, tmp_path / "model.pt"))
    assert kinds(report)[0] == "renamed"
    assert left == ""


@pytest.mark.parametrize("is_live", [False, True])
def test_nothing_is_said_of_extra_states_of_whole_modules(tmp_path, is_live):
    """Their code makes them as their state_dict is asked for, and none of a file's code is run here."""
    torch.save(net(Counting), tmp_path / "model.pt")
    with weightedit.open(net(Counting) if is_live else tmp_path / "model.pt") as document:
        assert extra_states_of(document) is None
        report = load_report(model_facts(net(Counting)), facts_of(document), extra_states=extra_states_of(document))
    assert not set(kinds(report)) - {"part"}


def test_a_model_tells_the_keys_that_torch_asks_for():
    assert model_facts(net(Counting)).extra_states == ("head._extra_state",)
    assert model_facts(Counting(2, 2)).extra_states == ("_extra_state",)
    assert model_facts(net(OnlyGives)).extra_states == ()
    assert [one.name for one in model_facts(net(Counting)).tensors] == \
        ["body.weight", "body.bias", "head.weight", "head.bias"]  # fmt: skip
