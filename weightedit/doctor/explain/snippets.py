"""Whether a text is Python code that someone wrote, and not prose, a configuration or another program's message."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKENS = re.compile(
    r"(?P<comment>#.*)|(?P<string>[A-Za-z]{0,2}(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))|(?P<name>[^\W\d]\w*)"
    r"|(?P<number>\.?\d[\w.]*)|(?P<open>[([{])|(?P<close>[)\]}])|(?P<foreign>[$?`])|(?P<other>\S)"
)
_SURE = re.compile(
    r"\s*(?:(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[:(]|from\s+[\w.]+\s+import\s+[\w*(]"
    r"|import\s+[a-z_][\w.]*\s*(?:,|as\b|$|;)|(?:for|while|if|elif|with)\s[^.!?]*:\s*$|for\s+\w+\s+in\s+\w+\(.*\)\s*$"
    r"|(?:else|try|finally|except[^:]*):\s*$)"
)
_LIKELY = re.compile(
    r"\s*(?:return\b[^.!?]*$|(?:pass|break|continue)\s*$|print\s+[\"']|with\s+[\w.]+\(.*\)\s*$"
    r"|(?:if|elif|while)\s+\w+\s*(?:[=!<>]=?)\s*\S+\s*:?\s*$"
    r"|[A-Za-z_][\w.]*(?:\[[^\]]{0,200}\])?(?:\s*,\s*[A-Za-z_]\w*){0,8}\s*(?:[-+*/@%&|^]|//|\*\*)?=(?!=)"
    r"|[A-Za-z_]\w*(?:\.\w+)*\()"
)
_SAID = re.compile(r"\s{0,80}(?:[\w.]{1,100}\.)?\w{0,60}(?:Error|Exception|Warning|Interrupt|Exit)(?::|\s*$)")
_STATEMENTS = frozenset({"with", "return", "while", "try", "class", "def", "pass", "break", "continue", "del", "global",
                         "assert", "raise", "except", "finally", "nonlocal"})  # fmt: skip
"""Words that code has at the beginning of a statement alone."""
_LEADING = frozenset({"print", "match", "case", "type", "exec"})
"""Names that something may follow where they stand first: of later Pythons, or of Python 2."""
_LONGEST_LINE = 1_000


@dataclass(slots=True)
class _Line:
    """How a line reads.

    Attributes
    ----------
    is_sure, is_likely
        Whether it begins as statements do, and as little else does or as other texts may.
    beside
        How often two things stand side by side as code never has them, outside of brackets and within.
    """

    is_sure: bool
    is_likely: bool
    beside: tuple[int, int]


def looks_like_code(lines: Sequence[str], wrong: int | None = None) -> bool:
    """Whether lines are code: some begin as statements do, and none reads as prose.

    In the one line that is wrong two things may stand side by side; outside of brackets, where prose has them too, only
    if another line is code for sure.

    Parameters
    ----------
    lines
        Of the text.
    wrong
        The line at which parsing stopped, from 0; None where that is not known yet, and it may be any one.
    """
    read = dict(_read(lines))
    if any(line is None for line in read.values()):
        return False
    known = {number: line for number, line in read.items() if line is not None}
    odd = [number for number, line in known.items() if sum(line.beside)]
    if len(odd) > 1 or (odd and (sum(known[odd[0]].beside) > 1 or wrong not in (None, odd[0]))):
        return False
    if odd and known[odd[0]].beside[0]:
        return any(line.is_sure for number, line in known.items() if number != odd[0])
    return any(line.is_sure or line.is_likely for line in known.values())


def _read(lines: Sequence[str]) -> Iterator[tuple[int, _Line | None]]:
    """Yield how each line reads that is no comment and no part of a text in three quotes; None for a message."""
    is_inside = False
    for number, line in enumerate(lines):
        if line.count('"""') % 2 or line.count("'''") % 2:
            is_inside = not is_inside
        elif not is_inside and line.strip() and not line.lstrip().startswith("#"):
            part = line[:_LONGEST_LINE]
            said = _SAID.match(part)
            yield number, None if said else _Line(bool(_SURE.match(part)), bool(_LIKELY.match(part)), _beside(part))


def _beside(line: str) -> tuple[int, int]:
    """Count what stands side by side outside of brackets, and within."""
    found = [0, 0]
    depth, ends, is_first = 0, False, True
    for token in _TOKENS.finditer(line):
        kind, text = token.lastgroup, token[0]
        if kind == "comment":
            break
        is_word = kind == "name" and keyword.iskeyword(text)
        begins = kind == "number" or (kind == "name" and (not is_word or text in _STATEMENTS))
        if (ends and begins) or kind == "foreign":
            found[depth > 0] += 1
        depth = max(0, depth + (kind == "open") - (kind == "close"))
        ends = kind in ("number", "string", "close") or (kind == "name" and (not is_word or text in ("None", "True")))
        ends = ends and not (is_first and text in _LEADING)
        is_first = False
    return found[0], found[1]
