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
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.bringing.consent import consent_for
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.checkup import FAKE, Asked, Checkup, Wanted
from weightedit.doctor.finding import Finding
from weightedit.doctor.first_mends import ROUNDS
from weightedit.doctor.shape_trace.trace import Call, Trace
from weightedit.doctor.training_step.result import StepResult
from weightedit.terminal_mends import new_recipe, write_recipe

MARKS = {"refusal": "✕", "warning": "!", "notice": "i"}
FEW = 60
"""Calls that are listed; JSON has all of them."""
MOST_PRINTED = 2_000
"""Characters shown of what the model's code printed; JSON has all that was kept."""
RUNS_AGAIN = f"For the recipe it runs again after each mend, up to {ROUNDS} times."


def check(options: argparse.Namespace) -> int:
    """Say what runs, ask whether it may, and check; 0 healthy, 1 findings, 2 where it is not run.

    What does not read, of the file and of what is asked, is said before anything is asked or run.
    """
    working = Path.cwd()
    reference = parse_reference(options.model, working)
    asked = Asked(options.device, options.assign, seconds=options.seconds)
    training = Wanted(target=options.target, loss=options.loss, optimizer=options.optimizer, data=options.data,
                      train=options.train, step_to=options.step_to)  # fmt: skip
    inputs = read_wanted(str(reference), options.input, training, working).spec
    _refuse_idle(options, training)
    recipe = new_recipe(options.recipe) if options.recipe else None
    with open_document(options.file) as document:
        consent = consent_for(reference, training, working)
        again = (RUNS_AGAIN,) if recipe is not None else ()
        if not _agreed((*consent.sentences, *again), options):
            raise WeightEditError(f"{visible(str(reference))} was not run: add --yes to run it.")
        asked = replace(asked, agreed=consent.agreed)
        found = check_model(document, str(reference), inputs, asked, training=training, folder=working)
        if options.json:
            print(json.dumps(found.to_json(), indent=1))
        else:
            _show(found)
        if recipe is not None:
            once = replace(training, step_to="")  # the weights after a step are written once
            write_recipe(recipe, document, found, lambda: check_model(document, str(reference), inputs, asked,
                                                                      training=once, folder=working))  # fmt: skip
    return 0 if found.is_healthy else 1


def _refuse_idle(options: argparse.Namespace, training: Wanted) -> None:
    """Raise where an option has no effect, as it needs another one that is not there."""
    trains = [name for name in ("loss", "train") if getattr(options, name)]
    if trains and not options.input and not options.data:
        raise WeightEditError(f"--{trains[0]} has no effect without --input or --data: a step needs something to run "
                              "the model with.")  # fmt: skip
    idle = [name for name in ("target", "optimizer", "step_to") if getattr(options, name)]
    if idle and not training.trains:
        raise WeightEditError(f"--{idle[0].replace('_', '-')} has no effect without --loss, --train or --data: no "
                              "training step is taken.")  # fmt: skip


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
    if found.training is not None:
        print(*StepResult(found.training).lines(), sep="\n")
    for note in found.notes:
        print(note)
    if found.output.strip():
        print(f"Its code printed:\n{visible_lines(found.output.strip(), MOST_PRINTED)}")
    print(_healthy(found) if found.is_healthy else f"Not healthy: {_not_healthy(found)}.")


def _healthy(found: Checkup) -> str:
    """Say what was found well, and no more than was looked at: without values nothing is called healthy."""
    loads = "the model is made" if found.load is None else "the model is made and takes these weights"
    if found.trace is None:
        return f"Names, shapes and dtypes fit: {loads}. It was not run, and no values were looked at."
    calls = f"{len(found.trace.calls) + found.trace.left_out:,} calls of modules"
    if found.training is not None:
        return f"Healthy: {loads}, runs through {calls}, and took a training step with values."
    if found.trace.device != FAKE:
        return f"Healthy: {loads}, and runs through {calls} on {found.trace.device}."
    return f"Names, shapes and dtypes fit: {loads}, and runs through {calls}. No values were looked at, so NaN among " \
           "them would not show; --device cpu runs with them."  # fmt: skip


def _not_healthy(found: Checkup) -> str:
    """Say how far it came."""
    refused = {finding.part for finding in found.findings if finding.level == "refusal"}
    if found.model is None:
        return "the model was not made"
    loads = "load" not in refused
    says = ["it takes these weights" if loads else "it does not take these weights as they are"]
    if found.trace is not None and found.trace.failure is None:
        says.append("it runs through" if loads else f"{_with(found)} it runs through")
    elif found.trace is not None and found.trace.failure is not None:
        says.append(f"it stops in {visible(found.trace.failure.module) or 'the model itself'}")
    if "training" in refused:
        says.append("it does not train")
    several = sum(finding.level != "notice" for finding in found.findings)
    return f"{counted(several, 'finding')}; {', '.join(says[:-1])}{', and ' if says[1:] else ''}{says[-1]}"


def _with(found: Checkup) -> str:
    """Say whose shapes a model ran with that does not take the checkpoint as it is."""
    taken = 0 if found.load is None else len(found.load.names)
    return "with the shapes of this checkpoint" if taken else "with the shapes of its own code"


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
    if call.nbytes is not None:
        measured += f", {'−' if call.nbytes < 0 else ''}{bytes_text(abs(call.nbytes))}"
    return f"{given} → {came if call.state == 'done' else call.state}{measured}"
