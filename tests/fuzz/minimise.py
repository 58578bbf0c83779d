"""Cuts away what a finding does not need, and keeps the rest as a file."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

from tests.fuzz.cases import Case
from tests.fuzz.workers import Result, run

MOST_SECONDS = 20.0


def minimised(result: Result, seconds: float = MOST_SECONDS) -> Case:
    """Return a smaller case with the same finding, as small as it gets in the time."""
    wanted, found = _signature(result), result.case
    end = time.monotonic() + seconds
    for name in sorted(found.files, key=lambda name: name == found.main):
        size = max(1, len(found.files[name]) // 2)
        while size and time.monotonic() < end:
            data, at, shorter = found.files[name], 0, False
            while at < len(data) and time.monotonic() < end:
                tried = replace(found, files={**found.files, name: data[:at] + data[at + size :]})
                if _signature(next(run([tried]))) == wanted:
                    found, data, shorter = tried, tried.files[name], True
                else:
                    at += size
            size = size if shorter and size > 1 else size // 2
    return found


def _signature(result: Result) -> str:
    """Return what makes two findings the same one: kind and words, without names and numbers."""
    return " ".join(f"{kind} {re.sub(r'[0-9]+|0x[0-9a-f]+', '', what)[:80]}" for kind, what in result.verdict.findings)


def keep(result: Result, folder: Path) -> Path:
    """Write the smallest form of a finding and what it is; return where."""
    small = minimised(result)
    kind = result.verdict.findings[0][0]
    where = folder / f"{small.format.replace(' ', '-')}-{small.seed}-{small.number}-{kind}"
    for name, data in small.files.items():
        path = where / Path(name).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    lines = [f"{small.format} {small.label}, made from {small.origin!r}",
             *(f"{k}: {w}" for k, w in result.verdict.findings)]
    (where / "finding.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return where
