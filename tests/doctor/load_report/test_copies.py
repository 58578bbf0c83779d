"""A file that holds a model several times is told in one sentence, and whichever copy is taken loads strictly."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.load_report.models import (
    FORMATS,
    Recurrent,
    ResNet,
    differing,
    gpt2,
    kinds,
    llama,
    loaded,
    mended,
    report_on,
    saved,
    state_of,
    transformer,
)  # fmt: skip
from weightedit.doctor.facts import facts_of
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def moved(state, by):
    return {name: tensor + by for name, tensor in state.items()}


STARTS = [("ema.", "net."), ("student.", "teacher."), ("", "ema."), ("generator.module.", "generator_ema."),
          ("a.", "b.", "c.x.")]  # fmt: skip
NESTED = [("model.", "model.ema_model."), ("module.", "module.module."), ("model.", "model.ema.", "model.ema.swa."),
          ("", "ema.", "ema.old."), ("x.embedding.", "x.")]  # fmt: skip


@pytest.mark.parametrize(("model", "starts", "suffix"), [
    *((Recurrent, starts, suffix) for starts in (*STARTS, *NESTED) for suffix in FORMATS),
    *((model, ("model.", "model_ema."), ".pt") for model in (ResNet, llama, gpt2)),
])  # fmt: skip
def test_each_copy_can_be_taken_and_loads(tmp_path, model, starts, suffix):
    state = state_of(model())
    whole = {}
    for by, start in enumerate(starts):
        whole |= prefixed(moved(state, by), start)
    averaged = next((start for start in starts if "ema" in start), starts[-1])
    path = saved(whole | {f"{averaged}decay": torch.ones(())}, tmp_path / f"model{suffix}")
    facts = model_facts(model())
    for number in range(len(starts)):
        with weightedit.open(path) as document:
            report = load_report(facts, facts_of(document))
            finding = report.findings[0]
            assert [one.kind for one in report.findings if not one.kind.endswith("tied")] == ["copies"]
            assert finding.message.startswith(f"The checkpoint holds {len(starts)} copies of the model, ")
            assert len(finding.mends) == len(starts)
            mend = finding.mends[number]
            tied = [edit for one in report.findings for edit in one.mends[0].edits if one.kind == "tied"]
            for edit in (*mend.edits, *tied):
                document.apply(edit, accept="all")
            out = path.with_name(f"{number}{suffix}")
            document.export(out, shared="copy")
        fresh = model()
        fresh.load_state_dict(loaded(out, ""), strict=True)
        wanted = [moved(state, by) for by, start in enumerate(starts) if mend.title == f"Take {start[:-1]}"]
        wanted = wanted or [state]
        assert differing(dict(fresh.state_dict()), wanted[0]) == []


def test_what_is_usual_is_compared_and_offered_first(tmp_path):
    state = state_of(ResNet())
    path = saved({**prefixed(moved(state, 1), "ema."), **prefixed(state, "model.")}, tmp_path / "model.pt")
    report = report_on(ResNet(), path)
    assert report.names == {name: f"model.{name}" for name in state}
    assert [mend.title for mend in report.findings[0].mends] == ["Take model", "Take ema"]
    assert differing(mended(ResNet(), path), state) == []


def test_what_else_differs_is_mended_with_the_copy(tmp_path):
    state = state_of(ResNet(10))
    state["conv1.weight"] = state["conv1.weight"].permute(2, 3, 1, 0).contiguous()
    path = saved({**prefixed(state, "model."), **prefixed(state, "ema."), "step": torch.ones(())},
                 tmp_path / "model.pt")  # fmt: skip
    report = report_on(ResNet(20), path)
    assert kinds(report) == ["copies", "permuted", "shape", "unexpected"]
    with weightedit.open(path) as document:
        for edit in report.everything.edits:
            document.apply(edit, accept="all")
        document.export(tmp_path / "out.pt")
    ResNet(20).load_state_dict(torch.load(tmp_path / "out.pt", weights_only=True), strict=True)
    assert "the first of 2 copies" in report.everything.detail


def test_what_has_another_name_in_both_copies_stays_with_the_one_that_is_taken(tmp_path):
    state = state_of(llama())
    whole = {name.replace("q_proj", "wq"): tensor for start in ("model.", "ema.")
             for name, tensor in prefixed(state, start).items()}  # fmt: skip
    path = saved(whole, tmp_path / "model.pt")
    assert kinds(report_on(llama(), path)) == ["copies", "renamed"]
    assert differing(mended(llama(), path), state) == []


class Pair(nn.Module):
    """Two modules of the very same names and shapes, as autoencoders and siamese nets have them."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Pair().encoder


@pytest.mark.parametrize(("given", "wanted"), [
    (lambda: Pair().state_dict(), Pair),  # the model has both itself
    (lambda: Pair().state_dict(), Half),  # the decoder is none of what the model calls encoder
    (lambda: transformer().state_dict(), lambda: transformer().encoder),  # a decoder has more than an encoder
    (lambda: {**prefixed(ResNet(10).state_dict(), "a."), **prefixed(ResNet(20).state_dict(), "b.")}, ResNet),
    (lambda: {**ResNet().state_dict(), **prefixed(dict(list(ResNet().state_dict().items())[:60]), "ema.")}, ResNet),
], ids=["both", "sibling", "more", "other-shapes", "part"])  # fmt: skip
def test_what_is_no_copy_is_not_called_one(tmp_path, given, wanted):
    assert "copies" not in kinds(report_on(wanted(), saved(given(), tmp_path / "model.pt")))
