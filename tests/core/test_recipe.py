"""Recipes: written, read back, and replayed to the same bits; a damaged one is refused in one sentence."""

from __future__ import annotations

from weightedit.core.recipe import Recipe

def test_an_empty_recipe_has_no_steps():
    """The least recipe is one."""
    assert len(Recipe([]).edits) == 0
