"""Two notes, on errors that stop training and on copies of implicit tensors, example by example in the window.

What torch does is in the tests of the same notes through the public API, whose models these are; here stands what a
person reads and presses.
"""

from __future__ import annotations

import copy
from inspect import getsource

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from torch import nn

from tests.doctor.test_implicit_tensors_note import CODE as COPIES
from tests.doctor.test_implicit_tensors_note import Both, Nested
from tests.doctor.test_training_errors_note import CODE as TRAINING
from tests.ui.doctoring import (
    LEFT,
    PATIENCE,
    applied,
    card,
    cards,
    fill,
    opened,
    run,
    said,
    settled,
    shown_button,
    type_into,
)  # fmt: skip
from weightedit.ui.doctor.explain_page import ExplainPage

NESTED = f"""
import copy
from collections import namedtuple
from dataclasses import dataclass

Pair = namedtuple("Pair", ["hidden", "final"])

{getsource(Both)}

{getsource(Nested)}

class Copying(ComplexModel):
    copied = staticmethod(copy.deepcopy)

    def forward(self, x):
        x = torch.relu(self.linear1(x))
        self.kept = self.copied(x)
        return self.linear2(x)

class Detaching(Copying):
    copied = staticmethod(lambda x: copy.deepcopy(x.detach()))
"""
NAMES: dict[str, type[nn.Module]] = {}
exec(TRAINING, NAMES)
exec(COPIES + NESTED, NAMES)


@pytest.fixture
def room_on(qtbot, open_window, tmp_path):
    """Open the doctor on a saved model, its code in a file beside it, with what it is called with typed in."""

    def make(name: str, inputs: str, code: str = TRAINING):
        (tmp_path / "note.py").write_text(code, encoding="utf-8")
        torch.manual_seed(0)
        model = NAMES[name.removesuffix("()")]()
        torch.save(model.state_dict(), tmp_path / "note.pt")
        window, room = opened(qtbot, open_window, tmp_path / "note.pt")
        fill(room, f"{tmp_path}/note.py:{name}", inputs)
        return window, room, model

    return make


def train(qtbot, window, room, target: str) -> None:
    """Name a loss and a target by keyboard, and take a step."""
    QTest.mouseClick(room.parts.cards["training"], LEFT)
    type_into(room.training.loss.lineEdit(), "MSELoss")
    type_into(room.training.target, target)
    run(qtbot, window, room)


# ---- errors that keep a model from training

def test_1_a_grey_image(qtbot, room_on, tmp_path):
    """The convolution is named with both numbers; the edit makes it take grey images, the other input is right."""
    window, room, model = room_on("MyModel", "float32[1,1,28,28]")
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 1 channels instead"):
        model(torch.randn(1, 1, 28, 28))
    run(qtbot, window, room)
    assert "conv1 expects 3 channels, got 1" in said(room)
    assert "to have 3 channels, but got 1 channels instead" in said(room)
    assert "conv1 says" in said(room)
    assert "in_channels 3" in said(room)
    assert room.trace.failed.module == "conv1"
    applied(qtbot, window, card(room, "Slice conv1.weight to 1 channel"))
    window.current.document.export(tmp_path / "grey.pt")
    grey = nn.Conv2d(1, 16, 3, padding=1)
    state = torch.load(tmp_path / "grey.pt", weights_only=True)
    grey.load_state_dict({name.removeprefix("conv1."): tensor for name, tensor in state.items()}, strict=True)
    assert grey(torch.randn(1, 1, 28, 28)).shape == (1, 16, 28, 28)
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settled(qtbot, window)
    QTest.mouseClick(next(one for one in cards(room) if one.mend.inputs).button, LEFT)
    assert room.head.input.text() == "float32[1,3,28,28]"
    run(qtbot, window, room)
    assert room.found.is_healthy
    assert "Nothing is wrong here." in said(room)


def test_2_batches_of_5_and_10(qtbot, room_on):
    window, room, model = room_on("linear()", "float32[5,10]")
    with pytest.raises(RuntimeError, match="must match the size"), pytest.warns(UserWarning, match="target size"):
        nn.MSELoss()(model(torch.randn(5, 10)), torch.randn(10, 1))
    train(qtbot, window, room, "float32[10,1]")
    assert "The output has batch 5, the target 10: [5, 1] against [10, 1]" in said(room)
    assert {one.mend.target or one.mend.inputs for one in cards(room)} == {"float32[5, 1]", "float32[10, 10]"}
    QTest.mouseClick(next(one for one in cards(room) if one.mend.target).button, LEFT)
    assert room.training.target.text() == "float32[5, 1]"
    run(qtbot, window, room)
    assert room.found.is_healthy
    assert not window.current.document.is_modified


