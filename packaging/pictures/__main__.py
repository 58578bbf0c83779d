"""Takes pictures of the real window: a small set for the documentation, or every panel in every state.

Without arguments it takes the set of resources/screenshots; `--all FOLDER` writes everything, dark and light, to a
folder.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import shooting  # first: it says how Qt is shown  # noqa: F401
import small_set
from scenes import SCENES, take


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(prog="pictures", description="Take pictures of the window.")
    parser.add_argument("--all", metavar="FOLDER", type=Path, help="every panel and state, dark and light")
    parser.add_argument("--scene", metavar="NAME", choices=sorted(SCENES), action="append",
                        help="with --all, one scene alone; may be given again")  # fmt: skip
    parser.add_argument("--theme", choices=("dark", "light"), action="append", help="with --all, one theme alone")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if chosen.all is None:
            small_set.take(Path(name))
            return
        for theme in chosen.theme or ("dark", "light"):
            take(chosen.scene or list(SCENES), theme, Path(name), chosen.all.resolve())


if __name__ == "__main__":
    main()
