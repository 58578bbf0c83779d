"""Names of tensors in titles: the last two parts are enough where the tooltip has the whole."""

from __future__ import annotations

import re

_LONG = re.compile(r"(?<![\w./])(?:[A-Za-z_]\w*|\d+)(?:\.\w+){2,}(?![\w/])")


def short_names(text: str) -> str:
    """Return a text in which a dotted name of three parts or more is its last two: `q_proj.weight`."""
    return _LONG.sub(lambda found: ".".join(found[0].split(".")[-2:]), text)
