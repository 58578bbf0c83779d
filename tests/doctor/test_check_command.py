"""The command `check`: nothing runs without a yes, exit codes and JSON are what scripts rely on, and its mend mends."""

from __future__ import annotations

import io
import json
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from weightedit.cli import main
from weightedit.doctor import check as checks
from weightedit.doctor.bringing.model_reference import parse_reference

CODE = """
import os
import warnings
from pathlib import Path
import torch
from torch import nn

Path(__file__).with_name("ran").touch()

class Net(nn.Module):
    def __init__(self, does="nothing"):
        super().__init__()
        if does == "raises":
            raise LookupError("no settings here")
        self.does, self.fc1, self.fc2 = does, nn.Linear(6, 4), nn.Linear(4, 1)

    def forward(self, x):
        if self.does == "exits":
            os._exit(7)
        if self.does == "warns":
            print("warning\\x1b[31m")
            warnings.warn("an old way")
        if self.does == "looks" and x.sum().item() > 0:
            x = x + 0
        return self.fc2(self.fc1(x).relu())

class Odd(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, place):
        if place >= 12:
            raise IndexError
        return torch.zeros(5 if place == 7 else 6), torch.zeros(1)

class Own(Net):
    def forward(self, x, labels):
        output = super().forward(x)
        return {"loss": nn.functional.mse_loss(output, labels), "logits": output}

def optimizer(model):
    return torch.optim.SGD([model.fc2.weight], 0.1)

def settings():
    return {}
"""
WHOLE = "weightedit: "
UNREAD = ("Names, shapes and dtypes fit: the model is made and takes these weights, and runs through 3 calls of "
          "modules. No values were looked at, so NaN among them would not show; --device cpu runs with "
          "them.")  # fmt: skip


@pytest.fixture
def net(tmp_path, monkeypatch) -> Path:
    """A checkpoint with its code beside it, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(textwrap.dedent(CODE), encoding="utf-8")
    torch.manual_seed(0)
    state = nn.ModuleDict({"fc1": nn.Linear(6, 4), "fc2": nn.Linear(4, 1)}).state_dict()
    torch.save(state, tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture
def turned(net) -> Path:
    state = torch.load(net)
    torch.save(state | {"fc1.weight": state["fc1.weight"].T.contiguous()}, net.with_name("turned.pt"))
    return net.with_name("turned.pt")


@pytest.fixture
def here(monkeypatch) -> None:
    """Let this process take every order that a model's own takes: another one takes seconds to begin."""
    class Taking(checks.LiveModel):
        def __init__(self, reference, *where):
            super().__init__(None, *where)
            self.reference = reference

        def bring(self, device, wanted):
            self._session.wanted = wanted
            return self.ask({"do": "bring", "reference": str(self.reference), "device": device})

    monkeypatch.setattr(checks, "code_bringer", lambda document, reference, working, progress:
                        lambda asked: Taking(reference, document.spill.folder, working, progress))  # fmt: skip


def ran() -> bool:
    return Path("ran").exists()


def answer(monkeypatch, text: str) -> None:
    """Let a person at a terminal answer."""
    typed = io.StringIO(text)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def only_line(err: str) -> str:
    """The one line that says what is wrong; what would run may be said before it."""
    *said, last = err.splitlines()
    assert all(" in it " in line or line.startswith("weightedit: It runs as you") for line in said), err
    assert last.startswith(WHOLE)
    return last.removeprefix(WHOLE)


# ---- the yes

CHECK = ("check", "net.pt", "--model", "net.py:Net", "--input", "float32[2,6]")


