"""Text in quotes as an input spec has it: a quote inside is doubled, and nothing else means anything else."""

from __future__ import annotations

QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
"""What matches a text in quotes."""


def quoted(text: str) -> str:
    """Return a text in quotes: in those that it does not hold, where there are such."""
    sign = '"' if "'" in text and '"' not in text else "'"
    return sign + text.replace(sign, sign * 2) + sign


def unquoted(token: str) -> str:
    """Return the text that `quoted` was given."""
    sign = token[:1]
    return token[1:-1].replace(sign * 2, sign)
