"""Which panels there are, what they are called, and where each may stand."""

from __future__ import annotations

from dataclasses import dataclass

WHERE = {"left": "to the left", "right": "to the right", "top": "above the tensor", "bottom": "below the tensor"}


@dataclass(frozen=True, slots=True)
class Declared:
    """One panel.

    Attributes
    ----------
    name
        What settings call it.
    title
        As in menus, with its article.
    places
        Where it may stand; the first is where it begins.
    """

    name: str
    title: str
    places: tuple[str, ...]


PANELS = (
    Declared("tree", "the tree", ("left", "right")),
    Declared("inspector", "the inspector", ("right", "left")),
    Declared("edit", "the edit panel", ("bottom", "top")),
    Declared("history", "the history", ("right", "left", "bottom")),
)
"""In the order in which they stand where several share a place."""