def test_without_a_yes_it_says_what_would_run_and_runs_nothing(net, capsys):
    assert main([*CHECK, "--loss", "net.py:settings"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    file = net.with_name("net.py")
    assert err.splitlines() == [
        f"weightedit: The file {file} runs, and Net in it makes the model.",
        f"weightedit: The file {file} runs, and settings in it gives the loss.",
        "weightedit: It runs as you, with all that it imports, in a process of its own that can read, change and send "
        "what you can.",
        f"weightedit: {file}:Net was not run: add --yes to run it."]  # fmt: skip
    assert not ran()


@pytest.mark.parametrize("typed", ["n\n", "\n", "", "maybe\n"])
def test_at_a_terminal_it_asks_and_no_is_no(net, monkeypatch, capsys, typed):
    answer(monkeypatch, typed)
    assert main(list(CHECK)) == 2
    assert "Run it? [y/N] " in capsys.readouterr().err
    assert not ran()


def test_a_yes_is_for_one_run(net, monkeypatch, capsys, here):
    answer(monkeypatch, "y\n")
    assert main(list(CHECK)) == 0
    assert ran()
    Path("ran").unlink()
    answer(monkeypatch, "")
    assert main(list(CHECK)) == 2
    assert not ran()


# ---- findings and their mends

def test_the_mend_of_the_json_is_a_step_of_a_recipe_that_mends(turned, capsys):
    """Through processes of their own, from the first word to the healthy file."""
    asked = ["check", "turned.pt", "--model", "net.py:Net", "--input", "float32[2,6]", "--yes", "--json"]
    assert main(asked) == 1
    found = json.loads(capsys.readouterr().out)
    assert {"ok", "findings", "trace"} <= found.keys()
    assert found["ok"] is False
    first = found["findings"][0]
    assert {"module", "tensor", "kind", "message", "mend"} <= first.keys()
    assert [first[key] for key in ("module", "tensor", "kind")] == ["fc1", "fc1.weight", "transposed"]
    assert "6 × 4" in first["message"]
    assert "4 × 6" in first["message"]
    assert [(one["module"], one["type"]) for one in found["trace"]] == [("", "Net"), ("fc1", "Linear")]
    assert found["trace"][1]["inputs"] == [{"place": "0", "shape": [2, 6], "dtype": "float32", "device": "cpu"}]
    assert found["trace"][1]["outputs"] == []

    Path("fix.json").write_text(json.dumps({"weightedit_recipe": 1, "edits": [first["mend"]]}), encoding="utf-8")
    assert main(["apply", "fix.json", "turned.pt", "fixed.pt"]) == 0
    capsys.readouterr()
    assert main(["check", "fixed.pt", *asked[2:-1]]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Net    float32[2,6] → float32[2,1]", "  fc1  float32[2,6] → float32[2,4]",
        "  fc2  float32[2,4] → float32[2,1]", UNREAD]  # fmt: skip


def test_a_finding_is_printed_with_its_mends_and_what_torch_says(net, capsys, here):
    assert main([*CHECK[:-1], "float32[2,8]", "--yes"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "✕ fc1 expects 6 features, got 8; called from Net.forward, net.py line 25."
    assert out[1] == "    Give it float32[2,6] (instead of float32[2,8]; no weight changes)"
    assert out[3].startswith("    PyTorch says: RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x8 and 6x4)")
    assert out[-2] == "  fc1  float32[2,8] → stopped"


def test_code_that_ends_its_process_is_a_finding(net, capsys):
    """This one goes on, and exits with 1."""
    assert main(["check", "net.pt", "--model", "net.py:Net('exits')", "--input", "float32[2,6]", "--yes", "--json",
                 "--device", "cpu"]) == 1  # fmt: skip
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["kind"], found["mend"]) == ("stopped", None)
    assert "its code ended the process with status 7" in found["message"]


def test_code_that_raises_is_a_finding(net, capsys, here):
    assert main(["check", "net.pt", "--model", "net.py:Net('raises')", "--yes", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["kind"], found["mend"]) == ("model", None)
    assert found["message"].startswith("The model could not be made: LookupError: no settings here, ")


def test_without_inputs_the_model_is_made_and_compared(net, capsys, here):
    assert main(["check", "net.pt", "--model", "net.py:Net", "--yes"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "No input was given, so the model was made and not run.",
        "Names, shapes and dtypes fit: the model is made and takes these weights. It was not run, and no values were "
        "looked at."]  # fmt: skip
    assert main(["check", "net.pt", "--model", "net.py:Net", "--yes", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["ran"], found["trace"], found["device"]) == (True, False, [], None)


@pytest.mark.parametrize(("asked", "says"), [
    (["turned.pt", "--model", "net.py:Net", "--input", "float32[2,6]"],
     "2 findings; it does not take these weights as they are, and it stops in fc1."),
    (["net.pt", "--model", "net.py:Net", "--input", "float32[2,5]"],
     "1 finding; it takes these weights, and it stops in fc1."),
    (["net.pt", "--model", "net.py:Net", "--input", "float32[2,6]", "--target", "int64[3]", "--loss", "NLLLoss"],
     "1 finding; it takes these weights, it runs through, and it does not train."),
])  # fmt: skip
def test_the_last_line_says_how_far_it_came(net, turned, capsys, here, asked, says):
    assert main(["check", *asked, "--yes"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"Not healthy: {says}"


# ---- what ended without a run, and what a run tells besides

def test_a_model_that_looks_at_values_is_not_healthy_where_there_are_none(net, monkeypatch, capsys, here):
    """Neither where no values were asked for, nor where the weights are more than are run unasked."""
    asked = ["check", "net.pt", "--model", "net.py:Net('looks')", "--input", "float32[2,6]", "--yes"]
    assert main([*asked, "--device", "fake"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("! Net looks at values; called from Net.forward, net.py line 23. Tensors have none here, so "
                          "nothing after it was run: run it on a device that has values, such as cpu.")  # fmt: skip
    assert "Healthy" not in out
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["ran"], found["device"]) == (True, True, "cpu")
    monkeypatch.setattr(checks, "LARGEST", 10)
    assert main([*asked, "--json", "--loss", "mean"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["level"]) for one in found["findings"]] == [("needs-values", "warning")]
    assert (found["ok"], found["ran"], found["training"]) == (False, False, None)
    assert [note.endswith(("name a device to run it.", "as the model does not run.")) for note in found["notes"]] == \
        [True, True]  # fmt: skip


def test_a_step_is_not_taken_unasked_with_more_weights_than_are_run_unasked(net, monkeypatch, capsys, here):
    monkeypatch.setattr(checks, "LARGEST", 10)
    assert main([*CHECK, "--loss", "mean", "--yes", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["level"]) for one in found["findings"]] == [("not-trained", "warning")]
    assert main([*CHECK, "--loss", "mean", "--yes", "--device", "cpu"]) == 0


def test_a_run_with_values_is_measured(net, capsys, here):
    assert main([*CHECK, "--yes", "--json", "--device", "cpu"]) == 0
    for call in json.loads(capsys.readouterr().out)["trace"]:
        assert call["seconds"] > 0
        assert call["bytes"] == 4 * 2 * call["outputs"][0]["shape"][1]
    assert main([*CHECK, "--yes", "--json"]) == 0
    assert all("seconds" not in call for call in json.loads(capsys.readouterr().out)["trace"])
    assert main([*CHECK, "--yes", "--device", "cpu"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.partition(" ms, ")[2] for row in rows[:3]] == ["8 B", "32 B", "8 B"]
    assert rows[-1].endswith("runs through 3 calls of modules on cpu.")


def test_what_the_code_warned_of_and_printed_is_told(net, capsys):
    """Through a process of its own, whose output is not the command's."""
    asked = ["check", "net.pt", "--model", "net.py:Net('warns')", "--input", "float32[2,6]", "--yes"]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert "The run warned: UserWarning: an old way\nIts code printed:\nwarning\\x1b[31m\n" in out
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["notes"] == ["The run warned: UserWarning: an old way"]
    assert found["output"].startswith("warning\x1b[31m\n")


def test_nothing_is_called_healthy_whose_values_nobody_looked_at(net, capsys, here):
    state = torch.load(net)
    state["fc1.weight"][1, 2] = torch.nan
    torch.save(state, net)
    assert main([*CHECK, "--yes"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == UNREAD
    assert "ealthy" not in out
    assert main([*CHECK, "--yes", "--device", "cpu"]) == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        "! 2 of the 2 values of the output are NaN or infinite; they begin in fc1 (Linear), where 1 of the 24 values "
        "of fc1.weight is so.")  # fmt: skip


# ---- training

@pytest.mark.parametrize("how", [["--loss", "output.loss"], ["--device", "cpu"], ["--device", "fake"]])
def test_what_torch_warns_of_a_stretched_loss_is_said_once(net, capsys, how):
    """As a finding: not beside it as a note, nor as what the code printed while it ran again to be measured."""
    asked = ["check", "net.pt", "--model", "net.py:Own", "--input", "x: float32[5,6]; labels: float32[5]", "--yes"]
    assert main([*asked, *how]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("! A loss that the model computes itself stretches [5, 1] and [5] over each other, with only "
                          "a warning; write loss(output, target.unsqueeze(1)) or ")  # fmt: skip
    assert (out + err).count("Using a target size") == 1
    assert "PyTorch says: Using a target size" in out


def test_a_training_step_with_a_target(net, capsys, here):
    assert main([*CHECK, "--target", "float32[2]", "--loss", "MSELoss", "--train", "--yes"]) == 1
    assert capsys.readouterr().out.startswith("! The loss stretches the output [2, 1] and the target [2] to [2, 2], ")
    assert main([*CHECK, "--target", "float32[2,1]", "--loss", "MSELoss", "--yes"]) == 0
    out = capsys.readouterr().out
    assert "\nTraining step: MSELoss is " in out
    assert "over 4 of 4 parameters.\nA step of SGD with lr 0.001 changed 4 of 4 parameters, most of all " in out
    assert out.endswith("Healthy: the model is made and takes these weights, runs through 3 calls of modules, and took "
                        "a training step with values.\n")  # fmt: skip
    assert main([*CHECK, "--train", "--yes", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert "returns no loss of its own" in found["message"]


def test_data_and_an_optimizer_by_code(net, capsys, here):
    assert main(["check", "net.pt", "--model", "net.py:Net", "--data", "net.py:Odd", "--loss", "mse_loss",
                 "--optimizer", "net.py:optimizer", "--yes", "--json"]) == 1  # fmt: skip
    found = [one for one in json.loads(capsys.readouterr().out)["findings"] if one["level"] != "notice"]
    assert [one["message"] for one in found] == [
        "Sample 7 has float32[5] in input 0; 11 of 12 samples have float32[6] in input 0.",
        "SGD does not hold 3 of 4 parameters that require grad, and never changes them: fc1.weight, fc1.bias and "
        "fc2.bias."]  # fmt: skip


# ---- what is asked wrongly

@pytest.mark.parametrize(("arguments", "says"), [
    (["--input", "float32[2,x]"], "The spec 'float32[2,x]' does not read at column 11"),
    (["--input", "float32[2,6]", "--target", "float99[2]"], "float99 is no dtype"),
    (["--input", "float32[2,6]", "--target", "float32[2], float32[2]"], "one tensor, list or dict is expected"),
    (["--model", "gone.py:Net"], "There is no file "),
    (["--model", "net.py"], "'net.py' names no model. "),
    (["--model", "net.py:Net(open('x'))"], "are not plain values"),
    (["--input", "float32[2,6]", "--loss", "gone.py:loss"], "There is no file "),
    (["--loss", "mse_loss"], "--loss has no effect without --input or --data: "),
    (["--train"], "--train has no effect without --input or --data: "),
    (["--input", "float32[2,6]", "--target", "float32[2]"], "--target has no effect without --loss, --train or "),
    (["--input", "float32[2,6]", "--optimizer", "net.py:optimizer"], "--optimizer has no effect without --loss, "),
    (["--device", "gpu"], "'gpu' is no device"),
    (["--seconds", "0"], "0 seconds are no time"),
])  # fmt: skip
def test_what_does_not_read_is_one_line_and_nothing_runs(net, capsys, arguments, says):
    """At once, also where nobody has said yes."""
    for consent in ([], ["--yes"]):
        assert main(["check", "net.pt", "--model", "net.py:Net", *arguments, *consent]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert err.startswith(WHOLE)
        assert says in err
    assert not ran()


def test_a_file_that_is_no_checkpoint_is_one_line_and_nothing_runs(net, capsys):
    for name in ("gone.pt", "net.py"):
        assert main(["check", name, *CHECK[2:], "--yes"]) == 2
        assert name in only_line(capsys.readouterr().err)
    assert not ran()


@pytest.mark.parametrize(("arguments", "says"), [
    (["--model", "net.py:Nets"], "net.py has no Nets; its modules are Net, Own."),
    (["--model", "net.py:settings"], "made a dict, and no nn.Module."),
    (["--input", "gone.npy"], "gone.npy to take an input from."),
    (["--input", "float32[2,6]", "--loss", "Nope"], "There is no loss 'Nope'."),
    (["--input", "float32[2,6]", "--loss", "net.py:nope"], "net.py has no nope; "),
    (["--data", "net.py:nope"], "net.py has no nope; "),
    (["--device", "cuda:99"], "There is no cuda:99 here: torch sees "),
])  # fmt: skip
def test_names_that_are_not_there_are_an_error_and_no_finding(net, capsys, here, arguments, says):
    assert main(["check", "net.pt", "--model", "net.py:Net", *arguments, "--yes"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in only_line(err)


@pytest.mark.parametrize(("arguments", "says"), [
    (["--loss", "Nope"], "There is no loss 'Nope'."), (["--loss", "CTCLoss"], "takes more than"),
    (["--loss", "mse_loss", "--optimizer", "Nope"], "There is no optimizer 'Nope'."),
])  # fmt: skip
def test_what_torch_does_not_have_is_told_before_any_code_runs(net, capsys, arguments, says):
    assert main([*CHECK, "--target", "float32[2,1]", *arguments, "--yes"]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert not ran()


def test_data_alone_is_looked_through_and_asks_for_no_loss(net, capsys, here):
    assert main(["check", "net.pt", "--model", "net.py:Net", "--data", "net.py:Odd", "--yes", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["training"] is None
    assert not [one for one in found["findings"] if "loss" in one["message"]]
    assert "No training step was taken: no loss was named, and the model returns none of its own." in found["notes"]


def test_a_reference_is_what_it_says(net):
    """What is printed runs the same model when it is typed again."""
    reference = parse_reference("net.py:Net('nothing')", Path.cwd())
    assert parse_reference(str(reference), Path("/")) == reference
