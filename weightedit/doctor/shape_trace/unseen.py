"""A run of which nothing was seen: code that calls modules in its own way leaves out the hooks that would tell."""

from __future__ import annotations

from weightedit.doctor.finding import Finding
from weightedit.doctor.shape_trace.trace import Trace


def unseen(trace: Trace) -> Finding | None:
    """Return what is to be said of a run without a call; None where there was one, or something raised."""
    if trace.calls or trace.failure is not None:
        return None
    return Finding("unseen", "", "", "The run came to its end, and no call of a module was seen in it: its code calls "
                   "modules in a way of its own instead of torch.nn.Module.__call__, which runs hooks, so nothing is "
                   "known of what was computed.", level="warning", part="trace")  # fmt: skip
