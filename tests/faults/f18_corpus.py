"""F18: every honest file of the corpus is opened, exported with no edit in its own format, and opened again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.saves import Report
from tests.faults.trials import NotRun, Outcome, Trial
from tests.faults.warm import warm

FAMILY = "F18"
TITLE = "Corpus: each honest file comes through an export with the same names, shapes, dtypes, bytes, metadata and ties"
GROUPS = ("safetensors", "numpy and csv", "torch")
FAMILIES = {
    "safetensors": ["safetensors odd", "shards", "no checkpoint"],
    "numpy and csv": ["npy", "npz", "csv"],
    "torch": ["zip structure", "bad pickles", "torch tensors", "odd tensors", "odd objects", "old torch",
              "evil pickles"],
}
EVERY = {True: 25, False: 1}
"""One file of so many is tried."""


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Open, export and reopen; the corpus itself says what must be in each file."""
    arguments = {"families": FAMILIES[group], "every": EVERY[quick]}
    ended = warm().run("tests.faults.f18_corpus:exported", arguments, limit=1200)
    if ended.answer is None:
        yield Trial(FAMILY, group, False, ended.error or f"it ended with {ended.status}")
        return
    for case, (faults, not_run) in ended.answer.items():
        yield NotRun(FAMILY, case, not_run) if not_run else Trial(FAMILY, case, not faults, "; ".join(faults))


def exported(arguments: dict[str, Any], report: Report) -> dict[str, tuple[list[str], str | None]]:
    """For each file that opens: what was wrong before, at or after its export, and why it was not tried."""
    from tests.corpus import families, runner

    runner.warm()
    honest = [case for case in families.cases(arguments["families"]) if case.expect is None]
    found = {}
    for outcome in runner.run(honest[:: arguments["every"]]):
        faults = [f"{kind}: {text}"[:300] for kind, text in outcome.faults]
        found[f"{outcome.case.family}: {outcome.case.name}"] = (faults, outcome.not_run)
    return found
