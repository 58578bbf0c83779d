"""Opens the corpus of bad and odd files, and prints what came of it: `python -m tests.corpus [FAMILY ...]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.corpus import families, runner, table


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where a count is not 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="only these; all if none is named")
    parser.add_argument("--list", action="store_true", help="print the cases and run none")
    parser.add_argument("--part", metavar="I/N", help="every N-th case from the I-th on, as the tests run them")
    parser.add_argument("--slow", type=float, metavar="S", help="also print what took longer than S seconds")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table into a page of the documentation")
    given = parser.parse_args(arguments)
    chosen = families.cases(given.families)
    if given.part:
        first, _, step = given.part.partition("/")
        chosen = chosen[int(first) - 1 :: int(step)]
    if given.list:
        for case in chosen:
            print(f"{case.family}: {case.name}")
        print(f"{len(chosen)} cases")
        return 0
    runner.warm()
    outcomes = []
    for outcome in runner.run(chosen):
        outcomes.append(outcome)
        for kind, text in outcome.faults:
            print(f"{outcome.case.family}: {outcome.case.name}: {kind}: {text}", flush=True)
        if outcome.not_run:
            print(f"{outcome.case.family}: {outcome.case.name}: not run, {outcome.not_run}", flush=True)
        if given.slow is not None and outcome.seconds > given.slow:
            print(f"{outcome.case.family}: {outcome.case.name}: {outcome.seconds:.2f} s", flush=True)
    text = table.text(outcomes)
    print(text)
    if given.write:
        given.write.write_text(table.page(text), encoding="utf-8")
    return int(any(outcome.faults for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
