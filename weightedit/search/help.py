"""The page of help on expressions, made from the table of functions; `python -m weightedit.search.help` prints it."""

from __future__ import annotations

from weightedit.search.functions import CONSTANTS, FUNCTIONS
from weightedit.search.parser import MOST_LEVELS, MOST_PARTS, MOST_REDUCTIONS
from weightedit.search.tokens import MOST_CHARACTERS

_INTRODUCTION = f"""\
# Expressions

A formula computes new values, as in the operation *Expression* or after `=` in a cell: `w * 0.5 + mean(w, 0)`.
A condition chooses cells: `where abs(w) < 1e-4` as a region, `[0:64, :] where w > 3 * std(w)` within one, or
`weightedit find FILE "isnan(w)"` over a file.

- `w` is the tensor, or the region of it that is edited. Other tensors stand in quotes, by their full names:
  `w * 'layers.0.scale'`. Shapes broadcast as in PyTorch. All values are those before the edit.
- Numbers: `2`, `0.5`, `1e-4`, `0xFF`, `2j`, and {", ".join(f"`{name}`" for name in CONSTANTS)}.
  Conditions: `true`, `false`.
- Arithmetic: `+ - * / // % **`, which bind as in Python. Comparisons: `< <= > >= == !=`, two sides each.
- Conditions join by `and`, `or`, `not`, or by `& | ~` with each comparison in parentheses.
- Functions of many values take dimensions after the values: `mean(w)` is one number, `mean(w, 0)` one for each column,
  `sum(w, 0, -1)` reduces two. A dimension that is reduced stays with size 1, so that `w - mean(w, 0)` fits. The
  dimensions are those of the tensor; a single index in the region keeps its dimension.
- Halves compute in float32; whole numbers stay whole under `+ - * // % **` and wrap past 64 bits, and with fractions
  they compute in float64; sums and means accumulate in float64. The result is rounded once, when it is stored. A number
  that a tensor is compared with is first rounded to the tensor's dtype: `w == 0.1` finds the cells that show 0.1.
- NaN spreads as in PyTorch; division by 0 gives inf or nan, and of whole numbers by `//` and `%` is refused.
- Limits: {MOST_CHARACTERS:,} characters, {MOST_PARTS} parts, {MOST_LEVELS} levels,
  {MOST_REDUCTIONS} functions of many values. No part may have more values than the region or a tensor it is made from.
"""


def page() -> str:
    """Return the page as Markdown."""
    lines = [_INTRODUCTION]
    for group in dict.fromkeys(function.group for function in FUNCTIONS.values()):
        lines += [f"## {group}", "", "| function | gives |", "|---|---|"]
        lines += [f"| `{one.signature}` | {one.help} |" for one in FUNCTIONS.values() if one.group == group]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
