"""Actions on cells: copied as bits, filled, cleared, and shown in the table in another format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from weightedit.core.words.number_formats import KINDS, MOST_DIGITS, Kind, NumberFormat
from weightedit.ui.actions.action import Action, Reach

_HELP: dict[Kind, str] = {
    "shortest": "Show the shortest decimal that reads back to the same bits.",
    "fixed": "Show as many digits after the point in each cell.",
    "scientific": "Show one digit before the point, and an exponent.",
    "hex": "Show the stored bits in hexadecimal.",
    "binary": "Show the stored bits, sign, exponent and mantissa apart.",
    "signed": "Show the stored bits as a signed whole number.",
    "unsigned": "Show the stored bits as an unsigned whole number.",
}


def show_as(at: Reach, kind: Kind) -> None:
    """Show the table's numbers in another format."""
    at.page.set_view("values")
    at.page.values_pane.set_number_format(replace(at.page.values_pane.number_format, kind=kind))


def change_digits(at: Reach, step: int) -> None:
    """Show more or fewer digits; a format without any becomes one with fixed digits."""
    at.page.set_view("values")
    shown = at.page.values_pane.number_format
    kind: Kind = "fixed" if shown.is_exact else shown.kind
    digits = min(max(shown.digits + (0 if shown.is_exact else step), 0), MOST_DIGITS)
    at.page.values_pane.set_number_format(NumberFormat(kind, digits))


def _shows(kind: Kind) -> Callable[[Reach], bool]:
    return lambda at: at.page.values_pane.number_format.kind == kind


def _shower(kind: Kind) -> Callable[[Reach], None]:
    return lambda at: show_as(at, kind)


ACTIONS = (
    Action("copy-bits", "Copy cells as bits", lambda at: at.page.blocks.copy(NumberFormat("hex")),
           "Copy the stored bits of the selected cells in hexadecimal.", (), "Edit", "tensor"),
    Action("fill-down", "Fill down", lambda at: at.page.blocks.fill_along(True),
           "Repeat the first selected row in the rows below it.", ("Ctrl+Shift+D",), "Edit", "tensor"),
    Action("fill-right", "Fill right", lambda at: at.page.blocks.fill_along(False),
           "Repeat the first selected column in the columns to its right.", ("Ctrl+Shift+R",), "Edit", "tensor"),
    Action("clear-cells", "Clear cells", lambda at: at.page.blocks.clear(), "Set the selected cells to 0.",
           ("Del", "Backspace"), "Edit", "tensor", "work"),
    *(Action(f"format-{kind}", title, _shower(kind), _HELP[kind], (), "View/Number format", "tensor",
             checked=_shows(kind)) for kind, title in KINDS.items()),
    Action("more-digits", "More digits", lambda at: change_digits(at, 1), "Show one more digit after the point.", (),
           "View/Number format", "tensor", rule=True),
    Action("fewer-digits", "Fewer digits", lambda at: change_digits(at, -1), "Show one digit less after the point.", (),
           "View/Number format", "tensor"),
)  # fmt: skip
