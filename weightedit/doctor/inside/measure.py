"""Runs a model once more under torch's profiler: time and memory of each call of a module."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from weightedit.doctor.shape_trace.trace import Trace

PREFIX = "weightedit call "
LOG_LEVEL = "KINETO_LOG_LEVEL"


def measured(found: Trace, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Trace:
    """Return a trace with the seconds and bytes of each call; as it was where the model does not run as before.

    Bytes are those that a call allocated and had not given back when it returned, with what it calls.

    References
    ----------
    https://docs.pytorch.org/docs/stable/profiler.html
    """
    handles: list[Any] = []
    ranges: list[Any] = []
    count = 0

    def enter(module: nn.Module, args: Any) -> None:
        nonlocal count
        ranges.append(record_function(f"{PREFIX}{count}"))
        ranges[-1].__enter__()
        count += 1

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        ranges.pop().__exit__(None, None, None)

    on_cuda = found.device.startswith("cuda")
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    try:
        for module in model.modules():
            handles += [nn.Module.register_forward_pre_hook(module, enter),
                        nn.Module.register_forward_hook(module, leave)]  # fmt: skip
        with torch.no_grad(), _quiet(), profile(activities=activities, profile_memory=True) as profiler:
            model(*args, **kwargs)
    except Exception:  # it ran before: what depends on chance or state is not measured
        return found
    finally:
        for handle in handles:
            handle.remove()
    if count != len(found.calls) + found.left_out:
        return found
    events = {event.name: event for event in profiler.events() if event.name.startswith(PREFIX)}
    return replace(found, calls=tuple(
        replace(call, seconds=_seconds(events[f"{PREFIX}{place}"], on_cuda),
                nbytes=_nbytes(events[f"{PREFIX}{place}"], on_cuda)) if f"{PREFIX}{place}" in events else call
        for place, call in enumerate(found.calls)))  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's profiler from printing, whose first start reads this, and what the first run warned of from view."""
    before = os.environ.get(LOG_LEVEL)
    os.environ[LOG_LEVEL] = before or "99"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ[LOG_LEVEL]


def _seconds(event: Any, on_cuda: bool) -> float:
    micro = max(event.cpu_time_total, event.device_time_total) if on_cuda else event.cpu_time_total
    return float(micro) / 1e6


def _nbytes(event: Any, on_cuda: bool) -> int:
    """Return the bytes of an event and those in it; the profiler gives each event what lies in it alone."""
    own = event.device_memory_usage if on_cuda else event.cpu_memory_usage
    return int(own)
