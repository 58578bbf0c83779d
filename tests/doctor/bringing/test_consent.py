"""A person is asked about all code that runs, and what they said yes to is what runs: nothing else."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import weightedit
from weightedit.checking import check_model
from weightedit.core.errors import WeightEditError
from weightedit.doctor.bringing.consent import Consent, check_agreed, consent_for
from weightedit.doctor.bringing.input_spec import parse_inputs
from weightedit.doctor.bringing.model_reference import ReferenceWrong, parse_reference
from weightedit.doctor.check import check_code, check_live
from weightedit.doctor.checkup import Asked, Checkup, Wanted
from weightedit.doctor.inside.session import Session

NET = """
from pathlib import Path
from torch import nn

Path(__file__).with_name("ran").touch()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        return self.fc(x)
"""
LOSS = """
from pathlib import Path

Path(__file__).with_name("ran").touch()

def loss(output, target):
    return output.sum()

def optimizer(model):
    raise AssertionError

def data():
    raise AssertionError
"""
IN_ALL = ("It runs as you, with all that it imports, in a process of its own that can read, change and send what you "
          "can.")  # fmt: skip


@pytest.fixture
def folder(tmp_path) -> Path:
    """A model's code, and beside it a module with everything else that a training step takes."""
    (tmp_path / "net.py").write_text(textwrap.dedent(NET), encoding="utf-8")
    (tmp_path / "beside_it.py").write_text(textwrap.dedent(LOSS), encoding="utf-8")
    torch.save(nn.ModuleDict({"fc": nn.Linear(6, 4)}).state_dict(), tmp_path / "net.pt")
    return tmp_path


def ran(folder: Path) -> bool:
    return (folder / "ran").exists()


def checked(folder: Path, consent: Consent, wanted: Wanted) -> Checkup:
    assert consent.model is not None
    wanted = replace(wanted, spec=parse_inputs("float32[2,6]"))
    with weightedit.open(folder / "net.pt") as document:
        return check_code(document, consent.model, wanted, Asked("cpu", agreed=consent.agreed), folder)


# ---- all code is named

def test_everything_that_runs_is_named_before_anything_is_imported(folder):
    wanted = Wanted(loss="beside_it:loss", optimizer="beside_it.py:optimizer", data="beside_it.py:data")
    found = consent_for("net.py:Net", wanted, folder)
    file = folder / "beside_it.py"
    assert found.sentences == (
        f"The file {folder / 'net.py'} runs, and Net in it makes the model.",
        f"Python imports beside_it from {file}, and loss in it gives the loss.",
        f"The file {file} runs, and optimizer in it makes the optimizer.",
        f"The file {file} runs, and data in it gives the data.",
        IN_ALL)  # fmt: skip
    assert found.model == parse_reference("net.py:Net", folder)
    assert not ran(folder)
    assert "beside_it" not in sys.modules


def test_names_of_losses_are_no_code_of_anybody(folder):
    assert len(consent_for("net.py:Net", Wanted(loss="CrossEntropyLoss", train=True), folder).sentences) == 2


def test_an_argument_that_is_called_as_the_class_is_said_whole(folder):
    said = consent_for("net.py:Net('Net', Net='Net')", Wanted(), folder).sentences[0]
    assert said.endswith("runs, and Net('Net', Net='Net') in it makes the model.")


