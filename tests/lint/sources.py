"""The package's source files, parsed once, for the lint tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "weightedit"


@cache
def trees() -> dict[str, ast.Module]:
    """Each file's syntax tree, by its path below weightedit/."""
    files = sorted(PACKAGE.rglob("*.py"))
    assert files, "no sources found: the lint would pass on nothing"
    return {file.relative_to(PACKAGE).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every file, with the file's name."""
    for name, tree in trees().items():
        for node in ast.walk(tree):
            yield name, node
