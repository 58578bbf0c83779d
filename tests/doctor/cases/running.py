"""Runs a broken model in plain torch and under the doctor, and again with what the doctor offers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import weightedit
from tests.doctor.cases import Case
from weightedit.core.edit import Edit

SPEC = re.compile(r"(\w+)\[([\d, ]+)\](?:<(\d+))?")
LEARNING_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Examined:
    """What was said of a broken model.

    Attributes
    ----------
    case
        Which.
    source
        Its file; the module itself where none is broken.
    torch
        What torch raises, without its type; empty where it raises nothing.
    found
        What `weightedit.check` returns.
    """

    case: Case
    source: Path | nn.Module
    torch: str
    found: dict[str, Any]

    @property
    def first(self) -> dict[str, Any]:
        """The first finding."""
        finding: dict[str, Any] = self.found["findings"][0]
        return finding


def examine(cases: Iterable[Case], folder: Path, by_code: Container[str]) -> Iterator[Examined]:
    """Examine cases; yields each in its order.

    Parameters
    ----------
    cases
        Which.
    folder
        Where files go.
    by_code
        Names of those whose model is given as code by reference, which runs in a process of its own, two at a time; for
        the others it is made here.
    """
    with ThreadPoolExecutor(2) as beside:
        begun = []
        for case in cases:
            source = saved(case, folder)
            is_beside = isinstance(source, Path) and case.name in by_code
            begun.append((case, source, beside.submit(checked, case, source, case.reference) if is_beside else None))
        for case, source, waiting in begun:
            says = said(case, source)
            model = source if isinstance(source, nn.Module) else case.code.Net()
            yield Examined(case, source, says, checked(case, source, model) if waiting is None else waiting.result())


def saved(case: Case, folder: Path) -> Path | nn.Module:
    """Make what is broken, and save it where it is a state_dict."""
    torch.manual_seed(0)
    broken = case.code.broken()
    if isinstance(broken, nn.Module):
        return broken
    path = folder / f"{case.name}.pt"
    torch.save(broken, path)
    return path


def checked(case: Case, source: Any, model: Any, **instead: str) -> dict[str, Any]:
    """Let the doctor look at it, with the inputs and the target of the case or instead with others."""
    given = {"inputs": case.code.INPUT, "target": target_of(case)} | instead
    return weightedit.check(source, model, given["inputs"], target=given["target"] or None, loss=loss_of(case),
                            assign=case.is_assigned)  # fmt: skip


def said(case: Case, source: Path | nn.Module) -> str:
    """Return what plain torch raises; it changes a copy."""
    try:
        plain(case, source)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        return str(error)
    return ""


def plain(case: Case, source: Path | nn.Module, inputs: str = "", target: str = "") -> torch.Tensor:
    """Load, run and, where there is a loss, train in plain torch; return the output.

    Raises
    ------
    RuntimeError
        Or whatever else torch raises.
    """
    model = source
    if isinstance(source, Path):
        model = case.code.Net()
        model.load_state_dict(torch.load(source, weights_only=True), strict=True, assign=case.is_assigned)
    x = tensor(inputs or case.code.INPUT)
    name = loss_of(case)
    if name is None:
        with torch.no_grad():
            output = model.eval()(x)
        return getattr(output, "logits", output)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    output = model.train()(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that disagree, before they raise
        loss = getattr(nn, name)()(output, tensor(target or target_of(case)))
    loss.backward()
    optimizer.step()
    return output.detach()


def mended(examined: Examined, mend: dict[str, Any], folder: Path) -> tuple[Path | nn.Module, dict[str, Any]]:
    """Apply a mend to the document and export it; return what to run then, and what the doctor says of it."""
    case, source = examined.case, examined.source
    instead = {name: mend[name] for name in ("inputs", "target") if mend[name]}
    with weightedit.open(source) as document:
        applied(document, mend["edits"])
        if not isinstance(source, Path):
            return source, checked(case, document, source, **instead)
        document.export(folder / f"{case.name}-mended.pt")
        return folder / f"{case.name}-mended.pt", checked(case, document, case.code.Net(), **instead)


def applied(document: weightedit.Document, edits: Iterable[dict[str, Any]]) -> None:
    """Apply edits as steps of a recipe."""
    for step in edits:
        document.apply(Edit.from_json(step, {}), accept="all")


def tensor(spec: str) -> torch.Tensor:
    """Make the tensor of a spec such as `float32[4,1,28,28]` or `int64[4]<5`."""
    found = SPEC.fullmatch(spec)
    assert found is not None, spec
    dtype, shape = getattr(torch, found[1]), [int(size) for size in found[2].split(",")]
    return torch.randn(shape).to(dtype) if dtype.is_floating_point else torch.randint(int(found[3]), shape)


def target_of(case: Case) -> str:
    """Return its target as a spec; empty for none."""
    return str(getattr(case.code, "TARGET", ""))


def loss_of(case: Case) -> str | None:
    """Return the name of its loss; None where it is not trained."""
    found: str | None = getattr(case.code, "LOSS", None)
    return found
