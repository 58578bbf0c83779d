"""Every benchmark still runs, on small data: a figure nobody can make again is worth nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.case import Case, Clock, Contender, Goal, NotHere
from tests.benchmarks.cases import CASES
from tests.benchmarks.command import main
from tests.benchmarks.data import Folder
from tests.benchmarks.results import load, pages
from tests.benchmarks.rounds import Measured, measure
from tests.benchmarks.table import met, row_of, summary


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("bench"), "small")


@pytest.fixture
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contenders have a process for themselves and change it, to leave out kernels or reading back; here they share one
    with every other test."""
    from weightedit.core import kernels
    from weightedit.formats import verify

    for owner, name in ((kernels, "prepare"), (verify, "verify")):
        monkeypatch.setattr(owner, name, getattr(owner, name))


RUNS = [pytest.param(case, contender, id=f"{case.name}-{contender.name}".replace(" ", "_"))
        for case in CASES if "small" in case.is_for for contender in case.contenders]  # fmt: skip


@pytest.mark.usefixtures("as_it_was")
@pytest.mark.parametrize(("case", "contender"), RUNS)
def test_every_contender_does_a_round(case: Case, contender: Contender, folder: Folder) -> None:
    try:
        run = contender.prepare(case.data(folder))
        clock = Clock()
        run(clock)
        run(clock)
    except NotHere as why:
        pytest.skip(str(why))
    assert clock.seconds > 0


def test_names_are_one_of_a_kind() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        names = [contender.name for contender in case.contenders]
        assert len(set(names)) == len(names)
        assert {goal.of for goal in case.goals} <= set(names), f"{case.name} has a goal of nobody"


def test_children_are_measured_in_turn(folder: Folder) -> None:
    """Fresh processes give times, ratios of the same round and memory; the limit's ratio to itself is 1."""
    case = replace(CASES[0], contenders=(CASES[0].ours, CASES[0].limit))
    found = measure(case, case.data(folder), 2, 4 << 30, lambda text: None)
    assert [len(one.seconds) for one in found] == [2] * len(found), [one.missing for one in found]
    assert found[-1].ratios == [1.0, 1.0]
    assert found[0].ratios == pytest.approx([a / b for a, b in zip(found[0].seconds, found[-1].seconds, strict=True)])
    row = row_of(case, found, "small")
    assert case.what in summary({case.name: row})[-1]


def test_what_takes_too_much_memory_is_ended(folder: Folder, tmp_path: Path) -> None:
    """The cap guards the machine: a contender past it is ended, and the others still run."""
    case = replace(CASES[0], contenders=(CASES[0].limit,))
    found = measure(case, case.data(folder), 1, 1 << 20, lambda text: None)
    assert "ended at" in found[0].missing


def test_a_goal_is_met_or_not() -> None:
    one = Measured("weightedit", [2.0, 3.0], [1.0, 1.5], {"stall ms": [120.0]}, 12.0)
    measured = {"weightedit": one}
    assert met(Goal(1.3), measured) is True
    assert met(Goal(1.2), measured) is False
    assert met(Goal(1.3, 10), measured) is False
    assert met(Goal(100, figure="stall ms"), measured) is False
    assert met(Goal(1.0), {"weightedit": Measured("weightedit")}) is None


def test_an_unknown_name_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such"]) == 2
    assert "there is no benchmark no-such" in capsys.readouterr().err


def test_pages_say_what_was_kept() -> None:
    """README and docs/benchmarks.md hold the figures of the kept runs and no others."""
    for path, text in pages(load()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run packaging/dev.py bench --keep"


def test_kept_figures_are_of_full_runs() -> None:
    for name, row in load()["rows"].items():
        assert row["size"] == "full", name
        assert name in {case.name for case in CASES}
