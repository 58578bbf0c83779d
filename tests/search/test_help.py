"""The page of help is that of the table, and everything in it is true of the language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.search.bench import worked_out
from weightedit.search.condition import split_region
from weightedit.search.expression import parse
from weightedit.search.functions import CONSTANTS, FUNCTIONS
from weightedit.search.help import page

FILE = Path(__file__).resolve().parents[2] / "docs" / "expressions.md"


def test_the_page_is_up_to_date():
    assert FILE.read_text(encoding="utf-8") == page(), "run python -m weightedit.search.help > docs/expressions.md"


@pytest.mark.parametrize("facts", FUNCTIONS.values(), ids=lambda facts: facts.name)
def test_each_function_is_called_as_its_signature_says(facts):
    given = {"x": "w", "a": "w", "b": "2", "condition": "w > 0", "k": "2", "q": "0.5", "dim": "0", "*dims": "0",
             "lowest": "0", "highest": "1"}  # fmt: skip
    names = re.fullmatch(rf"{facts.name}\((.*)\)", facts.signature)[1].split(", ")
    text = f"{facts.name}({', '.join(given[name] for name in names)})"
    tensor = torch.tensor([[1 + 2j, -3], [0.5, 2]]) if facts.name == "imag" else torch.tensor([[1.0, -3], [0.5, 2]])
    assert worked_out(text, tensor).shape == tensor.shape
    assert parse(text).is_condition == (facts.gives == "condition")
    assert facts.help.endswith(".")


def test_every_example_reads():
    examples = re.findall(r"`([^`|]*\b(?:w|mean)\b[^`|]*)`", page().split("## ")[0])
    for example in examples:
        if example.startswith("weightedit"):
            example = re.search(r'"(.*)"', example)[1]
        if "where" in example:
            split_region(example)
        else:
            parse(example)
    assert len(examples) > 8
    assert all(f"`{name}`" in page() for name in CONSTANTS)
