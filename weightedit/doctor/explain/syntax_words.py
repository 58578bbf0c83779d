"""What Python says of code that it does not read, in plain words."""

from __future__ import annotations

import re

_WORDS: tuple[tuple[str, str, str], ...] = (
    (r"'(?P<a>[^'\n]{1,3})' was never closed", "The bracket `{a}` is opened here and not closed.",
     "Close it where it ends; often one is missing at the end of this line or of one below."),
    (r"unmatched '(?P<a>.)'", "There is a `{a}` too many here.", "Take it away, or open it before."),
    (r"closing parenthesis '(?P<a>.)' does not match opening parenthesis '(?P<b>.)'(?: on line (?P<c>\d{1,9}))?",
     "`{b}` was opened and is closed by `{a}`.", "Close each bracket by its own kind, the last opened first."),
    (r"unterminated (?P<a>f-|t-)?string literal", "A text begins here and does not end on this line.",
     "Close it by the quote that it began with; one that goes over lines takes three."),
    (r"unterminated triple-quoted", "A text in three quotes begins here and does not end.",
     "Close it by the same three quotes."),
    (r"expected ':'", "A `:` is missing here.",
     "Lines of `def`, `class`, `if`, `for`, `while`, `with`, `try` and `else` end in one."),
    (r"expected an indented block(?P<a> after [^\n]{1,120})?", "A block that is set in is missing{a}.",
     "Set the lines that belong to it in by four spaces; `pass` stands for none."),
    (r"unexpected indent", "This line is set in, and nothing before it begins a block.", "Take the spaces away."),
    (r"unindent does not match any outer indentation level",
     "This line is set in by another number of spaces than any block before it.",
     "Give it exactly the spaces of the block that it belongs to."),
    (r"inconsistent use of tabs and spaces", "Lines of one block are set in by tabs here and by spaces there.",
     "Use spaces alone; editors turn tabs into them."),
    (r"Missing parentheses in call to '(?P<a>\w{1,40})'", "`{a}` is called without brackets, as in Python 2.",
     "Write `{a}(…)`."),
    (r"invalid syntax\. Maybe you meant '(?P<a>==)'", "A single `=` stands where a comparison is meant.",
     "Write `==`, or `:=` to give a name in the middle."),
    (r"cannot assign to (?P<a>[^\n]{1,80}?) here", "Something is assigned to {a}, which is no name.",
     "Write `==` to compare; a name, an index or an attribute stands left of `=`."),
    (r"cannot assign to (?P<a>[^\n]{1,80})", "Something is assigned to {a}, which is no name.",
     "A name, an index or an attribute stands left of `=`."),
    (r"(?:f-string: )?invalid syntax\. Perhaps you forgot a comma\?", "Two things stand side by side with nothing in "
     "between.", "A comma, an operator or a bracket is missing there."),
    (r"positional argument follows keyword argument", "An argument without a name comes after one with a name.",
     "Put it before, or give it its name."),
    (r"keyword argument repeated: (?P<a>\w{1,100})", "The argument {a} is given twice.", "Take one away."),
    (r"'(?P<a>return|yield|await|break|continue)[^\n]{0,20}' (?:outside|not properly in) (?P<b>\w{1,20})",
     "`{a}` stands outside of a {b}.", "Set it in, or take it away."),
    (r"invalid character '(?P<a>.)'", "`{a}` is no character of Python.",
     "Copied text often has curly quotes or long dashes: type them anew."),
    (r"invalid non-printable character U\+(?P<a>[0-9A-F]{4,6})", "There is an unseen character, U+{a}, here.",
     "It came with copied text: delete it and type a space."),
    (r"invalid decimal literal", "A number goes over into letters here.",
     "A name does not begin with a digit; a space or an operator may be missing."),
    (r"leading zeros in decimal integer literals", "A number begins with 0.",
     "Take the zero away; octals begin by `0o`."),
    (r"f-string: (?P<a>[^\n]{1,200})", "Within the braces of an f-string: {a}.",
     "Read what stands in the braces as code of its own."),
    (r"too many nested parentheses", "Brackets stand within brackets more than 200 times.",
     "Something opens brackets without end; look for a mistake in what made the code."),
    (r"invalid syntax", "Python does not know how to read on from here.",
     "The cause is often just before: a bracket, a quote, a comma or an operator that is missing."),
)  # fmt: skip


def plain_words(said: str, line: str) -> tuple[str, str]:
    """Return what Python says, and what to do, in plain words; Python's own words where they are not known."""
    for pattern, message, why in _WORDS:
        found = re.match(pattern, said)
        if found is not None:
            given = {name: text or "" for name, text in found.groupdict().items()}
            return message.format_map(given), why.format_map(given)
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '?', '!')) else '.'}", ""
