"""How each part of a check went, in a word for its icon and a few for its card."""

from __future__ import annotations

from weightedit.core.words.numbers import count_text, statistic_text
from weightedit.core.words.paths import counted
from weightedit.doctor.checkup import Checkup
from weightedit.ui.doctor.visit import Visit

ORDER = ("refusal", "warning", "notice")
_WAITS = {"waits for an input": "Name the input at the top, such as float32[1,3,224,224], then run again.",
          "waits for a loss": "Choose a loss, or name data, then take one step.",
          "waits for shape trace": "The model has to run through before it can be trained.",
          "waits for the model": "The load report says why it was not made."}  # fmt: skip
SHOWN = {"refusal": "failed", "warning": "warning", "notice": "notice"}


def state_in(part: str, visit: Visit) -> tuple[str, str]:
    """Return `waiting`, `passed`, `failed`, `warning` or `notice`, and what the card says, for one document."""
    if visit.opened is None:
        return "waiting", "waits for a checkpoint"
    if part == "activations":
        if visit.outcome is not None:
            return visit.outcome.state, visit.outcome.says
        return "waiting", "nothing captured yet"
    if visit.doing == "check":
        return "waiting", "running" if part != "training" or visit.trains else "waits for a loss"
    return state_of(part, visit.found)


def state_of(part: str, found: Checkup | None) -> tuple[str, str]:
    """Return how load report, trace or training step went in a check, and what the card says."""
    if found is None:
        return "waiting", "not run yet"
    levels = {finding.level for finding in found.findings if finding.part == part}
    worst = next((level for level in ORDER if level in levels), None)
    if found.model is None:
        return ("failed", "the model was not made") if part == "load" else ("waiting", "waits for the model")
    if part == "training":
        return _training(found, worst)
    return _load(found, worst) if part == "load" else _trace(found, worst)


def nothing_found(part: str, visit: Visit) -> tuple[str, str, str]:
    """Return icon, title and body of a part that has no findings."""
    if visit.doing == "check":
        return "doctor", "The doctor is running", "The status bar says how far it is. Stop ends it; nothing is changed."
    if visit.found is None:
        live = visit.opened is not None and visit.opened.document.format_name == "live module"
        code = "" if live else "the code that makes the model and "
        says = f"Name {code}what it is called with, then press Run (F5)."
        return "doctor", "Nothing was run yet", says
    state, says = state_of(part, visit.found)
    if state == "passed":
        return "passed", says[:1].upper() + says[1:], "Nothing is wrong here."
    return "waiting", says[:1].upper() + says[1:], _WAITS.get(says, "")


def _load(found: Checkup, worst: str | None) -> tuple[str, str]:
    rows = () if found.load is None else found.load.rows
    off = sum(row.verdict != "same" for row in rows)
    says = "it is the module itself" if found.load is None else found.load.headline
    if off:  # the headline, which counts each kind, has no room on a card
        says = f"{count_text(off)} of {counted(len(rows), 'tensor')} {'differs' if off == 1 else 'differ'}"
    return "passed" if worst is None else SHOWN[worst], says


def _training(found: Checkup, worst: str | None) -> tuple[str, str]:
    if found.training is None and found.batches is None:
        if worst is not None:
            return SHOWN[worst], "it was not taken"
        return "waiting", "waits for a loss" if found.runs else "waits for shape trace"
    loss = None if found.training is None or found.training.loss is None else found.training.loss.value
    said = "one step taken" if loss is None else f"one step taken, loss {statistic_text(loss)}"
    return ("passed", said) if worst is None else (SHOWN[worst], _count(found))


def _count(found: Checkup) -> str:
    count = sum(finding.part == "training" and finding.level != "notice" for finding in found.findings)
    return f"{count} {'finding' if count == 1 else 'findings'}" if count else "one step taken, with notices"


def _trace(found: Checkup, worst: str | None) -> tuple[str, str]:
    trace = found.trace
    if trace is None:
        return ("failed", "it did not run") if worst == "refusal" else ("waiting", "waits for an input")
    calls = count_text(len(trace.calls))
    if trace.failure is None:
        return "passed" if worst is None else SHOWN[worst], f"runs through {calls} calls"
    place = max((at for at, call in enumerate(trace.calls) if call.state == "stopped"), default=0)
    return SHOWN[worst or "refusal"], f"stops at call {count_text(place + 1)} of {calls}"
