"""How a model is run: as it was written, not compiled, and asked at each module whether to go on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run what torch.compile made as it was written: compiled code takes no notice of hooks that came later."""
    if "torch._dynamo" not in sys.modules:  # nothing was compiled, and importing it takes a while
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def without_its_log() -> Iterator[None]:
    """Keep torch from printing what raises in a run without values: it is told of anyway."""
    log = logging.getLogger("torch._subclasses")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def asked_at_each(model: nn.Module, entered: Callable[[str, int], None]) -> Iterator[None]:
    """Tell as each module is entered which one it is and how many calls there were; what that raises stops the run."""
    count, handles = 0, []

    def told(name: str) -> Callable[..., None]:
        def enter(module: nn.Module, args: Any) -> None:
            nonlocal count
            entered(name, count)
            count += 1

        return enter

    try:
        for name, module in model.named_modules():
            handles.append(nn.Module.register_forward_pre_hook(module, told(name)))  # a script's own way is refused
        yield
    finally:
        for handle in handles:
            handle.remove()
