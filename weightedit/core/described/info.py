"""What the API says of a tensor: a snapshot of its description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.dtypes import torch_dtype

if TYPE_CHECKING:
    import torch

    from weightedit.core.reader import Reader


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """The description of one tensor at one moment.

    Attributes
    ----------
    name, path
        The dotted name, and the keys and indices from the root.
    kind
        `parameter`, `buffer` or `tensor`.
    shape, stride, offset
        In elements, as in torch.
    dtype_name, encoding
        The dtype of the logical values, and how they are stored.
    device
        Where it is, or the tag the file carries.
    requires_grad
        As in torch.
    storage_group
        A label such as `S1`, or None for a tensor alone in its storage.
    numel, nbytes
        Of the logical values.
    is_modified
        Whether anything of it differs from the saved point.
    """

    name: str
    path: tuple[Any, ...]
    kind: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype_name: str
    encoding: str
    device: str
    requires_grad: bool
    storage_group: str | None
    numel: int
    nbytes: int
    is_modified: bool

    @property
    def dtype(self) -> torch.dtype:
        """The torch.dtype of the logical values; imports torch."""
        return torch_dtype(self.dtype_name)


class TensorsView(Mapping[Any, TensorInfo]):
    """The tensors of a document by name or path, in file order."""

    def __init__(self, document: Reader) -> None:
        self._document = document

    def __getitem__(self, key: Any) -> TensorInfo:
        slot = self._document.slot(key)
        spec = slot.spec
        group = self._document.storage_group(slot)
        return TensorInfo(
            slot.name, slot.path, spec.kind, spec.shape, spec.stride, spec.offset, spec.dtype, spec.encoding,
            spec.device, spec.requires_grad, group, spec.numel, spec.nbytes, slot.is_modified)  # fmt: skip

    def __repr__(self) -> str:
        names = self._document.slots.names[:4]
        more = ", …" if len(self) > 4 else ""
        count = f"{len(self):,} tensor{'' if len(self) == 1 else 's'}"
        return f"<{count} of {self._document.title}: {', '.join(names)}{more}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._document.slots.names)

    def __len__(self) -> int:
        return len(self._document.slots)

    def __contains__(self, key: object) -> bool:
        return self._document.find(key) is not None
