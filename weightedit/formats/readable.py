"""A document without the tensors whose bytes are lost, for a file of what can still be read."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from weightedit.core.described.contents import file_inventory
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.values.readable import Remains
from weightedit.formats.pickle_values import StorageRef
from weightedit.formats.pickle_walk import leaves
from weightedit.formats.protocol import Contents


def readable_contents(contents: Contents, remains: Remains) -> tuple[Contents, list[Hazard]]:
    """Return contents without what cannot be read any more, and what that leaves out.

    A tensor in a dict goes with its key; in a list, a tuple or the arguments of an object, None stands in its place,
    so that what comes after it keeps its number. What the format kept of the old file beside the tensors (the other
    records of an archive, the shards) is lost as well where a file is.

    Raises
    ------
    EditRefused
        If nothing can be read, or the document is nested too deeply to be copied.
    """
    if not remains.lost:
        return contents, []
    lost = {id(slot.held) for slot in remains.slots}
    names = [slot.name for slot in contents.slots if id(slot.held) in lost]
    if len(names) == len(contents.slots):
        raise EditRefused([refusal("unsupported", "None of the tensors can be read any more",
                                   remains.hazard(names).detail, targets=names[:8], count=len(names))])  # fmt: skip
    memo: dict[int, Any] = {}
    for leaf in leaves(contents.root):
        bare = isinstance(leaf, StorageRef) and _is_lost(leaf, remains)
        names += [f"storage {leaf.stored.key}"] if isinstance(leaf, StorageRef) and bare else []
        memo[id(leaf)] = None if bare or id(leaf) in lost else leaf
    try:
        root = copy.deepcopy(contents.root, memo)
    except RecursionError as error:
        raise EditRefused([refusal("unsupported", "What the file holds is nested too deeply to be written in part")]
                          ) from error  # fmt: skip
    for slot in contents.slots:
        owner = memo.get(id(slot.owner))
        if id(slot.held) in lost and isinstance(owner, dict):
            owner.pop(slot.key, None)
    inventory = file_inventory(root)
    kept = replace(contents, root=root, slots=inventory.slots, entries=inventory.entries, origin=None, pins={})
    return kept, [remains.hazard(names)] if names else []


def _is_lost(ref: StorageRef, remains: Remains) -> bool:
    """Whether a storage that stands by itself needs bytes of a lost file."""
    content = ref.stored.storage.content
    return remains.needs_lost(content, 0, content.nbytes)
