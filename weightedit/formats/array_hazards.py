"""What plain arrays cannot hold of a document: names, sharing, dtypes numpy lacks, values that are no tensors."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.words.paths import some
from weightedit.formats.live_view import as_plain
from weightedit.formats.npy_header import FROM_TORCH
from weightedit.formats.protocol import Contents, Written, written_slots
from weightedit.formats.safetensors_hazards import overlaps

ARRAY = "array"
"""The name of a tensor whose file gives it none."""


def single_hazards(contents: Contents, name: str) -> list[Hazard]:
    """Refuse all but one tensor for the format called `name`, and say what else than numbers is lost."""
    try:
        plain = as_plain(contents)
    except EditRefused as error:
        return list(error.hazards)
    named = written_slots(plain.contents)
    if len(named) != 1:
        return [refusal("unsupported", f"{name} holds one tensor, and there are {len(named):,}",
                        "Export one of them by its name, or all of them to another format.",
                        targets=[slot.name for slot, _ in named][:5], count=len(named))]  # fmt: skip
    return [*plain.hazards, *_dropped(plain.contents, name)]


def table_hazards(contents: Contents, name: str, shared: str | None) -> list[Hazard]:
    """Say what a table of arrays by name cannot hold."""
    try:
        plain = as_plain(contents)
    except EditRefused as error:
        return list(error.hazards)
    return [*plain.hazards, *_sharing(plain.contents, name, shared),
            *_dropped(plain.contents, name)]  # fmt: skip


def one_tensor(contents: Contents) -> Written:
    """Return the one tensor of a document."""
    ((_, written),) = written_slots(as_plain(contents).contents)
    return written


def dtype_hazards(contents: Contents, name: str) -> Iterator[Hazard]:
    """Refuse what numpy has no dtype for."""
    odd = [slot for slot, written in written_slots(contents)
           if written.spec.dtype not in FROM_TORCH or written.spec.encoding != "plain"]  # fmt: skip
    if odd:
        names = [slot.name for slot in odd]
        dtypes = sorted({slot.spec.dtype if slot.spec.encoding == "plain" else slot.spec.encoding for slot in odd})
        wider = sorted({"complex64" if slot.spec.type.family == "complex" else "float32" for slot in odd
                        if slot.spec.type.family != "opaque"})  # fmt: skip
        such = f"such as {' or '.join(wider)}"
        hint = f"Give a dtype that holds the same values, {such}, or export" if wider else "Export"
        yield refusal("unsupported", f"numpy has no dtype for {', '.join(dtypes)}",
                      f"{some(names)} cannot be written as {name}. {hint} to .pt or .safetensors.",
                      targets=names, count=len(names))  # fmt: skip


def _sharing(contents: Contents, name: str, shared: str | None) -> Iterator[Hazard]:
    same, partly = overlaps(written_slots(contents))
    groups = [*same, *partly]
    names = [one for group in groups for one in group]
    if groups and shared == "copy":
        yield Hazard("values-dropped", "warning", f"{len(names):,} tensors will no longer share their values",
                     f"{some(names)} are written once each.", tuple(names), len(names))  # fmt: skip
    elif groups:
        yield refusal("shared-storage", f"{len(names):,} tensors share their values, which {name} cannot hold",
                      f"{some(' = '.join(group) for group in groups)}. Write a copy of each (shared=\"copy\").",
                      targets=names, count=len(names))  # fmt: skip


def _dropped(contents: Contents, name: str) -> Iterator[Hazard]:
    named = written_slots(contents)
    values = [entry.name for entry in contents.entries if entry.kind == "value"]
    lost = []
    if values:
        lost.append(f"{len(values):,} values that are not tensors ({some(values)})")
    if contents.metadata:
        lost.append(f"the file's metadata ({some(contents.metadata)})")
    if any(written.spec.kind == "parameter" or written.spec.requires_grad for _, written in named):
        lost.append("what is a parameter or requires grad")
    if any(len(slot.path) > 1 for slot, _ in named):
        lost.append("the nesting, which becomes dotted names")
    if lost:
        yield Hazard("values-dropped", "warning", f"{name} keeps numbers and shapes only", f"Lost: {'; '.join(lost)}.",
                     tuple(values), len(values) or len(lost))  # fmt: skip
