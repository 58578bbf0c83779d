"""The one place that joins core, formats and operations into a Document."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

from weightedit.core.described.collector import collector_paused
from weightedit.core.described.contents import Inventory, TooMuch, file_inventory
from weightedit.core.document import DEFAULT_MEMORY, Document
from weightedit.core.errors import CheckpointError
from weightedit.core.files.closing import closed_if_stopped
from weightedit.core.files.folders import spill_parent
from weightedit.core.history import DEFAULT_BUDGET
from weightedit.core.journals.recorded import keep_journal
from weightedit.core.journals.recovery import Unfinished
from weightedit.core.operation import Operation
from weightedit.core.progress import Progress
from weightedit.core.reader import Origin
from weightedit.core.undo.spill import Spill
from weightedit.core.words.paths import shown
from weightedit.core.writing.rolling_back import is_patched, patched_as, settle_file
from weightedit.formats import FORMATS, Format, Opened, recognised
from weightedit.formats.code_hazards import code_named
from weightedit.formats.file_writer import FileWriter
from weightedit.operations import OPERATIONS
from weightedit.search.condition import split_region

_BY_NAME = MappingProxyType({operation.name: operation for operation in OPERATIONS})


def declared_operations() -> tuple[Operation, ...]:
    """Return every operation there is, in the order of the menus."""
    return OPERATIONS


def open_document(source: Any, *, optimizer: Any = None, progress: Progress | None = None,
                  spill: Spill | None = None, memory: int = DEFAULT_MEMORY, history_budget: int = DEFAULT_BUDGET,
                  remembers: bool = False, journal: bool = False) -> Document:  # fmt: skip
    """Open a file, a folder of shards, or a live object.

    Parameters
    ----------
    source
        A path; or an `nn.Module`, or any nesting of modules, state_dicts, dicts and lists in memory.
    optimizer
        Of a live module, to be kept in step with edits; it trains at least one of its tensors.
    progress
        Told how far opening is, and asked whether to stop.
    spill
        Where large results go; by default a folder of its own, removed at close.
    memory
        Bytes a pass over a tensor may use for its values.
    history_budget
        Bytes undo may keep.
    remembers
        Whether to look for other optimizers of live tensors at once: for the window, which hides from Python's
        collector what is there when a document is shown. Looking takes a tenth of a second in a large process.
    journal
        Whether every edit of a file is written down before it is applied, so that `recover` has it after a crash.
        Live objects have no journal: what they were is gone with the process.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, or something in it is wrong; or if the optimizer is none, or not of this module.
        No code of a file is ever run.
    """
    if isinstance(source, str | Path):
        if optimizer is not None:
            raise CheckpointError(f"{Path(source).name} is a file, and an optimizer trains live tensors only; open "
                                  "the module that it trains.", file=source)  # fmt: skip
        path = source if isinstance(source, Path) else Path(source)
        document = _open_path(path, progress or Progress(), spill)
    else:
        document = _open_live(source, optimizer, spill, remembers)
    document.memory, document.history.budget = memory, history_budget
    if journal:
        keep_journal(document)
    return document


def recover(unfinished: Unfinished | str, *, progress: Progress | None = None, spill: Spill | None = None,
            memory: int = DEFAULT_MEMORY, history_budget: int = DEFAULT_BUDGET,
            journal: bool = True) -> Document:  # fmt: skip
    """Open the file of a document that ended without closing, and apply its unsaved edits again.

    Edits come back in order, undone ones, groups and snapshots too, as far as they touch the same bytes and give the
    same bytes as before; `Document.recovered` says what was left out and why. The file is not written.

    Parameters
    ----------
    unfinished
        One of `weightedit.core.journals.recovery.unfinished()`, or its key.
    progress
        Told how many edits are done, and asked whether to stop; then the journal is as it was.
    spill, memory, history_budget
        As for `open_document`.
    journal
        Whether the document has a journal of its own; once that has every edit, the old one is removed. Without, the
        old one stays until it is discarded.

    Raises
    ------
    CheckpointError
        If the file is not the one that was edited, or the journal cannot be read; both stay as they are.
    EditRefused
        If there is no room for the new journal.
    WeightEditError
        If there is no such journal, or another process has it.
    """
    from weightedit.core.journals.recovering import recovered

    def open_file(path: str) -> Document:
        return open_document(path, progress=progress, spill=spill, memory=memory, history_budget=history_budget)

    key = unfinished if isinstance(unfinished, str) else unfinished.key
    return recovered(key, open_file, progress or Progress(), journal=journal)


def _open_path(path: Path, progress: Progress, spill: Spill | None) -> Document:
    with collector_paused():  # all along: each time it begins again it looks through what was made so far
        kind, opened = _opened(path, progress)
        with closed_if_stopped(opened.files):
            try:
                inventory = file_inventory(opened.root, progress.ask)
            except TooMuch as error:
                raise CheckpointError(f"{shown(opened.path)} {error}.", file=opened.path) from error
            origin = Origin(opened.path.name, opened.root, kind.name, opened.path, opened.metadata, opened.files,
                            opened.origin)  # fmt: skip
            return _document(origin, inventory, spill)


def _opened(path: Path, progress: Progress) -> tuple[Format, Opened]:
    """Open files, and again where one of them was half patched; nobody begins to patch one that is open here."""
    try:
        kind, opened = _recognised(path, progress)
    except CheckpointError:
        if not settle_file(path):  # else old and new bytes may have been mixed
            raise
        kind, opened = _recognised(path, progress)
    patched = [file.path for file in opened.files if is_patched(file.path, is_link=file.is_link)
               or (file.has_other_names and patched_as(file.path))]  # fmt: skip
    if not patched:
        return kind, opened
    for file in opened.files:  # a file that is open here is not put back
        file.close()
    for file_path in patched:
        settle_file(file_path)
    return kind, kind.open(opened.path, progress)


def _recognised(path: Path, progress: Progress) -> tuple[Format, Opened]:
    kind, file = recognised(path)
    with closed_if_stopped([file]):
        return kind, kind.open(file, progress)


def check_live(source: Any, optimizer: Any = None) -> None:
    """Raise the `CheckpointError` of a live object or optimizer that is none, without opening it."""
    from weightedit.core.live.objects import is_live

    if optimizer is not None or not is_live(source):  # to look through a whole module takes a while
        _walked(source, optimizer)


def _walked(source: Any, optimizer: Any) -> Inventory:
    from weightedit.core.live.handed import check_optimizer
    from weightedit.core.live.objects import LiveObjects, is_live

    if not is_live(source):
        raise CheckpointError(
            f"{_one(source)} cannot be opened; give a path, a module, or a dict or list of tensors."
        )
    try:
        inventory = LiveObjects().walk(source)
    except TooMuch as error:
        raise CheckpointError(f"{_one(source)} cannot be opened: it {error}.") from error
    if optimizer is not None:
        check_optimizer(optimizer, inventory.slots, type(source).__name__)
    return inventory


def _one(source: Any) -> str:
    name = type(source).__name__
    return f"{'An' if name[0].lower() in 'aeiou' else 'A'} {name}"


def _open_live(source: Any, optimizer: Any, spill: Spill | None, remembers: bool) -> Document:
    from weightedit.core.live.marks import Marks
    from weightedit.core.live.watching import Watch, optimizers_alive

    inventory = _walked(source, optimizer)
    kind = "live module" if hasattr(source, "named_parameters") else "memory"
    trains = remembers and any(slot.spec.requires_grad for slot in inventory.slots)
    origin = Origin(type(source).__name__, source, kind, optimizer=optimizer,
                    watch=Watch(optimizers_alive() if trains else ()), marks=Marks(inventory.slots))  # fmt: skip
    return _document(origin, inventory, spill)


def _document(origin: Origin, inventory: Inventory, spill: Spill | None) -> Document:
    return Document(
        origin, inventory, operations=_BY_NAME, writer=FileWriter(FORMATS), resolve=open_document,
        conditions=split_region, spill=spill or Spill(spill_parent))  # fmt: skip


__all__ = ["FORMATS", "FileWriter", "code_named", "open_document"]
