"""A loss inside a model that stretches output and target over each other, of which only torch's warning is known."""

from __future__ import annotations

import re
from itertools import zip_longest

from weightedit.core.words.numbers import index_text
from weightedit.core.words.visible import visible_lines
from weightedit.doctor.finding import CheckPart, Finding
from weightedit.doctor.training_step.code_lines import elementwise_code, write

_SAYS = re.compile(r"Using a target size \(torch\.Size\(\[([\d, ]*)\]\)\) that is different to the input size "
                   r"\(torch\.Size\(\[([\d, ]*)\]\)\)")  # fmt: skip


def warns_of_stretching(message: str) -> bool:
    """Whether a warning is torch's of a target of another size."""
    return _SAYS.search(message) is not None


def stretched(message: str, part: CheckPart) -> Finding | None:
    """Return the finding of such a warning; None for any other, and of sizes that cannot be stretched.

    Parameters
    ----------
    message
        What torch warned of.
    part
        What ran when it did.
    """
    found = _SAYS.search(message)
    if found is None:
        return None
    target, output = (tuple(int(size) for size in re.findall(r"\d+", text)) for text in found.groups())
    if any(1 not in pair and pair[0] != pair[1] for pair in zip_longest(target[::-1], output[::-1], fillvalue=1)):
        return None
    return Finding("broadcast", "", "", f"A loss that the model computes itself stretches {index_text(output)} and "
                   f"{index_text(target)} over each other, with only a warning"
                   f"{write(elementwise_code(output, target))}.", level="warning",
                   torch_says=visible_lines(message[found.start() :]), part=part)  # fmt: skip
