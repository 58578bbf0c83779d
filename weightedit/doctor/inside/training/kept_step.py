"""Writes what a training step made of a model's tensors to a file, where a person asks for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import torch

from weightedit.core.errors import WeightEditError
from weightedit.core.words.paths import reason, shown


@dataclass(slots=True)
class KeptStep:
    """The tensors of a model before a step, to be compared with those after it.

    Parameters
    ----------
    model
        Which is about to take a step.
    names
        Of its state_dict: those that the checkpoint has.
    """

    model: torch.nn.Module
    names: Collection[str]
    _before: dict[str, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Copy them."""
        self._before = self._now()

    def write(self, path: Path) -> list[str]:
        """Write the tensors whose bits are others now, as a state_dict in the model's dtypes; return their names.

        Raises
        ------
        WeightEditError
            If there is no room for them, or a file of that name by now, which is left as it is.
        """
        changed = {name: one for name, one in self._now().items() if not _same(one, self._before.get(name))}
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save(changed, file)
            _name_new(part, path)
        except OSError as error:
            raise WeightEditError(f"{shown(path)} was not written with the weights after the step: {reason(error)}; "
                                  "name another new file.") from error  # fmt: skip
        finally:
            part.unlink(missing_ok=True)
        return list(changed)

    def _now(self) -> dict[str, torch.Tensor]:
        """Copy those that hold plain numbers."""
        return {name: one.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
                for name, one in self.model.state_dict().items()
                if name in self.names and isinstance(one, torch.Tensor) and not torch.nn.parameter.is_lazy(one)
                and one.layout == torch.strided and not one.is_quantized and not one.is_meta}  # fmt: skip


def _name_new(part: Path, path: Path) -> None:
    """Give a file the name that was asked for, unless something has it."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        path.open("xb").close()
        part.replace(path)


def _same(one: torch.Tensor, other: torch.Tensor | None) -> bool:
    """Whether two contiguous tensors have the same bits, NaN included."""
    return other is not None and one.shape == other.shape and \
        torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))
