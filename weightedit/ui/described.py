"""What a window shows, in one line, for `--smoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow


def described(window: MainWindow) -> str:
    """Return in one line what a window shows."""
    from weightedit import __version__
    from weightedit.core.words.numbers import bytes_text, count_text

    found: Any = window.current
    if found is None:
        return f"weightedit {__version__} showed the start page"
    count = f"{count_text(found.tensors)} {'tensor' if found.tensors == 1 else 'tensors'}"
    line_ = f"weightedit {__version__} showed {found.title}: {count}, {bytes_text(found.document.total_nbytes)}"
    shown = None if window.workbench is None else window.workbench.current()
    return line_ if window.workbench is None or shown is None else f"{line_}, {shown[1]} {window.workbench.how_shown()}"
