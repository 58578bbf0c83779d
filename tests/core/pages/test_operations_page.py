"""The generated page: up to date in the repository, about every operation, with examples that are what they say."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re

import pytest

from tests.conftest import ROOT
from weightedit.core.pages.operations_page import chapters, page
from weightedit.core.recipe import Recipe
from weightedit.operations import OPERATIONS


def docs():
    spec = importlib.util.spec_from_file_location("docs", ROOT / "packaging" / "docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_up_to_date():
    for path, text in docs().made().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is old: run packaging/dev.py docs"


def test_every_operation_has_a_chapter_under_its_group():
    text = page(OPERATIONS)
    for one in OPERATIONS:
        assert f"### {one.title}\n\n`{one.name}`" in text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(dict.fromkeys(one.group for one in OPERATIONS))


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_the_examples_are_calls_and_recipes_that_read(one, tmp_path):
    (chapter,) = chapters([one])
    for parameter in one.parameters:
        assert f"| `{parameter.name}` |" in chapter.markdown
        assert parameter.help.strip(), f"{one.name}({parameter.name}) says nothing"
    (code,) = re.findall(r"```python\n(.+?)\n```", chapter.markdown, re.DOTALL)
    call = ast.parse(code, mode="eval").body
    arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert call.args[0].value == one.name
    names = {parameter.name for parameter in one.parameters}
    needed = {found.name for found in one.parameters if found.default is inspect.Parameter.empty}
    assert needed <= set(arguments) <= names
    (step,) = re.findall(r"```json\n(.+?)\n```", chapter.markdown, re.DOTALL)
    (tmp_path / "fix.json").write_text(json.dumps({"weightedit_recipe": 1, "edits": [json.loads(step)]}))
    (edit,) = Recipe.load(tmp_path / "fix.json").edits
    assert edit.operation == one.name
    assert set(edit.arguments) == set(arguments)


RESTRUCTURES = ("duplicate", "add_tensor", "split")
COMPUTES = [one for one in OPERATIONS if one.effect != "restructure" or one.name in RESTRUCTURES]


@pytest.mark.parametrize("one", COMPUTES, ids=lambda one: one.name)
def test_what_computes_values_says_where_that_is_defined(one):
    """A link to the function of torch, or to the paper, that says what the values are."""
    _, _, references = one.doc.partition("References\n----------\n")
    assert "https://" in references
