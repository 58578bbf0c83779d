"""What a journal says of an edit, and the edit out of what it says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weightedit.core.edit import Edit, TensorName, TensorValue, TensorView
from weightedit.core.journal import FileMark

if TYPE_CHECKING:
    from weightedit.core.history import Step

SHOWN_NAMES = 16
"""Names of tensors in a record; of all of them there is the number and a hash."""


def edit_record(step: Step, at: int, group: tuple[int, str] | None) -> dict[str, Any]:
    """Return the payload of an edit.

    Parameters
    ----------
    step
        About to be done.
    at
        How many edits the document has had by then.
    group
        Number and label of the group it belongs to.
    """
    edit = with_whole_paths(step.edit)
    record: dict[str, Any] = {
        "is": "edit", "at": at, "time": step.time.isoformat(), "label": step.label, "where": step.where,
        "edit": edit.to_json(), **names_of(step),
    }  # fmt: skip
    if group is not None:
        record["group"], record["group_label"] = group
    if files := files_of(edit):
        record["files"] = {name: mark(name) for name in files}
    return record


def names_of(step: Step) -> dict[str, Any]:
    """Return the tensors that an edit resolved to: some, how many, and a hash of all."""
    names = sorted(step.names)
    digest = blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return {"names": names[:SHOWN_NAMES], "named": len(names), "names_hash": digest}


def mark(path: str) -> dict[str, Any] | None:
    """Return the mark of a file that an edit takes a tensor from; None where that is not one file."""
    try:
        return FileMark.of(path).to_json()
    except (OSError, ValueError):
        return None


def arguments_of(edit: Edit) -> list[TensorValue]:
    """Return the tensors whose bytes a record needs beside it, each once."""
    return list({value.digest: value for value in edit.tensor_values()}.values())


def files_of(edit: Edit) -> list[str]:
    """Return the files that tensor arguments are taken from, each once."""
    given = [one for value in edit.arguments.values() for one in (value if isinstance(value, tuple) else (value,))]
    sources = [one.source if isinstance(one, TensorView) else one for one in given]
    return list(dict.fromkeys(one.file for one in sources if isinstance(one, TensorName) and one.file is not None))


def with_whole_paths(edit: Edit) -> Edit:
    """Return an edit that finds its files from any folder."""
    if not files_of(edit):
        return edit
    return replace(edit, arguments=MappingProxyType({name: _whole(value) for name, value in edit.arguments.items()}))


def _whole(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_whole, value))
    if isinstance(value, TensorView):
        return replace(value, source=_whole(value.source))
    if isinstance(value, TensorName) and value.file is not None:
        return replace(value, file=os.path.abspath(value.file))  # noqa: PTH100 - links stay as they are
    return value


def hashes_in(edit: Mapping[str, Any]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the tensor arguments that an edit of a record has: dtype and shape by hash.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If the record makes no sense.
    """
    given = list(edit["arguments"].values())
    given += [one for value in given if isinstance(value, dict) for one in value.get("tuple", ())]
    given += [value["view"] for value in given if isinstance(value, dict) and "view" in value]
    return {str(value["sha256"]): (str(value["dtype"]), tuple(map(int, value["shape"])))
            for value in given if isinstance(value, dict) and "sha256" in value}  # fmt: skip
