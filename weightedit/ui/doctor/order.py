"""What is asked of the doctor, as the fields said when it was: what is typed after that is no part of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightedit.doctor.checkup import Asked, Wanted


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a run needs but the weights.

    Attributes
    ----------
    typed
        The model as it was written.
    model
        What that means: code by reference, or the live module itself.
    inputs
        A spec; None where nothing is to run.
    asked, wanted
        How it runs, with the code that was agreed to once that was asked; and how it is to be trained.
    folder
        What relative paths are relative to.
    modules, since
        Of activations: which modules, and the place in history to compare with.
    """

    typed: str
    model: Any
    inputs: str | None
    asked: Asked
    wanted: Wanted
    folder: Path
    modules: tuple[str, ...] = ("*",)
    since: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it is a module of this process."""
        return not isinstance(self.model, str)
