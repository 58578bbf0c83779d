"""A healthy checkpoint is left in peace, one of another model is told in one sentence, and every tensor has its row."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.load_report.models import (
    FORMATS,
    MODELS,
    ResNet,
    differing,
    gpt2,
    kinds,
    loaded,
    mended,
    report_on,
    saved,
    state_of,
)  # fmt: skip
from weightedit.core.edit import Edit
from weightedit.doctor.facts import ModelFacts, ModuleFacts, TensorFacts, facts_of, holds
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report
from weightedit.doctor.records import from_json, to_json


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", MODELS)
def test_a_healthy_checkpoint_gives_nothing_above_a_notice(tmp_path, suffix, name):
    state = state_of(MODELS[name]())
    path = saved(state, tmp_path / f"model{suffix}")
    report = report_on(MODELS[name](), path)
    missing = state.keys() - loaded(path, "").keys()  # safetensors keeps one of several tied names
    assert kinds(report) == ["tied"] * bool(missing)
    assert {row.name for row in report.rows if row.verdict == "tied"} == missing
    assert all(row.verdict == "same" for row in report.rows if row.name not in missing)
    assert report.names == {name: name for name in state if name not in missing}
    assert differing(mended(MODELS[name](), path), state) == []


@pytest.fixture(scope="module")
def facts():
    return {name: model_facts(model()) for name, model in MODELS.items()}


@pytest.mark.parametrize(("given", "wanted"), list(itertools.permutations(MODELS, 2)))
def test_a_checkpoint_of_another_model_is_one_finding(facts, given, wanted):
    report = load_report(facts[wanted], tuple(one for one in facts[given].tensors if one.is_persistent))
    assert kinds(report) == ["other-model"]
    assert f" names of {facts[wanted].type} " in report.findings[0].message
    assert not report.findings[0].mends
    assert len(report.rows) > len(facts[wanted].tensors)


def test_rows_say_of_each_tensor_what_differs_and_which_findings_mend_it(tmp_path):
    state = {f"module.{name}": tensor for name, tensor in state_of(ResNet()).items()}
    state["module.fc.weight"] = state["module.fc.weight"].T.contiguous()
    state["module.bn1.weight"] = state["module.bn1.weight"].half()
    state["module.layer1.0.bn1.weight"] = state["module.layer1.0.bn1.weight"].double()[:4]
    del state["module.conv1.weight"]
    state["module.more"] = torch.ones(3)
    report = report_on(ResNet(), saved(state, tmp_path / "model.pt"))
    rows = {row.name or row.checkpoint_name: row for row in report.rows}
    assert [row.name for row in report.rows] == [*ResNet().state_dict(), ""]
    assert {name: rows[name].verdict for name in ("fc.weight", "fc.bias", "bn1.weight", "layer1.0.bn1.weight",
                                                  "conv1.weight", "module.more")} == {
        "fc.weight": "transposed", "fc.bias": "renamed", "bn1.weight": "dtype", "layer1.0.bn1.weight": "shape",
        "conv1.weight": "missing", "module.more": "unexpected"}  # fmt: skip
    told = [[report.findings[place].kind for place in rows[name].findings]
            for name in ("fc.weight", "layer1.0.bn1.weight", "module.more")]  # fmt: skip
    assert told == [["wrapper", "transposed"], ["wrapper", "shape", "dtype"], ["unexpected"]]
    assert rows["fc.weight"].checkpoint_name == report.names["fc.weight"] == "module.fc.weight"
    assert rows["fc.weight"].model.shape == rows["fc.weight"].checkpoint.shape[::-1] == (10, 8)
    assert report.headline == \
        "0 names match, 79 names differ, 2 shapes differ, 2 dtypes differ, 1 missing, 1 unexpected"  # fmt: skip
    assert kinds(report) == ["wrapper", "transposed", "shape", "dtype", "dtype", "missing", "unexpected"]


def test_one_shape_that_differs_is_said_in_the_headline(tmp_path):
    path = saved(state_of(nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 5))), tmp_path / "model.pt")
    model = nn.Sequential(nn.Linear(2, 4, bias=False), nn.Linear(4, 5))
    assert report_on(model, path).headline == "3 names match, 1 shape differs"


def test_mends_are_steps_of_a_recipe(tmp_path):
    state = {f"module.{name}": tensor for name, tensor in state_of(gpt2()).items() if name != "lm_head.weight"}
    path = saved(state, tmp_path / "model.pt")
    report = report_on(gpt2(64), path)
    recipe = [edit for finding in report.findings for edit in finding.mends[0].edits]
    told = json.loads(json.dumps([edit.to_json() for edit in recipe]))
    with weightedit.open(path) as document:
        for step in told:
            document.apply(Edit.from_json(step, {}), accept="all")
        assert not [one for one in load_report(model_facts(gpt2(64)), facts_of(document)).findings
                    if one.level == "refusal"]  # fmt: skip
    assert all(json.dumps(finding.to_json()) for finding in report.findings)


def test_names_out_of_a_file_are_shown_on_one_line(tmp_path):
    state = {f"mo\ndule\x1b[31m.{name}": tensor for name, tensor in state_of(ResNet()).items()}
    path = saved({**state, "evil\u202e": torch.ones(2)}, tmp_path / "model.pt")
    report = report_on(ResNet(), path)
    said = [text for finding in report.findings for text in (finding.message, *(mend.title + mend.detail
                                                                              for mend in finding.mends))]  # fmt: skip
    assert kinds(report) == ["prefix", "unexpected"]
    assert not any(char in text for text in said for char in "\n\x1b\u202e")
    assert differing(mended(ResNet(), path), {name.partition(".")[2]: tensor for name, tensor in state.items()}) == []


def test_a_checkpoint_without_tensors_says_so(tmp_path):
    """It is no checkpoint of another model; what it does hold is told."""
    for given, said in (({"epoch": 3, "note": "hi"}, "; it holds epoch (3) and note ('hi')"), ({}, "")):
        torch.save(given, tmp_path / "model.pt")
        with weightedit.open(tmp_path / "model.pt") as document:
            report = load_report(model_facts(ResNet()), facts_of(document), beside=holds(document))
        (finding,) = report.findings
        assert finding.message == f"The checkpoint holds no tensors, so there is nothing to load{said}"
        assert (report.headline, report.everything) == ("no tensors", None)
        assert {row.verdict for row in report.rows} == {"missing"}


def test_what_raises_stands_before_what_is_worth_knowing(tmp_path):
    state = {name: tensor for name, tensor in state_of(ResNet()).items() if not name.endswith("tracked")}
    path = saved({**state, "x": torch.ones(3), "fc.bias": state["fc.bias"].half()}, tmp_path / "model.pt")
    assert [one.level for one in report_on(ResNet(), path).findings] == ["notice", "warning", "refusal"]
    found = weightedit.check(path, ResNet())["findings"]
    assert [one["kind"] for one in found] == ["unexpected", "missing", "dtype"]


def test_a_rename_of_many_says_how_many_and_their_pattern(tmp_path):
    state = {name.replace("self_attn", "mixer"): tensor for name, tensor in state_of(MODELS["llama"]()).items()}
    (finding,) = report_on(MODELS["llama"](), saved(state, tmp_path / "model.pt")).findings
    assert finding.message.startswith("model.layers.*.mixer.*.weight is named model.layers.*.self_attn.*.weight in the "
                                      "model (8 tensors)")  # fmt: skip
    assert finding.mends[0].detail == "model.layers.*.mixer.*.weight → model.layers.*.self_attn.*.weight"


def test_odd_checkpoints_end_in_a_report(tmp_path):
    """Whatever lies in a file, a report comes out of it."""
    model = model_facts(nn.Linear(3, 4))
    for names in ([], [""], ["."], ["..weight", "weight."], ["re:(.+)", "\\1"], ["weight", "weight.weight"],
                  ["module", "module.module", "module."], ["/", "a/", ":0"]):  # fmt: skip
        facts = tuple(TensorFacts(name, (4, 3), "float32") for name in names)
        report = load_report(model, facts)
        assert len(report.rows) >= 2
    for dtype in ("int4", "float6", "", "float8_e8m0fnu", "bits8"):
        strange = ModelFacts("Odd", (ModuleFacts("", "Odd"),), tuple(TensorFacts(name, (4, 3), dtype) for name in "ab"))
        for shape in ((4, 3), (5, 3), (3, 4), (4, 2), (2,)):
            assert load_report(strange, (TensorFacts("a", shape, "float32"),)).findings
    assert load_report(ModelFacts("Empty", (ModuleFacts("", "Empty"),), ()), facts).headline.endswith("3 unexpected")


def test_facts_of_a_model_come_through_as_records():
    facts = model_facts(gpt2())
    assert from_json(ModelFacts, json.loads(json.dumps(to_json(facts)))) == facts


def test_it_imports_neither_torch_nor_numpy():
    script = "import sys, weightedit.doctor.load_report.report; print({'torch', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
