"""The command `module` says what it does with trust, and what to do where a module cannot be run."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import torch

from weightedit import terminal_module
from weightedit.cli import main
from weightedit.doctor.trusted_file import runnable
from weightedit.doctor.trusted_file.report import RunReport
from weightedit.doctor.trusted_file.runnable import Runnable, RunnableModule, command
from weightedit.doctor.trusted_file.starting import Ended
from weightedit.doctor.trusted_file.trusted import Trusted


@pytest.fixture
def net(tmp_path) -> tuple[Path, str]:
    """A file that names a class nobody has, and its hash."""
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("net/data.pkl", b"cmynet\nNet\n.")
        file.writestr("net/version", b"3\n")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_class_that_is_not_there_names_the_option_and_the_trust_that_stays(net, monkeypatch, capsys):
    path, sha256 = net
    monkeypatch.setattr(runnable, "run_child", lambda *_: Ended(0, {
        "refused": "import", "error": "ModuleNotFoundError: No module named 'mynet'"}, "", 0))
    assert main(["module", str(path), "--trust", sha256]) == 2
    err = capsys.readouterr().err
    assert "No module named 'mynet'" in err
    assert f"weightedit module {path} --import-from FOLDER" in err
    assert f"weightedit module --revoke {sha256}" in err
    assert [one.sha256 for one in Trusted().all] == [sha256]
    assert main(["module", str(path)]) == 2  # trusted before: nothing new is said of it
    assert "trusted" not in capsys.readouterr().err


@pytest.mark.parametrize("ended", [Ended(0, {"refused": "changed", "sha256": ""}, "", 0), Ended(None, None, "", 0)])
def test_what_the_process_never_accepted_is_not_trusted(net, monkeypatch, capsys, ended):
    path, sha256 = net
    monkeypatch.setattr(runnable, "run_child", lambda *_: ended)
    assert main(["module", str(path), "--trust", sha256]) == 2
    assert "nothing was trusted" in capsys.readouterr().err
    assert Trusted().all == ()


def test_a_file_that_names_nothing_to_run_is_not_offered_for_trust(tmp_path, capsys):
    path = tmp_path / "state.pt"
    torch.save({"weight": torch.ones(2)}, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    for arguments in ([], ["--trust", sha256]):
        assert main(["module", str(path), *arguments]) == 1
        out = capsys.readouterr().out
        assert "state.pt holds no module" in out
        assert "--trust" not in out
    assert Trusted().all == ()
    assert main(["module", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["module"] is False


def test_one_is_counted_as_one_and_the_warning_speaks_of_no_window(net, capsys):
    assert main(["module", str(net[0])]) == 1
    out = capsys.readouterr().out
    assert "names 1 class or function, is not trusted" in out
    assert "window" not in out


def test_nothing_to_compare_is_said(capsys):
    found = Runnable(Path("x.pt"), "", ("os.system",), (), False)
    report = RunReport("", False, "builtins.int", (), (), "", 0, is_limited=True)
    terminal_module._show(found, RunnableModule(report, ()), as_json=False)
    assert "running: no tensors to compare." in capsys.readouterr().out


def test_the_line_to_copy_has_the_path(net, tmp_path, capsys):
    assert main(["module", str(net[0])]) == 1
    assert f"run it: weightedit module {net[0]} --trust {net[1]}\n" in capsys.readouterr().out
    assert command(Path("a b'c.pt")) == """weightedit module 'a b'"'"'c.pt'"""
    assert command(Path("-x.pt")) == "weightedit module ./-x.pt"
    assert command(Path("a\x1b.pt")) == "weightedit module FILE"
