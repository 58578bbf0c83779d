"""Write what is made from the declared operations: docs/operations.md and the table in README.md."""

from __future__ import annotations

import sys
from pathlib import Path

from weightedit.core.operations_page import page, table
from weightedit.operations import OPERATIONS

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- operations: made by packaging/dev.py docs -->", "<!-- /operations -->"


def with_table(text: str) -> str:
    """Return the README with the table between its markers made anew.

    Raises
    ------
    ValueError
        If a marker is missing.
    """
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:start]}\n{table(OPERATIONS)}\n{text[stop:]}"


def made() -> dict[Path, str]:
    """Return every file and what it should hold."""
    readme = ROOT / "README.md"
    return {
        ROOT / "docs" / "operations.md": page(OPERATIONS),
        readme: with_table(readme.read_text(encoding="utf-8")),
    }


def main() -> int:
    """Write them."""
    for path, text in made().items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
