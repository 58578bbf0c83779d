"""Dtypes that load_state_dict casts without a word are told, with what the cast loses, and cast beforehand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.doctor.load_report.models import kinds, mended, report_on, saved, state_of

CASTS = [
    ("float16", "float32", "notice", "no value changes"), ("float32", "bfloat16", "notice", "rounds"),
    ("float32", "float16", "notice", "becomes inf"), ("bfloat16", "float16", "notice", "becomes inf"),
    ("float64", "float32", "notice", "becomes inf"), ("int8", "float32", "warning", "no scale is applied"),
    ("float8_e4m3fn", "bfloat16", "warning", "scales that lie beside them"),
    ("complex64", "float32", "warning", "imaginary parts are dropped"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "wanted", "level", "said"), CASTS)
@pytest.mark.filterwarnings("ignore:Casting complex values to real discards the imaginary part:UserWarning")
def test_a_cast_is_told_and_mended_as_torch_does_it(tmp_path, found, wanted, level, said):
    state = {name: (tensor / 9).to(getattr(torch, found)) for name, tensor in state_of(nn.Linear(3, 4)).items()}
    path = saved(state, tmp_path / "model.pt")
    model = nn.Linear(3, 4).to(getattr(torch, wanted))
    (finding,) = report_on(model, path).findings
    assert (finding.kind, finding.level) == ("dtype", level)
    assert f"are {found} in the checkpoint and {wanted} in the model" in finding.message
    assert said in finding.message
    (edit,) = finding.mends[0].edits
    assert (edit.operation, dict(edit.arguments), len(edit.targets)) == ("cast", {"dtype": wanted}, 2)
    model.load_state_dict(state, strict=True)
    torch_made = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if level == "warning":
        got = mended(nn.Linear(3, 4).to(getattr(torch, wanted)), path)
        assert all(torch.equal(got[name], torch_made[name]) for name in got)


def test_integers_and_fractions_are_told_apart(tmp_path):
    model = nn.BatchNorm1d(3)
    state = state_of(model)
    path = saved({**state, "num_batches_tracked": torch.tensor(2.5), "bias": state["bias"].to(torch.int64)},
                 tmp_path / "model.pt")  # fmt: skip
    report = report_on(nn.BatchNorm1d(3), path)
    assert kinds(report) == ["dtype", "dtype"]
    assert report.headline == "5 names match, 2 dtypes differ"
    assert [finding.level for finding in report.findings] == ["warning", "warning"]
    assert "fractions are dropped" in report.findings[1].message
    narrow = saved({**state, "num_batches_tracked": torch.tensor(2, dtype=torch.int32)}, tmp_path / "narrow.pt")
    assert [finding.level for finding in report_on(nn.BatchNorm1d(3), narrow).findings] == ["notice"]
