"""Resources are found in a checkout (an editable install) and in a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from weightedit.resources import resource

ROOT = Path(__file__).resolve().parents[2]
FIND = "from weightedit.resources import resource; print(resource('demo', 'digits.pt'))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout as it is."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("weightedit-*.whl")
    return path


def files_of(folder: Path) -> set[str]:
    """The files below a folder that belong to it."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in paths}


def test_wheel_holds_every_module_and_resource(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert files_of(ROOT / "weightedit") <= names
    resources = files_of(ROOT / "resources")
    assert "resources/demo/digits.pt" in resources
    assert any(name.startswith("resources/icons/") and name.endswith(".svg") for name in resources)
    assert {f"weightedit/{name}" for name in resources} <= names


def test_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"weightedit", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}


def test_resources_are_found_in_an_installed_wheel(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {FIND}"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert Path(found.stdout.strip()) == tmp_path / "weightedit" / "resources" / "demo" / "digits.pt"


def test_resources_are_found_in_an_editable_install(tmp_path):
    # An editable install puts the checkout on the path, no more.
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {FIND}"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert Path(found.stdout.strip()) == ROOT / "resources" / "demo" / "digits.pt"


def test_a_missing_resource_is_named():
    with pytest.raises(FileNotFoundError, match="no/such"):
        resource("no", "such")
