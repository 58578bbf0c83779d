"""packaging/dev.py says what is missing, and does nothing twice."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "packaging" / "dev.py"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """dev.py as a module whose environment lies in a folder of the test's own."""
    spec = importlib.util.spec_from_file_location("dev", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path)
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(module, "STAMP", tmp_path / "setup.json")
    monkeypatch.setattr(module, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(module, "CHECKPOINTS_STAMP", tmp_path / "checkpoints.json")
    monkeypatch.setattr(module, "make_environment", lambda: None)
    return module


@pytest.fixture
def pip(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What dev.py asks of pip, which is not run."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "pip", lambda *arguments: calls.append(arguments))
    return calls


def test_uses_the_standard_library_only():
    # An old Python must get as far as being told that it is too old.
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {name.split(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_help_names_every_command():
    shown = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
    names = ["setup", "run", "test", "shot", "pictures", "docs", "demo", "alarms", "faults", "corpus", "fuzz",
             "bench", "cases"]  # fmt: skip
    assert re.findall(r"^    (\w+) ", shown, re.M) == names


def test_set_up_twice_installs_once(dev, pip):
    dev.setup()
    dev.setup()
    assert len(pip) == 1
    assert pip[0][:3] == ("install", "-c", str(dev.CONSTRAINTS))


def test_torch_index_is_used_and_remembered(dev, pip):
    dev.setup("https://example.org/cpu")
    dev.setup()
    assert pip[0][-3:] == ("--index-url", "https://example.org/cpu", "torch==2.13.0")
    assert len(pip) == 2


def test_another_torch_index_replaces_the_torch_that_is_there(dev, pip):
    dev.setup()
    dev.setup("https://example.org/cpu")
    assert "--force-reinstall" in pip[1]


def test_changed_inputs_install_again(dev, pip, tmp_path, monkeypatch):
    dev.setup()
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("torch==2.14.0\n")
    monkeypatch.setattr(dev, "CONSTRAINTS", constraints)
    dev.setup()
    assert len(pip) == 2


def test_unfinished_setup_is_not_stamped(dev, monkeypatch):
    def fail(*arguments: str) -> None:
        raise SystemExit(1)

    monkeypatch.setattr(dev, "pip", fail)
    with pytest.raises(SystemExit):
        dev.setup()
    assert not dev.STAMP.exists()


def test_real_checkpoints_are_installed_once_and_without_dependencies(dev, pip):
    dev.get_real_checkpoints()
    dev.CHECKPOINTS.mkdir()
    dev.get_real_checkpoints()
    assert len(pip) == 1
    assert "--no-deps" in pip[0]
    assert "--target" in pip[0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="system libraries are Linux's matter")
def test_missing_libraries_are_named_with_the_command(dev, monkeypatch, capsys):
    monkeypatch.setattr(dev, "loads", lambda library: library not in ("libGL.so.1", "libxcb-cursor.so.0"))
    monkeypatch.setattr(dev, "FONT_FOLDERS", ())
    with pytest.raises(SystemExit):
        dev.require_libraries(window=True)
    line = capsys.readouterr().err.splitlines()[-1].strip()
    assert re.fullmatch(
        r"(sudo )?apt-get install --no-install-recommends libgl1 libxcb-cursor0 fonts-dejavu-core", line
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
def test_no_display_is_said(dev, pip, monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit):
        dev.main(["run"])
    assert "no display" in capsys.readouterr().err
    assert not pip


def test_run_without_a_file_opens_the_demo(dev, pip, monkeypatch):
    started = []
    monkeypatch.setattr(dev, "weightedit", lambda arguments, offscreen=False: started.append(arguments) or 0)
    monkeypatch.setattr(dev, "missing_packages", lambda *_: [])
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert dev.main(["run", "--smoke"]) == 0
    assert dev.main(["run", "a.pt", "b.pt"]) == 0
    assert dev.main(["shot", "out.png", "--light", "--size", "1024x640"]) == 0
    assert started == [
        ["--smoke", str(dev.DEMO)],
        ["a.pt", "b.pt"],
        ["--shot", "out.png", "--theme", "light", "--size", "1024x640", str(dev.DEMO)],
    ]


def test_constraints_pin_every_direct_dependency(dev):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in wanted}
    pinned = {line.partition("==")[0].lower() for line in dev.CONSTRAINTS.read_text().splitlines() if "==" in line}
    assert names <= pinned


@pytest.mark.parametrize("program", ["faults", "corpus", "fuzz", "bench"])
def test_help_of_a_program_sets_nothing_up(program, dev, pip, capsys, tmp_path, monkeypatch):
    """Whoever asks what a command does has not asked for 1.5 GB of torch."""
    monkeypatch.setattr(dev, "PYTHON", tmp_path / "no-python")
    assert dev.main([program, "--quick", "--help"]) == 0
    assert f"dev.py {program} [" in capsys.readouterr().out
    assert pip == []


@pytest.mark.parametrize("program", ["faults", "corpus", "fuzz", "bench"])
def test_help_of_a_program_tells_its_options_once_all_is_set_up(program):
    told = subprocess.run([sys.executable, SCRIPT, program, "--help"], capture_output=True, text=True, check=True)
    assert "options:" in told.stdout
