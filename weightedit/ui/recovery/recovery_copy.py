"""Writes unsaved edits into a copy of their file, where the file itself is open with others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weightedit.core.errors import WeightEditError
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.ui.files.file_dialogs import ask_copy
from weightedit.ui.files.reload_notice import NoticeStrip, edits_text
from weightedit.ui.recovery.recovery_notice import RecoveredNotice, RecoveryNotice
from weightedit.ui.running.collecting import paused
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.journals.recovery import Recovered, Unfinished
    from weightedit.core.writing.saving import Saved
    from weightedit.ui.window import MainWindow

Copied = tuple["Saved", "Recovered | None"]


def recover_copy(window: MainWindow, strip: NoticeStrip, notice: RecoveryNotice) -> None:
    """Ask where to, then apply the edits to the file as it is on the disk and write that; the offer stays."""
    one = notice.unfinished
    target = ask_copy(window, str(one.path.with_name(f"{one.path.stem}-recovered{one.path.suffix}")))
    if not target:
        return

    def done(copied: Copied) -> None:
        notice.set_busy(False)
        saved, recovered = copied
        count = len(one.edits) if recovered is None else recovered.applied
        window.status.say(f"Wrote {edits_text(count)} into {visible(saved.path.name, 120)} and read it back, "
                          f"{counted(saved.tensors, 'tensor')}, {bytes_text(saved.nbytes)}.")  # fmt: skip
        if recovered is not None and (recovered.left_out or recovered.reason):
            told = RecoveredNotice(saved.path.name, recovered, lambda: strip.remove(told))
            strip.add(told)

    def failed(error: Exception) -> None:
        notice.set_busy(False)
        window.show_error(error, f"Recovering {one.title} into a copy")

    notice.set_busy(True)
    window.tasks.start(f"Recovering {visible(one.title, 120)} into a copy",
                       lambda progress: _copied(one, target, progress), on_result=done, on_error=failed,
                       on_cancelled=lambda: notice.set_busy(False))  # fmt: skip


def _copied(one: Unfinished, target: str, progress: TaskProgress) -> Copied:
    from weightedit.assembly import recover
    from weightedit.core.files.same_file import same_file

    path = Path(target)
    with paused(), recover(one, progress=progress, journal=False) as document:
        if same_file(path, [one.path, *(Path(file.path) for file in document.files)]):
            raise WeightEditError(f"{visible(path.name)} is the file that the edits were made to, and is open. Choose "
                                  "another name for the copy.")  # fmt: skip
        return document.export(path, progress=progress.report, cancel=progress.cancel), document.recovered
