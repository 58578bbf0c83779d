"""What other programs do to a file that is open here, and the job that does it in the midst of a person's work.

The job runs in a child, since what is tried is whether it lives: a mapped file that is cut short ends the process that
looks at it by SIGBUS.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.oracle import digest, document_state, tensor_digest
from tests.faults.saves import KINDS, Report, files_of

Change = Callable[[Path], None]


def truncate(path: Path) -> None:
    """Cut a file to 4 KiB."""
    os.truncate(path, 4096)


def empty(path: Path) -> None:
    """Cut a file to nothing."""
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    """Write other bytes of the same size in the same place."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        for start in range(size // 3, size, 1 << 20):
            file.write(b"\x42" * min(1 << 20, size - start))


def overwrite_with_its_old_time(path: Path) -> None:
    """The same, with the time of its last change put back."""
    status = path.stat()
    overwrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path: Path) -> None:
    """Rename another file of the same size over it."""
    other = path.with_name("other.part")
    with other.open("wb") as file:
        file.truncate(path.stat().st_size)
    other.replace(path)


def forbid(path: Path) -> None:
    """Take all rights away."""
    path.chmod(0)


def unmount(path: Path) -> None:
    """Take its file system away, whoever has files open on it."""
    subprocess.run(["umount", "-l", str(path.parent)], check=True)


CHANGES: dict[str, Change] = {
    "truncated": truncate, "emptied": empty, "overwritten": overwrite, "old time": overwrite_with_its_old_time,
    "replaced": replace, "deleted": Path.unlink, "chmod 000": forbid, "unmounted": unmount,
}  # fmt: skip
HELD = ("replaced", "deleted", "chmod 000", "unmounted")
"""After these an open handle still gives the bytes that were opened."""


def disturbed(arguments: dict[str, Any], report: Report) -> list[str]:
    """Edit a file, let it be changed, and do everything a person may do then; return what went wrong.

    Parameters
    ----------
    arguments
        `source` and `kind`; `change`, a key of `CHANGES`; `during`, whether it happens in the midst of an export
        (of the word of progress given) or, empty, before; `out`, an empty folder.
    """
    import weightedit

    kind, source, out = KINDS[arguments["kind"]], Path(arguments["source"]), Path(arguments["out"])
    names, wrong = [], []
    document = weightedit.open(source)
    names = list(document.tensors)
    clean = document_state(document)
    alone = len(names) == 1  # then no tensor is all our own, nor left as it is in the file
    document.apply("fill", names[0], value=0.5, region="[1, :]" if alone else None, accept="all")
    document.apply("scale", names[-1], factor=0.5, region="[0, :]", accept="all")
    kept = document_state(document)[names[0]]
    target = out / f"copy{''.join(Path(kind.file).suffixes)}"
    target.write_bytes(b"what was there before")
    before = digest(target)
    changed = files_of(source)[0]
    if arguments["during"]:
        wrong += _mid_export(document, kind, target, changed, arguments)
    else:
        CHANGES[arguments["change"]](changed)
    report("changed")
    wrong += _looked_at(document, names, arguments["change"], target, kind)
    wrong += [] if digest(target) == before else ["the destination is not what it was"]
    if not alone or arguments["change"] in HELD:
        wrong += _saved_elsewhere(document, names, clean, kept, out, kind, arguments["change"])
    wrong += [f"left behind: {found.name}" for found in out.iterdir() if ".weightedit-" in found.name]
    if document.history.position != 2 or not document.is_modified:
        wrong.append("the edits are gone")
    document.go_to(0)
    document.go_to(2)
    if not alone and tensor_digest(document.read(names[0])) != kept:
        wrong.append("an edit of everything is not what it was after undo and redo")
    document.close()
    return wrong


def _mid_export(document: Any, kind: Any, target: Path, changed: Path, arguments: dict[str, Any]) -> list[str]:
    done: list[str] = []

    def change(label: str, at: int, total: int | None) -> None:
        if label == arguments["during"] and not done and at:
            done.append(label)
            CHANGES[arguments["change"]](changed)

    said = _refused(lambda: document.export(target, kind.format, progress=change), changed.name)
    return said if done else [f"the change never happened in {arguments['during']}"]


def _refused(do: Callable[[], object], name: str) -> list[str]:
    """Say what is wrong with how something was refused: it names the file, in one line."""
    from weightedit.core.errors import SourceChanged

    try:
        do()
    except SourceChanged as error:
        text = str(error)
        return [] if name in text and "\n" not in text else [f"it does not name {name}: {text}"]
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    return ["a changed file was read as if nothing had happened"]


def _looked_at(document: Any, names: list[str], change: str, target: Path, kind: Any) -> list[str]:
    """Scroll, plot, edit, export and save: what needs the changed file is refused in one sentence that names it."""
    from weightedit.core.reduction import SliceView, reduce
    from weightedit.core.statistics import statistics

    last = names[-1] if kind.shards == 0 else names[0 if len(names) == 1 else 1]
    pinned, shape = document.pin(last), document.tensors[last].shape
    name = next(file.name for file in document.files) if kind.shards else document.title
    rows, columns = range(shape[0]), range(shape[1])
    wrong = []
    for what, do in {
        "scroll": lambda: document.read(last, region="[-1, :]"),
        "plot": lambda: reduce(pinned, SliceView.of(shape), rows, columns, 32, 32),
        "statistics": lambda: statistics(pinned),
        "edit": lambda: document.apply("scale", last, factor=2.0, accept="all"),
        "export": lambda: document.export(target, kind.format),
        "save": lambda: document.save(),
    }.items():
        wrong += [f"{what}: {fault}" for fault in _refused(do, name)]
    return wrong


def _saved_elsewhere(document: Any, names: list[str], clean: dict[str, str], kept: str, out: Path, kind: Any,
                     change: str) -> list[str]:  # fmt: skip
    """Export what is still readable and read it back: nothing of another program, nothing missing that was there."""
    import weightedit

    lost = document.unreadable_names()
    rest = out / f"rest{''.join(Path(kind.file).suffixes[-1:]) if kind.shards == 0 else '.safetensors'}"
    if kind.name == "npy" or kind.name == "csv":
        rest = rest.with_suffix(".npz")
    report = document.export(rest, None if kind.name in ("npy", "csv") else kind.format, only_readable=True)
    said = {name for hazard in report.hazards if hazard.kind == "values-dropped" for name in hazard.targets}
    wrong = [] if said == set(lost) else [f"lost are {lost}, said are {sorted(said)}"]
    if change in HELD and lost:
        wrong.append(f"{change}: the handle still gives {lost}")
    if change not in HELD and names[-1] not in lost and kind.shards == 0:
        wrong.append(f"{change}: {names[-1]} cannot be read any more")
    with weightedit.open(rest) as again:
        found = document_state(again)
        if set(found) != {name for name in names if name not in lost}:
            wrong.append(f"{sorted(found)} were written without {lost}")
        if found.get(names[0]) != kept:
            wrong.append(f"{names[0]} is not the edited one")
        wrong += [f"{name} is not what was opened" for name in found
                  if name not in (names[0], names[-1]) and found[name] != clean[name]]  # fmt: skip
    return wrong


