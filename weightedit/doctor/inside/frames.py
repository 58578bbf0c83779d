"""Where in the person's code something was raised: the frames outside torch, with the lines around them."""

from __future__ import annotations

import linecache
import os
import sysconfig
import textwrap
import traceback
from pathlib import Path

import torch

from weightedit.doctor.shape_trace.trace import Frame

BEFORE = 2
"""Lines of code shown above the one that raised."""
MOST = 20
LONGEST = 300
LONGEST_MESSAGE = 4_000
"""Characters of what an exception says, of which the beginning and the end are kept."""
_NOT_THEIRS = (str(Path(torch.__file__).parent), str(Path(__file__).parent), "<frozen ")
_PYTHON = sysconfig.get_path("stdlib") + os.sep
_INSTALLED = ("site-packages" + os.sep, "dist-packages" + os.sep)


def frames_of(error: BaseException) -> tuple[Frame, ...]:
    """Return the frames of an exception that are neither torch's nor Python's own nor ours, the outermost first."""
    found = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith(_NOT_THEIRS) and not (file.startswith(_PYTHON) and
                                                     not file[len(_PYTHON) :].startswith(_INSTALLED)):  # fmt: skip
            found.append(Frame(file[-LONGEST:], line, frame.f_code.co_qualname[:LONGEST], _code(file, line)))
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        found.append(Frame(str(error.filename)[-LONGEST:], int(error.lineno), "", _code(error.filename, error.lineno)))
    return tuple(found[-MOST:])


def _code(file: str, line: int) -> tuple[str, ...]:
    numbers = range(max(1, line - BEFORE), line + 1)
    lines = [linecache.getline(file, number).rstrip("\n")[:LONGEST] for number in numbers]
    return tuple(textwrap.dedent("\n".join(lines)).split("\n")) if any(lines) else ()


def told(error: BaseException) -> tuple[str, str]:
    """Return an exception's type and message; its own text is the person's code too, and may raise."""
    try:
        text = str(error)
        if len(text) > LONGEST_MESSAGE:  # a script's ends with what was raised in it
            text = f"{text[: LONGEST_MESSAGE // 2]}…{text[1 - LONGEST_MESSAGE // 2 :]}"
        return type(error).__name__[:LONGEST], text
    except BaseException:
        return type(error).__name__[:LONGEST], ""
