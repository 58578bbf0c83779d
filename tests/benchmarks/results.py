"""Results of full runs: kept beside the benchmarks; README and docs/benchmarks.md say nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.cases import CASES
from tests.benchmarks.table import Row, details, summary

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).with_name("results.json")
COMMAND = "python3 packaging/dev.py bench --keep"
BEGIN, END = "<!-- benchmarks: made by packaging/dev.py bench -->", "<!-- /benchmarks -->"


def load() -> dict[str, Any]:
    """Read what was kept: rows by case, and what they ran on."""
    if not KEPT.exists():
        return {"machine": "", "rows": {}}
    return dict(json.loads(KEPT.read_text(encoding="utf-8")))


def keep(rows: Mapping[str, Row], machine: str) -> None:
    """Put results in the place of older ones of the same cases, and write the pages anew."""
    kept = load()["rows"] | dict(rows)
    kept = {case.name: kept[case.name] for case in CASES if case.name in kept}
    KEPT.write_text(json.dumps({"machine": machine, "rows": kept}, indent=1, ensure_ascii=False) + "\n",
                    encoding="utf-8", newline="\n")  # fmt: skip
    write_pages()


def write_pages() -> None:
    """Write README and docs/benchmarks.md anew from what was kept."""
    for path, text in pages(load()).items():
        path.write_text(text, encoding="utf-8", newline="\n")


def pages(kept: Mapping[str, Any]) -> dict[Path, str]:
    """Return README and docs/benchmarks.md as they should be."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    text = text[:start] + "\n" + "\n".join(summary(kept["rows"])) + "\n" + text[stop:]
    return {readme: text, ROOT / "docs" / "benchmarks.md": page(kept)}


def page(kept: Mapping[str, Any]) -> str:
    """Return docs/benchmarks.md."""
    lines = ["# How fast, beside the limit and the others", "",
             f"Made by `{COMMAND}`. Each case runs ours, the others and the limit in turn, round by round, each in a "
             "process of its own, with the page cache warm; a figure is the median of the rounds' ratios to the limit "
             "in the same round. Memory is the peak of anonymous memory above what the process has after its imports, "
             "in a fresh process.", "", kept["machine"], ""]  # fmt: skip
    lines += summary(kept["rows"])
    lines.append("")
    for name, row in kept["rows"].items():
        lines += details(name, row)
    return "\n".join(lines).rstrip("\n") + "\n"
