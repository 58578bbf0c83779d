"""Lines of code in tracebacks: Python's own, and those of notebooks."""

from __future__ import annotations

import re

from weightedit.doctor.explain.explained import Frame

MOST_BEFORE = 60_000
"""Characters of a traceback that are looked at, back from its message."""
_HEADER = "Traceback (most recent call last)"
_PLACE = re.compile(
    r'^[ \t|+]{0,40}(?:File "(?P<file>[^"\n]{1,1000})", line (?P<line>\d{1,9})(?:, in (?P<function>[^\n]{1,300}))?'
    r"|File (?P<nfile>[^\n\"]{1,500}?):(?P<nline>\d{1,9})(?:, in (?P<nfunction>[^\n]{1,300}))?"
    r"|(?:Cell )?In ?\[(?P<cell>\d{1,6})\], (?:line (?P<cline>\d{1,9})|in (?P<cfunction>[^\n]{1,300}))"
    r"|<ipython-input-(?P<icell>\d{1,6})-\w{1,40}> in (?P<ifunction>[^\n]{1,300}))$",
    re.MULTILINE,
)
_ARROW = re.compile(r"^-{2,}> ?(\d{1,9})[ \t]?(.{0,2000})$", re.MULTILINE)
_LIBRARY = re.compile(
    r"site-packages|dist-packages|^<frozen "
    r"|conda3?[/\\](?:envs[/\\][^/\\]{1,80}[/\\])?[Ll]ib[/\\]|[/\\]lib[/\\]python3|[/\\]Python3\d{1,3}[/\\][Ll]ib[/\\]"
    r"|[/\\]torch[/\\](?:nn|optim|utils|autograd|cuda|distributed|fx|jit|_\w{1,40})[/\\]"
    r"|[/\\]torch[/\\](?:serialization|functional|storage|_\w{1,40})\.py$"
)


def frames_before(text: str, end: int) -> tuple[Frame, ...]:
    """Return the frames of the traceback whose message begins at `end`, outermost first."""
    part = text[max(0, end - MOST_BEFORE) : end]
    header = part.rfind(_HEADER)
    part = part[header:] if header >= 0 else part
    places = list(_PLACE.finditer(part))
    stops = [*(place.start() for place in places), len(part)][1:]
    return tuple(_frame(place, part[place.end() : stop]) for place, stop in zip(places, stops, strict=False))


def own_frame_before(text: str, end: int) -> Frame | None:
    """Return the last frame of the person's own code of the traceback whose message begins at `end`.

    An error in a worker of a loader is passed on: where its own traceback has none, that of the loop has.
    """
    found = own_frame(frames_before(text, end))
    header = text.rfind(f"Original {_HEADER}", max(0, end - MOST_BEFORE), end)
    return found or (own_frame(frames_before(text, header)) if header >= 0 else None)


def own_frame(frames: tuple[Frame, ...]) -> Frame | None:
    """Return the last frame that is no library's."""
    return next((frame for frame in reversed(frames) if not _LIBRARY.search(frame.file)), None)


def is_from(frames: tuple[Frame, ...], file: str, function: str = "") -> bool:
    """Whether the last frame is in a file of torch, such as `nn/modules/module.py`."""
    if not frames:
        return False
    last = frames[-1]
    return last.file.replace("\\", "/").endswith(f"torch/{file}") and last.function.startswith(function)


def _frame(place: re.Match[str], below: str) -> Frame:
    found = place.groupdict(default="")
    file = found["file"] or found["nfile"] or f"cell {found['cell'] or found['icell']}"
    function = found["function"] or found["nfunction"] or found["cfunction"] or found["ifunction"]
    line = found["line"] or found["nline"] or found["cline"]
    arrow = _ARROW.search(below)
    if arrow is not None:
        return Frame(file, int(arrow[1]), function.strip(), arrow[2].strip())
    code = below.lstrip("\n").split("\n", 1)[0]
    is_code = found["file"] and code[:1] in " \t|" and not _PLACE.match(code)
    return Frame(file, int(line or 1), function.strip(), code.strip(" \t|") if is_code else "")
