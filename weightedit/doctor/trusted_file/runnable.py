"""What a file is as a module: what it names, and, once a person trusts its content, what it becomes in a process."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weightedit.core.document import Document
from weightedit.core.errors import CheckpointError, WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.slots import Slot
from weightedit.core.values.pinned import PinnedRegion
from weightedit.core.words.visible import visible
from weightedit.core.writing.alone import RegionBytes
from weightedit.doctor.trusted_file.report import Garbled, RunReport, RunTensor, names_of, report_of
from weightedit.doctor.trusted_file.starting import Ended, run_child

CHUNK = 4 << 20
SECONDS = 120.0
MEMORY = 4 << 30
"""Bytes beside four times the file that its process may take."""
WARNING = ("The code that the file names runs as you, in a process of its own: it can read, change and send what you "
           "can. A process of its own protects weightedit's, and nothing else.")  # fmt: skip
FORMATS = ("torch zip", "torch legacy", "torch tar")
"""What may hold a module."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """What is known of a file before anything of it runs.

    Attributes
    ----------
    path, sha256
        The file, and the hash of all its bytes.
    named
        Classes and functions its pickles name and our reader does not know: they would be imported, and may run.
    known
        Those that our reader knows, which are torch's and Python's ways to write tensors and containers.
    is_script
        Whether it is a TorchScript archive, whose program torch would run.
    """

    path: Path
    sha256: str
    named: tuple[str, ...]
    known: tuple[str, ...]
    is_script: bool

    @property
    def may_be_module(self) -> bool:
        """Whether there is anything to run: what names none but tensors and containers holds no module."""
        return bool(self.named) or self.is_script

    @property
    def untrusted(self) -> str:
        """The sentence that says why nothing runs."""
        count = len(self.named)
        what = f"{count:,} {'class or function' if count == 1 else 'classes or functions'}" if count else \
            "a TorchScript program"  # fmt: skip
        name = visible(self.path.name)
        return f"{name} was not run: content with the hash {self.sha256}, which names {what}, is not trusted."


@dataclass(frozen=True, slots=True)
class Compared:
    """One tensor of the module beside the document's tensor of that name.

    Attributes
    ----------
    name
        As the document has it.
    run
        What the module has; None where it has none of that name.
    verdict
        `same`, `different`, `not compared`, `only in the file`, `only in the module`, `only as loaded` (a
        tensor outside of the modules), or `edited here`.
    """

    name: str
    run: RunTensor | None
    verdict: str


@dataclass(frozen=True, slots=True)
class RunnableModule:
    """A file that was run: what it said of itself, and how its tensors compare with what our reader shows."""

    report: RunReport
    compared: tuple[Compared, ...]


def may_run(document: Document) -> bool:
    """Whether a document is one file that may hold a module: a pickled one, or TorchScript."""
    if document.format_name not in FORMATS or len(document.files) != 1:
        return False
    return is_script(document) or any(not known for known in document.files[0].named.values())


def is_script(document: Document) -> bool:
    """Whether a document was read from a TorchScript archive."""
    return bool(getattr(document.origin.state, "is_torchscript", False))


def looked_at(document: Document, progress: Progress | None = None) -> Runnable:
    """Hash the file of a document and list what it names; nothing of it is run.

    Raises
    ------
    CheckpointError
        If it is not one torch file, or is no longer the one that was opened.
    """
    if document.format_name not in FORMATS or len(document.files) != 1:
        raise CheckpointError(f"{document.title} holds no module: it is no single file of torch's.", file=document.path)
    file, progress = document.files[0], progress or Progress()
    found = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    progress.begin("Hashing", file.size)
    for start in range(0, file.size, CHUNK):
        piece = buffer[: min(CHUNK, file.size - start)]
        file.read_into(piece, start)
        found.update(piece)
        progress.advance(piece.nbytes)
    names = {known: tuple(visible(f"{module}.{name}") for (module, name), one in sorted(file.named.items())
                          if one is known) for known in (False, True)}  # fmt: skip
    return Runnable(Path(file.path), found.hexdigest(), names[False], names[True], is_script(document))


def command(path: Path) -> str:
    """Return the command line for a file, to be copied into a shell; FILE stands for a name that shows otherwise."""
    typed = shlex.quote(str(path) if not str(path).startswith("-") else f"./{path}")
    return f"weightedit module {typed if visible(typed, len(typed)) == typed else 'FILE'}"


def run_module(document: Document, digest: str, *, folders: Sequence[Path] = (), seconds: float = SECONDS,
               accepted: Callable[[], None] = lambda: None,
               progress: Progress | None = None) -> RunnableModule:  # fmt: skip
    """Run the file of a document as a module in a process of its own, if its content has the hash that is trusted.

    Nothing is unpickled in this process: what comes back is read as text.

    Parameters
    ----------
    document
        A torch file, opened.
    digest
        The SHA-256 of the content that a person trusts; other content is refused before anything of it is read.
    folders
        Where the process may import from, beside what Python has installed.
    seconds
        How long it may take.
    accepted
        Called once the process has said that the content has that hash, before anything is raised of what became of it.
    progress
        Asked whether to stop; then the process is ended.

    Raises
    ------
    CheckpointError
        If the content is another, its classes cannot be imported, its code fails, or no report came back.
    Cancelled
        If it was stopped.
    """
    path, progress = Path(document.files[0].path), progress or Progress()
    progress.begin("Running as a module", 0)
    memory = MEMORY + 4 * document.files[0].size
    asked = {"path": str(path.absolute()), "sha256": digest, "folders": [str(one) for one in folders], "memory": memory}
    try:
        ended = run_child(asked, seconds, progress)
    except OSError as error:
        raise WeightEditError(f"{visible(path.name)} was not run: no process could be started, {error}.") from error
    if isinstance(ended.report, dict) and ended.report.get("refused") != "changed":
        accepted()
    report = _accepted(ended, path, seconds)
    return RunnableModule(report, _compared(document, report, progress))


def _accepted(ended: Ended, path: Path, seconds: float) -> RunReport:
    """Return the report, or raise what became of the process as a sentence."""
    name, found = visible(path.name), ended.report if isinstance(ended.report, dict) else {}
    said = f" It said: {visible(ended.output.strip()[-300:])}." if ended.output.strip() else ""
    told = found.get("error")
    told = visible(told, 300).rstrip(".") if isinstance(told, str) else "it did not say why"
    if found.get("refused") == "changed":
        problem = "was not run: its content is not what is trusted any more; look at it again and decide anew."
    elif found.get("refused") == "import":
        problem = f"is no module here: a class that it names cannot be imported, {told}. Install what defines it, or " \
                  f"name its folder: {command(path)} --import-from FOLDER."  # fmt: skip
    elif found.get("refused") == "error":
        problem = f"did not load as a module: {told}."
    elif ended.status is None:
        problem = f"took more than {seconds:.0f} s to load as a module; its process was ended.{said}"
    elif ended.status or ended.report is None:
        how = f"by signal {-ended.status}" if ended.status < 0 else f"with status {ended.status}"
        problem = f"ended its process {how} before it said what it is.{said}"
    else:
        try:
            return report_of(ended.report, ended.output, ended.output_nbytes)
        except Garbled:
            problem = "said of itself what is no report of a module; nothing of it is shown."
    raise CheckpointError(f"{name} {problem}", file=path)


def _compared(document: Document, report: RunReport, progress: Progress) -> tuple[Compared, ...]:
    run, beside, made = names_of(report.modules), {one.name: one for one in report.beside}, []
    progress.begin("Comparing with the file", max(1, document.total_nbytes))
    for slot in document.slots:
        found = beside.pop(slot.name, None)
        made.append(Compared(slot.name, run.pop(slot.name, found), ""))
    slots = {slot.name: slot for slot in document.slots}
    compared = [Compared(one.name, one.run, _verdict(document, slots[one.name], one.run, progress)) for one in made]
    return (*compared, *(Compared(name, tensor, "only in the module") for name, tensor in run.items()),
            *(Compared(name, tensor, "only as loaded") for name, tensor in beside.items()))  # fmt: skip


def _verdict(document: Document, slot: Slot, run: RunTensor | None, progress: Progress) -> str:
    if run is None:
        return "only in the file"
    if slot.is_modified:
        return "edited here"
    spec = slot.spec
    if (tuple(spec.shape), spec.dtype) != (run.shape, run.dtype):
        return "different"
    if spec.encoding != "plain" or not run.sha256:
        return "not compared"
    source = RegionBytes(PinnedRegion(document.pin(slot.path), Box.whole(spec.shape)), spec.dtype)
    found, buffer = hashlib.sha256(), memoryview(bytearray(min(CHUNK, max(1, source.nbytes))))
    for start in range(0, source.nbytes, CHUNK):
        piece = buffer[: min(CHUNK, source.nbytes - start)]
        source.read_into(piece, start)
        found.update(piece)
        progress.advance(piece.nbytes)
    return "same" if found.hexdigest() == run.sha256 else "different"
