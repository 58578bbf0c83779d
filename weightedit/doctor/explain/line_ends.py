"""Puts back the line ends of tracebacks that were pasted as one line, as logs and chats hand them on."""

from __future__ import annotations

import re
from itertools import pairwise

_HEADER = "Traceback (most recent call last)"
_PLACE = r'File "[^"\n]{1,1000}", line \d{1,9}, in (?:<\w{1,40}>|\w{1,200}\b)'
_COLLAPSED = re.compile(rf"{_PLACE}(?=[ \t]{{1,80}}\S)|(?:Cell )?In ?\[\d{{1,6}}\], line \d{{1,9}}(?=[ \t]{{1,80}}\S)")
_ESCAPE = re.compile(r"\\([nrt\"'\\])")
_ESCAPED = {"n": "\n", "r": "", "t": "\t"}
"""What JSON and `repr` write after a backslash; quotes and backslashes stand for themselves."""
_TRACEBACK = re.compile(rf"(?:Original )?{re.escape(_HEADER)}:?")
_CALL = re.compile(rf"[ \t]{{0,80}}({_PLACE})[ \t]{{0,80}}")
_CARETS = re.compile(r"[ \t]{1,200}[~^]{2,300}(?=\s|[A-Z_a-z]|$)")
_SAID = re.compile(
    r"(?<![\w.'\"\[`])(?<!\s\()(?:\w{1,60}\.){0,8}[A-Z_]\w{0,60}?(?:Error|Exception|Warning|Interrupt|Exit): "
)


def with_line_ends(text: str) -> str:
    """Return a text whose tracebacks have a line for each call and one for the message.

    A line is parted only where it goes on behind a call of a traceback, which none does that Python printed: at each
    call, and before the last `SomeError: ` of each traceback. All other lines stay as they are.
    """
    return "\n".join(_parted(line) for line in text.split("\n"))


def _parted(line: str) -> str:
    if f"{_HEADER}:\\n" in line or f"{_HEADER}:\\r\\n" in line:
        return _ESCAPE.sub(lambda one: _ESCAPED.get(one[1], one[1]), line)
    if f"{_HEADER}:#012" in line:  # syslog's
        return line.replace("#012", "\n")
    found = _COLLAPSED.search(line)
    if found is None:
        return line
    headers = [one.start() for one in _TRACEBACK.finditer(line)]
    stops = sorted({0, *headers, len(line)})
    parts = (line[start:stop] for start, stop in pairwise(stops))
    return "\n".join(_one_traceback(part) for part in parts)


def _one_traceback(part: str) -> str:
    """Return one traceback, from its header to the next one, with its lines."""
    place = _COLLAPSED.search(part)
    if place is None:
        return part
    said = [one.start() for one in _SAID.finditer(part, place.end())]
    stop = said[-1] if said else len(part)
    calls = _CARETS.sub("", _CALL.sub("\n  \\1\n    ", part[:stop]))
    return f"{calls.rstrip()}\n{part[stop:]}" if said else calls
