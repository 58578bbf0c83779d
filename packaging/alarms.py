"""Compare every hazard of every real checkpoint with what plain torch finds, and print the figures.

Started by `packaging/dev.py alarms`. Ends with 1 where preflight and torch differ.
"""

from __future__ import annotations

import sys

import torch

from tests.alarms import TRIALS, Tally, checkpoints, compare
from tests.conftest import REAL_CHECKPOINTS

COLUMNS = ("tensors", "values", "edits", "hazards", "refusals", "seconds", "wrong")


def row(name: str, figures: list[str]) -> str:
    """Return one line of the table."""
    return f"{name:<46}" + "".join(f"{figure:>12}" for figure in figures)


def figures(tally: Tally) -> list[str]:
    """Return the numbers of one line."""
    counted = (tally.tensors, tally.values, tally.edits, tally.hazards, tally.refusals)
    return [*(f"{number:,}" for number in counted), f"{tally.seconds:.1f}", f"{len(tally.wrong):,}"]


def main() -> int:
    """Compare all checkpoints; every tensor of each, every edit of the matrix."""
    torch.set_num_threads(1)
    print(f"{len(TRIALS)} edits of every tensor, preflight and torch {torch.__version__} side by side", flush=True)
    print(row("", list(COLUMNS)), flush=True)
    tallies = []
    for path in checkpoints(REAL_CHECKPOINTS):
        tally = compare(path)
        tallies.append(tally)
        print(row(str(path.relative_to(REAL_CHECKPOINTS)), figures(tally)), flush=True)
        print("".join(f"  {line}\n" for line in tally.wrong), end="", flush=True)
    whole = Tally(REAL_CHECKPOINTS)
    for tally in tallies:
        for name in ("tensors", "values", "edits", "hazards", "refusals", "seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
        whole.wrong += tally.wrong
    print(row(f"{len(tallies)} checkpoints", figures(whole)))
    return 1 if whole.wrong or not tallies else 0


if __name__ == "__main__":
    sys.exit(main())
