"""The results of a run as one table by family."""

from __future__ import annotations

from collections.abc import Sequence

from tests.corpus.judge import COUNTS
from tests.corpus.runner import Outcome


def text(outcomes: Sequence[Outcome]) -> str:
    """Return the table in Markdown, with what was not run and the greatest needs below it."""
    names = list(dict.fromkeys(outcome.case.family for outcome in outcomes))
    rows = [["files", "tried", "must be refused", "must open", *COUNTS, "not run"]]
    rows += [[name, *_row([one for one in outcomes if one.case.family == name])] for name in names]
    rows.append(["**all**", *_row(outcomes)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
             for row in rows]  # fmt: skip
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    tried = [outcome for outcome in outcomes if not outcome.not_run]
    if tried:
        most = max(tried, key=lambda outcome: outcome.grown)
        longest = max(tried, key=lambda outcome: outcome.seconds)
        lines += ["", f"Most memory above the start: {most.grown >> 20:,} MiB ({most.case.family}: {most.case.name}). "
                      f"Longest: {longest.seconds:.1f} s ({longest.case.family}: {longest.case.name})."]  # fmt: skip
    lines += [f"Not run: {one.case.family}: {one.case.name} ({one.not_run})." for one in outcomes if one.not_run]
    return "\n".join(lines)


def _row(outcomes: Sequence[Outcome]) -> list[str]:
    tried = [outcome for outcome in outcomes if not outcome.not_run]
    opens = sum(outcome.opens for outcome in tried)
    counts = [sum(any(kind == count for kind, _ in outcome.faults) for outcome in tried) for count in COUNTS]
    numbers = len(tried), len(tried) - opens, opens, *counts, len(outcomes) - len(tried)
    return [f"{number:,}" for number in numbers]


def page(table: str) -> str:
    """Return docs/corpus.md."""
    return f"""# The corpus of bad and odd files

Written by `python packaging/dev.py corpus --write docs/corpus.md`; each file is made from code in `tests/corpus`.

Every file is opened by `weightedit.open` in a process of its own. A file that is wrong must be refused by one sentence
that names the file and the cause; an honest one must open with the names, dtypes, shapes and bytes that torch,
safetensors and numpy have, and must come through an export in its own format as it was. Counted are files of which
code was executed (an audit hook on imports, `exec`, programs, sockets and files opened to write, and traps that the
hostile ones would spring); that ended the process; of which one step (opening, reading all of it, exporting, opening
again) computed for more than 5 seconds, or waited so long for nothing; that took more than 500 MiB beyond their own
size; whose content came out wrong (a wrong file that opened included); and that raised anything else than a clean
`CheckpointError`. The longest time below is of all steps together, on a machine that did other work as well.

{table}
"""
