"""A traceback whose line ends were lost, in a log or a chat, is explained as the same with its lines."""

from __future__ import annotations

import json

import pytest

from tests.doctor.explain.provoking import traceback_of
from tests.doctor.explain.test_pasted import DURING, FRAME, MESSAGE, OTHER, TRACEBACK, UNKNOWN
from tests.doctor.explain.test_provoked import PROVOKED
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.line_ends import with_line_ends


def flat(text: str) -> str:
    return " ".join(text.split())


LOST = {"spaces": flat, "a space": lambda text: text.replace("\n", " "), "nothing": lambda text: text.replace("\n", ""),
        "json": json.dumps, "repr": repr, "syslog": lambda text: text.replace("\n", "#012")}  # fmt: skip


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
def test_every_traceback_of_torch_is_explained_without_its_line_ends(lose):
    for provoked in PROVOKED:
        text = traceback_of(provoked.fails)
        whole, collapsed = explain(text), explain(lose(text))
        assert (collapsed.kind, collapsed.message) == (provoked.kind, provoked.message)
        assert collapsed.frame is not None
        assert whole.frame is not None
        assert (collapsed.frame.line, collapsed.frame.function) == (whole.frame.line, whole.frame.function)


@pytest.mark.parametrize("text", [
    flat(TRACEBACK), f"It says: {flat(TRACEBACK)} What now?", json.dumps({"message": TRACEBACK, "level": "error"}),
    f"2024-05-01 12:00:00 ERROR trainer: {flat(TRACEBACK)}", f"Epoch 1\n{flat(TRACEBACK)}\nEpoch 2\n",
    flat(UNKNOWN + DURING + TRACEBACK), flat(TRACEBACK.split("\n", 1)[1]),
])  # fmt: skip
def test_the_frame_is_found_whatever_stands_around(text):
    found = explain(text)
    assert (found.kind, found.frame) == ("matrix-product", FRAME)
    assert found.torch_says.startswith(MESSAGE)


def test_of_a_collapsed_notebook_the_message_is_found():
    text = ("RuntimeError Traceback (most recent call last) Cell In[7], line 3 1 model = Net() ----> 3 model(x) "
            f"File ~/net.py:125, in Linear.forward(self, input) --> 125 return F.linear(input) {MESSAGE}")  # fmt: skip
    assert explain(text).kind == "matrix-product"


def test_of_a_collapsed_chain_the_first_cause_is_explained():
    assert explain(flat(OTHER + DURING + TRACEBACK)).kind == "no-parameters"


@pytest.mark.parametrize("text", [
    flat(UNKNOWN),
    f"I saw a traceback once, and {MESSAGE}",
    f"Traceback (most recent call last) and then {MESSAGE}",
    f'Traceback (most recent call last): File "a.py", line 3, in f raise Wrong("{MESSAGE}") Wrong: no',
    f'Traceback (most recent call last): File "a.py", line 3, in f g("{MESSAGE}") KeyError: 1',
    f'Traceback (most recent call last): File "a.py", line 3, in f g() ValueError: it said {MESSAGE.split(": ")[1]}',
    f'Traceback (most recent call last): File "a.py", line 3, in f g() {MESSAGE} ValueError: another',
    f'see File "a.py", line 3, {MESSAGE}',
])  # fmt: skip
def test_only_the_last_exception_of_a_collapsed_traceback_counts(text):
    assert explain(text).kind == "unknown"


def test_lines_that_python_printed_stay_as_they_are():
    for text in (TRACEBACK, UNKNOWN + DURING + TRACEBACK, *(traceback_of(one.fails) for one in PROVOKED)):
        assert with_line_ends(text) == text
