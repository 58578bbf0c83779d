"""What weightedit says of an edit before it, and that it does then what it said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import ConfirmationNeeded, Document, EditRefused, Hazard

PLACES = ("live", "file")


def opened(where: str, folder: Path, tensors: dict[str, torch.Tensor]) -> Document:
    """Open tensors as the parameters of a live module, or as the file torch wrote of them."""
    if where == "live":
        module = nn.Module()
        for name, tensor in tensors.items():
            trains = tensor.is_floating_point() or tensor.is_complex()
            module.register_parameter(name, nn.Parameter(tensor, requires_grad=trains))
        return weightedit.open(module)
    path = folder / "tensors.pt"
    torch.save(tensors, path)
    return weightedit.open(path)


def bits(doc: Document) -> dict[str, bytes]:
    return {name: oracle.bits(doc.read(name)) for name in doc.tensors if doc.tensors[name].shape is not None}


def said(doc: Document, kind: str, level: str, *edit: Any, **arguments: Any) -> Hazard:
    """Return the one hazard of a kind; asking changes nothing, and `apply` refuses or asks as its level says."""
    before, steps = bits(doc), len(doc.history)
    hazards = doc.preflight(*edit, **arguments)
    found = [hazard for hazard in hazards if hazard.kind == kind]
    assert len(found) == 1, f"{kind} is not once among {hazards}"
    (hazard,) = found
    assert hazard.level == level
    assert hazard.message.endswith(".")
    if level != "notice":
        with pytest.raises(EditRefused if level == "refusal" else ConfirmationNeeded) as caught:
            doc.apply(*edit, accept="all" if level == "refusal" else (), **arguments)
        assert hazard in caught.value.hazards
    assert bits(doc) == before
    assert len(doc.history) == steps
    return hazard


def applied(doc: Document, hazard: Hazard, *edit: Any, **arguments: Any) -> dict[str, torch.Tensor]:
    """Apply with only this hazard accepted, undo, and return the values there were in between."""
    before = bits(doc)
    doc.apply(*edit, accept={hazard.kind}, **arguments)
    between = {name: doc.read(name) for name in doc.tensors}
    doc.undo()
    assert bits(doc) == before
    return between


def offered(doc: Document, hazard: Hazard, label: str) -> Any:
    """Apply the alternative whose link says this."""
    edits = dict(zip(hazard.labels, hazard.alternatives, strict=True))
    assert label in edits, list(edits)
    edit = edits[label]
    return doc.apply(edit.operation, edit.targets, region=edit.region, tied=edit.tied, **edit.arguments)
