"""The command that runs benchmarks, prints progress and a table, and keeps the results that README shows."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.case import Case, NotHere
from tests.benchmarks.cases import CASES
from tests.benchmarks.data import Folder
from tests.benchmarks.memory import machine_cap
from tests.benchmarks.results import keep
from tests.benchmarks.rounds import measure
from tests.benchmarks.table import Row, details, row_of, summary

NEEDS = 30 << 30
"""Bytes of disk that full benchmarks need."""


def main(arguments: Sequence[str]) -> int:
    """Read the command line and run what it asks for; returns 1 if a goal was not met or a contender of ours ended."""
    options = _options(arguments)
    chosen = [case for case in CASES if not options.names or case.name in options.names]
    if unknown := set(options.names) - {case.name for case in CASES}:
        print(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in CASES)}",
              file=sys.stderr)  # fmt: skip
        return 2
    chosen = [case for case in chosen if options.size in case.is_for]
    where = Path(tempfile.mkdtemp(prefix="weightedit-bench-", dir=options.folder))
    if options.size == "full" and shutil.disk_usage(where).free < NEEDS:
        print(f"{where} has less than {NEEDS >> 30} GiB free; give --folder", file=sys.stderr)
        return 2
    os.environ["WEIGHTEDIT_STATE"] = str(where / "state")
    os.environ["TMPDIR"] = str(where)
    try:
        rows = {case.name: row for case in chosen if (row := _run(case, options, where)) is not None}
    finally:
        shutil.rmtree(where, ignore_errors=True)
    print("\n".join(summary(rows)))
    if options.keep and options.size == "full":
        keep(rows, machine())
    return int(any(goal["met"] is not True for row in rows.values() for goal in row["goals"]
                   if options.size == "full"))  # fmt: skip


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Run benchmarks beside the limit and the peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all by default")
    parser.add_argument("--size", choices=("small", "full"), default="full", help="small only shows that they work")
    parser.add_argument("--rounds", type=int, help="rounds of each contender (five or more count)")
    parser.add_argument("--folder", help="where data is made; on the disk that is to be measured")
    parser.add_argument("--cap", type=float, help="GB of memory at which a contender is ended; half the machine's")
    parser.add_argument("--keep", action="store_true", help="put full results into README and docs/benchmarks.md")
    return parser.parse_args(arguments)


def _run(case: Case, options: argparse.Namespace, where: Path) -> Row | None:
    folder = _FOLDERS.setdefault((where, options.size), Folder(where, options.size))
    cap = int(options.cap * 1e9) if options.cap else machine_cap()
    try:
        data = case.data(folder)
    except NotHere as why:
        print(f"{case.name}: not here: {why}", flush=True)
        return None
    found = measure(case, data, options.rounds or case.rounds, cap, _say)
    row = row_of(case, found, options.size)
    print("\r" + " " * 79 + "\r" + "\n".join(details(case.name, row)), flush=True)
    return row


_FOLDERS: dict[tuple[Path, str], Folder] = {}


def _say(text: str) -> None:
    if sys.stdout.isatty():
        print(f"\r{text:79.79}", end="", flush=True)


def machine() -> str:
    """Say in a sentence what a run ran on; machines differ, so only ratios say something about another one."""
    import numpy as np
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0
    return (f"{platform.system()}, {os.cpu_count()} cores, {memory:.0f} GB of memory, Python "
            f"{platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}.")  # fmt: skip
