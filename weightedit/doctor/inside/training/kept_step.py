"""Writes what a training step made of a model's tensors to a file, where a person asks for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import torch


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
        OSError
            If there is no room for them.
        """
        changed = {name: one for name, one in self._now().items() if not _same(one, self._before.get(name))}
        part = path.with_name(f"{path.name}.part")
        try:
            torch.save(changed, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return list(changed)

    def _now(self) -> dict[str, torch.Tensor]:
        """Copy those that hold plain numbers."""
        return {name: one.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
                for name, one in self.model.state_dict().items()
                if name in self.names and isinstance(one, torch.Tensor) and not torch.nn.parameter.is_lazy(one)
                and one.layout == torch.strided and not one.is_quantized and not one.is_meta}  # fmt: skip


def _same(one: torch.Tensor, other: torch.Tensor | None) -> bool:
    """Whether two contiguous tensors have the same bits, NaN included."""
    return other is not None and one.shape == other.shape and \
        torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))
