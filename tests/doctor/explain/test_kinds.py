"""The kinds as a page lists them: each is found by its own sample, and speaks as the rest of the program does."""

from __future__ import annotations

import re

import pytest

from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import Explained
from weightedit.doctor.explain.kinds import KINDS, kinds

NEEDS_A_TRACEBACK = {"EOFError", "KeyError: 101"}
"""Samples that say nothing of torch by themselves."""


def said(explained: Explained) -> str:
    mends = [f"{mend.title} {mend.detail}" for mend in explained.mends]
    return "\n".join([explained.title, explained.message, explained.why, *explained.causes, *mends])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_its_sample_is_of_its_kind(kind):
    found = explain(kind.sample)
    assert found.kind == ("unknown" if kind.sample in NEEDS_A_TRACEBACK else kind.name)
    if found.is_known:
        assert found.title == kind.title
        assert found.torch_says == kind.sample.strip()
        assert_plain(said(found))


def assert_plain(text: str) -> None:
    """Whole sentences, in the words that the program uses."""
    assert not re.search(r"\b(?:invalid|illegal|failed to|please|successfully|sorry)\b|!(?!`)", text, re.IGNORECASE)
    assert "torch.float" not in re.sub(r"`[^`]*`", "", text).replace("torch.FloatTensor", "")
    for sentence in (line for line in text.splitlines()[1:] if line):
        assert sentence.endswith((".", "?")), sentence
        assert "  " not in sentence
        assert not re.search(r"[{}]", re.sub(r"`[^`]*`", "", sentence)), sentence


def test_the_page_lists_every_kind_once():
    listed = kinds()
    names = [kind.name for kind in listed]
    assert len(names) == len(set(names)) >= 36
    assert {kind.name for kind in KINDS} < set(names)
    assert {"syntax", "indentation", "tabs"} <= set(names)
    assert len({kind.title for kind in listed}) > len(listed) * 0.7
    for kind in listed:
        assert explain(kind.sample).kind in (kind.name, "unknown")
        assert kind.subject
        assert kind.title[0].isupper() or kind.title.startswith(("requires_grad", "numpy"))
        assert not kind.title.endswith(".")


def test_words_stand_in_the_sample_of_each_kind():
    for kind in KINDS:
        assert any(words in f"KeyError: {kind.sample}" for words in kind.words), kind.name


@pytest.mark.parametrize(("text", "kind", "numbers"), [
    ("expected scalar type Long but found Float", "scalar-type", "int64 was expected and float32 found."),
    ("Input and parameter tensors are not the same dtype, found input tensor with Double and parameter tensor with "
     "Float", "recurrent-dtype", "The input is float64, and the weights of the layer float32."),
    ("input must have the type torch.float32, got type torch.float64",
     "recurrent-dtype", "The input is float64, and the weights of the layer float32."),
    ("expecting key_padding_mask shape of (1, 3), but got torch.Size([1, 2])",
     "padding-mask", "The padding mask is [1, 2], and [1, 3] is wanted."),
    ("expecting key_padding_mask shape of (2, 5), but got torch.Size([5, 2])",
     "padding-mask", "The padding mask is [5, 2], and [2, 5] is wanted: it is transposed, give `mask.T`."),
    ("Expected hidden[0] size (1, 1, 3), got (1, 2, 3)", "recurrent-state", "is [1, 2, 3], and it takes [1, 1, 3]"),
    ("Output 0 of UnbindBackward0 is a view and is being modified inplace.", "view-in-place", "Output 0 of Unbind"),
    ("input has inconsistent input_size: got 4, expected 5", "recurrent-input",
     "steps of 5 values, and the input has 4."),
    ("Trying to create tensor with negative dimension -1: [-1]", "negative-size", "below 0: -1."),
    ("a leaf Variable that requires grad has been used in an in-place operation.", "leaf-in-place", "written into."),
    ("1D target tensor expected, multi-target not supported", "target-dimensions", "a dimension too many"),
    ("assigned grad has data of a different type", "assigned-grad-dtype", "of another."),
])  # fmt: skip
def test_words_of_other_versions_of_torch_are_known(text, kind, numbers):
    found = explain(text)
    assert found.kind == kind
    assert numbers in found.message
