"""What terminals, logs, chats and prompts put around a message is taken off; the message stays as it is."""

from __future__ import annotations

import re

from weightedit.doctor.explain.line_ends import with_line_ends

MOST_TEXT = 2_000_000
"""Characters that are looked at; of a longer text the first half and the last."""
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78c])"
)
_WHEN = r"\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?"
_LEVEL = r"(?:ERROR|CRITICAL|FATAL|WARNING|INFO|DEBUG)"
_AROUND = re.compile(
    r"^(?:"
    r"\[(?:default|rank)?\d{1,6}\]: ?|"  # torchrun
    r"rank[ _]?\d{1,6}: |"
    r"\(\w{1,60} pid=\d{1,9}(?:, ip=[\d.:a-f]{1,45})?\) ?|"  # Ray
    r"\d{1,4}: (?=Traceback|  File|    |\w{1,40}Error)|"  # srun --label
    rf"{_WHEN}(?:(?!Error|Exception)[^\n]){{0,120}}?\b{_LEVEL}\b[\])]?[ \t]{{0,3}}[|:-]?[ \t]?|"
    rf"{_WHEN}[ \t]?[|:-]?[ \t]?|"
    rf"{_LEVEL}:(?:[\w.]{{1,80}}:)?[ \t]?(?=\S)"
    r")+",
    re.MULTILINE,
)
_FENCES = re.compile(r"^[ \t]{0,3}(?:```|~~~)[\w+-]{0,20}[ \t]{0,20}$\n?", re.MULTILINE)
_PROMPTS = re.compile(r"^[ \t]{0,8}(?:>>>|\.\.\.:?|In \[\d{1,6}\]:)(?: |$)", re.MULTILINE)
_QUOTES = re.compile(r"^> ?", re.MULTILINE)


def cleaned(text: str) -> str:
    """Return a text with plain line ends, lost ones too, without colours, fences, quote marks and marks of logs."""
    if len(text) > MOST_TEXT:
        text = f"{text[: MOST_TEXT // 2]}\n{text[-MOST_TEXT // 2 :]}"
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff").replace("\xa0", " ")
    text = _FENCES.sub("", _ESCAPES.sub("", text))
    if all(line.startswith(">") for line in text.split("\n") if line) and not text.startswith(">>>"):
        text = _QUOTES.sub("", text)
    return with_line_ends(_AROUND.sub("", text))


def without_prompts(text: str) -> str:
    """Return what was typed at prompts, without what was printed in between; the text where it begins with no prompt.

    Within code prompts stand too, in examples of docstrings.
    """
    if not _PROMPTS.match(text.lstrip("\n")):
        return text
    typed = (line for line in text.split("\n") if _PROMPTS.match(line))
    return "\n".join(_PROMPTS.sub("", line, count=1) for line in typed)
