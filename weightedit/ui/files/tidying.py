"""Puts right, once the window is there, what processes left behind that were cut short, and says what that was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.ui.files.reload_notice import NoticeStrip
from weightedit.ui.recovery.recovery_notice import LeftoversNotice
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.writing.leftovers import Cleaned
    from weightedit.ui.window import MainWindow


def tidy(window: MainWindow, strip: NoticeStrip) -> None:
    """Clean up in the background; a notice names what was removed, completed, taken back, or left as it is."""

    def work(progress: TaskProgress) -> Cleaned:
        from weightedit.core.writing.leftovers import clean

        return clean(progress)

    def done(cleaned: Cleaned) -> None:
        if cleaned:
            notice = LeftoversNotice(title_of(cleaned), lines_of(cleaned), lambda: strip.remove(notice),
                                     "warning" if cleaned.kept else "notice")  # fmt: skip
            strip.add(notice)

    window.tasks.start("Cleaning up", work, on_result=done, group="cleaning up", quiet=True)


def title_of(cleaned: Cleaned) -> str:
    """Return what was done, in one sentence."""
    said = []
    if cleaned.completed:
        said.append(f"completed the save of {counted(len(cleaned.completed), 'file')}")
    if cleaned.taken_back:
        said.append(f"put back {counted(len(cleaned.taken_back), 'file')} as before the save")
    if cleaned.removed:
        freed = f" ({bytes_text(cleaned.nbytes)})" if cleaned.nbytes else ""
        said.append(f"removed {counted(len(cleaned.removed), 'temporary file')}{freed}")
    if cleaned.kept:
        said.append(f"left {counted(len(cleaned.kept), 'file')} as it is" if len(cleaned.kept) == 1 else
                    f"left {len(cleaned.kept)} files as they are")  # fmt: skip
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"An earlier run was cut short: {listed}"


def lines_of(cleaned: Cleaned) -> list[str]:
    """Return one line for each file, those that need a look first."""
    kept = [f"{visible(str(one.path), 200)}: {one.why}" for one in cleaned.kept]
    rest = (("completed", cleaned.completed), ("put back", cleaned.taken_back), ("removed", cleaned.removed))
    return kept + [f"{word}: {visible(str(path), 200)}" for word, paths in rest for path in paths]
