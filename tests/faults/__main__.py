"""Run fault trials and print what held: `python -m tests.faults [--quick] [--readme] [F1 F13 ...]`."""

from __future__ import annotations

import sys

from tests.faults.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
