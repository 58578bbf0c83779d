"""Write what is made from declarations: docs/{operations,silently,errors}.md and the two tables in README.md."""

from __future__ import annotations

import sys
from pathlib import Path

from weightedit.core.pages import hazards_page, operations_page
from weightedit.doctor.explain import errors_page
from weightedit.operations import OPERATIONS

ROOT = Path(__file__).resolve().parent.parent
TABLES = {"operations": operations_page.table(OPERATIONS), "silently": hazards_page.table("docs/silently.md")}


def with_tables(text: str) -> str:
    """Return the README with each table between its markers made anew.

    Raises
    ------
    ValueError
        If a marker is missing.
    """
    for name, table in TABLES.items():
        begin = f"<!-- {name}: made by packaging/dev.py docs -->"
        start, stop = text.index(begin) + len(begin), text.index(f"<!-- /{name} -->")
        text = f"{text[:start]}\n{table}\n{text[stop:]}"
    return text


def made() -> dict[Path, str]:
    """Return every file and what it should hold."""
    readme = ROOT / "README.md"
    return {
        ROOT / "docs" / "operations.md": operations_page.page(OPERATIONS),
        ROOT / "docs" / "silently.md": hazards_page.page(),
        ROOT / "docs" / "errors.md": errors_page.page(),
        readme: with_tables(readme.read_text(encoding="utf-8")),
    }


def main() -> int:
    """Write them."""
    for path, text in made().items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
