"""What people type into a field, read as the value it means."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from weightedit.core.errors import WeightEditError

_SPECIAL = re.compile(r"(?<![\w.])(-?)(nan|inf|infinity)(?![\w.])", re.IGNORECASE)
_NUMBERS = re.compile(r"[\[(]?\s*(-?\d+(\s*,\s*-?\d+)*\s*,?)?\s*[\])]?")
LONGEST = 100_000
"""Characters of a value that is no tensor."""


class FieldError(WeightEditError):
    """What is typed is no value of the kind that is wanted."""


def whole(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise FieldError(f"{text} is not a whole number, such as 0 or -1.") from None


def integers(text: str) -> tuple[int, ...]:
    """Return whole numbers parted by commas, in brackets or not."""
    if not _NUMBERS.fullmatch(text):
        raise FieldError(f"{text} are not whole numbers, such as 2, 0, 1.")
    return tuple(int(number) for number in re.findall(r"-?\d+", text))


def nested(text: str) -> Any:
    """Return a nested list of numbers."""
    plain = text.replace("(", "[").replace(")", "]").replace("True", "true").replace("False", "false")
    plain = _SPECIAL.sub(lambda m: f"{m[1]}{'NaN' if m[2].lower() == 'nan' else 'Infinity'}", plain)
    plain = re.sub(r"(?<=\d)\.(?=\s*[,\]])", ".0", re.sub(r",(\s*\])", r"\1", plain))
    plain = re.sub(r"(?<![\d.])\.(?=\d)", "0.", plain)
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        raise FieldError("This is not a list of numbers, such as [[1, 2], [3, 4]].") from None


def plain(text: str) -> Any:
    """Return a value that is no tensor: what Python would read, and otherwise the text itself.

    A text that reads as something else is typed in quotes.
    """
    if len(text) > LONGEST:
        raise FieldError(f"The value has {len(text):,} characters; up to {LONGEST:,} can be typed.")
    special = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}.get(text.strip().lower())
    if special is not None:
        return special
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if text.strip()[:1] in "[({'\"":
            raise FieldError("This does not read; lists are typed like [1, 'two', None], texts as they are.") from None
        return text
    if isinstance(found, bytes | set) or found is ...:
        return text
    return found


def plain_text(value: Any) -> str:
    """Return what to type to get a value: a text as it is where it reads back and shows so, in quotes where not."""
    if not isinstance(value, str):
        return repr(value)
    try:
        same = plain(value) == value and isinstance(plain(value), str)
    except FieldError:
        same = False
    return value if same and value.isprintable() and value else repr(value)


def can_be_typed(value: Any) -> bool:
    """Whether a value can be typed: what is shown for it reads back as the same."""
    text = plain_text(value)
    try:
        return len(text) <= LONGEST and repr(plain(text)) == repr(value)
    except FieldError:
        return False


def kind_of(value: Any) -> str:
    """Say in words what kind of value it is."""
    kinds = {bool: "True or False", int: "whole number", float: "number", complex: "complex number", str: "text",
             list: "list", tuple: "tuple", dict: "dict", type(None): "None"}  # fmt: skip
    return kinds.get(type(value), type(value).__name__)