def test_3_float64_into_float32(qtbot, room_on):
    window, room, model = room_on("linear()", "float64[10,10]")
    with pytest.raises(RuntimeError, match="must have the same dtype"):
        model(torch.randn(10, 10, dtype=torch.float64))
    run(qtbot, window, room)
    assert "Linear has weights in float32, got float64" in said(room)
    [one] = cards(room)
    assert one.mend.inputs == "float32[10,10]", "a cast of the file would be taken back by load_state_dict"
    QTest.mouseClick(one.button, LEFT)
    run(qtbot, window, room)
    assert room.found.is_healthy


# ---- copies of implicit tensors

def test_1_a_model_that_deepcopies_what_it_makes(qtbot, room_on):
    """It runs, and its training stops; with what is detached it trains."""
    window, room, _ = room_on("Copying", "float32[1,10]", COPIES + NESTED)
    train(qtbot, window, room, "float32[1,2]")
    assert "Copying stops: deepcopy came upon a tensor that was computed and belongs to a graph" in said(room)
    assert "Only Tensors created explicitly by the user" in said(room)
    type_into(room.head.model.lineEdit(), room.head.model_text.replace("Copying", "Detaching"))
    run(qtbot, window, room)
    assert room.found.is_healthy, said(room)


@pytest.mark.parametrize("name", ["SimpleModel", "Nested"])
def test_2_and_3_what_a_model_makes_is_captured_and_stays(qtbot, room_on, tmp_path, name):
    """deepcopy refuses the output; captured, it opens as a file, has its form, and stays when the weights change."""
    window, room, model = room_on(name, f"{tmp_path}/x.pt", COPIES + NESTED)
    x = torch.randn(1, 10)
    torch.save(x, tmp_path / "x.pt")
    output = model(x)
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(output if name == "SimpleModel" else output["both"])
    document = window.current.document
    QTest.mouseClick(room.parts.cards["activations"], LEFT)
    type_into(room.activations.modules, "*")
    capture = shown_button(room, "Capture")
    QTest.mouseClick(capture, LEFT)
    qtbot.waitUntil(lambda: shown_button(room, "Run this code") is not None, timeout=PATIENCE)
    QTest.mouseClick(shown_button(room, "Run this code"), LEFT)
    qtbot.waitUntil(lambda: len(window.documents.all) == 2 and not window.tasks.active, timeout=PATIENCE)
    captured = window.documents.all[-1].document
    with qtbot.waitSignal(window.documents.changed):
        document.apply("fill", "*weight", value=0)
    if name == "SimpleModel":
        wanted = {"linear.input": x, "linear.output": output, "output": output}
    else:
        both, pair = output["both"], output["pair"]
        wanted = {"output.both.hidden": both.hidden, "output.both.final": both.final,
                  "output.pair.final.0": pair.final[0], "linear2.input": torch.relu(both.hidden)}  # fmt: skip
    for tensor, values in wanted.items():
        assert torch.equal(captured.read(tensor), values.detach()), tensor
    settled(qtbot, window)


# ---- the messages, pasted

def message(of: str) -> str:
    """What torch really says."""
    linear, x = nn.Linear(10, 1), torch.randn(5, 10)
    raising = {"channels": lambda: NAMES["MyModel"]()(torch.randn(1, 1, 28, 28)),
               "batch": lambda: linear(x) - torch.randn(10, 1), "dtype": lambda: linear(x.double()),
               "deepcopy": lambda: copy.deepcopy(linear(x))}  # fmt: skip
    with pytest.raises(RuntimeError) as raised:
        raising[of]()
    return f"RuntimeError: {raised.value}"


def test_each_message_is_explained(qtbot, open_window, tmp_path):
    """Typed into the page letter by letter, as a person pastes them."""
    torch.save(NAMES["MyModel"]().state_dict(), tmp_path / "note.pt")
    window = open_window(tmp_path / "note.pt", real=True)
    page = window.aside.open("explain")
    assert isinstance(page, ExplainPage)
    for of, word in (("channels", "3 channels"), ("batch", "5"), ("dtype", "float64"), ("deepcopy", "deepcopy")):
        text = message(of)
        type_into(page.text, text.replace("\n", " "))
        before = page.found
        qtbot.waitUntil(lambda before=before: page.found is not before and page.found.is_known, timeout=PATIENCE)
        qtbot.waitUntil(lambda word=word: word in said(page), timeout=PATIENCE)
