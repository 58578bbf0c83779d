"""What a preview says changes is what applying changes, cell by cell; one cell that loses twice is one cell."""

from __future__ import annotations

import math

import pytest
import torch

import weightedit

EDITS = [("scale", {"factor": 2}), ("scale", {"factor": 2.5}), ("scale", {"factor": 1.0}), ("add", {"value": 1}),
         ("add", {"value": 0.5}), ("clamp", {"min": 0, "max": 1}), ("clamp", {"min": -0.5, "max": 0.5}),
         ("clamp", {"min": 0.2, "max": 3})]  # fmt: skip


def whole(dtype: torch.dtype) -> torch.Tensor:
    """25 values, 9 of them 0, or True for bool."""
    return (torch.arange(25) % 3).to(dtype) if dtype != torch.bool else torch.arange(25) % 3 == 0


def ends(arguments: dict[str, float]) -> tuple[int, int]:
    """Whole numbers within the ends."""
    return math.ceil(arguments["min"]), math.floor(arguments["max"])


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.uint8, torch.int32], ids=str)
@pytest.mark.parametrize(("operation", "arguments"), EDITS, ids=[str(number) for number in range(len(EDITS))])
def test_bool_and_small_whole_numbers(dtype, operation, arguments):
    """The count is that of cells of which torch's own result, stored in the dtype, has another value."""
    before = whole(dtype)
    by = {"scale": lambda: before * arguments["factor"], "add": lambda: before + arguments["value"],
          "clamp": lambda: before.to(torch.int64).clamp(*ends(arguments))}[operation]()  # fmt: skip
    with weightedit.open({"w": before.clone()}) as doc:
        shown = doc.preview(operation, "w", **arguments)
        doc.apply(operation, "w", accept="all", **arguments)
        assert torch.equal(doc.read("w"), by.to(dtype))
        assert shown.changed == int((by.to(dtype) != before).sum())


def test_a_bool_that_stays_what_it_was_is_no_truncation():
    """Twice True is True: nothing changes, so nothing is said; half of a step from False is True, and that is said."""
    with weightedit.open({"w": whole(torch.bool)}) as doc:
        assert doc.preflight("scale", "w", factor=2) == []
        assert doc.preflight("add", "w", value=1) == []
        [said] = doc.preflight("add", "w", value=0.5)
        assert said.title == "Truncation: 16 values become True"


def test_a_complex_value_that_loses_in_two_ways_counts_once():
    """42 values that lose their imaginary part and are rounded as well are 42 values."""
    values = torch.randn(6, 7, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    with weightedit.open({"w": values}) as doc:
        shown = doc.preview("cast", "w", dtype="float16")
        losses = shown.losses["w"]
        assert losses.imaginary.count == 42
        assert losses.rounded.count > 20
        assert losses.lossy == shown.changed == 42


def test_the_tensor_that_is_looked_at_is_shown_of_several():
    """Named, through a pattern, or as a tied name; another is shown where it is no target."""
    with weightedit.open({"a": torch.ones(2), "b": torch.full((3,), 0.1), "c": torch.ones(4)}) as doc:
        for targets in (["a", "b"], "*"):
            shown = doc.preview("cast", targets, dtype="float16", look_at="b")
            assert shown.shown == ("b",)
            assert shown.spec_before.shape == (3,)
            assert shown.shown_losses.rounded.count == 3
        assert doc.preview("cast", ["a", "c"], dtype="float16", look_at="b").shown == ("a",)


def test_history_says_numbers_and_what_stays_readably():
    """A true minus in labels, and what an edit of many leaves in words."""
    tensors = {"a": torch.ones(2), "b": torch.ones(2), "steps": torch.ones(2, dtype=torch.int64)}
    with weightedit.open(tensors) as doc:
        doc.apply("clamp", "*", min=-0.5, max=0.5, leave=["dtype:integer", "dtype:bool"], accept="all")
        step = doc.history.steps[-1]
        assert step.label == "clamp −0.5 to 0.5"
        assert step.where == "2 tensors, without integer buffers and bool buffers"
