"""What a flat table of contiguous tensors cannot hold of a document, said before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.region import Box
from weightedit.core.slots import Slot
from weightedit.core.words.paths import counted, some
from weightedit.formats.live_view import Plain, as_plain
from weightedit.formats.protocol import Contents, Written, shared_refusals, written_slots
from weightedit.formats.safetensors_aliases import are_known, renewed
from weightedit.formats.safetensors_rows import FROM_TORCH, METADATA

Named = list[tuple[Slot, Written]]


def hazards(contents: Contents, shared: str | None) -> list[Hazard]:
    """Return every refusal and loss of writing these contents as safetensors.

    Parameters
    ----------
    contents
        The document.
    shared
        None, `copy` or `alias`: what to do with tensors that have elements in common.
    """
    if refused := shared_refusals(shared):
        return refused
    try:
        plain = as_plain(contents)
    except EditRefused as error:
        return list(error.hazards)
    return plain_hazards(plain, shared)


def plain_hazards(plain: Plain, shared: str | None) -> list[Hazard]:
    """Return the same for a document as plain data."""
    named = written_slots(plain.contents)
    shared = settled(plain.contents, named, shared)
    found = [*_unwritable(named), *_sharing(plain.contents, named, shared), *plain.hazards]
    return [*found, *_dropped(plain.contents, named)]


def settled(contents: Contents, named: Named, shared: str | None) -> str | None:
    """Return what to do with tensors that share: as the file they come from did, where nobody says and it can."""
    before = known_aliases(contents)
    if shared is not None or not before:
        return shared
    same, partly = overlaps(named)
    return "alias" if same and not partly and are_known(same, before) else None


def known_aliases(contents: Contents) -> dict[str, str]:
    """Return the aliases of the file that the contents come from."""
    from weightedit.formats.safetensors import SafetensorsOrigin

    return contents.origin.aliases if isinstance(contents.origin, SafetensorsOrigin) else {}


def kept_metadata(contents: Contents, aliases: dict[str, str]) -> dict[str, str]:
    """Return the texts of a file that is written in one piece, with the aliases there are now."""
    from weightedit.formats.safetensors import SafetensorsOrigin

    origin = contents.origin
    if not isinstance(origin, SafetensorsOrigin):
        return (dict(contents.metadata) or {"format": "pt"}) | aliases  # readers of Hugging Face insist on a format
    kept: dict[str, str] = dict(contents.metadata) if origin.index is None else {}
    for shard in origin.shards.values() if origin.index is not None else ():
        kept = {**shard.header.metadata, **kept}
    return renewed(kept, origin.aliases, aliases)


def _unwritable(named: Named) -> Iterable[Hazard]:
    odd = [slot for slot, written in named if not can_hold(written)]
    if odd:
        dtypes = sorted({_type_of(slot) for slot in odd})
        yield refusal("unsupported", f"safetensors has no dtype for {', '.join(dtypes)}",
                      f"{some(slot.name for slot in odd)} cannot be written. Cast first, or export as torch zip.",
                      targets=[slot.name for slot in odd], count=len(odd))  # fmt: skip
    if any(slot.name == METADATA for slot, _ in named):
        yield refusal("unsupported", f"safetensors cannot hold a tensor named {METADATA}",
                      "Rename it, or export as torch zip.", targets=[METADATA], count=1)  # fmt: skip


def can_hold(written: Written) -> bool:
    """Whether safetensors has a dtype for the tensor as it is stored."""
    spec = written.spec
    packed = spec.dtype == "float4_e2m1fn_x2" and not spec.shape
    return spec.dtype in FROM_TORCH and spec.encoding == "plain" and not packed


def _type_of(slot: Slot) -> str:
    spec = slot.spec
    return spec.dtype if spec.encoding == "plain" else f"{spec.encoding} {spec.dtype}"


def _sharing(contents: Contents, named: Named, shared: str | None) -> Iterable[Hazard]:
    same, partly = overlaps(named)
    if shared == "alias":
        yield from _taken(contents, same)
    if shared is None and (same or partly):
        groups = [*same, *partly]
        names = [name for group in groups for name in group]
        yield refusal("shared-storage", f"{len(names):,} tensors share their values, which safetensors cannot hold",
                      f"{some(' = '.join(group) for group in groups)}. Write a copy of each (shared=\"copy\"), or one "
                      'of them with the other names as aliases (shared="alias").',
                      targets=names, count=len(names))  # fmt: skip
    elif shared == "alias" and partly:
        names = [name for group in partly for name in group]
        yield refusal("shared-storage", f"{len(names):,} tensors overlap in part, which an alias cannot say",
                      f"{some(' and '.join(group) for group in partly)}. Write a copy of each.",
                      targets=names, count=len(names))  # fmt: skip
    elif shared == "copy" and (same or partly):
        names = [name for group in (*same, *partly) for name in group]
        yield Hazard("values-dropped", "warning", f"{len(names):,} tensors will no longer share their values",
                     f"{some(names)} are written once each.", tuple(names), len(names))  # fmt: skip


def _taken(contents: Contents, same: list[list[str]]) -> Iterable[Hazard]:
    """Refuse aliases whose names the metadata has another text under."""
    metadata = kept_metadata(contents, {})
    names = [name for group in same for name in group[1:] if metadata.get(name, group[0]) != group[0]]
    if names:
        yield refusal("shared-storage", f"The metadata has another text under {counted(len(names), 'name')}",
                      f"{some(names)}: an alias would overwrite it. Write a copy of each.",
                      targets=names, count=len(names))  # fmt: skip


def overlaps(named: Named) -> tuple[list[list[str]], list[list[str]]]:
    """Return the groups of names that are one and the same tensor, and the pairs that overlap otherwise."""
    by_storage: dict[int, Named] = {}
    for slot, written in named:
        if written.spec.numel:
            by_storage.setdefault(id(written.storage), []).append((slot, written))
    same: list[list[str]] = []
    partly: list[list[str]] = []
    for members in by_storage.values():
        if len(members) > 1:
            groups = _alike(members)
            same += [[slot.name for slot, _ in group] for group in groups if len(group) > 1]
            partly += _crossing([group[0] for group in groups])
    return same, partly


def _alike(members: Named) -> list[Named]:
    groups: dict[tuple[object, ...], Named] = {}
    for slot, written in members:
        spec = written.spec
        stride = () if spec.is_contiguous else spec.stride
        groups.setdefault((spec.dtype, spec.shape, stride, spec.offset), []).append((slot, written))
    return list(groups.values())


def _crossing(firsts: Named) -> list[list[str]]:
    """Return the pairs with an element in common; only neighbours in the storage are compared."""
    from weightedit.core.shared.sharing import share_elements

    pairs = []
    ordered = sorted(firsts, key=lambda item: item[1].spec.extent)
    for index, (slot, written) in enumerate(ordered):
        stop = written.spec.extent[1]
        for other, theirs in ordered[index + 1 :]:
            if theirs.spec.extent[0] >= stop:
                break
            mine, others = Box.whole(written.spec.shape), Box.whole(theirs.spec.shape)
            if share_elements(written.spec, [mine], theirs.spec, [others]):
                pairs.append([slot.name, other.name])
    return pairs


def _dropped(contents: Contents, named: Named) -> Iterable[Hazard]:
    values = [entry.name for entry in contents.entries if entry.kind == "value"]
    parameters = [slot.name for slot, written in named if written.spec.kind == "parameter"]
    grads = [slot.name for slot, written in named if written.spec.requires_grad and written.spec.kind != "parameter"]
    devices = sorted({written.spec.device for _, written in named} - {"cpu"})
    nested = [slot.name for slot, _ in named if len(slot.path) > 1]
    lost = []
    if values:
        lost.append(f"{len(values):,} values that are not tensors ({some(values)})")
    if parameters:
        lost.append(f"that {len(parameters):,} tensors are parameters")
    if grads:
        lost.append(f"requires_grad of {counted(len(grads), 'tensor')} ({some(grads)})")
    if nested:
        lost.append("the nesting, which becomes dotted names")
    if devices:
        lost.append(f"the device tags {', '.join(devices)}")
    if lost:
        names = (*values, *grads)
        yield Hazard("values-dropped", "warning", "safetensors keeps tensors, names and shapes only",
                     f"Lost: {'; '.join(lost)}.", names, len(names) or len(lost))  # fmt: skip
