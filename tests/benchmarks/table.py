"""The table that a run prints and README quotes, made of plain figures so that kept ones give the same table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from tests.benchmarks.case import Case, Goal
from tests.benchmarks.rounds import Measured

Row = dict[str, Any]


def row_of(case: Case, found: Sequence[Measured], size: str) -> Row:
    """Return what is kept of a case: everything that was measured, and whether goals were met."""
    measured = {one.name: one for one in found}
    return {
        "what": case.what, "size": size, "note": case.note, "ours": case.ours.name, "limit": case.limit.name,
        "contenders": [asdict(one) for one in found],
        "goals": [{**asdict(goal), "met": met(goal, measured)} for goal in case.goals],
    }  # fmt: skip


def met(goal: Goal, measured: Mapping[str, Measured]) -> bool | None:
    """Whether a goal was met; None where it was not measured."""
    one = measured[goal.of]
    value = _median(one.figures.get(goal.figure, ())) if goal.figure else one.ratio
    if goal.most is not None and value is None:
        return None
    if goal.megabytes is not None and one.megabytes is None:
        return None
    return not ((goal.most is not None and value is not None and value > goal.most)
                or (goal.megabytes is not None and one.megabytes is not None
                    and one.megabytes > goal.megabytes))  # fmt: skip


def summary(rows: Mapping[str, Row]) -> list[str]:
    """Return the table: one line a case."""
    lines = ["| what | limit | weightedit | memory | others | goal | |", "|---|---|---|---|---|---|---|"]
    for row in rows.values():
        by_name = {one["name"]: one for one in row["contenders"]}
        ours, limit = by_name[row["ours"]], by_name[row["limit"]]
        others = [one for one in row["contenders"] if one["name"] not in (row["ours"], row["limit"])]
        lines.append("| " + " | ".join((
            row["what"], f"{row['limit']}, {_counts(limit, row['goals'], seconds_text)}",
            _counts(ours, row["goals"], _ratio_text), _memory_text(ours),
            "; ".join(f"{one['name']} {_short(one)}" for one in others) or "–",
            "; ".join(_goal_text(goal) for goal in row["goals"]) or "–",
            _verdict(row["goals"]))) + " |")  # fmt: skip
    return lines


def details(name: str, row: Row) -> list[str]:
    """Return what was measured of one case, a line each contender."""
    lines = [f"### {name}", "", f"{row['what']}{': ' + row['note'] if row['note'] else ''}", "",
             "| | median | × limit | min to max | memory | rounds | besides |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for one in row["contenders"]:
        ratios = one["ratios"]
        spread = f"{min(ratios):.3g} to {max(ratios):.3g}" if ratios else "–"
        besides = "; ".join(f"{key} {median(values):.4g}" for key, values in one["figures"].items() if ": " not in key)
        lines.append(f"| {one['name']} | {seconds_text(one)} | {_ratio_text(one)} | {spread} | {_memory_text(one)} "
                     f"| {len(one['seconds'])} | {one['missing'] or besides} |")  # fmt: skip
    return [*lines, *_steps(row["contenders"][0]["figures"]), ""]


def _steps(figures: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a table of the figures that are called `step: figure`, a line each step; nothing where there are none."""
    steps: dict[str, dict[str, float]] = {}
    for key, values in figures.items():
        step, colon, figure = key.rpartition(": ")
        if colon:
            steps.setdefault(step, {})[figure] = median(values)
    heads = list(dict.fromkeys(figure for found in steps.values() for figure in found))
    if not steps:
        return []
    lines = ["", f"| step | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    return lines + [f"| `{step}` | {' | '.join(f'{found[head]:.3g}' if head in found else '' for head in heads)} |"
                    for step, found in steps.items()]  # fmt: skip


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def seconds_text(one: Mapping[str, Any]) -> str:
    """Return the median of the rounds as people write it."""
    value = _median(one["seconds"])
    if value is None:
        return "–"
    return f"{value * 1e6:.3g} µs" if value < 1e-3 else f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def _counts(one: Mapping[str, Any], goals: Sequence[Mapping[str, Any]],
            text_of: Callable[[Mapping[str, Any]], str]) -> str:  # fmt: skip
    """Return what a goal is set for: its ratio or time, figures that a round returned, or both."""
    figures = [goal["figure"] for goal in goals if goal["figure"]]
    texts = [text_of(one)] if len(figures) < len(goals) or not goals else []
    texts += [_figure_text(figure, median(one["figures"][figure])) for figure in figures if figure in one["figures"]]
    return "; ".join(texts)


def _figure_text(figure: str, value: float) -> str:
    """Return `384 ms longest stall` of "longest stall, ms"."""
    name, _, unit = figure.partition(", ")
    return f"{value:.4g} {unit} {name}" if unit else f"{value:.4g} {name}"


def _ratio_text(one: Mapping[str, Any]) -> str:
    value = _median(one["ratios"])
    return "–" if value is None else f"{value:.3g}×" if value < 1000 else f"{value:,.0f}×"


def _memory_text(one: Mapping[str, Any]) -> str:
    value = one["megabytes"]
    return "–" if value is None else f"{value / 1e3:.3g} GB" if value >= 1000 else f"{value:.3g} MB"


def _short(one: Mapping[str, Any]) -> str:
    if not one["ratios"]:
        return one["missing"] if one["missing"].startswith(("not here", "ended")) else "–"
    memory = f", {_memory_text(one)}" if one["megabytes"] is not None else ""
    return f"{_ratio_text(one)}{memory}"


def _goal_text(goal: Mapping[str, Any]) -> str:
    most = _figure_text(goal["figure"], goal["most"]) if goal["figure"] else f"{goal['most'] or 0:g}×"
    parts = [f"≤ {most}" if goal["most"] is not None else "",
             f"≤ {goal['megabytes']:g} MB" if goal["megabytes"] is not None else ""]  # fmt: skip
    text = ", ".join(part for part in parts if part)
    return text if goal["of"] == "weightedit" else f"{goal['of']} {text}"


def _verdict(goals: Sequence[Mapping[str, Any]]) -> str:
    if not goals or any(goal["met"] is None for goal in goals):
        return "–"
    return "met" if all(goal["met"] for goal in goals) else "**not met**"
