"""What one process tells another is read part by part: what is not of its kind is refused, whatever else it is."""

from __future__ import annotations

import json

import pytest

from weightedit.doctor.facts import ModelFacts, ModuleFacts, TensorFacts
from weightedit.doctor.records import Garbled, from_json, to_json
from weightedit.doctor.shape_trace.trace import Call, Failure, Frame, Operand, Seen, Trace

MODEL = ModelFacts("Net", (ModuleFacts("", "Net"), ModuleFacts("fc", "Linear", {"in_features": 3})),
                   (TensorFacts("fc.weight", (2, 3), "float32", "parameter", requires_grad=True),))  # fmt: skip
INPUT = Seen("0", "Tensor", (2, 3), "float32", "cpu")
TRACE = Trace((Call("", "Net", 0, -1, (INPUT,), seconds=0.25, nbytes=12), Call("fc", "Linear", 0, 0, (INPUT,))),
              Failure("fc", "Linear", "RuntimeError", "no", "torch.mm", (Operand(INPUT, "fc.weight", ("a", "b")),),
                      (Frame("net.py", 3, "Net.forward", ("x = 1", "y")),), needs_values=True),
              "cpu", 1.5, ("a",), 7)  # fmt: skip


@pytest.mark.parametrize("record", [MODEL, TRACE], ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record):
    assert from_json(type(record), json.loads(json.dumps(to_json(record)))) == record


@pytest.mark.parametrize("wrong", [None, [], "Net", {"type": "Net"}, {"type": 3, "modules": [], "tensors": []},
                                   {"type": "Net", "modules": {}, "tensors": []},
                                   {"type": "Net", "modules": [{"name": "", "type": "Net", "says": {"a": True}}],
                                    "tensors": []},
                                   {"type": "Net", "modules": [], "tensors": [{"name": "a", "shape": [1.5],
                                                                               "dtype": "float32"}]}])  # fmt: skip
def test_what_is_no_such_record_is_refused(wrong):
    with pytest.raises(Garbled):
        from_json(ModelFacts, wrong)


@pytest.mark.parametrize("seconds", [None, "1", True, 10**400, [1.5]])
def test_what_is_no_number_of_seconds_is_refused(seconds):
    """JSON has whole numbers beyond every float."""
    assert from_json(Trace, {"calls": [], "failure": None, "device": "cpu", "seconds": 2}).seconds == 2.0
    with pytest.raises(Garbled):
        from_json(Trace, {"calls": [], "failure": None, "device": "cpu", "seconds": seconds})
