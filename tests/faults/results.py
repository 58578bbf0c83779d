"""Results of full runs: kept beside the trials, and shown in README and docs/faults.md, which say nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.baseline import Row, table
from tests.faults.trials import Tally

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).with_name("results.json")
COMMAND = "python3 packaging/dev.py faults --keep"
BASELINE = "python3 packaging/dev.py faults baseline --keep"


def load() -> dict[str, Any]:
    """Read what was kept; by family, and the rows of the baseline."""
    if not KEPT.exists():
        return {"families": {}, "baseline": []}
    return dict(json.loads(KEPT.read_text(encoding="utf-8")))


def write_pages() -> None:
    """Write README and docs/faults.md anew from what was kept, and from docs/corpus.md."""
    for path, text in pages(load()).items():
        path.write_text(text, encoding="utf-8", newline="\n")


def keep(tallies: list[Tally], rows: list[Row] | None = None) -> None:
    """Put results in the place of older ones of the same families, and write the pages anew."""
    kept = load()
    for tally in tallies:
        kept["families"][tally.family] = {
            "title": tally.title[:1].upper() + tally.title[1:], "tried": tally.tried, "held": tally.held,
            "void": len(tally.void), "seconds": round(tally.seconds),
            "notes": [[note.case, note.text] for note in tally.notes],
            "not run": [[one.case, one.reason] for one in tally.not_run],
            "did not hold": [[trial.case, trial.why] for trial in tally.failed],
        }  # fmt: skip
        text = json.dumps(kept["families"][tally.family])
        text = re.sub(r"[^\s\"'(]*/weightedit-faults-[^/\s\"']+", "FOLDER", text)
        kept["families"][tally.family] = json.loads(text)
    if rows:
        kept["baseline"] = [row.as_json() for row in rows]
    kept["families"] = dict(sorted(kept["families"].items(), key=lambda pair: int(pair[0][1:])))
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_pages()


def pages(kept: dict[str, Any]) -> dict[Path, str]:
    """Return README and docs/faults.md as they should be."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, lines in (("faults", summary(kept)), ("baseline", table(kept["baseline"])), ("corpus", corpus())):
        begin, end = f"<!-- {name}: made by packaging/dev.py faults -->", f"<!-- /{name} -->"
        start, stop = text.index(begin) + len(begin), text.index(end)
        text = text[:start] + "\n" + "\n".join(lines) + "\n" + text[stop:]
    return {readme: text, ROOT / "docs" / "faults.md": page(kept)}


def summary(kept: dict[str, Any]) -> list[str]:
    """Return one line for each family."""
    lines = ["| | what is done | tried | held | not run here |", "|---|---|---|---|---|"]
    for family, one in kept["families"].items():
        held = f"{one['held']:,}" if one["held"] == one["tried"] else f"**{one['held']:,}**"
        without = "; ".join(dict.fromkeys(_plain(reason) for _, reason in one["not run"]))
        lines.append(f"| {family} | {one['title']} | {one['tried']:,}{', void' if one['void'] else ''} | {held} "
                     f"| {without} |")  # fmt: skip
    tried, held = (sum(one[word] for one in kept["families"].values()) for word in ("tried", "held"))
    return [*lines, f"| | **together** | **{tried:,}** | **{held:,}** | |"]


def corpus() -> list[str]:
    """Return the head of the table in docs/corpus.md and its last row, of all files."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in (ROOT / "docs" / "corpus.md").read_text(encoding="utf-8").splitlines()
            if line.startswith(("| files ", "| **all**"))]  # fmt: skip
    lines = ["| " + " | ".join(row[1:]) + " |" for row in rows]
    return [lines[0], "|---" * (len(rows[0]) - 1) + "|", *lines[1:]]


def page(kept: dict[str, Any]) -> str:
    """Return docs/faults.md: every family with what was noted, what was not run and why, and what did not hold."""
    lines = ["# Faults: what was tried, and what held", "",
             f"Made by `{COMMAND}` and `{BASELINE}`; see README, *The promise*.", ""]  # fmt: skip
    for family, one in kept["families"].items():
        lines += [f"## {family}: {one['title']}", "",
                  f"{one['tried']:,} tried, {one['held']:,} held, in {one['seconds']:,} s. Again: "
                  f"`python3 packaging/dev.py faults {family}`.", ""]  # fmt: skip
        listed = [f"- {_plain(case)}: {_plain(text)}" for case, text in one["notes"]]
        without: dict[str, Counter[str]] = {}
        for case, reason in one["not run"]:
            without.setdefault(_plain(reason), Counter())[_plain(case)] += 1
        listed += [f"- Not run, {reason}: {', '.join(cases)}" for reason, cases in without.items()]
        listed += [f"- **Did not hold:** {_plain(case)}: {_plain(why)}" for case, why in one["did not hold"]]
        lines += [*listed, ""] if listed else []
    lines += ["## Beside the libraries themselves", "", *table(kept["baseline"]), ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
