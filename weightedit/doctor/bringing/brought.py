"""A model that was brought and takes orders, and one by reference, in a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.code_found import PACKAGE, searched
from weightedit.doctor.bringing.last_words import last_words, place_text, printed
from weightedit.doctor.bringing.model_reference import ModelReference, parse_reference
from weightedit.doctor.checkup import Asked, Wanted
from weightedit.doctor.inside.start import CLOSED
from weightedit.doctor.process import MOST_REPORT, Process, Start

START = Path(__file__).parent.parent / "inside" / "start.py"
QUIET = {"KINETO_LOG_LEVEL": "99"}
"""Environment that keeps torch's profiler from printing: what is printed is the person's code's."""
DEEPEST = 20
PAGE = 4096
WORD = 8
PATIENCE = 3.0
"""Seconds that a process has to end after it said its last word."""
LEFT_FREE = 1 << 30
"""Bytes of memory that a model on the CPU leaves to everything else."""


class ModelStopped(WeightEditError):
    """The process that a model ran in ended before it answered.

    Attributes
    ----------
    module
        The module it was in; empty where none was entered.
    """

    def __init__(self, text: str, module: str = "") -> None:
        super().__init__(text)
        self.module = module


class Brought(Protocol):
    """A model that takes orders, as `inside.session.Session` does."""

    @property
    def folder(self) -> Path:
        """Where files go that pass between it and the doctor."""
        ...

    @property
    def output(self) -> str:
        """The first of what its code printed."""
        ...

    def bring(self, device: str, wanted: Wanted) -> dict[str, Any]:
        """Make the model, or a copy of it, on a device."""
        ...

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an order and return its answer."""
        ...

    def keep(self, wanted: Wanted) -> str:
        """Keep arguments and target that are given as they are; return a word for them, empty for none."""
        ...


class BroughtCode:
    """A model made by code of a reference, in a process of its own; the folder of its files goes with it.

    Parameters
    ----------
    reference
        The code. Whoever makes this has the person's yes to run it.
    parent
        Where a folder is made for what goes between the processes.
    working
        Where it runs, and what relative paths are relative to.
    asked
        How long it may take, how much memory, and on which device.
    progress
        Asked whether to stop, and told how many calls of modules there were.

    Raises
    ------
    WeightEditError
        If no process could be started.
    """

    def __init__(self, reference: ModelReference, parent: Path, working: Path, asked: Asked,
                 progress: Progress) -> None:  # fmt: skip
        self.reference, self._progress, self._seconds = reference, progress, asked.seconds
        self.folder = parent / f"model-{secrets.token_hex(4)}"
        self.folder.mkdir(mode=0o700)
        self._page = self.folder / "page"
        self._page.write_bytes(bytes(PAGE))
        self._working, self._agreed = working, None if asked.agreed is None else dict(asked.agreed)
        memory = 0 if asked.device.startswith("cuda") else asked.memory or _memory()
        told = {"package": PACKAGE, "folder": str(working), "page": str(self._page), "title": str(reference),
                "memory": memory}  # fmt: skip
        try:
            self._process = Process(Start(["-X", "faulthandler", str(START)], str(working), _environment()),
                                    asked.seconds, progress)  # fmt: skip
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise WeightEditError(f"{visible(str(reference))} was not run: no process could be started, "
                                  f"{error}.") from error  # fmt: skip
        self._process.tell(json.dumps(told).encode("ascii"))

    def __enter__(self) -> BroughtCode:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def output(self) -> str:
        """The first of what its code printed."""
        return printed(self._process.output)

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an order.

        Raises
        ------
        ModelStopped
            If its process ended before it answered, or its time is up.
        Cancelled
            If the person stopped it.
        """
        self._page.write_bytes(bytes(PAGE))
        self._process.tell(json.dumps(order).encode("ascii"))
        line = self._process.hear(self._beat)
        if line is None:
            raise self._stopped()
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ModelStopped(f"{visible(str(self.reference))} wrote something else where its answer was expected; "
                               "nothing of it is shown.")  # fmt: skip
        return found

    def _beat(self) -> None:
        """Say how many calls there were; asks whether to stop, too."""
        self._progress.advance(max(0, self.where()[1] - self._progress.done))

    def bring(self, device: str, wanted: Wanted) -> dict[str, Any]:
        """Make the model; raises as `ask` does."""
        beside = (parse_reference(text, self._working) for text in wanted.references.values())
        return self.ask({"do": "bring", "reference": str(self.reference), "device": device, "agreed": self._agreed,
                         "loss": wanted.loss_text if wanted.trains else "", "optimizer": wanted.optimizer_text,
                         "paths": searched([self.reference, *beside], self._working)})  # fmt: skip

    def keep(self, wanted: Wanted) -> str:
        """Write arguments and target down for its process; return their file, empty for none.

        Raises
        ------
        WeightEditError
            If there is something else in them than tensors, plain values and lists, tuples and dicts of these.
        """
        for name in ("loss", "optimizer", "data"):
            if not isinstance(getattr(wanted, name), str | None):
                raise WeightEditError(f"{name} cannot go to the model's process as an object; name its code as "
                                      "package:name or file.py:name.")  # fmt: skip
        target = None if isinstance(wanted.target, str) else wanted.target
        if wanted.given is None and target is None:
            return ""
        import torch

        _check_plain((wanted.given, target))
        path = self.folder / "inputs.pt"
        torch.save((wanted.given, target), path)
        return str(path)

    def where(self) -> tuple[str, int]:
        """Return the module that is running, empty where none is, and how many calls there were."""
        page = self._page.read_bytes()
        length = int.from_bytes(page[WORD : 2 * WORD], "little") - 1
        name = page[2 * WORD : 2 * WORD + max(0, length)].decode("utf-8", "replace")
        return name if length >= 0 else "", int.from_bytes(page[:WORD], "little")

    def _stopped(self) -> ModelStopped:
        module, calls = self.where()
        if self._process.is_too_long:
            return ModelStopped(f"{visible(str(self.reference))} gave an answer of more than "
                                f"{bytes_text(MOST_REPORT)}; nothing of it is shown, and its process was "
                                "ended.")  # fmt: skip
        place = place_text(module, calls)
        status = None if self._process.is_late else self._process.finished(PATIENCE)
        said = last_words(self._process.output)
        name = visible(str(self.reference))
        if status == CLOSED or (status is None and not self._process.is_late):
            return ModelStopped(f"{name} gave no answer{place}: its code closed the pipe that its process answers "
                                f"through.{said}", module)  # fmt: skip
        if status is None:
            return ModelStopped(f"{name} took more than {self._seconds:g} s{place}; its process was ended.", module)
        if status == -9:
            why = "the system ended it, most likely because memory ran out"
        elif status < 0:
            why = f"its process crashed with signal {-status}"
        else:
            why = f"its code ended the process with status {status}"
        return ModelStopped(f"{name} gave no answer{place}: {why}.{said}", module)


def _check_plain(value: Any, depth: int = 0) -> None:
    """Raise where something is neither a tensor nor a plain value, which another process would have to trust."""
    from torch import Tensor

    if value is None or isinstance(value, bool | int | float | complex | str | bytes) or type(value) is Tensor:
        return
    if type(value) not in (list, tuple, dict) or depth > DEEPEST:
        raise WeightEditError(f"What is given holds {type(value).__name__}, which cannot go to the model's process; "
                              "give tensors, plain values, and lists, tuples and dicts of them.")  # fmt: skip
    for one in value.values() if isinstance(value, dict) else value:
        _check_plain(one, depth + 1)


def _environment() -> dict[str, str]:
    """Return this process' environment; relative places of packages stay those they are here, wherever it runs."""
    places = os.environ.get("PYTHONPATH", "")
    absolute = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, places.split(os.pathsep)))} if places else {}
    return {**os.environ, **absolute, **QUIET}


def _memory() -> int:
    """Return the bytes that may be allocated: what is free now but for a rest; 0 for no limit, as CUDA needs it."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        return max(2 << 30, int(lines["MemAvailable"].split()[0]) * 1024 - LEFT_FREE)
    except (OSError, ValueError, KeyError):
        return 0
