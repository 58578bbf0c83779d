"""What windows set apart from Python's collector is looked through again; what somebody else set apart stays so."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from pytestqt.qtbot import QtBot
from torch import nn

from tests.ui.conftest import wait_ready
from weightedit.core.live.watching import optimizers_alive
from weightedit.ui.running import collecting, process
from weightedit.ui.window import MainWindow

ROOT = Path(__file__).parents[2]
BEGIN = """
import gc
from weightedit.ui.running.collecting import set_apart, take_back

class Thing:
    pass

def is_apart(thing):
    return not any(one is thing for one in gc.get_objects())

def things():
    return [Thing() for _ in range(1000)]

ours = Thing()
"""


def tell(script: str) -> list[str]:
    """Run a script in a process of its own, as what is set apart is the whole process's."""
    done = subprocess.run([sys.executable, "-c", BEGIN + script], cwd=ROOT, timeout=60, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_closed_document_is_looked_through_again() -> None:
    """Nobody else has set anything apart: cycles that a document leaves behind are collected."""
    assert tell("""
import weakref
set_apart()
more = Thing()
set_apart()
print(is_apart(ours), is_apart(more))
take_back()
print(is_apart(ours), is_apart(more), gc.get_freeze_count())
set_apart()
ours.ring, left = ours, weakref.ref(ours)
del ours
gc.collect()
print(left() is None)
take_back()
gc.collect()
print(left() is None)
""") == ["True True", "False False 0", "False", "True"]


def test_what_the_program_set_apart_before_us_stays_so() -> None:
    assert tell("""
theirs = Thing()
gc.freeze()
mine = Thing()
set_apart()
print(is_apart(theirs), is_apart(mine))
take_back()
print(is_apart(theirs), is_apart(mine))
gc.unfreeze()
set_apart()
take_back()
print(is_apart(theirs), gc.get_freeze_count())
""") == ["True False", "True False", "False 0"]


def test_what_the_program_sets_apart_after_us_stays_so() -> None:
    """Though ours then stays with it; once the program has taken all of it back, ours is set apart as before."""
    assert tell("""
set_apart()
theirs = Thing()
gc.freeze()
take_back()
print(is_apart(theirs), is_apart(ours))
set_apart()
take_back()
print(is_apart(theirs), is_apart(ours))
gc.unfreeze()
set_apart()
print(is_apart(ours))
take_back()
print(is_apart(ours), gc.get_freeze_count())
""") == ["True True", "True True", "True", "False 0"]


def test_it_stays_so_when_another_document_is_opened_and_objects_end() -> None:
    """A second document does not make the program's set ours."""
    assert tell("""
old = things()
set_apart()
theirs = Thing()
gc.freeze()
opened = Thing()
set_apart()
print(is_apart(theirs), is_apart(opened))
del old
take_back()
print(is_apart(theirs))
""") == ["True False", "True"]


def test_fewer_objects_than_have_ended_are_noticed() -> None:
    """Their number alone would not tell: it is lower than it was."""
    assert tell("""
old = things()
set_apart()
apart = gc.get_freeze_count()
del old
theirs = Thing()
gc.freeze()
print(gc.get_freeze_count() < apart)
take_back()
print(is_apart(theirs))
""") == ["True", "True"]


def test_what_the_program_took_back_and_set_apart_again_stays_so() -> None:
    assert tell("""
set_apart()
gc.unfreeze()
gc.freeze()
take_back()
print(is_apart(ours))
gc.unfreeze()
set_apart()
gc.unfreeze()
set_apart()
print(is_apart(ours))
take_back()
print(is_apart(ours))
""") == ["True", "True", "False"]


def test_objects_that_end_while_set_apart_do_not_hide_that_it_is_ours() -> None:
    """Their number is lower then."""
    assert tell("""
old = things()
set_apart()
apart = gc.get_freeze_count()
del old
print(gc.get_freeze_count() < apart)
take_back()
print(is_apart(ours), gc.get_freeze_count())
""") == ["True", "False 0"]


@pytest.fixture
def nothing_apart() -> Iterator[None]:
    """Begin as a program that sets nothing apart; tests else begin with all of torch set apart."""
    gc.unfreeze()
    yield
    collecting.take_back()
    gc.freeze()  # the fixture that looks for leaked widgets collects after this


def test_a_module_finds_optimizers_that_were_set_apart_for_another_document(
    request: pytest.FixtureRequest, qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path,
    nothing_apart: None
) -> None:
    """Objects set apart are not listed: they are looked through again before a live module is opened."""
    torch.save({"w": torch.ones(2)}, tmp_path / "other.pt")
    module = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    window = open_window()
    process.enter(window)  # as the program and `weightedit.edit` do
    request.addfinalizer(lambda: process.leave(window))
    window.open([str(tmp_path / "other.pt")])
    wait_ready(qtbot, window)
    assert all(one is not optimizer for one in optimizers_alive()), "this tests nothing: it is not set apart"
    window.documents.open_object(module, None, "net")
    qtbot.waitUntil(lambda: len(window.documents.all) == 2, timeout=20_000)
    wait_ready(qtbot, window)
    assert gc.get_freeze_count(), "the module was not set apart"
    hazards = window.current.document.preflight("cast", "weight", dtype="float64")
    assert [one.title.split()[0] for one in hazards if one.kind == "optimizer-detached"] == ["SGD"]
