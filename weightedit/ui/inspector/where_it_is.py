"""Where a tensor is, for the inspector: a live one's device, what that is and has free, or what a file says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.values.devices import KEEPS_DEVICE, free_memory, model_name
from weightedit.core.words.numbers import bytes_text

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.spec import TensorSpec


def device_facts(document: Document, spec: TensorSpec) -> tuple[str, str, str]:
    """Return (device, remark, tooltip) of a tensor."""
    if not document.is_live:
        if document.format_name in KEEPS_DEVICE:
            return spec.device, "as saved", f"torch.load puts it on {spec.device} unless it is given a map_location."
        said = f"{document.format_name} keeps no device: a tensor goes where code loads it."
        return "–", "not kept in the file", said
    name, free = model_name(spec.device), free_memory(spec.device)
    lines = [name] if name else []
    lines += [f"{bytes_text(free)} free on {spec.device}"] if free is not None else []
    return spec.device, name, "\n".join(lines)
