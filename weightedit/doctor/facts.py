"""What a model or a checkpoint holds, as plain records: the names, shapes and dtypes that the doctor compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.values.equality import Told, same_bytes, untold

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.undo.history_compare import State


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """One tensor, without its values.

    Attributes
    ----------
    name
        As in `state_dict()`, or as the document has it.
    shape, dtype, device, requires_grad
        As in torch, the dtype without `torch.`.
    kind
        `parameter`, `buffer` or `tensor`.
    same_as
        The name of the first tensor that is the very same one (tied weights); empty for that one, and where alone.
    is_persistent
        Whether `state_dict()` has it; a buffer registered with `persistent=False` is not there.
    container
        The dotted name of what holds it in the document, `state_dict` of `state_dict.fc.weight`, so that the rest of
        the name is its key; for tensors of a module the name of the whole module. Empty at the root.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    kind: str = "tensor"
    device: str = "cpu"
    requires_grad: bool = False
    same_as: str = ""
    is_persistent: bool = True
    container: str = ""

    @property
    def key(self) -> str:
        """The name within its container, as `load_state_dict` is given it."""
        return self.name[len(self.container) + 1 :] if self.container else self.name


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """One module of a model.

    Attributes
    ----------
    name
        Dotted; empty for the model itself.
    type
        The name of its class, `Linear`.
    says
        Its numbers by attribute: `in_features`, `num_embeddings`, `padding_idx` and their like.
    """

    name: str
    type: str
    says: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as its code makes it, before any checkpoint is loaded.

    Attributes
    ----------
    type
        The name of its class.
    modules
        In the order of `named_modules()`, the model itself first.
    tensors
        Parameters and buffers in the order of `state_dict()`, tied ones under each name, then buffers that are not
        persistent.
    """

    type: str
    modules: tuple[ModuleFacts, ...]
    tensors: tuple[TensorFacts, ...]


def facts_of(document: Document, state: State | None = None) -> tuple[TensorFacts, ...]:
    """Describe the tensors of a document as it is now, edits included, in its order; or at a point of its history."""
    first: dict[tuple[object, ...], str] = {}
    made: list[TensorFacts] = []
    containers = _containers(document)
    names = {slot: slot.name for slot in document.slots} if state is None else state.names
    for slot, name in names.items():
        pinned = None if state is None else state.pin(slot)
        spec, content = (slot.spec, slot.storage) if pinned is None else (pinned.spec, pinned.content)
        same = first.setdefault((id(content), spec.offset, spec.shape, spec.stride, spec.dtype), name)
        made.append(TensorFacts(name, tuple(spec.shape), spec.dtype, spec.kind, spec.device, spec.requires_grad,
                                "" if same == name else same,
                                container=containers.get(slot.path[:-1], "")))  # fmt: skip
    return tuple(made)


def _containers(document: Document) -> dict[tuple[Any, ...], str]:
    """Return what holds tensors by its path: a module's own modules are held by the outermost one."""
    if all(len(slot.path) < 2 for slot in document.slots):  # the tree of a flat checkpoint is not asked for
        return {}
    root_is_module = not isinstance(document.origin.root, dict | list | tuple)
    outermost: dict[tuple[Any, ...], str] = {(): ""} if root_is_module else {}
    found: dict[tuple[Any, ...], str] = {}
    for entry in document.entries:
        if entry.kind == "module":
            above = outermost.get(entry.path[:-1])
            found[entry.path] = outermost[entry.path] = entry.name if above is None else above
        elif entry.kind not in ("tensor", "value"):
            found[entry.path] = entry.name
    return found


def same_bits(document: Document, name: str, other: str, told: Told = untold) -> bool:
    """Whether two tensors of a document have the same dtype, shape and bits; their bytes are read in pieces.

    Raises
    ------
    EditRefused
        If there is no such tensor.
    SourceChanged
        If a file changed meanwhile.
    """
    first, second = document.pin(name), document.pin(other)
    if (first.spec.dtype, first.spec.shape) != (second.spec.dtype, second.spec.shape) or \
            first.spec.encoding != "plain" or second.spec.encoding != "plain":  # fmt: skip
        return False
    return same_bytes(first.spec, first.content, second.spec, second.content, told)
