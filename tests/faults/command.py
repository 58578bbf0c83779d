"""The command that runs fault families, prints progress and a table, and keeps the results that README shows."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults import baseline, results
from tests.faults.trials import Family, Tally, Trial, families, run

TICK = 10.0
"""Seconds between lines of progress."""
MOST, LONGEST = 20, 1200
"""How many trials of a family that did not hold are told in full, and in how many letters."""


def main(arguments: Sequence[str]) -> int:
    """Run the families named, print what came of them; 1 if anything did not hold or was void."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=main.__doc__)
    parser.add_argument("families", nargs="*", metavar="F1",
                        help="which families, all of them if none is named; or baseline: the libraries themselves")
    parser.add_argument("--quick", action="store_true", help="the counts of the everyday run")
    parser.add_argument("--group", action="append", help="only this part of the families, such as one format")
    parser.add_argument("--folder", type=Path, help="where the files go; on a real disk, with 8 GB free")
    parser.add_argument("--keep", action="store_true", help="put full results into README and docs/faults.md")
    parser.add_argument("--readme", action="store_true", help="run nothing, write these pages anew from what was kept")
    asked = parser.parse_args(arguments)
    if asked.readme:
        results.write_pages()
        return 0
    if asked.keep and (asked.quick or asked.group):
        parser.error("only full results are kept")
    if asked.families == ["baseline"]:
        return libraries(asked)
    known = {family.FAMILY: family for family in families()}
    wrong = [name for name in asked.families if name.upper() not in known]
    if wrong:
        parser.error(f"there is no family {wrong[0]}; there are {' '.join(known)}")
    chosen = [known[name.upper()] for name in asked.families] or list(known.values())
    tallies = []
    with scratch(asked.folder) as folder:
        for number, family in enumerate(chosen):
            left = " ".join(one.FAMILY for one in chosen[number + 1 :])
            print(f"{family.FAMILY} {family.TITLE}" + (f"; then {left}" if left else ""), flush=True)
            tallies.append(one_family(family, asked.group, asked.quick, folder))
            if asked.keep:
                results.keep(tallies[-1:])
    print_table(tallies)
    return int(any(tally.failed or tally.void for tally in tallies))


@contextmanager
def scratch(place: Path | None) -> Iterator[Path]:
    """Give a folder for everything that trials make, the program's own state included, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="weightedit-faults-", dir=place))
    os.environ["WEIGHTEDIT_STATE"] = str(folder / "state")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def libraries(asked: argparse.Namespace) -> int:
    """Do to torch, numpy and safetensors what is done to weightedit; print and perhaps keep the table."""
    with scratch(asked.folder) as folder:
        size = (4, 4 << 20) if asked.quick else (baseline.KILLS, baseline.SIZE)
        found = []
        for row in baseline.rows(folder, *size):
            print(f"{row.writer}: {row.kills} kills, {row.destroyed} destroyed, {row.limited}", flush=True)
            found.append(row)
    print("\n".join(baseline.table([row.as_json() for row in found])))
    if asked.keep:
        results.keep([], found)
    return 0


def one_family(family: Family, groups: Sequence[str] | None, quick: bool, folder: Path) -> Tally:
    """Run one family and say from time to time how far it is; what did not hold is said at once."""
    wanted = tuple(group for group in family.GROUPS if not groups or group in groups)
    tally, said = Tally(family.FAMILY, family.TITLE), time.monotonic()
    for number, group in enumerate(wanted):
        for outcome in run(family, group, quick, folder / str(number), tally):
            if isinstance(outcome, Trial) and not outcome.held and len(tally.failed) <= MOST:
                print(f"  DID NOT HOLD  {outcome.case}: {outcome.why[-LONGEST:]}", flush=True)
            if time.monotonic() - said > TICK:
                said = time.monotonic()
                print(f"  {group} ({number + 1} of {len(wanted)}): {tally.tried} tried, {tally.held} held, "
                      f"{tally.seconds:.0f} s", flush=True)  # fmt: skip
        shutil.rmtree(folder / str(number), ignore_errors=True)
    for note in tally.notes:
        print(f"  {note.case}: {note.text}", flush=True)
    for one in (*tally.void, *tally.not_run):
        print(f"  {'VOID' if one in tally.void else 'not run'}  {one.case}: {one.reason}", flush=True)
    return tally


def print_table(tallies: Sequence[Tally]) -> None:
    """Print one line for each family."""
    print(f"\n{'':4} {'tried':>6} {'held':>6} {'void':>5} {'not run':>8} {'seconds':>8}  what is done")
    for tally in tallies:
        print(f"{tally.family:4} {tally.tried:6,} {tally.held:6,} {len(tally.void):5} {len(tally.not_run):8} "
              f"{tally.seconds:8.0f}  {tally.title}")  # fmt: skip
    sys.stdout.flush()
