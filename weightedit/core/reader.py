"""The reading half of a document: its slots, what they are, and their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.core.described.entry_list import Entries, EntryList
from weightedit.core.described.info import TensorsView
from weightedit.core.described.slot_list import SlotList, Slots
from weightedit.core.described.targets import missing
from weightedit.core.edits.guarding import guarded
from weightedit.core.errors import EditRefused, RegionError
from weightedit.core.hazards import refusal
from weightedit.core.region import Box, parse_region
from weightedit.core.shared.groups import StorageGroups
from weightedit.core.slots import Slot
from weightedit.core.source import Source, SourceFile
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.visible import visible

if TYPE_CHECKING:
    import torch

    from weightedit.core.described.contents import Inventory
    from weightedit.core.live.marks import Marks
    from weightedit.core.live.watching import Watch


@dataclass(slots=True)
class Origin:
    """Where a document came from: title, path, format, what the file says of itself, and the open files.

    Of live objects also the optimizer that was handed over, a watch over the ones that were not, and marks of what
    tensors were like, to notice a training step.
    """

    title: str
    root: Any
    format_name: str
    path: Path | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    files: list[SourceFile] = field(default_factory=list)
    state: Any = None
    optimizer: Any = None
    watch: Watch | None = None
    marks: Marks | None = None


class Reader:
    """Slots of one checkpoint or live object, by name and by path, and their values."""

    def __init__(self, origin: Origin, inventory: Inventory) -> None:
        self.origin = origin
        self.entries: Entries = inventory.entries
        self.slots: Slots = inventory.slots
        self.absent: Sequence[Slot] = ()
        """Slots that are not there now, and that undo or redo may bring back."""
        self._index()

    @property
    def tensors(self) -> TensorsView:
        """The tensors by name or path; made anew, so that a document ends as soon as nobody holds it."""
        return TensorsView(self)

    @property
    def title(self) -> str:
        """The file's name, or what a live object is, as it can be shown."""
        return visible(self.origin.title)

    @property
    def path(self) -> Path | None:
        """The file or index it was opened from."""
        return self.origin.path

    @property
    def format_name(self) -> str:
        """`safetensors`, `torch zip`, `live module` or `memory`."""
        return self.origin.format_name

    @property
    def metadata(self) -> dict[str, str]:
        """The texts the file carries beside its tensors."""
        return self.origin.metadata

    @property
    def files(self) -> list[SourceFile]:
        """Every file that is held open."""
        return self.origin.files

    @property
    def is_live(self) -> bool:
        """Whether the tensors belong to the person's running code."""
        return self.origin.format_name in ("live module", "memory")

    @property
    def total_nbytes(self) -> int:
        """Bytes of all tensors, each storage counted once."""
        return self.slots.total_nbytes()

    def _index(self) -> None:
        if self.slots.is_restructured():  # names and places are no longer as the file's header has them
            self.entries, self.slots = EntryList(self.entries), SlotList(self.slots)
        self._groups = StorageGroups(self.slots.looked_at())

    def find(self, key: object) -> Slot | None:
        """Return the slot with exactly this name or path, or None."""
        found = self.slots.find(key)
        return self._computed(key) if found is None and isinstance(key, str) and self.is_live else found

    def _computed(self, name: str) -> Slot | None:
        """Return a slot for a weight that a parametrization computes: it can be named, and is in no list."""
        prefix, _, key = name.rpartition(".")
        start = f"{prefix}.parametrizations.{key}." if prefix else f"parametrizations.{key}."
        if self.slots.find(f"{start}original") is None and self.slots.find(f"{start}original0") is None:
            return None
        from weightedit.core.live.parametrized import computed_slot

        return computed_slot(name, self.slots.find, self.origin.root)

    def slot(self, key: object) -> Slot:
        """Return the slot with exactly this name or path; KeyError if there is none."""
        found = self.find(key)
        if found is None:
            raise KeyError(key)
        return found

    def name_at(self, key: object) -> str:
        """Return the name of the tensor at a name or path; raises `EditRefused` where there is none."""
        return self._slot_for_reading(key).name

    def __repr__(self) -> str:
        count = len(self.slots)
        return f"<Document {self.title}: {count:,} tensor{'' if count == 1 else 's'}>"

    def _slot_for_reading(self, key: object) -> Slot:
        found = self.find(key)
        if found is None and not isinstance(key, str | tuple):
            found = next((slot for slot in self.slots if self.is_live and slot.held.described.live is key), None)
            if found is None:
                raise EditRefused([refusal("not-found", f"No tensor of the document is this {type(key).__name__}",
                                           "Give a name, a pattern or a path.")])  # fmt: skip
        if found is None:
            raise EditRefused([missing(self, str(key))])
        return found

    def storage_group(self, slot: Slot) -> str | None:
        """Return the label of the storage a slot shares with others, or None if it is alone in it."""
        return self._groups.label(slot)

    def group_members(self, label: str) -> list[Slot]:
        """Return the slots over the storage with this label, in file order."""
        return self._groups.members(label)

    def place(self, slot: Slot) -> str:
        """Return where the bytes of a tensor are, for people."""
        spec, content = slot.spec, slot.storage.content
        if isinstance(content, Source):
            start, stop = spec.extent
            first, last = content.offset + start, content.offset + max(stop, start + 1) - 1
            return f"{content.file.name}, bytes {first:,}–{last:,}"
        return {"patched": "edited over the file", "resident": "edited, in memory or spill"}.get(
            slot.storage.state, f"on {spec.device}"
        )

    # ---- values

    def pin(self, key: object) -> PinnedTensor:
        """Return the present state of a tensor, which later edits leave alone."""
        return PinnedTensor.of(self._slot_for_reading(key))

    @guarded("reading values")
    def read(self, name: object, region: str | None = None, *, raw: bool = False) -> torch.Tensor:
        """Return an independent tensor on CPU with the values of a region.

        Parameters
        ----------
        name
            Name or path.
        region
            Such as `[3, :]`; None reads everything.
        raw
            Return the stored bytes of the region, row-major, as uint8, whatever the encoding.

        Raises
        ------
        EditRefused
            If there is no such tensor, the region does not fit, its values have no plain form,
            with `raw` it has no bytes, or there is no memory for them.
        """
        from weightedit.core.stage import tensor_from
        from weightedit.core.values.devices import refused_for_memory

        pinned = self.pin(name)
        try:
            box = parse_region(region, pinned.spec.shape)
        except RegionError as error:
            raise EditRefused([refusal("out-of-range", f"{region} does not fit {pinned.name}", str(error))]) from None
        size = bytes_text(box.numel * pinned.spec.type.itemsize)
        reading = refused_for_memory(f"reading the {size} of {visible(pinned.name)} in {self.title}")
        if raw:
            with reading:
                return _stored_bytes(pinned, box)
        if pinned.spec.encoding != "plain":
            title = f"{pinned.name} is {pinned.spec.encoding}, and has no plain values to read"
            raise EditRefused([refusal("unsupported", title, "raw=True reads the bytes that are stored, if any.",
                                       targets=[pinned.name])])  # fmt: skip
        with reading:
            return tensor_from(pinned.read(box), pinned.spec.dtype).reshape(box.result_shape)


def _stored_bytes(pinned: PinnedTensor, box: Box) -> torch.Tensor:
    import numpy as np
    import torch

    spec = pinned.spec
    if spec.encoding != "plain" and not pinned.content.nbytes:
        title = f"{pinned.name} is {spec.encoding}, and has no bytes in one piece to read"
        raise EditRefused([refusal("unsupported", title, targets=[pinned.name])])
    values = np.ascontiguousarray(pinned.read(box)).reshape(-1).view(np.uint8)
    return torch.from_numpy(values.copy())
