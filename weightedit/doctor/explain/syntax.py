"""Code that Python does not read: the error of a pasted traceback, or of a pasted snippet, shown at its caret."""

from __future__ import annotations

import ast
import re
import warnings

from weightedit.doctor.explain.explained import UNKNOWN, Caret, Explained, Frame
from weightedit.doctor.explain.kind import ErrorKind, Match, Said, Seen
from weightedit.doctor.explain.snippets import looks_like_code
from weightedit.doctor.explain.syntax_words import plain_words

MOST_CODE = 50_000
"""Characters of a snippet that are parsed."""
_NAMES = "SyntaxError|IndentationError|TabError"
_ERROR = re.compile(rf"^[ \t]{{0,40}}(?P<error>{_NAMES}): (?P<says>[^\n]{{1,1000}})$", re.MULTILINE)
_PLACE = re.compile(r'^[ \t]{0,40}(?:File "(?P<file>[^"\n]{1,1000})", line (?P<line>\d{1,9})'
                    r"|Cell In ?\[(?P<cell>\d{1,6})\], line (?P<cline>\d{1,9}))$")  # fmt: skip
_DEEP = re.compile(r"(?:[-+~([{]\s{0,9}|\bnot\s{1,9}|\bawait\s{1,9}|\blambda\s{0,9}:\s{0,9}"
                   r"|\*\*\s{0,9}\w{1,9}\s{0,9}){120}")  # fmt: skip
"""Nesting that could take more of the stack than a thread has."""
_TITLES = {"SyntaxError": "Code that Python does not read", "IndentationError": "Indentation that does not fit",
           "TabError": "Tabs and spaces mixed"}  # fmt: skip
_KINDS = {"SyntaxError": "syntax", "IndentationError": "indentation", "TabError": "tabs"}


def explain_syntax(text: str) -> Explained | None:
    """Explain the syntax error that a pasted traceback ends in; None where there is none."""
    error = _ERROR.search(text)
    if error is None:
        return None
    file, caret = _caret_before(text[max(0, error.start() - 8_000) : error.start()].split("\n"))
    frame = Frame(file, caret.line, "", caret.text.strip()) if file and caret else None
    return _explained(error["error"], error["says"], caret, error[0].strip(), frame)


def explain_snippet(code: str) -> Explained | None:
    """Explain why a piece of code does not parse; None where it is not certain that it is code.

    Nothing of it is run. A snippet that parses is unknown.
    """
    lines = ["" if line.startswith(("!", "%")) else line for line in code.split("\n")]  # commands of a notebook
    if len(code) > MOST_CODE or _DEEP.search(code) or not looks_like_code(lines):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings, and of `1if`
            ast.parse("\n".join(lines))
    except SyntaxError as error:
        return _of_snippet(error, lines)
    except (ValueError, MemoryError, RecursionError, OverflowError):  # lone surrogates, nesting without end
        return None
    return Explained(UNKNOWN, "Code without a message", "This is code that parses; there is no error message in it.",
                     "Run it, and paste what it prints when it ends.")  # fmt: skip


def _of_snippet(error: SyntaxError, lines: list[str]) -> Explained | None:
    name, said = type(error).__name__, error.msg or "unexpected"
    number = min(max(1, error.lineno or 1), len(lines))
    line, column = lines[number - 1], error.offset or 1
    inner = (error.text or "").strip().removeprefix("(").removesuffix(")")
    if said.startswith("f-string") and inner and line.find(inner) >= 0 and (error.text or "").strip() != line.strip():
        column += line.find(inner) - 1  # until Python 3.12 the column is that within the braces
    if not looks_like_code(lines, number - 1):
        return None
    caret = Caret(number, min(max(1, column), len(line) + 1), line)
    return _explained(name, said, caret, f"{name}: {said}", None)


def _explained(name: str, said: str, caret: Caret | None, says: str, frame: Frame | None) -> Explained:
    message, why = plain_words(said, caret.text if caret else "")
    where = f"Line {caret.line}, column {caret.column}: " if caret else ""
    return Explained(_KINDS[name], _TITLES[name], f"{where}{message}", why, says, frame, caret=caret)


def _caret_before(lines: list[str]) -> tuple[str, Caret | None]:
    """Return the file and the caret out of the lines above an error: place, line of code, marks below it."""
    for at in range(len(lines) - 1, max(-1, len(lines) - 12), -1):
        place = _PLACE.match(lines[at])
        if place is None:
            continue
        file = place["file"] or f"cell {place['cell']}"
        number = int(place["line"] or place["cline"])
        code = lines[at + 1] if at + 1 < len(lines) else ""
        marks = lines[at + 2] if at + 2 < len(lines) else ""
        shown = code.lstrip()
        column = marks.find("^") - (len(code) - len(shown)) + 1 if "^" in marks else 1
        if not shown:
            return file, None
        return file, Caret(max(1, number), min(max(1, column), len(shown) + 1), shown)
    return "", None


def _never(match: Match, seen: Seen) -> Said | None:
    """Say nothing: errors of syntax are found by their own reader."""
    return None


SYNTAX = tuple(
    ErrorKind(_KINDS[name], _TITLES[name], (f"{name}: ",), rf"{name}: ", _never, sample)
    for name, sample in (("SyntaxError", "SyntaxError: '(' was never closed"),
                         ("IndentationError", "IndentationError: unexpected indent"),
                         ("TabError", "TabError: inconsistent use of tabs and spaces in indentation")))  # fmt: skip
"""For the page that lists the kinds."""
