"""One file, trusted by its content, runs in a process of its own; without trust or with another byte nothing does."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from weightedit.assembly import open_document
from weightedit.cli import main
from weightedit.core.errors import Cancelled, CheckpointError
from weightedit.core.progress import Progress
from weightedit.doctor.trusted_file import runnable
from weightedit.doctor.trusted_file.runnable import is_script, looked_at, may_run, run_module
from weightedit.doctor.trusted_file.starting import run_child
from weightedit.doctor.trusted_file.trusted import Trusted


class Calls:
    """What pickles itself as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def evil(path: Path, code: str, tensors: bool = True) -> str:
    """Write a checkpoint that runs Python code when it is unpickled, and return its hash."""
    torch.save(({"weight": torch.ones(2)} if tensors else {}) | {"call": Calls(exec, code)}, path)
    return digest(path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path):
    """A folder with a class that only somebody who names the folder can import."""
    made = tmp_path / "code"
    made.mkdir()
    (made / "persons_model.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.inner = nn.Linear(3, 4)\n"
        "        self.register_buffer('steps', torch.arange(5))\n\n"
        "    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:\n"
        "        return self.inner(x) * scale\n")
    return made


@pytest.fixture
def quick(tmp_path):
    """A folder with a torch that only unpickles: what the child does is the same, but it is there at once."""
    made = tmp_path / "quick"
    made.mkdir()
    (made / "torch.py").write_text(
        "import pickle, zipfile\n\n\ndef load(stream, **_):\n    with zipfile.ZipFile(stream) as file:\n"
        "        return pickle.loads(file.read(next(name for name in file.namelist() if name.endswith('data.pkl'))))\n")
    return made


@pytest.fixture
def whole(tmp_path, folder, monkeypatch):
    """A whole module of that class, in a dict beside other things."""
    monkeypatch.syspath_prepend(str(folder))
    import persons_model

    torch.manual_seed(1)
    path = tmp_path / "whole.pt"
    torch.save({"model": persons_model.Net(), "epoch": 3, "ema": [torch.ones(2)]}, path)
    return path


def test_without_trust_nothing_runs_and_it_is_said_what_would(tmp_path, capsys):
    path, canary = tmp_path / "evil.pt", tmp_path / "canary"
    sha256 = evil(path, f"open({str(canary)!r}, 'w')")
    assert main(["module", str(path)]) == 1
    out = capsys.readouterr().out
    assert sha256 in out
    assert "builtins.exec" in out or "__builtin__.exec" in out
    assert "is not trusted" in out
    assert "runs as you" in out
    assert not canary.exists()


def test_what_a_pickle_names_and_throws_away_is_listed_too(tmp_path):
    """A call whose result is dropped leaves no trace in what was read: the names come from the reader itself."""
    path = tmp_path / "dropped.pt"
    body = pickle.dumps({"a": 1}, protocol=2)[2:]
    data = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R0" + body
    stream = io.BytesIO()
    torch.save({"a": torch.ones(1)}, stream)
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name.endswith("data.pkl") else old.read(name))
    with open_document(path) as document:
        assert may_run(document)
        assert looked_at(document).named == ("os.system",)


def test_another_byte_is_refused_before_anything_runs(tmp_path):
    path, canary = tmp_path / "evil.pt", tmp_path / "canary"
    sha256 = evil(path, f"open({str(canary)!r}, 'w')")
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)
    begun = time.monotonic()
    ended = run_child({"path": str(path), "sha256": sha256, "folders": [], "memory": 8 << 30}, 60, Progress())
    assert ended.report == {"refused": "changed", "sha256": digest(path)}
    assert not canary.exists()
    assert time.monotonic() - begun < 20


