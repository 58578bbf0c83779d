"""Break files of every format for as long as one likes, and print what was found.

    python -m tests.fuzz [--minutes N] [--format NAME] [--seed N] [--keep FOLDER]
    python -m tests.fuzz --format NAME --case SEED:NUMBER
    python -m tests.fuzz --coverage --minutes N TARGET

Ends with 1 where something was found. What is found is cut small and kept with seed and number.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.cases import FORMATS, case
from tests.fuzz.judge import KINDS
from tests.fuzz.minimise import keep
from tests.fuzz.workers import Result, deadline, run, warm

BATCH = 250
MOST_KEPT = 20
"""Findings of one format that are cut small and kept; more of them are counted only."""


@dataclass
class Tally:
    """What came of the cases of one format."""

    cases: int = 0
    opened: int = 0
    seconds: float = 0.0
    found: collections.Counter[str] = field(default_factory=collections.Counter)
    notes: collections.Counter[str] = field(default_factory=collections.Counter)

    def add(self, result: Result) -> None:
        self.cases += 1
        self.opened += result.verdict.opened
        self.found.update({kind for kind, _ in result.verdict.findings})
        if result.verdict.note:
            self.notes[result.verdict.note] += 1


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="?", help="with --coverage, the parser to try")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N", help="for how long (default %(default)s)")
    parser.add_argument("--format", choices=FORMATS, action="append",
                        help="break files of this format alone; may be given again (default: all)")
    parser.add_argument("--seed", type=int, default=1, metavar="N",
                        help="which broken files: the same ones for the same seed (default %(default)s)")
    parser.add_argument("--case", metavar="SEED:NUMBER", type=_label,
                        help="make one broken file again, as a finding names it, and say everything about it")
    parser.add_argument("--coverage", action="store_true", help="be led by coverage, with atheris")
    parser.add_argument("--notes", action="store_true", help="say what only weightedit takes, and why others do not")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", default=Path(tempfile.gettempdir()) / "weightedit-fuzz",
                        help="where findings go, cut small (default %(default)s)")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="weightedit-fuzz-state-", ignore_cleanup_errors=True) as state:
        os.environ.setdefault("WEIGHTEDIT_STATE", state)  # exports are noted there, and not in the person's own
        try:
            return _run(chosen)
        finally:
            if os.environ["WEIGHTEDIT_STATE"] == state:
                del os.environ["WEIGHTEDIT_STATE"]


def _run(chosen: argparse.Namespace) -> int:
    if chosen.coverage:
        from tests.fuzz import coverage

        return coverage.main(chosen.target, chosen.minutes, chosen.keep)
    formats = chosen.format or list(FORMATS)
    if chosen.case:
        return _one(formats, chosen.case, chosen.keep)
    return _many(formats, chosen.seed, chosen.minutes, chosen.keep, chosen.notes)


def _label(text: str) -> str:
    """Return the name of a case, if it is one."""
    if not re.fullmatch(r"-?[0-9]{1,18}:[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no SEED:NUMBER, such as 1:250")
    return text


def _one(formats: list[str], label: str, folder: Path) -> int:
    """Make one case again and say everything about it."""
    seed, _, number = label.partition(":")
    bad = 0
    warm()
    for format in formats:
        made = case(format, int(seed), int(number))
        where = folder / f"{format.replace(' ', '-')}-{seed}-{number}"
        for name, data in made.files.items():
            path = where / Path(name).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        verdict = next(run([made])).verdict
        print(f"{format} {label}, made from {made.origin!r}: {where / Path(made.main).name}")
        print(f"  {'opened' if verdict.opened else 'refused'} in {verdict.seconds * 1000:.1f} ms {verdict.note}")
        for kind, what in verdict.findings:
            bad += 1
            print(f"  {kind}: {what}")
    return 1 if bad else 0


def _many(formats: list[str], seed: int, minutes: float, folder: Path, notes: bool) -> int:
    over = deadline(minutes)
    warm()
    tallies = {format: Tally() for format in formats}
    for start in itertools.count(0, BATCH):
        for format in formats:
            if not over():
                _batch(tallies[format], format, seed, start, folder)
        if over():
            break
    _print(tallies, notes)
    return 1 if any(tally.found for tally in tallies.values()) else 0


def _batch(tally: Tally, format: str, seed: int, start: int, folder: Path) -> None:
    began = time.monotonic()
    results = []
    for result in run([case(format, seed, number) for number in range(start, start + BATCH)]):
        tally.add(result)
        if result.verdict.findings:
            results.append(result)
    tally.seconds += time.monotonic() - began
    for result in results:
        kind, what = result.verdict.findings[0]
        print(f"{format} {result.case.label} ({result.case.origin}) {kind}: {what[:300]}", flush=True)
        if sum(tally.found.values()) <= MOST_KEPT:
            print(f"  kept in {keep(result, folder)}", flush=True)


def _print(tallies: dict[str, Tally], notes: bool) -> None:
    head = f"{'format':<13}{'cases':>9}{'opened':>9}{'refused':>9}{'per s':>7}"
    print(head + "".join(f"{kind:>11}" for kind in KINDS))
    total = Tally()
    for format, tally in tallies.items():
        print(_row(format, tally))
        total.cases, total.opened = total.cases + tally.cases, total.opened + tally.opened
        total.seconds += tally.seconds
        total.found.update(tally.found)
    if len(tallies) > 1:
        print(_row("all", total))
    if notes:
        for format, tally in tallies.items():
            for note, count in tally.notes.most_common():
                print(f"{format}: taken here only, {count} times: {note}")


def _row(name: str, tally: Tally) -> str:
    rate = tally.cases / tally.seconds if tally.seconds else 0.0
    row = f"{name:<13}{tally.cases:>9,}{tally.opened:>9,}{tally.cases - tally.opened:>9,}{rate:>7.0f}"
    return row + "".join(f"{tally.found[kind]:>11,}" for kind in KINDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
