"""Finding cells over a whole document: counts and places as torch has them, in the API and on the command line."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.cli import main
from weightedit.core.errors import Cancelled, EditRefused, ExpressionError
from weightedit.search.find import find


@pytest.fixture
def tensors():
    found = {
        "layers.0.weight": torch.randn(6, 7, generator=torch.Generator().manual_seed(1)),
        "layers.0.norm": torch.ones(7, dtype=torch.float16),
        "layers.1.weight": torch.zeros(3, 4, dtype=torch.bfloat16),
        "phase": torch.zeros(2, dtype=torch.complex64),
        "steps": torch.tensor(7),
    }
    found["layers.0.weight"][4, 2] = math.nan
    found["layers.1.weight"][1, 3] = math.inf
    return found


@pytest.fixture
def file(tensors, tmp_path):
    save_file(tensors, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_every_tensor_is_looked_at(file, tensors):
    with weightedit.open(file) as document:
        found = {one.name: one for one in find(document, "nonfinite(w)")}
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        held = (~tensor.isfinite()).nonzero().tolist()
        assert (found[name].count, found[name].numel) == (len(held), tensor.numel())
        assert found[name].first == (tuple(held[0]) if held else None)


def test_what_a_condition_does_not_apply_to_is_skipped_with_the_reason(file):
    with weightedit.open(file) as document:
        found = {one.name: one for one in find(document, "w > 0.5")}
        assert "no order" in found["phase"].skipped
        assert [name for name, one in found.items() if one.skipped] == ["phase"]
        some = {one.name for one in find(document, "w > 'steps'", "layers.*")}
        assert some == {"layers.0.norm", "layers.0.weight", "layers.1.weight"}


def test_progress_covers_all_bytes_and_cancel_stops(file):
    seen = []
    with weightedit.open(file) as document:
        list(find(document, "w > 0", progress=lambda *given: seen.append(given)))

        class Stop:
            def is_set(self) -> bool:
                return len(seen) > 0

        with pytest.raises(Cancelled):
            list(find(document, "w > 0", cancel=Stop()))
    assert seen[-1][2] == sum(one.nbytes for one in document.tensors.values())


def test_a_wrong_condition_or_name_is_an_error(file):
    with weightedit.open(file) as document:
        with pytest.raises(ExpressionError, match="compare it"):
            list(find(document, "w + 1"))
        with pytest.raises(EditRefused, match="Nothing matches"):
            list(find(document, "w > 1", "nothing.*"))
        with pytest.raises(EditRefused, match="no tensor 'gone'"):
            list(find(document, "w > 'gone'"))


def test_find_on_the_command_line_exits_as_grep_does(file, capsys):
    assert main(["find", str(file), "isnan(w)"]) == 0
    out, err = capsys.readouterr()
    assert out == "layers.0.weight: 1 of 42, first [4, 2]\n"
    assert err == ""
    assert main(["find", str(file), "w > 1000", "--names", "layers.0.*"]) == 1
    assert capsys.readouterr() == ("", "weightedit: nothing found.\n")
    assert main(["find", str(file), "w >"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("weightedit: The expression w > does not read at column 4")
    assert main(["find", str(file), "w > 1", "--names", "gone"]) == 2
    assert "gone" in capsys.readouterr().err
    assert main(["find", str(file.with_name("gone.safetensors")), "w > 1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_find_says_what_it_skipped_and_is_an_error_where_it_skipped_all(file, capsys):
    assert main(["find", str(file), "w == 7"]) == 0
    assert capsys.readouterr().out == "steps: 1 of 1, first []\n"
    assert main(["find", str(file), "w > 1"]) == 0
    assert "phase" in capsys.readouterr().err
    assert main(["find", str(file), "w > 1", "--names", "phase"]) == 2
    assert "no order" in capsys.readouterr().err


def test_find_as_json(file, capsys):
    assert main(["find", str(file), "nonfinite(w)", "--names", "layers.*", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["count"] == 2
    one = {"name": "layers.0.weight", "count": 1, "numel": 42, "first": [4, 2], "skipped": ""}
    assert one in found["tensors"]