def test_a_trusted_file_runs_in_the_child_alone(tmp_path, monkeypatch, capsys):
    """The code sees another process, an empty folder, no input, and none of our environment."""
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    path, canary = tmp_path / "evil.pt", tmp_path / "canary"
    code = (f"import os, sys; open({str(canary)!r}, 'w').write(repr((os.getpid(), os.getcwd(), os.listdir('.'), "
            "sorted(os.environ), sys.stdin.read(), len(sys.argv)))); print('hello \\x1b[31m'); "
            "sys.stderr.write('world')")
    sha256 = evil(path, code)
    assert main(["module", str(path), "--trust", sha256]) == 1  # as --help promises where there is no module
    out = capsys.readouterr().out
    assert "It holds no module" in out
    assert "without running: 1 same.\n" in out  # a tensor beside what was called, not `only in the file`
    assert "hello \\x1b[31m" in out
    assert "world" in out
    pid, cwd, listed, environment, typed, _ = eval(canary.read_text())
    assert pid != os.getpid()
    assert cwd != str(Path.cwd())
    assert (listed, typed) == ([], "")
    assert "SECRET_TOKEN" not in environment
    assert not Path(cwd).exists()
    assert [one.sha256 for one in Trusted().all] == [sha256]
    evil(path, f"{code}; 2")
    canary.unlink()
    assert main(["module", str(path)]) == 1  # a changed file asks anew
    assert main(["module", "--revoke", sha256]) == 0
    assert main(["module", str(path), "--trust", sha256]) == 2
    assert not canary.exists()
    assert Trusted().all == ()


def test_a_whole_module_is_shown_and_compared(whole, folder):
    with open_document(whole) as document:
        assert may_run(document)
        assert "persons_model.Net" in looked_at(document).named
        document.apply("fill", "model.inner.bias", value=0.0)
        run = run_module(document, digest(whole), folders=[folder])
    (module,) = run.report.modules
    assert (module.prefix, module.class_name) == ("model", "persons_model.Net")
    assert "scale: float = 1.0" in module.forward
    assert module.modules == (("", "persons_model.Net"), ("inner", "torch.nn.modules.linear.Linear"))
    assert {one.name: one.verdict for one in run.compared} == {
        "model.inner.weight": "same", "model.inner.bias": "edited here", "model.steps": "same", "ema.0": "same"}
    assert {tensor.name: (tensor.kind, tensor.shape, tensor.dtype) for tensor in module.tensors} == {
        "inner.weight": ("parameter", (4, 3), "float32"), "inner.bias": ("parameter", (4,), "float32"),
        "steps": ("buffer", (5,), "int64")}
    assert "persons_model" in run.report.imported


def test_a_module_that_is_not_there_is_one_sentence(tmp_path, quick):
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("net/data.pkl", b"cpersons_model\nNet\n.")
        file.writestr("net/version", b"3\n")
    with open_document(path) as document:
        assert looked_at(document).named == ("persons_model.Net",)
        with pytest.raises(CheckpointError, match=r"cannot be imported, ModuleNotFoundError: No module named"):
            run_module(document, digest(path), folders=[quick])


def test_torchscript(tmp_path):
    path = tmp_path / "script.pt"
    with pytest.warns(DeprecationWarning, match="jit"):
        torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU())).save(str(path))
    with open_document(path) as document:
        assert is_script(document)
        run = run_module(document, digest(path))
    assert run.report.is_script
    assert "-> Tensor" in run.report.modules[0].forward
    assert {one.verdict for one in run.compared} == {"same"}


@pytest.mark.skipif(os.name != "posix", reason="signals and forks are POSIX's")
@pytest.mark.parametrize(("code", "said"), [
    ("import os; os.abort()", "ended its process by signal 6"),
    ("raise SystemExit(3)", "did not load as a module: SystemExit: 3"),
    ("import os\nif os.fork() == 0:\n    import time; time.sleep(600)\nos._exit(0)", "ended its process with status 0"),
])
def test_a_child_that_goes_wrong_is_one_sentence(tmp_path, quick, code, said):
    path = tmp_path / "evil.pt"
    sha256 = evil(path, code, tensors=False)
    with open_document(path) as document, pytest.raises(CheckpointError, match=said) as caught:
        run_module(document, sha256, folders=[quick])
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("evil.pt ")


