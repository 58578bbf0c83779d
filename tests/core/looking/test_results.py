"""Results are kept by content: found again for the same values, never for others, and gone with what they came from."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest
import torch

import weightedit
from tests.core.test_statistics import pin
from weightedit.core.live.outside import Lookout
from weightedit.core.looking import pyramid as pyramid_module
from weightedit.core.looking import results
from weightedit.core.looking.histogram import bins_of, histogram
from weightedit.core.looking.pyramid import Pyramid
from weightedit.core.looking.quantiles import quantiles
from weightedit.core.looking.results import Results, kept_histogram, kept_quantiles, kept_statistics, key_of
from weightedit.core.reduction import SliceView
from weightedit.core.region import parse_region
from weightedit.core.statistics import statistics
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor


def pinned(tensor: torch.Tensor) -> PinnedTensor:
    found = pin(tensor)
    return PinnedTensor("w", found.spec, found.content)


def test_statistics_are_worked_out_once_whatever_the_tensor_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def counting(one: PinnedTensor, **named: object) -> object:
        asked.append(one)
        return statistics(one)

    monkeypatch.setattr(results, "statistics", counting)
    kept, one = Results(), pinned(torch.arange(12.0).reshape(3, 4))
    assert kept_statistics(kept, one).maximum == 11
    assert kept_statistics(kept, replace(one, name="other")).maximum == 11
    assert len(asked) == 1
    half = replace(one, spec=replace(one.spec, shape=(2, 4)))
    assert kept_statistics(kept, half).maximum == 7
    kept.forget()
    assert kept_statistics(kept, one).maximum == 11
    assert len(asked) == 3


def test_a_new_content_where_an_old_one_was_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Results()
    for value in range(6):  # objects made and dropped in turn have the same address again and again
        one = pinned(torch.full((4,), float(value)))
        assert kept_statistics(kept, one).maximum == value
        del one
        gc.collect(0)
    assert kept.nbytes <= 2 * (1 << 16) * 8


def test_the_budget_lets_the_oldest_go() -> None:
    kept, tensors = Results(budget=100), [pinned(torch.zeros(number + 1)) for number in range(5)]
    for number, one in enumerate(tensors):
        kept.put(one, "size", number, 40)
    assert [kept.get(one, "size") for one in tensors] == [None, None, None, 3, 4]
    assert kept.nbytes == 80


def test_edits_of_a_live_tensor_are_other_contents() -> None:
    tensor = torch.zeros(4)
    with weightedit.open({"w": tensor}) as document:
        kept = Results()
        assert kept_statistics(kept, document.pin("w")).maximum == 0
        before = key_of(document.pin("w"))
        document.apply("fill", "w", value=2.0)
        assert key_of(document.pin("w")) != before
        assert kept_statistics(kept, document.pin("w")).maximum == 2


def test_a_training_step_makes_another_result_and_its_blocks_are_never_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyramid_module, "WORTH_KEEPING", 0)
    layer = torch.nn.Linear(600, 600)
    with weightedit.open(layer) as document:
        kept, pyramid, view = Results(), Pyramid(), SliceView(0, 1)

        def seen() -> tuple[float | int | None, float]:
            one = document.pin("weight")
            picture = pyramid.reduce(one, view, range(600), range(600), 20, 20)
            return kept_statistics(kept, one).maximum, float(picture.high.max())

        was = float(layer.weight.detach().max())
        assert seen() == (was, was)
        optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
        layer.weight.grad = torch.full((600, 600), -1.0)
        optimizer.step()
        now = float(layer.weight.detach().max())
        assert now > was
        assert seen() == (now, now)
        assert pyramid.nbytes == 0
        layer.weight.data.fill_(3.0)  # torch does not count it: statistics wait until the window compares bytes
        assert seen() == (now, 3.0)
        lookout = Lookout(document)
        lookout.look({"weight"})
        layer.weight.data.fill_(4.0)
        assert lookout.look({"weight"}).values == ("weight",)
        assert seen() == (4.0, 4.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_quantiles_and_histograms_are_worked_out_once(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, one = Results(), pinned(torch.randn(50, 40).to(dtype))
    found = statistics(one)
    bins = bins_of((found,))
    assert bins is not None
    first = kept_quantiles(kept, one, found), kept_histogram(kept, one, found, bins)
    assert first[0] == quantiles(one, found)
    assert first[1].counts.tolist() == histogram(one, found, bins).counts.tolist()

    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("worked out again")

    monkeypatch.setattr(results, "quantiles", refuse)
    monkeypatch.setattr(results, "histogram", refuse)
    assert kept_quantiles(kept, one, found) is first[0]
    assert kept_histogram(kept, one, found, bins) is first[1]
    with pytest.raises(AssertionError, match="again"):
        kept_histogram(kept, one, found, replace(bins, count=7))
    with pytest.raises(AssertionError, match="again"):
        kept_histogram(kept, PinnedRegion(one, parse_region("[:, 3]", (50, 40))), found, bins)
