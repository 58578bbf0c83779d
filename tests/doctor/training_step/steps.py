"""Steps that tests take: a model is really run, and its records go through JSON as between two processes."""

from __future__ import annotations

import json

from weightedit.core.words.visible import message
from weightedit.doctor.inside.training.step import train_step
from weightedit.doctor.records import from_json, to_json
from weightedit.doctor.training_step.facts import TrainingFacts
from weightedit.doctor.training_step.findings import training_findings


def step(model, inputs, target=None, loss="mse", optimizer=None, **kwargs) -> TrainingFacts:
    """Take one step and return its records, as another process reads them."""
    args = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    facts = train_step(model, args, kwargs, target, loss, optimizer)
    return from_json(TrainingFacts, json.loads(json.dumps(to_json(facts))))


def findings(model, inputs, target=None, loss="mse", optimizer=None, **kwargs):
    """Take one step and return what it says: whatever raised is told, in one line, and all of it is plain JSON."""
    facts = step(model, inputs, target, loss, optimizer, **kwargs)
    found = training_findings(facts)
    assert facts.raised is None or any(one.level == "refusal" for one in found), facts.raised
    assert all(one.message == message(one.message) and one.message.endswith(".") for one in found)
    json.dumps([one.to_json() for one in found], allow_nan=False)
    return found


def above_notice(found):
    return [one for one in found if one.level != "notice"]


def only(found, kind):
    """The one finding of a kind."""
    of_kind = [one for one in found if one.kind == kind]
    assert len(of_kind) == 1, [(one.kind, one.message) for one in found]
    return of_kind[0]
