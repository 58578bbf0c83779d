"""Where the icons, the demo checkpoint and the style sheet are, installed or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the folder inside the package; an editable install leaves it in the checkout.
_FOLDERS = (_PACKAGE / "resources", _PACKAGE.parent / "resources")


def resource(*parts: str) -> Path:
    """Return the path of a file or folder that comes with weightedit.

    Parameters
    ----------
    *parts
        Its path below `resources/`, one part each: `resource("demo", "digits.pt")`.

    Raises
    ------
    FileNotFoundError
        If no such resource came with this installation.
    """
    for folder in _FOLDERS:
        path = folder.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"weightedit came without its resource {'/'.join(parts)} (looked for in {_FOLDERS[0]})")
