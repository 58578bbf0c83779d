"""The command `check`: whether a model loads, runs and trains with the weights of a file."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from weightedit.assembly import open_document
from weightedit.checking import check_model, read_wanted
from weightedit.core.errors import WeightEditError
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.consent import consent_for
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.checkup import Asked, Checkup, Wanted
from weightedit.doctor.finding import Finding
from weightedit.doctor.shape_trace.trace import Call, Trace

MARKS = {"refusal": "✕", "warning": "!", "notice": "i"}
FEW = 60
"""Calls that are listed; JSON has all of them."""


def check(options: argparse.Namespace) -> int:
    """Say what runs, ask whether it may, and check; 0 healthy, 1 findings, 2 where it is not run.

    What does not read, of the file and of what is asked, is said before anything is asked or run.
    """
    working = Path.cwd()
    reference = parse_reference(options.model, working)
    asked = Asked(options.device, options.assign, options.device not in ("auto", "fake"), options.seconds)
    training = Wanted(target=options.target, loss=options.loss, optimizer=options.optimizer, data=options.data,
                      train=options.train, step_to=options.step_to)  # fmt: skip
    inputs = read_wanted(str(reference), options.input, training).spec
    with open_document(options.file) as document:
        consent = consent_for(reference, training, working)
        if not _agreed(consent.sentences, options):
            raise WeightEditError(f"{visible(str(reference))} was not run: add --yes to run it.")
        asked = replace(asked, agreed=consent.agreed)
        found = check_model(document, str(reference), inputs, asked, training=training, folder=working)
    if options.json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        _show(found)
    return 0 if found.is_healthy else 1


def _agreed(sentences: tuple[str, ...], options: argparse.Namespace) -> bool:
    """Say what runs, and return whether the person said yes: by --yes, or at a terminal."""
    for sentence in sentences:
        print(f"weightedit: {sentence}", file=sys.stderr)
    if options.yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print("Run it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(found: Checkup) -> None:
    for finding in found.findings:
        _show_finding(finding)
    if found.trace is not None:
        _show_trace(found.trace)
    for note in found.notes:
        print(note)
    if found.is_healthy:
        ran = "" if found.trace is None else f", and runs through {len(found.trace.calls):,} calls of modules"
        print(f"Healthy: the model is made{ran}.")


def _show_finding(finding: Finding) -> None:
    print(f"{MARKS[finding.level]} {finding.message}")
    for mend in finding.mends:
        detail = f" ({mend.detail})" if mend.detail else ""
        print(f"    {mend.title}{detail}")
    if finding.torch_says:
        print(f"    PyTorch says: {visible(finding.torch_says, 300)}")


def _show_trace(trace: Trace) -> None:
    """List the calls, those before the break and around it where there are many."""
    calls = trace.calls
    listed = range(len(calls)) if len(calls) <= FEW else [*range(FEW // 2), *range(len(calls) - FEW // 2, len(calls))]
    depth: dict[int, int] = {-1: -1}
    for place, call in enumerate(calls):
        depth[place] = depth.get(call.inside, 0) + 1
    rows = [(place, f"{'  ' * depth[place]}{visible(calls[place].module or calls[place].type)}", calls[place])
            for place in listed]  # fmt: skip
    width = min(60, max((len(name) for _, name, _ in rows), default=0))
    for number, (place, name, call) in enumerate(rows):
        if number and place != rows[number - 1][0] + 1:
            print(f"… {place - rows[number - 1][0] - 1:,} more")
        print(f"{name:<{width}}  {_shapes(call)}")


def _shapes(call: Call) -> str:
    given = ", ".join(visible(str(one), 60) for one in call.inputs if one.shape is not None) or "–"
    came = ", ".join(visible(str(one), 60) for one in call.outputs if one.shape is not None) or "–"
    measured = "" if call.seconds is None else f"  {call.seconds * 1e3:.1f} ms"
    return f"{given} → {came if call.state == 'done' else call.state}{measured}"
