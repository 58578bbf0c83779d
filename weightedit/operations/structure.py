"""Operations on what a checkpoint holds: entries come, go, change places and names, and values are set."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from weightedit.core.edits.drafted import NewTensor
from weightedit.core.operation import DTypeName, Ints, Number, Plain, operation
from weightedit.core.region import Box, shape_text
from weightedit.core.spec import TensorSpec
from weightedit.operations.coding import stored
from weightedit.operations.refusing import few_dimensions

if TYPE_CHECKING:
    from torch import Tensor

    from weightedit.core.edits.draft import Draft
    from weightedit.core.edits.drafted import Fill
    from weightedit.core.slots import Entry
    from weightedit.core.values.pinned import PinnedTensor


FLOAT = DTypeName("float32")


@operation("restructure", title="Rename", group="Structure", subject="entry", label="to {to}",
           takes_groups=True)  # fmt: skip
def rename(draft: Draft, entry: Entry, to: str) -> None:
    r"""Give an entry another name in the same place; all entries below a prefix such as `stem` get another prefix.

    Every entry that a `re:` pattern matches is renamed by the pattern's groups: `re:model\.layers\.(\d+)\.(.*)` to
    `blocks.\1.\2`.

    Parameters
    ----------
    to
        The new full name, or the new prefix; with groups of a `re:` pattern as `\1` or `\g<name>`.

    References
    ----------
    re.Match.expand, https://docs.python.org/3/library/re.html#re.Match.expand
    """
    draft.rename(entry, to)


@operation("restructure", title="Delete", group="Structure", subject="entry", takes_groups=True)
def delete(draft: Draft, entry: Entry) -> None:
    """Take tensors, values or whole containers out of the checkpoint, such as an optimizer's state.

    A tensor that other names hold too stays under them.
    """
    if not entry.path:
        draft.refuse(entry, "The document itself cannot be deleted", "Name what is in it.")
    draft.remove(entry)


@operation("restructure", title="Duplicate", group="Structure", subject="entry", label="as {to}",
           takes_groups=True)  # fmt: skip
def duplicate(draft: Draft, entry: Entry, to: str) -> None:
    """Put an independent copy of a tensor or value after it, as `tensor.clone()` does.

    Parameters
    ----------
    to
        The copy's full name, or the new prefix for copies of all entries below one.

    References
    ----------
    torch.clone, https://docs.pytorch.org/docs/stable/generated/torch.clone.html
    """
    draft.insert(entry, to, draft.copy_of(entry))


@operation("restructure", title="Move", group="Structure", subject="entry", label="to place {to}")
def move(draft: Draft, entry: Entry, to: int) -> None:
    """Move an entry to another place among those beside it; a state_dict keeps the order of its keys.

    Parameters
    ----------
    to
        The place, from 0; negative ones count from the end.
    """
    draft.move(entry, to)


@operation("restructure", title="Set value", group="Structure", subject="value", label="{value}")
def set_value(draft: Draft, entry: Entry, value: Plain) -> None:
    """Set a number, text, list or another value that is no tensor, such as `epoch` or a class count.

    Parameters
    ----------
    value
        The new value: None, True, False, a number, a text, or a list, tuple or dict of these.
    """
    draft.put_value(entry, value)


@operation("restructure", title="Add tensor", group="Structure", subject="entry", label="{to} {shape} {dtype}")
def add_tensor(draft: Draft, entry: Entry, to: str, shape: Ints, dtype: DTypeName = FLOAT,
               value: Number = 0) -> None:  # fmt: skip
    """Add a tensor with one value in every cell after an entry, or at the end of a container.

    Parameters
    ----------
    to
        Its full name.
    shape
        Its shape; an empty one makes a single number.
    dtype
        Its dtype.
    value
        What every cell holds; initialize it afterwards for other values.

    References
    ----------
    torch.full, https://docs.pytorch.org/docs/stable/generated/torch.full.html
    """
    from weightedit.core.values.precision import exact_number

    if any(size < 0 for size in shape):
        draft.refuse(entry, f"The shape {shape_text(shape)} has a negative size", "Sizes are 0 or more.")
    spec = TensorSpec.contiguous(dtype, few_dimensions(shape))
    draft.insert(entry, to, NewTensor(spec, lambda box: exact_number(value).expand(box.shape),
                                      f"torch.full({shape}, {stored(spec, value)}, dtype=torch.{dtype})"))  # fmt: skip


@operation("restructure", title="Split", group="Structure", subject="entry", label="{split_size_or_sections}")
def split(draft: Draft, entry: Entry, split_size_or_sections: Ints, dim: int = 0, names: str = "") -> None:
    """Part a tensor into several along a dimension, which take its place, as a fused `qkv` into q, k and v.

    Parameters
    ----------
    split_size_or_sections
        One size for equal parts (the last may be smaller), or the size of each part; they add up to the dimension.
    dim
        The dimension that is cut; negative ones count from the end.
    names
        Names of the parts, parted by commas; one without a dot is put beside the tensor: `q` is `model.q` for
        `model.qkv`. By default the tensor's name with .0, .1 and so on.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.split.html
    """
    pinned = draft.pin(entry)
    shape = pinned.spec.shape
    if not -len(shape) <= dim < len(shape):
        draft.refuse(entry, f"Dimension {dim} does not exist", f"{entry.name} has {len(shape)} dimensions.")
    dim %= len(shape)
    sizes = _sizes(draft, entry, split_size_or_sections, shape[dim])
    named = [_beside(entry, name.strip()) for name in names.split(",")] if names.strip() else \
        [f"{entry.name}.{number}" for number in range(len(sizes))]  # fmt: skip
    if len(named) != len(sizes):
        draft.refuse(entry, f"{len(named)} names for {len(sizes)} parts", "Give one name for each part.")
    for name, size, stop in zip(named, sizes, accumulate(sizes), strict=True):
        spec = pinned.spec.fresh(shape=(*shape[:dim], size, *shape[dim + 1 :]))
        draft.insert(entry, name, NewTensor(
            spec, _part(pinned, dim, stop - size), f"{{current}}.narrow({dim}, {stop - size}, {size}).clone()"))
    draft.remove(entry)


def _beside(entry: Entry, name: str) -> str:
    """Return a name without a dot as one beside an entry, any other as it is."""
    prefix = entry.name.rpartition(".")[0]
    return f"{prefix}.{name}" if prefix and name and "." not in name else name


def _sizes(draft: Draft, entry: Entry, given: tuple[int, ...], length: int) -> list[int]:
    if any(size < 0 for size in given) or not given or (len(given) == 1 and not given[0]):
        draft.refuse(entry, f"The sizes {list(given)} do not split {length}", "Sizes are more than 0.")
    if len(given) == 1 and given[0] < length:
        return [min(given[0], length - start) for start in range(0, length, given[0])]
    if sum(given) != length:
        draft.refuse(entry, f"The sizes {list(given)} add up to {sum(given)}, not {length}",
                     "Give sizes that add up, or one size for equal parts.")  # fmt: skip
    return list(given)


def _part(pinned: PinnedTensor, dim: int, start: int) -> Fill:
    from weightedit.core.stage import tensor_from

    def fill(box: Box) -> Tensor:
        axis = box.axes[dim]
        moved = range(axis[0] + start, axis[-1] + start + 1) if axis else axis
        return tensor_from(pinned.read(Box((*box.axes[:dim], moved, *box.axes[dim + 1 :]))), pinned.spec.dtype)

    return fill
