"""What one process tells another is read part by part: what is not of its kind is refused, whatever else it is."""

from __future__ import annotations

import json

import pytest

from weightedit.doctor.facts import ModelFacts, ModuleFacts, TensorFacts
from weightedit.doctor.records import Garbled, from_json, to_json

MODEL = ModelFacts("Net", (ModuleFacts("", "Net"), ModuleFacts("fc", "Linear", {"in_features": 3})),
                   (TensorFacts("fc.weight", (2, 3), "float32", "parameter", requires_grad=True),))  # fmt: skip


def test_a_record_comes_back_as_it_was():
    assert from_json(ModelFacts, json.loads(json.dumps(to_json(MODEL)))) == MODEL


@pytest.mark.parametrize("wrong", [None, [], "Net", {"type": "Net"}, {"type": 3, "modules": [], "tensors": []},
                                   {"type": "Net", "modules": {}, "tensors": []},
                                   {"type": "Net", "modules": [{"name": "", "type": "Net", "says": {"a": True}}],
                                    "tensors": []},
                                   {"type": "Net", "modules": [], "tensors": [{"name": "a", "shape": [1.5],
                                                                               "dtype": "float32"}]}])  # fmt: skip
def test_what_is_no_such_record_is_refused(wrong):
    with pytest.raises(Garbled):
        from_json(ModelFacts, wrong)
