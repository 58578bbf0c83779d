"""What a model's process said before it ended: where in the person's code it crashed, and what that code printed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from weightedit.core.words.visible import visible

_INSIDE = str(Path(__file__).parent.parent)
_DUMP = re.compile(r"^(?:Fatal Python error: .*|Windows fatal exception: .*|Segmentation fault.*)\n(?:.*\n)*?"
                   r"(?:Current thread|Thread) 0x", re.MULTILINE)  # fmt: skip
_FRAME = re.compile(r'  File "([^"\n]+)", line (\d+) in (\S+)')


def printed(output: str) -> str:
    """Return what the person's code printed: without the stacks that Python writes as it crashes, which are ours too.

    Parameters
    ----------
    output
        All that its process wrote.
    """
    found = _DUMP.search(output)
    return output[: found.start()] if found is not None else output


def last_words(output: str) -> str:
    """Return where in the person's code a process crashed, or the last of what it printed, as a sentence after a space.

    Empty where it said nothing.
    """
    found = _DUMP.search(output)
    if found is not None:
        for file, line, function in _FRAME.findall(output[found.start() :]):
            if not any(part in file for part in ("site-packages", f"{os.sep}lib{os.sep}python", _INSIDE)):
                return f" It was in {visible(function)}, {visible(file)} line {line}."
    said = printed(output).strip()
    return f" It said: {visible(said[-400:], 400)}" if said else ""


def place_text(module: str, calls: int) -> str:
    """Say in which module a run was, and after how many calls; empty where none was entered."""
    many = f"{calls:,} call{'' if calls == 1 else 's'} of modules"
    return f" in {visible(module) or 'the model itself'}, after {many}" if calls or module else ""
