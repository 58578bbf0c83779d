"""Puts the edit that the panel describes on the clipboard as lines of PyTorch."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QGuiApplication

from weightedit.core.document import Document
from weightedit.core.pages.as_pytorch import as_pytorch
from weightedit.ui.edit_panel.form import Request
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.tasks import TaskProgress, Tasks


def copy_as_pytorch(document: Document, request: Request, shown: Shown | None, tasks: Tasks,
                    say: Callable[[str], None]) -> None:  # fmt: skip
    """Copy an edit in the background.

    Parameters
    ----------
    document, request
        What the edit is of, and what the form says.
    shown
        The preview that is shown; where it is of the same request, nothing is computed again.
    tasks
        What does it.
    say
        Called with a sentence for the status bar.
    """

    def work(progress: TaskProgress) -> str:
        if shown is not None and shown.request == request:
            return as_pytorch(document, shown.preview.edit)
        found = document.preview(request.operation, list(request.targets), progress=progress.report,
                                 cancel=progress.cancel, **request.options)  # fmt: skip
        return as_pytorch(document, found.edit)

    def done(text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        say("Copied as PyTorch.")

    tasks.start("Copying", work, on_result=done, on_error=lambda error: say(str(error)), quiet=True)
