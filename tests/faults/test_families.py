"""Every family of faults, at the counts of the everyday run; `packaging/dev.py faults` does the full ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.trials import Family, NotRun, Tally, families, run

GROUPS = [pytest.param(family, group, id=f"{family.FAMILY}-{group}") for family in families()
          for group in family.GROUPS]  # fmt: skip


@pytest.mark.parametrize(("family", "group"), GROUPS)
def test_holds(family: Family, group: str, tmp_path: Path) -> None:
    """What was disturbed in every way of this group keeps the promise; what cannot be tried here is named."""
    tally = Tally(family.FAMILY, family.TITLE)
    for _ in run(family, group, True, tmp_path, tally):
        pass
    wrong = [f"{trial.case}: {trial.why}" for trial in tally.failed] + [f"void: {one.reason}" for one in tally.void]
    assert not wrong, "\n".join(wrong)
    if tally.not_run:
        pytest.skip(f"{tally.tried} held; not run: {'; '.join(sorted({_said(one) for one in tally.not_run}))}")
    assert tally.tried, "nothing was tried"


def _said(one: NotRun) -> str:
    return f"{one.case} ({one.reason})"
