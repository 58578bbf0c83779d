"""Undo and redo of a big step say how far they are and can be cancelled: then the document is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from weightedit.assembly import open_document
from weightedit.core.document import Document
from weightedit.core.edits.asked_steps import back_one, on_one, take
from weightedit.core.errors import Cancelled
from weightedit.core.undo.spill import Spill


class After:
    """Set from the n-th question on."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def edited(tmp_path: Path) -> Document:
    path = tmp_path / "a.safetensors"
    save_file({name: torch.rand(1 << 20) for name in "abc"}, path)
    document = open_document(path, spill=Spill(tmp_path / "spill", in_memory=0), journal=True)
    document.apply("scale", "*", factor=0.5)
    document.apply("scale", "*", factor=0.5)
    return document


def states(document: Document) -> list[bytes]:
    return [document.read(name).numpy().tobytes() for name in document.tensors]


def live(tmp_path: Path) -> Document:
    module = torch.nn.Sequential(*(torch.nn.Linear(64, 64) for _ in range(3)))
    document = open_document(module, spill=Spill(tmp_path / "spill", in_memory=0))
    document.apply("scale", "*", factor=0.5)
    document.apply("scale", "*", factor=0.5)
    return document


@pytest.mark.parametrize("back", [True, False], ids=["undo", "redo"])
@pytest.mark.parametrize("make", [edited, live])
def test_cancelled_at_any_question_nothing_moved(make, back, tmp_path):
    with make(tmp_path) as document:
        if not back:
            document.undo()
        before, position = states(document), document.history.position
        goal = back_one(True) if back else on_one(True)
        for questions in range(40):
            try:
                take(document, goal, cancel=After(questions))
            except Cancelled:
                pass
            else:
                break
            assert (document.history.position, states(document)) == (position, before)
        assert questions > 5
        assert document.history.position == (1 if back else 2)
        (document.redo if back else document.undo)()
        assert states(document) == before


def test_both_say_how_far_they_are(tmp_path):
    with edited(tmp_path) as document:
        for step, label in ((document.undo, "Undo"), (document.redo, "Redo")):
            told: list[tuple[str, int, int]] = []
            step(progress=lambda *said: told.append(said))  # noqa: B023  # called at once
            assert {said[0] for said in told} == {label}
            assert told[-1][1:] == (3 << 22, 3 << 22)
            assert len(told) > 10
