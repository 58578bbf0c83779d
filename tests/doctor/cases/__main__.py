"""Run the broken models and print the table of them: `python3 packaging/dev.py cases [--readme]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.doctor.cases import CASES
from tests.doctor.cases.running import examine
from tests.doctor.cases.table import HEAD, README, page, row


def main(arguments: list[str]) -> int:
    """Run all of them by their code; write README's table anew where that is asked for."""
    parser = argparse.ArgumentParser(prog="dev.py cases", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args(arguments)
    examined = []
    print("\n".join(HEAD))
    with TemporaryDirectory() as folder:
        for one in examine(CASES, Path(folder), {case.name for case in CASES}):
            examined.append(one)
            print(row(one), flush=True)
    if options.readme:
        README.write_text(page(examined), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