def test_a_package_is_named_by_where_its_own_process_finds_it(folder, monkeypatch):
    """The folder of this process' script is not on the path of the model's, so what lies there is not what runs."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "beside_it.py").write_text("", encoding="utf-8")
    (elsewhere / "only_here.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(elsewhere), *sys.path])
    said = consent_for("net.py:Net", Wanted(loss="beside_it:loss"), folder).sentences[1]
    assert said == f"Python imports beside_it from {folder / 'beside_it.py'}, and loss in it gives the loss."
    said = consent_for("net.py:Net", Wanted(loss="only_here:loss"), folder).sentences[1]
    assert "where it was not found" in said


# ---- what was agreed to is what runs

@pytest.mark.parametrize("name", ["net.py", "beside_it.py"])
@pytest.mark.parametrize("loss", ["beside_it.py:loss", "beside_it:loss"])
def test_code_that_changed_after_the_question_does_not_run(folder, name, loss):
    """It is asked about in good time, and replaced before it starts."""
    wanted = Wanted(loss=loss)
    consent = consent_for("net.py:Net", wanted, folder)
    file = folder / name
    file.write_text(file.read_text(encoding="utf-8").replace('"ran"', '"changed"'), encoding="utf-8")
    named = "beside_it" if (name, loss) == ("beside_it.py", "beside_it:loss") else str(file)
    with pytest.raises(WeightEditError) as raised:
        checked(folder, consent, wanted)
    assert str(raised.value) == f"{named} changed after you were asked whether it may run; nothing of it was run. " \
                                "Check again to be asked about it as it is now."  # fmt: skip
    assert not (folder / "changed").exists()


def test_code_that_is_as_it_was_runs(folder):
    wanted = Wanted(loss="beside_it:loss", target="float32[2,4]")
    found = checked(folder, consent_for("net.py:Net", wanted, folder), wanted)
    assert found.training is not None
    assert found.training.done[:3] == ("forward", "loss", "backward")
    assert ran(folder)


def test_code_that_nobody_was_asked_about_does_not_run(folder):
    consent = consent_for("net.py:Net", Wanted(), folder)
    with pytest.raises(WeightEditError, match=r"beside_it\.py changed after you were asked"):
        checked(folder, consent, Wanted(loss="beside_it.py:loss"))


def test_a_file_runs_as_it_was_read_whatever_python_kept_of_it(folder):
    """Compiled code beside it is not looked at: its fingerprint was not what was agreed to."""
    import importlib.util
    import py_compile

    file = folder / "net.py"
    good, stat = file.read_text(encoding="utf-8"), file.stat()
    file.write_text(good.replace("Linear(6, 4)", "Linear(4, 6)"), encoding="utf-8")
    py_compile.compile(str(file), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert Path(importlib.util.cache_from_source(str(file))).is_file()
    file.write_text(good, encoding="utf-8")
    assert file.stat().st_size == stat.st_size
    found = Session(folder).do({"do": "bring", "reference": f"{file}:Net", "device": "cpu"})
    (weight,) = [one for one in found["model"]["tensors"] if one["name"] == "fc.weight"]
    assert weight["shape"] == [4, 6]


def test_a_file_that_is_named_several_times_runs_once(tmp_path):
    """The optimizer is made of the very class that the model has, which a second run of the file would make anew."""
    file = tmp_path / "several.py"
    file.write_text(textwrap.dedent("""
        import pathlib
        import torch

        with pathlib.Path(__file__).with_name("runs").open("a") as runs:
            runs.write("x")

        class Net(torch.nn.Linear):
            pass

        def optimizer(model):
            assert isinstance(model, Net)
            return torch.optim.SGD(model.parameters(), 0.1)

        def loss(output, target):
            return (output - target).pow(2).mean()
    """), encoding="utf-8")
    session = Session(tmp_path)
    session.do({"do": "bring", "reference": f"{file}:Net(4, 3)", "device": "cpu"})
    found = session.do({"do": "train", "inputs": "float32[2,4]", "target": "float32[2,3]", "loss": f"{file}:loss",
                        "optimizer": f"{file}:optimizer"})  # fmt: skip
    assert found["training"]["done"][-1] == "step"
    assert (tmp_path / "runs").read_text(encoding="ascii") == "x"


def test_a_file_that_needs_values_runs_again_with_them(tmp_path):
    file = tmp_path / "values.py"
    file.write_text("import torch\nTABLE = torch.arange(3.0)\n\ndef net():\n    TABLE.numpy()\n"
                    "    return torch.nn.Linear(int(TABLE[1]), 2)\n", encoding="utf-8")  # fmt: skip
    found = Session(tmp_path).do({"do": "bring", "reference": f"{file}:net", "device": "fake"})
    assert found["note"].startswith("Its code needs real tensors to make it: ")
    assert found["model"]["tensors"][0]["shape"] == [2, 1]


# ---- folders of transformers

def test_files_that_the_folders_own_code_imports_are_named_and_kept_to(tmp_path):
    (tmp_path / "modeling.py").write_text("from .layers import Layer\n", encoding="utf-8")
    (tmp_path / "layers.py").write_text("import math\nfrom .inner.most import x\n    from .norms import N\n",
                                        encoding="utf-8")  # fmt: skip
    (tmp_path / "norms.py").write_text("from .layers import Layer\n", encoding="utf-8")
    (tmp_path / "unused.py").write_text("", encoding="utf-8")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"architectures": ["Net"], "auto_map": {"AutoModel": "modeling.Net"}}))
    consent = consent_for(str(tmp_path), Wanted(), tmp_path)
    assert [said.rpartition(" ")[2] for said in consent.sentences if "of the folder's own" in said] == [
        "layers.py.", "modeling.py.", "norms.py."]  # fmt: skip
    for name in ("norms.py", "layers.py", "modeling.py", "config.json"):
        check_agreed(parse_reference(str(tmp_path), tmp_path), dict(consent.agreed), [])
        file = tmp_path / name
        text = file.read_text(encoding="utf-8")
        file.write_text(text + "\n", encoding="utf-8")
        with pytest.raises(ReferenceWrong, match="changed after you were asked"):
            check_agreed(parse_reference(str(tmp_path), tmp_path), dict(consent.agreed), [])
        file.write_text(text, encoding="utf-8")


def test_what_code_in_a_folder_below_imports_lies_beside_it(tmp_path):
    """transformers looks beside the file that imports, and so must who says what runs."""
    (tmp_path / "sub").mkdir()
    config = {"architectures": ["Net"], "auto_map": {"AutoConfig": "sub/conf.Cfg", "AutoModel": "sub/modeling.Net"}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "hidden.py").write_text("", encoding="utf-8")
    (tmp_path / "sub" / "conf.py").write_text("from .hidden import touched\n", encoding="utf-8")
    (tmp_path / "sub" / "modeling.py").write_text("from .layers import Layer\n", encoding="utf-8")
    for name in ("hidden", "layers"):
        (tmp_path / "sub" / f"{name}.py").write_text("", encoding="utf-8")
    consent = consent_for(str(tmp_path), Wanted(), tmp_path)
    named = ("sub/conf.py", "sub/hidden.py", "sub/layers.py", "sub/modeling.py")
    for name in named:
        assert any(sentence.endswith(f"which runs: {name}.") for sentence in consent.sentences), name
        assert any(key.endswith(name) for key, _ in consent.agreed), name
    assert not any(key.endswith("/hidden.py") and "sub" not in key for key, _ in consent.agreed)


def test_a_config_that_turns_to_code_of_the_hub_after_the_question_is_refused(folder):
    """Nothing is asked of the hub: the config is not read by transformers at all."""
    config = folder / "config.json"
    config.write_text(json.dumps({"architectures": ["Net"], "model_type": "llama"}), encoding="utf-8")
    consent = consent_for(str(folder), Wanted(), folder)
    config.write_text(json.dumps({"architectures": ["Net"], "model_type": "llama", "auto_map": {
        "AutoModel": "some/body--modeling.Net"}}), encoding="utf-8")  # fmt: skip
    with pytest.raises(WeightEditError, match=r"config\.json changed after you were asked whether it may run"):
        checked(folder, consent, Wanted())


@pytest.mark.parametrize("within", [
    {"attn_implementation": "some/kernel"}, {"_attn_implementation": {"text_config": "some/kernel", "": "eager"}},
    {"text_config": {"attn_implementation": "some/kernel"}}, {"experts_implementation": "some/kernel"}])  # fmt: skip
def test_kernels_of_the_hub_are_named_too(tmp_path, within):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **within}), encoding="utf-8")
    assert "Its config asks for code of the Hugging Face hub, which is downloaded and runs: some/kernel." in \
        consent_for(str(tmp_path), Wanted(), tmp_path).sentences  # fmt: skip


def test_what_lies_in_a_folder_is_not_imported_by_its_name(folder):
    """Neither torch nor transformers is taken from where a folder without code of its own is checked."""
    for name in ("torch", "transformers", "numpy"):
        (folder / f"{name}.py").write_text("raise SystemExit('taken from the folder')", encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["GPT2Model"], "model_type": "gpt2", "n_layer": 1, "n_embd": 4, "n_head": 1, "vocab_size": 5,
        "n_positions": 4}), encoding="utf-8")  # fmt: skip
    found = checked(folder, consent_for(str(folder), Wanted(), folder), Wanted())
    assert found.model is not None, found.findings
    assert found.model.type == "GPT2Model"


# ---- live modules

@pytest.mark.parametrize(("training", "named"), [
    (Wanted(loss="beside_it.py:loss"), "beside_it.py:loss"), (Wanted(optimizer="beside_it:optimizer"), "beside_it:"),
    (Wanted(data="beside_it.py:data"), "beside_it.py:data")])  # fmt: skip
def test_code_by_reference_is_not_imported_beside_a_live_module(folder, monkeypatch, training, named):
    monkeypatch.chdir(folder)
    net = nn.Linear(6, 4)
    wanted = replace(training, spec=parse_inputs("float32[2,6]"))
    with weightedit.open(net) as document:
        for ask in (lambda: check_model(document, net, "float32[2,6]", Asked("cpu"), training=training),
                    lambda: check_live(document, net, wanted, Asked("cpu"), folder),
                    lambda: consent_for(net, wanted, folder)):  # fmt: skip
            with pytest.raises(WeightEditError, match="give the object itself from Python, or bring the model by "
                               "reference") as raised:  # fmt: skip
                ask()
            assert str(raised.value).startswith(named)
    assert not ran(folder)
    assert "beside_it" not in sys.modules


def test_a_live_module_takes_no_order_that_would_import(folder):
    session = Session(folder, live=nn.Linear(6, 4))
    assert "refused" in session.do({"do": "bring", "reference": f"{folder / 'net.py'}:Net", "device": "cpu"})
    session.do({"do": "take", "device": "cpu"})
    for order in ({"loss": "beside_it.py:loss"}, {"data": "beside_it.py:data"}):
        assert "refused" in session.do({"do": "train", "inputs": "float32[2,6]", **order})
    assert not ran(folder)


def test_what_runs_of_a_live_module_is_said(folder):
    found = consent_for(nn.Linear(6, 4), Wanted(loss="mse_loss"), folder)
    assert (found.model, found.agreed) == (None, ())
    assert found.sentences[0] == "The forward of Linear runs here, in this process, on a copy of it."


@pytest.mark.parametrize("written", ["./net.py", "inner/../net.py", "./inner/.././net.py"])
def test_what_runs_is_named_as_it_is_found(folder, written):
    (folder / "inner").mkdir()
    for text in (written, f"{folder}/{written}"):
        consent = consent_for(f"{text}:Net", Wanted(), folder)
        assert consent.sentences[0] == f"The file {folder / 'net.py'} runs, and Net in it makes the model."
        assert [path for path, _ in consent.agreed] == [str(folder / "net.py")]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_way_up_from_behind_a_link_names_the_file_that_python_opens(folder, tmp_path):
    """The file that is named is beside the folder that the link means, and not beside the link."""
    (folder / "far" / "inner").mkdir(parents=True)
    (folder / "far" / "net.py").write_text("other = 1", encoding="utf-8")
    (folder / "link").symlink_to(folder / "far" / "inner")
    assert parse_reference("link/../net.py:Net", folder).where == str(folder / "far" / "net.py")
    assert parse_reference("net.py:Net", folder).where == str(folder / "net.py")
