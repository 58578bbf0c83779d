"""Preflight, preview, apply and the command line say one and the same of an edit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import weightedit
from tests.test_cli import run_here
from weightedit import ConfirmationNeeded, Document, EditRefused, Hazard
from weightedit.core.words.visible import message

REFUSED = [
    ("set", "w", {"values": torch.ones(10, 20)}), ("fill", "w", {"value": 1, "region": "[0:9]"}),
    ("requires_grad", "i", {"value": True}), ("set", "*", {"values": torch.ones(7)}),
]  # fmt: skip
ASKED = [
    ("cast", "w", {"dtype": "float16"}), ("set", "w", {"values": torch.ones(20)}), ("scale", "i", {"factor": 0.5}),
    ("scale", ["w", "half"], {"factor": 1e38}),
]  # fmt: skip


def tensors() -> dict[str, torch.Tensor]:
    w = torch.full((5, 20), 70000.0)
    w[0, 0] = 1e-9
    return {"w": w, "half": torch.ones(5, 20, dtype=torch.float16), "i": torch.arange(1, 101).reshape(5, 20)}


def seen(doc: Document, operation: str, targets: Any, arguments: dict[str, Any]) -> list[Hazard]:
    """What a preview says, shown or raised."""
    try:
        return list(doc.preview(operation, targets, **arguments).hazards)
    except EditRefused as error:
        return list(error.hazards)


@pytest.mark.parametrize(("operation", "targets", "arguments"), REFUSED, ids=[str(number) for number in range(4)])
def test_a_refusal_is_the_same_everywhere(operation, targets, arguments):
    with weightedit.open(tensors()) as doc:
        said = doc.preflight(operation, targets, **arguments)
        with pytest.raises(EditRefused) as applied:
            doc.apply(operation, targets, accept="all", **arguments)
        assert list(applied.value.hazards) == said
        assert seen(doc, operation, targets, arguments) == said
        assert all(hazard.message in str(applied.value) for hazard in said)


@pytest.mark.parametrize(("operation", "targets", "arguments"), ASKED, ids=[str(number) for number in range(4)])
def test_a_warning_is_the_same_everywhere(operation, targets, arguments, tmp_path, capsys):
    """Also on stderr of `weightedit apply`, where the recipe does not say that it was accepted."""
    path = tmp_path / "a.pt"
    torch.save(tensors(), path)
    with weightedit.open(path) as doc:
        said = doc.preflight(operation, targets, **arguments)
        assert list(doc.preview(operation, targets, **arguments).hazards) == said
        with pytest.raises(ConfirmationNeeded) as asked:
            doc.apply(operation, targets, **arguments)
        assert list(asked.value.hazards) == said
        edit = doc.apply(operation, targets, accept="all", **arguments)
        assert set(edit.accepted) == {hazard.kind for hazard in said if hazard.level == "warning"}
        doc.recipe.save(tmp_path / "fix.json")
    text = (tmp_path / "fix.json").read_text()
    kinds = ", ".join(f'\n    "{kind}"' for kind in edit.accepted).replace(", ", ",")
    assert f'"accepted": [{kinds}\n   ]' in text
    (tmp_path / "fix.json").write_text(text.replace(f'"accepted": [{kinds}\n   ]', '"accepted": []'))
    status, _, err = run_here(capsys, "apply", tmp_path / "fix.json", path, tmp_path / "out.pt")
    assert status == 2
    assert all(message(hazard.message) in err for hazard in said if hazard.level == "warning"), err
    assert not (tmp_path / "out.pt").exists()


def test_the_command_line_says_a_refusal_as_apply_does(tmp_path, capsys):
    torch.save({"w": torch.zeros(10, 20)}, tmp_path / "large.pt")
    torch.save({"w": torch.zeros(5, 20)}, tmp_path / "small.pt")
    with weightedit.open(tmp_path / "large.pt") as doc:
        doc.apply("set", "w", values=torch.ones(10, 20))
        doc.recipe.save(tmp_path / "fix.json")
    with weightedit.open(tmp_path / "small.pt") as doc:
        (hazard,) = doc.preflight("set", "w", values=torch.ones(10, 20))
    status, _, err = run_here(capsys, "apply", tmp_path / "fix.json", tmp_path / "small.pt", tmp_path / "out.pt")
    assert status == 2
    assert hazard.message in err
