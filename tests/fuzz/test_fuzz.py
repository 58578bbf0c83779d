"""Broken files of every format give one sentence or their true content, never anything else; a fixed number of them."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz.cases import FORMATS, Case, case
from tests.fuzz.judge import Verdict
from tests.fuzz.seeds import seeds
from tests.fuzz.workers import run

SEED = 5
COUNTS = dict.fromkeys(FORMATS, 110) | {"torch zip": 240, "torch legacy": 150, "pickle": 240, "safetensors": 160}
"""About 1,500 in all; the command tries as many as one likes."""
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"),
                                reason="cases run in forked processes, which this system lacks")


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_found_in_a_fixed_number_of_broken_files(format):
    """Each is opened, read whole, exported, opened again and compared with the reference library."""
    results = list(run([case(format, SEED, number) for number in range(COUNTS[format])]))
    assert len(results) == COUNTS[format]
    assert not [(result.case.label, result.case.origin, *result.verdict.findings) for result in results
                if result.verdict.findings]  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_whole_files_open_and_read_as_the_reference_does(format):
    """So that a case is broken by what was done to it; arrays of objects and of records are refused as they are."""
    cases = [Case(format, 0, number, whole.name, whole.files, whole.main) for number, whole in enumerate(seeds(format))]
    for result in run(cases):
        assert not result.verdict.findings
        assert result.verdict.opened != result.case.origin.startswith(("object", "fields"))


@pytest.mark.parametrize("format", FORMATS)
def test_a_case_is_made_again_by_seed_and_number(format):
    assert case(format, 11, 3) == case(format, 11, 3)
    assert len({tuple(case(format, 11, number).files.values()) for number in range(20)}) > 10


def _crash(case: Case, folder: Path) -> Verdict:
    if case.number == 1:
        os._exit(9)
    return Verdict()


def _raise(case: Case, folder: Path) -> Verdict:
    raise SystemExit


def _grow(case: Case, folder: Path) -> Verdict:
    _ = bytearray(random.Random(1).randbytes(1 << 20) * (600 if case.number == 1 else 1))
    return Verdict()


def test_a_case_that_ends_the_process_is_found_and_the_next_ones_run():
    results = list(run([case("csv", 1, number) for number in range(4)], _crash))
    assert [bool(result.verdict.findings) for result in results] == [False, True, False, False]
    assert results[1].verdict.findings == [("crash", "the process ended with 9")]
    assert next(run([case("csv", 1, 0)], _raise)).verdict.findings[0][0] == "crash"


def test_a_case_that_takes_too_much_memory_is_found():
    results = list(run([case("csv", 1, number) for number in range(3)], _grow))
    assert [[kind for kind, _ in result.verdict.findings] for result in results] == [[], ["memory"], []]


def test_a_case_that_does_not_end_is_found(monkeypatch):
    monkeypatch.setattr("tests.fuzz.workers._HANG", 0.3)

    def hang(case: Case, folder: Path) -> Verdict:
        while case.number == 1:
            pass
        return Verdict()

    began = time.monotonic()
    results = list(run([case("csv", 1, number) for number in range(3)], hang))
    assert [[kind for kind, _ in result.verdict.findings] for result in results] == [[], ["slow"], []]
    assert time.monotonic() - began < 60


def test_code_that_runs_is_found():
    """The judge itself: a file read by Python's own pickle is caught calling what it names."""
    import pickle

    import tests.fuzz.judge as judging

    def unsafe(case: Case, folder: Path) -> Verdict:
        original = judging._tried
        judging._tried = lambda case, path, verdict: pickle.loads(path.read_bytes()) and None
        try:
            return judging.judge(case, folder)
        finally:
            judging._tried = original

    whole = next(seed for seed in seeds("pickle") if seed.name == "evil 2")
    result = next(run([Case("pickle", 0, 0, whole.name, whole.files, whole.main)], unsafe))
    assert "code" in {kind for kind, _ in result.verdict.findings}


def test_the_command_leaves_nothing_where_the_person_keeps_unfinished_work(tmp_path, monkeypatch, capsys):
    """Its exports are noted in a state folder of its own, and are no findings."""
    monkeypatch.delenv("WEIGHTEDIT_STATE")
    for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    assert fuzz.main(["--format", "npy", "--case", "5:3", "--keep", str(tmp_path / "kept")]) == 0
    assert "writes" not in capsys.readouterr().out
    assert not (tmp_path / "home").exists()
    assert "WEIGHTEDIT_STATE" not in os.environ


@pytest.mark.parametrize("label", ["x", "1", "1:", ":2", "1:x", ""])
def test_a_case_that_is_none_is_an_error_of_usage(label, capsys):
    with pytest.raises(SystemExit) as ended:
        fuzz.main([f"--case={label}"])
    assert ended.value.code == 2
    assert "is no SEED:NUMBER" in capsys.readouterr().err
