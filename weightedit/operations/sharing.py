"""Operations on what slots share: several hold one tensor, or each has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.operation import TensorSource, operation

if TYPE_CHECKING:
    from weightedit.core.edits.tying import Sharing


@operation("share", title="Tie", group="Sharing", label="to {to}")
def tie(sharing: Sharing, to: TensorSource) -> None:
    """Let slots hold the very tensor that another one holds, so that a write to one is a write to all.

    Shape and dtype must be the same; the values the slots had before are given up. In a live module they hold the same
    `Parameter`: `module.parameters()` gives it once, and training updates all.

    Parameters
    ----------
    to
        The tensor of this document that they hold from now on.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.parameters
    """
    like = sharing.slot(to)
    sharing.join(sharing.named, like)
    if not sharing.moves:
        sharing.nothing(f"Nothing to tie to {like.name}", "It is all one tensor already.")


@operation("share", title="Untie", group="Sharing", code="{current}.clone()")
def untie(sharing: Sharing) -> None:
    """Give each slot an independent copy of its tensor, whether it was tied or a view of a larger buffer.

    Where every slot of a tensor is untied, the first one keeps it. What shares nothing stays as it is.

    References
    ----------
    torch.clone, https://docs.pytorch.org/docs/stable/generated/torch.clone.html
    """
    sharing.part(sharing.named)
    if not sharing.moves:
        sharing.nothing("Nothing to untie", "Each has a storage of its own, or is one entry under several names.")


@operation("share", title="Retie", group="Sharing")
def retie(sharing: Sharing) -> None:
    """Make one tensor again of slots that hold the same bits: same dtype, same shape, same bytes.

    Several groups of equal content become one tensor each; the first slot's tensor stays, and what is like no other
    stays as it is.

    References
    ----------
    https://github.com/huggingface/safetensors/blob/main/docs/source/torch_shared_tensors.mdx
    """
    groups, alone = sharing.alike()
    for first, *others in groups:
        sharing.join(others, first)
    if not sharing.moves:
        sharing.nothing("No two of them hold the same bits" if not groups else "What is alike is one tensor already",
                        "Retying compares dtype, shape and every byte.")  # fmt: skip
    sharing.say_unlike(alone)
