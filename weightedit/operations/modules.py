"""Operations on modules: what is a plain attribute becomes a parameter or a buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from weightedit.core.operation import operation

if TYPE_CHECKING:
    from weightedit.core.edits.draft import Draft
    from weightedit.core.slots import Entry

Registration = Literal["parameter", "buffer"]


@operation("restructure", title="Register", group="Structure", subject="entry", label="as {kind}",
           uses={"kind": {"buffer": ("persistent",)}})  # fmt: skip
def register(draft: Draft, entry: Entry, kind: Registration = "parameter", persistent: bool = True) -> None:
    """Make a parameter or buffer of a tensor that a live module has as a plain attribute.

    `state_dict()`, `parameters()` and `to()` pass plain attributes by. A parameter shares the memory of the tensor it
    is made of, and no optimizer trains it until it is added to one.

    Parameters
    ----------
    kind
        `parameter` is trained, `buffer` is only kept.
    persistent
        Whether a buffer is in the state_dict.

    References
    ----------
    torch.nn.Module.register_parameter, register_buffer, https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
    """
    draft.register(entry, kind, persistent)
