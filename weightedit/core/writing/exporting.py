"""The half of a document that writes files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

from weightedit.core.edits.guarding import guarded
from weightedit.core.progress import CancelFlag, Progress, Report
from weightedit.core.reader import Reader

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.hazards import Hazard
    from weightedit.core.writing.save_plan import SavePlan
    from weightedit.core.writing.saving import Saved, Writer


class Exporting(Reader):
    """Saves and exports the present state, atomically; a `Document` gives it lock and writer."""

    _lock: threading.RLock
    _writer: Writer

    @guarded("saving")
    def save(self, shared: str | None = None, *, in_place: bool = False, progress: Report | None = None,
             cancel: CancelFlag | None = None) -> Saved:  # fmt: skip
        """Replace the document's own file by its present state, atomically, and make this the saved point.

        Parameters
        ----------
        in_place
            Write only what changed, into the file itself, which takes no room for a second one and promises less:
            other programs that read the file meanwhile see old and new bytes mixed, and so does who opens it after
            this process was killed in the midst, until weightedit put the old bytes back, which it does at its next
            start, when it opens the file, or by `weightedit recover FILE`. Refused where bytes would have to move.
        shared, progress, cancel
            As for `export`; with None, safetensors goes on with the aliases that the file has.

        Raises
        ------
        EditRefused
            If there is no file, or its format cannot hold something that must not be lost silently.
        CheckpointError
            If writing or reading back goes wrong; the file is as it was.
        """
        with self._lock:
            return self._writer.save(cast("Document", self), shared, Progress(progress, cancel), in_place=in_place)

    @guarded("the export")
    def export(self, path: str | Path, format: str | None = None, shared: str | None = None,
               shard_size: int | None = None, *, only_readable: bool = False, progress: Report | None = None,
               cancel: CancelFlag | None = None) -> Saved:  # fmt: skip
        """Write the present state to a file, atomically, read back and verified.

        Parameters
        ----------
        path
            The destination; the document's own file makes this a save.
        format
            `safetensors`, `torch zip`, `npz`, …; None goes by the suffix, then by where the document came from.
        shared
            What safetensors does with shared tensors: `copy` or `alias`; None refuses.
        shard_size
            Bytes of tensors per file at most, for a sharded export.
        only_readable
            Leave out the tensors that `unreadable_names` gives, and say so in a `values-dropped` warning; for a
            document whose file another program changed. Never over the opened files themselves.
        progress, cancel
            Called with (label, done, total); checked between pieces.

        Raises
        ------
        EditRefused
            If the format cannot hold something that must not be lost silently.
        CheckpointError
            If writing or reading back goes wrong; the destination is as it was.
        """
        with self._lock:
            whole = cast("Document", self)
            return self._writer.export(whole, Path(path), format, shared, shard_size, Progress(progress, cancel),
                                       only_readable=only_readable)  # fmt: skip

    @guarded("the plan")
    def save_plan(self, shared: str | None = None, *, in_place: bool = False,
                  cancel: CancelFlag | None = None) -> SavePlan:  # fmt: skip
        """Say how `save` would be done: which files, how many bytes are written and how many kept.

        The code that saves says it, with nothing written; parameters and errors are those of `save`.
        """
        with self._lock:
            return self._writer.plan(cast("Document", self), None, None, shared, None, Progress(None, cancel),
                                     in_place=in_place)  # fmt: skip

    @guarded("the plan")
    def export_plan(self, path: str | Path, format: str | None = None, shared: str | None = None,
                    shard_size: int | None = None, *, only_readable: bool = False,
                    cancel: CancelFlag | None = None) -> SavePlan:  # fmt: skip
        """Say how `export` would be done; as `save_plan`, with the parameters and errors of `export`."""
        with self._lock:
            return self._writer.plan(cast("Document", self), Path(path), format, shared, shard_size,
                                     Progress(None, cancel), only_readable=only_readable)  # fmt: skip

    def unreadable_names(self) -> tuple[str, ...]:
        """Return the tensors whose bytes are lost, in file order, because another program changed the files.

        None of a file that was deleted, moved or replaced by a rename is lost: the open handle still gives its bytes.
        Of one that was cut short or rewritten, everything is lost but what edits replaced altogether.
        """
        from weightedit.core.values.readable import what_remains

        with self._lock:
            return tuple(slot.name for slot in what_remains(self).slots)

    @guarded("the export")
    def export_tensor(self, name: object, path: str | Path, region: str | None = None, format: str | None = None, *,
                      dtype: object = None, progress: Report | None = None,
                      cancel: CancelFlag | None = None) -> Saved:  # fmt: skip
        """Write one tensor, or a region of it, to a file of its own, atomically, read back and verified.

        Parameters
        ----------
        name
            Name or path.
        path
            The destination: `.npy`, `.csv`, `.tsv`, or `.npz`, `.pt` or `.safetensors`, which hold it by its name.
        region
            Such as `[3, :]`; dimensions with a single index are left out.
        format
            One of the formats' names; None goes by the suffix.
        dtype
            Another one that holds every value exactly, for formats that lack the present one.
        progress, cancel
            As for `export`.

        Raises
        ------
        EditRefused
            If there is no such tensor, the region does not fit, or the format cannot hold the values as they are.
        CheckpointError
            If writing or reading back goes wrong; the destination is as it was.
        """
        whole = cast("Document", self)
        return self._writer.export_tensor(whole, name, Path(path), region, format, dtype, Progress(progress, cancel))

    @guarded("the export")
    def export_tensor_hazards(self, name: object, path: str | Path, region: str | None = None,
                              format: str | None = None, *, dtype: object = None) -> list[Hazard]:  # fmt: skip
        """Return what `export_tensor` would leave behind; raises EditRefused where it does."""
        return self._writer.tensor_hazards(cast("Document", self), name, Path(path), region, format, dtype)

    @guarded("the export")
    def export_hazards(self, path: str | Path, format: str | None = None, shared: str | None = None,
                       shard_size: int | None = None, *, only_readable: bool = False) -> list[Hazard]:  # fmt: skip
        """Return what an export would leave behind; raises EditRefused where there is no such destination."""
        return self._writer.hazards(cast("Document", self), Path(path), format, shared, shard_size,
                                    only_readable=only_readable)  # fmt: skip
