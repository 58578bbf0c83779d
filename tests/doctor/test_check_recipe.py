"""What check offers first as a recipe: apply takes it, the file it makes is healthy, and what is not mended is said."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from weightedit.checking import check_model
from weightedit.cli import main
from weightedit.core.errors import WeightEditError
from weightedit.core.recipe import Recipe
from weightedit.doctor.checkup import Asked, Checkup, Wanted
from weightedit.terminal_mends import write_recipe

CODE = """
from pathlib import Path
import torch
from torch import nn

Path(__file__).with_name("ran").touch()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.norm, self.fc2 = nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)
        self.words = nn.Embedding(10, 3)

    def forward(self, x):
        return self.fc2(self.norm(self.fc1(x)).relu())
"""


class Net(nn.Module):
    """The same, in this process, which takes no time to start."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.norm, self.fc2 = nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)
        self.words = nn.Embedding(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.norm(self.fc1(x)).relu())


@pytest.fixture
def state(tmp_path, monkeypatch) -> dict[str, torch.Tensor]:
    """The tensors of the model, whose code is in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(textwrap.dedent(CODE), encoding="utf-8")
    torch.manual_seed(0)
    return dict(Net().state_dict())


def check(file: str, *more: str) -> int:
    return main(["check", file, "--model", "net.py:Net", "--input", "float32[2,6]", "--device", "cpu", "--yes", *more])


def written(state: dict[str, torch.Tensor], given: str = "float32[2,6]", assign: bool = False,
            training: Wanted | None = None) -> list[str]:  # fmt: skip
    """Check a file of these tensors against a live module, write the recipe, and return its operations."""
    torch.save(state, "broken.pt")
    asked = Asked("cpu", assign, is_measured=False)
    with weightedit.open("broken.pt") as document:

        def again() -> Checkup:
            return check_model(document, Net(), given, asked, training=training)

        write_recipe(Path("fix.json"), document, again(), again)
    return [edit.operation for edit in Recipe.load("fix.json").edits] if Path("fix.json").exists() else []


def wrapped(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"module.{name}": one for name, one in state.items()}


def test_from_a_broken_file_over_a_recipe_to_a_healthy_one(state, capsys):
    """One of several findings is about a run that the others mend as well; `mend` of the JSON is one step or null."""
    broken = state | {"fc1.weight": state["fc1.weight"].T.contiguous(), "words.weight": torch.ones(12, 3)}
    del broken["norm.running_mean"], broken["norm.running_var"]
    torch.save(wrapped(broken), "broken.pt")
    assert check("broken.pt", "--recipe", "fix.json", "--json") == 1
    said = capsys.readouterr()
    findings = json.loads(said.out)["findings"]
    assert len(findings) == 5
    (absent,) = [one for one in findings if one["kind"] == "missing"]
    assert absent["mend"] is None
    assert len(absent["mends"][0]["edits"]) == 2
    assert "weightedit: fix.json holds 5 edits as a recipe:" in said.err
    assert "2. Transpose fc1.weight: 6 × 4 → 4 × 6" in said.err
    assert "With it nothing more is found; this writes the mended file: weightedit apply fix.json broken.pt DST" \
        in said.err  # fmt: skip
    assert "not mend" not in said.err

    assert main(["apply", "fix.json", "broken.pt", "fixed.pt"]) == 0
    assert check("fixed.pt") == 0
    fixed = torch.load("fixed.pt")
    assert set(fixed) == set(state)
    assert torch.equal(fixed["fc1.weight"], state["fc1.weight"])
    assert fixed["words.weight"].shape == (10, 3)


def test_what_is_found_once_the_first_is_mended_is_mended_too(state):
    """The names hide what stops the run."""
    narrow = {name: one.half() if one.is_floating_point() else one for name, one in state.items()}
    assert written(wrapped(narrow), assign=True) == ["rename", "cast"]
    assert main(["apply", "fix.json", "broken.pt", "fixed.pt"]) == 0
    assert weightedit.check("fixed.pt", Net(), "float32[2,6]", assign=True, device="cpu")["ok"]


def test_what_no_edit_mends_is_said_and_nothing_is_written(state, capsys):
    assert written(state, "float32[2,8]") == []
    said = capsys.readouterr().err
    assert said.startswith("weightedit: fix.json was not written: no edit mends what was found.\n"
                           "weightedit: It does not mend this: fc1 expects 6 features, got 8; ")  # fmt: skip
    assert said.endswith(". Give it float32[2,6].\n")
    assert not Path("fix.json").exists()


def test_what_the_edits_leave_is_said(state, capsys):
    assert written(wrapped(state), "float32[2,8]") == ["rename"]
    said = capsys.readouterr().err
    assert "It does not mend this: fc1 expects 6 features, got 8" in said
    assert "nothing more is found" not in said


def test_an_edit_that_makes_no_difference_is_left_out(state, capsys):
    """What is offered for an embedding that nothing calls leaves it uncalled."""
    state["fc1.weight"] = state["fc1.weight"].T.contiguous()
    assert written(state, training=Wanted(loss="mse_loss", target="float32[2,1]")) == ["transpose"]
    assert "It does not mend this: 1 parameter gets no gradient" in capsys.readouterr().err


def test_a_healthy_file_has_no_recipe(state, capsys):
    assert written(state) == []
    assert capsys.readouterr().err == "weightedit: fix.json was not written: there is nothing to mend.\n"
    assert not Path("fix.json").exists()


@pytest.mark.parametrize(("name", "said"), [
    ("fix.json", "fix.json is there already; name a new file for the recipe."),
    ("no/fix.json", "fix.json cannot be written: its folder is not there; name one that is."),
])  # fmt: skip
def test_a_place_where_no_recipe_can_go_is_said_before_anything_runs(state, capsys, name, said):
    torch.save(state, "net.pt")
    Path("fix.json").write_text("mine", encoding="utf-8")
    assert check("net.pt", "--recipe", name) == 2
    assert said in capsys.readouterr().err
    assert not Path("ran").exists()
    assert Path("fix.json").read_text(encoding="utf-8") == "mine"


def test_a_file_that_came_meanwhile_is_left_as_it_is(state):
    Path("fix.json").write_text("mine", encoding="utf-8")
    with pytest.raises(WeightEditError, match=r"fix\.json is there already"):
        written(wrapped(state))
    assert Path("fix.json").read_text(encoding="utf-8") == "mine"


def test_the_step_is_written_once_though_the_model_is_checked_again(state, monkeypatch):
    """The file of the step, which is there by then, is in nobody's way."""
    def here(document: Any, model: str, inputs: Any, asked: Asked, **how: Any) -> Checkup:
        return check_model(document, Net(), inputs, asked, **how)

    monkeypatch.setattr("weightedit.terminal_check.check_model", here)
    state["words.weight"] = torch.ones(12, 3)
    torch.save(state, "broken.pt")
    assert check("broken.pt", "--recipe", "fix.json", "--loss", "mse_loss", "--target", "float32[2,1]", "--step-to",
                 "step.pt") == 1  # fmt: skip
    assert Path("step.pt").exists()
    assert "slice" in [edit.operation for edit in Recipe.load("fix.json").edits]


def test_findings_are_no_recipe_and_it_is_said_how_to_come_to_one(state, capsys):
    torch.save(wrapped(state), "broken.pt")
    found = weightedit.check("broken.pt", Net())
    Path("findings.json").write_text(json.dumps(found), encoding="utf-8")
    assert main(["apply", "findings.json", "broken.pt", "fixed.pt"]) == 2
    assert capsys.readouterr().err == "weightedit: findings.json holds what a check found, which is no recipe; " \
        "weightedit check with --recipe FILE writes the edits that mend it as one.\n"  # fmt: skip


def test_what_would_need_other_code_is_not_written(state, capsys):
    """A row more for a class that the head does not have: the model would no longer take the weights."""
    data = [(torch.ones(2, 6), torch.tensor([0, int(place == 7)])) for place in range(12)]
    assert written(state, None, training=Wanted(data=data, loss="CrossEntropyLoss")) == []
    said = capsys.readouterr().err
    assert "class 1" in said
    assert "no edit mends what was found" in said
