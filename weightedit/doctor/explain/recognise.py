"""Finds the first message of a known kind in a text, by words first, so that a long text is read once for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from weightedit.doctor.explain.frames import frames_before
from weightedit.doctor.explain.kind import ErrorKind, Found, Match, Said, Seen

MOST_PLACES = 100
"""Places of the same words that are looked at."""
MOST_BEFORE_WORDS = 2_000
"""Characters between the beginning of a line and the words."""
MOST_MESSAGE = 2_000_000
"""Characters of one message: `load_state_dict` names every key."""
_ERROR = re.compile(r"(?:[\w.]{1,120}\.)?([A-Z_]\w{0,60}(?:Error|Exception|Warning|Interrupt|Exit)): ?")
_NAMED = re.compile(rf"^(?:[ \t]{{0,20}}|E[ \t]{{2,20}}|[|>] ){_ERROR.pattern}", re.MULTILINE)
_BEFORE = re.compile(
    r"[ \t]+"
    r"|E[ \t]{2,}|[|>] "  # pytest, groups of exceptions, Rich
    r"|(?:[A-Za-z]:)?[^\n:'\"(]{1,400}:\d{1,7}: (?=\w{1,60}Warning: )"
    r"|WeightsUnpickler error: "
    r"|what\(\): {1,4}|terminate called after throwing an instance of 'c10::\w{1,40}'"
    r"|Error\(s\) in loading state_dict for [^\n:]{1,200}:(?:\\n|\\t|[ \t])*"
)
_AFTER = re.compile(
    r"\n(?=[ \t]*(?:Traceback \(most recent call last\)|During handling of the above exception"
    r"|The above exception was the direct cause))"
)


def recognised(text: str, kinds: Sequence[ErrorKind], tensors: Found) -> tuple[ErrorKind, Said, int] | None:
    """Return the first message of a kind, what is said of it, and where its line begins; None where there is none.

    Warnings come after what ended the program, wherever they stand.
    """
    found = sorted(((error.endswith("Warning"), start, order, kind, match, error) for order, kind in enumerate(kinds)
                    for start, match, error in _matches(text, kind)), key=lambda one: one[:3])  # fmt: skip
    for _, start, _, kind, match, error in found:
        seen = Seen(_message(text, match.start()), error, frames_before(text, start), tensors, text)
        said = kind.explain(match, seen)
        if said is not None:
            return kind, said, start
    return None


def has_error(text: str) -> bool:
    """Whether a line of a text is an exception with its name, of a known kind or not."""
    return _NAMED.search(text) is not None


def begin_of(text: str, place: int) -> tuple[int, int, str] | None:
    """Return where the line of a place begins, where its message does, and the exception's name before it.

    None where the line begins too far away for a message.
    """
    start = text.rfind("\n", max(0, place - MOST_BEFORE_WORDS - 1), place) + 1
    if place - start > MOST_BEFORE_WORDS:
        return None
    begin, error = start, ""
    for _ in range(8):
        if (named := _ERROR.match(text, begin)) is not None:
            begin, error = named.end(), named[1]
        elif (before := _BEFORE.match(text, begin)) is not None:
            begin = before.end()
        else:
            break
    return start, begin, error


def _matches(text: str, kind: ErrorKind) -> Iterator[tuple[int, Match, str]]:
    for words in kind.words:
        place = -1
        for _ in range(MOST_PLACES):
            place = text.find(words, place + 1)
            if place < 0:
                break
            if (at := begin_of(text, place)) is None:
                continue
            start, begin, error = at
            match = re.compile(kind.pattern).match(text, begin, begin + MOST_MESSAGE)
            if match is not None and match.end() >= place:
                yield start, match, error


def _message(text: str, begin: int) -> str:
    message = text[begin : begin + MOST_MESSAGE]
    after = _AFTER.search(message)
    return message if after is None else message[: after.start()]
