"""README and docs/faults.md say what the kept results of full runs say, and every family is among them."""

from __future__ import annotations

from tests.faults.results import load, pages, summary
from tests.faults.trials import families


def test_pages_are_in_step_with_the_kept_results():
    for path, text in pages(load()).items():
        assert path.read_text(encoding="utf-8") == text, "`python3 packaging/dev.py faults --keep` writes it"


def test_every_family_was_run_in_full_and_held():
    kept = load()["families"]
    assert set(kept) == {family.FAMILY for family in families()} == {f"F{number}" for number in range(1, 19)}
    assert load()["baseline"]
    for name, one in kept.items():
        assert one["tried"] == one["held"] > 0, name
        assert not one["void"], name
        assert not one["did not hold"], name


def test_what_did_not_hold_cannot_be_overlooked():
    one = {"title": "t", "tried": 3, "held": 2, "void": 1, "not run": [["a", "no root"]]}
    assert summary({"families": {"F1": one}})[2:] == [
        "| F1 | t | 3, void | **2** | no root |", "| | **together** | **3** | **2** | |"]  # fmt: skip