def test_a_child_that_prints_without_end_and_never_comes_back_is_ended(tmp_path, quick):
    path, marker = tmp_path / "evil.pt", tmp_path / "pid"
    code = (f"import os; open({str(marker)!r}, 'w').write(str(os.getpid()))\n"
            "while True: os.write(2, b'\\x1b[31m' * 10000)")
    sha256 = evil(path, code, tensors=False)

    class Stopping(Progress):
        def advance(self, count):
            if marker.exists() and marker.stat().st_size:
                raise Cancelled("stopped")

    with open_document(path) as document, pytest.raises(Cancelled):
        run_module(document, sha256, folders=[quick], progress=Stopping())
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


@pytest.mark.parametrize("report", [
    b"", b"{", b"[]", b"null", b"7", b'{"sha256": 7}', b'{"parts": [{}]}', b"[" * 100_000,
    b'{"sha256": "", "type": "x", "imported": [], "parts": [{"prefix": "", "class": "x", "forward": "", "modules": [],'
    b' "tensors": [{"name": "x", "kind": "parameter", "dtype": "x", "shape": [-1], "sha256": ""}]}]}'])
def test_what_the_child_says_is_not_believed(tmp_path, monkeypatch, report):
    """A report that is none is a sentence; the child here is a stand-in that says anything."""
    child = tmp_path / "child.py"
    child.write_text(f"import os, sys; sys.stdin.read(); os.write(1, {report!r})")
    monkeypatch.setattr("weightedit.doctor.trusted_file.starting.CHILD", child)
    path = tmp_path / "m.pt"
    torch.save(nn.Linear(2, 2), path)
    with open_document(path) as document, pytest.raises(CheckpointError, match=r"no report|before it said"):
        run_module(document, digest(path))


def test_time_runs_out(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text("import time; print('still here', flush=True); time.sleep(600)")
    monkeypatch.setattr("weightedit.doctor.trusted_file.starting.CHILD", child)
    path = tmp_path / "m.pt"
    torch.save(nn.Linear(2, 2), path)
    with open_document(path) as document, pytest.raises(CheckpointError, match="took more than 1 s"):
        run_module(document, digest(path), seconds=1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system is asked")
def test_it_does_not_outlive_a_window_that_was_killed(tmp_path):
    at = tmp_path / "at"
    code = f"import os, time; open({str(at)!r}, 'w').write(str(os.getpid()) + '.'); time.sleep(600)"
    path = tmp_path / "evil.pt"
    asked = {"path": str(path), "sha256": evil(path, code), "folders": [], "memory": 4 << 30}
    run = f"from weightedit.core.progress import Progress\nfrom weightedit.doctor.trusted_file.starting import *\n" \
          f"run_child({asked!r}, 600.0, Progress())"  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", run], env={**os.environ, "TMPDIR": str(tmp_path)}) as window:
        deadline = time.monotonic() + 60
        while not (at.is_file() and at.read_text("ascii").endswith(".")) and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = int(at.read_text("ascii").rstrip("."))
        window.kill()
    state, deadline = Path(f"/proc/{pid}/stat"), time.monotonic() + 10
    while (alive := state.is_file() and ") Z " not in state.read_text("utf-8")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive


def test_files_that_hold_no_module_are_told_apart(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "plain.pt")
    with open_document(tmp_path / "plain.pt") as document:
        assert not may_run(document)
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt", _use_new_zipfile_serialization=False)
    with open_document(tmp_path / "module.pt") as document:
        assert may_run(document)
        assert "torch.nn.modules.linear.Linear" in looked_at(document).named
    assert runnable.WARNING.count("as you") == 1
