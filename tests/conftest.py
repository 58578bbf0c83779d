"""What every test may use. Nothing here imports Qt: all but tests/ui runs without it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before anything imports Qt

import pytest
from hypothesis import settings

_STATES = itertools.count()
ROOT = Path(__file__).resolve().parent.parent
# packaging/dev.py puts them there; elsewhere, `pip install --no-deps --target FOLDER -r tests/real_checkpoints.txt`.
REAL_CHECKPOINTS = Path(os.environ.get("WEIGHTEDIT_REAL_CHECKPOINTS") or ROOT / ".venv" / "real_checkpoints")

# A shared machine makes single examples slow; the time limit of a whole test is pytest-timeout's. The examples are the
# same at each run, so that a red test comes from the change under test; `--hypothesis-profile=explore` draws new ones.
settings.register_profile("weightedit", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("weightedit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests be larger and longer than the time of everyday runs allows."""
    parser.addoption("--deep", action="store_true", help="larger sizes and longer runs than every change needs")


@pytest.fixture(autouse=True)
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep journals, logs and lists of unfinished saves of every test away from the person's and each other's."""
    monkeypatch.setenv("WEIGHTEDIT_STATE", str(tmp_path_factory.getbasetemp() / f"state-{next(_STATES)}"))


@pytest.fixture(scope="session")
def is_deep(request: pytest.FixtureRequest) -> bool:
    """Whether sizes are larger and runs longer than every change needs."""
    return bool(request.config.getoption("--deep"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show above the closing line what packaging/dev.py found wrong before the tests began."""
    if failed := os.environ.get("WEIGHTEDIT_FAILED_BEFORE"):
        terminalreporter.section(f"failed before these tests: {failed}", red=True)


@pytest.fixture
def real_checkpoint() -> Callable[[str], Path]:
    """Give the path of a real checkpoint by its path in tests/real_checkpoints.txt."""

    def find(name: str) -> Path:
        path = REAL_CHECKPOINTS / name
        if not path.is_file():
            pytest.fail(f"{path} is missing: `python3 packaging/dev.py test` installs tests/real_checkpoints.txt")
        return path

    return find


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """Each device torch can compute on here, as torch names it."""
    if request.param == "cuda":
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")
    return str(request.param)
