"""The tensors that are like another one: the same name in other layers."""

from __future__ import annotations

import re
from fnmatch import translate

from weightedit.core.document import Document

MANY = 20_000
"""Tensors up to which names are counted at once, in less than a frame."""


def pattern_like(name: str) -> str:
    """Return a pattern for the same name in other layers: each number between dots becomes `*`."""
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def count_like(document: Document, name: str) -> int:
    """Return how many tensors that pattern matches; 0 where it is no pattern, or there are too many to count."""
    pattern = pattern_like(name)
    if pattern == name or len(document.slots) > MANY:
        return 0
    match = re.compile(translate(pattern)).match
    return sum(match(slot.name) is not None for slot in document.slots)
