"""What a model or a checkpoint holds, as plain records: the names, shapes and dtypes that the doctor compares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightedit.core.dtypes import DTYPES
from weightedit.core.values.equality import Told, same_bytes, untold

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.undo.history_compare import State

_REBUILT = "torch._utils._rebuild_sparse_tensor"
"""What a pickle of a sparse tensor calls."""


EXTRA_STATE = "_extra_state"
"""The last part of the key under which torch saves what `get_extra_state` of a module gives."""


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
    encoding
        How its values are stored, `plain` for numbers as they are; the parts of a sparse tensor are one tensor.
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
    encoding: str = "plain"

    @property
    def key(self) -> str:
        """The name within its container, as `load_state_dict` is given it."""
        return self.name[len(self.container) + 1 :] if self.container else self.name

    @property
    def has_values(self) -> bool:
        """Whether it has numbers that torch computes with as they are stored."""
        return self.encoding == "plain" and DTYPES[self.dtype].family != "opaque"


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
    extra_states
        Keys such as `fc._extra_state` that `load_state_dict` asks for, since their modules have `set_extra_state`.
    loading_code
        Modules with code of their own that changes a state_dict as it is loaded: hooks, `_load_from_state_dict`.
    given
        Whole numbers that it was made with, by argument or by key of its `config`.
    """

    type: str
    modules: tuple[ModuleFacts, ...]
    tensors: tuple[TensorFacts, ...]
    extra_states: tuple[str, ...] = ()
    loading_code: tuple[str, ...] = ()
    given: dict[str, int] = field(default_factory=dict)


def facts_of(document: Document, state: State | None = None) -> tuple[TensorFacts, ...]:
    """Describe the tensors of a document as it is now, edits included, in its order; or at a point of its history."""
    first: dict[tuple[object, ...], str] = {}
    made: list[TensorFacts] = []
    containers, sparse = _containers(document), _sparse(document)
    names = {slot: slot.name for slot in document.slots} if state is None else state.names
    for slot, name in names.items():
        pinned = None if state is None else state.pin(slot)
        spec, content = (slot.spec, slot.storage) if pinned is None else (pinned.spec, pinned.content)
        if (whole := sparse.get(slot.path)) is not None:
            if whole.values == slot.path:
                depth = len(slot.path) - len(whole.path)
                made.append(TensorFacts(name.rsplit(".", depth)[0], whole.shape, spec.dtype, encoding=whole.encoding,
                                        container=containers.get(whole.path[:-1], "")))  # fmt: skip
            continue
        same = first.setdefault((id(content), spec.offset, spec.shape, spec.stride, spec.dtype), name)
        made.append(TensorFacts(name, tuple(spec.shape), spec.dtype, spec.kind, spec.device, spec.requires_grad,
                                "" if same == name else same, container=containers.get(slot.path[:-1], ""),
                                encoding=spec.encoding))  # fmt: skip
    return tuple(made)


@dataclass(frozen=True, slots=True)
class _Sparse:
    """A sparse tensor of a pickle, which is there in parts: its path, that of its values, its shape and layout."""

    path: tuple[Any, ...]
    values: tuple[Any, ...]
    shape: tuple[int, ...]
    encoding: str


def _sparse(document: Document) -> dict[tuple[Any, ...], _Sparse]:
    """Return the sparse tensors by the path of each of their parts: (layout, (indices, …, values, size, …))."""
    if all(len(slot.path) < 3 for slot in document.slots):  # the tree of a flat checkpoint is not asked for
        return {}
    found: dict[tuple[Any, ...], _Sparse] = {}
    at = {entry.path: entry for entry in document.entries}
    for path, entry in at.items():
        if entry.kind != "object" or entry.text != _REBUILT or (layout := at.get((*path, 0, 0))) is None:
            continue
        encoding = str(layout.value).removeprefix("torch.")
        last = 1 if encoding == "sparse_coo" else 2
        size = at.get((*path, 1, last + 1))
        if size is not None and isinstance(size.value, tuple) and all(type(one) is int for one in size.value):
            whole = _Sparse(path, (*path, 1, last), tuple(size.value), encoding)
            found |= {(*path, 1, place): whole for place in range(last + 1)}
    return found


def is_extra_state(name: str) -> bool:
    """Whether a key of a state_dict is what `get_extra_state` of a module gave: a tensor, or anything else."""
    return name.rpartition(".")[2] == EXTRA_STATE


def extra_states_of(document: Document) -> tuple[str, ...] | None:
    """Return the names in a document under which modules keep an extra state, whatever it is.

    None where whole modules are in it: what their `get_extra_state` gives is known only once it ran.
    """
    entries = document.entries
    if any(entry.kind == "module" for entry in entries):
        return None
    return tuple(entry.name for entry in entries if isinstance(entry.key, str) and is_extra_state(entry.key))


def holds(document: Document) -> tuple[str, ...]:
    """Return the names of what a document holds at its first level, tensors or not, each with what it is."""
    return tuple(f"{entry.name} ({entry.text})" if entry.text else entry.name for entry in document.entries
                 if len(entry.path) == 1)  # fmt: skip


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
