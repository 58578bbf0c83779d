"""The table of the broken models that README has, made of what torch and the doctor said of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten

from tests.doctor.cases.running import Examined

README = Path(__file__).resolve().parents[3] / "README.md"
COMMAND = "python3 packaging/dev.py cases --readme"
BEGIN, END = "<!-- cases: made by packaging/dev.py cases -->", "<!-- /cases -->"
HEAD = ("| what is broken | what PyTorch says | what the doctor says first | what it offers first |",
        "|---|---|---|---|")  # fmt: skip
LONGEST = 150
"""Characters of what torch says."""


def row(examined: Examined) -> str:
    """Return the line of one."""
    case, first = examined.case, examined.first
    said = examined.torch.replace("Error(s) in loading state_dict for", "loading")
    cells = (f"[{case.title}](tests/doctor/cases/{case.name}.py)", f"`{shorten(said, LONGEST, placeholder=' …')}`",
             first["message"], first["mends"][0]["title"])  # fmt: skip
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def page(examined: Iterable[Examined]) -> str:
    """Return README as it should be."""
    text = README.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:start]}\n" + "\n".join([*HEAD, *map(row, examined)]) + f"\n{text[stop:]}"


def cells(text: str) -> list[list[str]]:
    """Return the rows of the table in a page, cell by cell, but for its head."""
    lines = text[text.index(BEGIN) : text.index(END)].splitlines()[1 + len(HEAD) :]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
