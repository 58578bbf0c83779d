"""The option `--recipe` of the command `check`: what it offers first, written as a recipe that `apply` takes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.recipe import Recipe
from weightedit.core.words.paths import counted, shown
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.checkup import Checkup
from weightedit.doctor.finding import Mend
from weightedit.doctor.first_mends import Mended, mended

MOST_LEFT = 20
"""Findings that are not mended and are told one by one."""
MOST_TOLD = 4_000
"""Characters that say what a mend does."""


def new_recipe(name: str) -> Path:
    """Return the file that a recipe goes to.

    Raises
    ------
    WeightEditError
        If it is there already, or its folder is not.
    """
    path = Path(name)
    if path.exists():
        raise WeightEditError(f"{shown(path)} is there already; name a new file for the recipe.")
    if not path.absolute().parent.is_dir():
        raise WeightEditError(f"{shown(path)} cannot be written: its folder is not there; name one that is.")
    return path


def write_recipe(path: Path, document: Document, found: Checkup, again: Callable[[], Checkup]) -> None:
    """Write what mends the findings as a recipe, and say on standard error what is in it and what it leaves.

    Parameters
    ----------
    path
        A new file.
    document, found, again
        As for `mended`.

    Raises
    ------
    WeightEditError
        If the file is there by now, or cannot be written.
    """
    if found.is_healthy:
        _say(f"{shown(path)} was not written: there is nothing to mend.")
        return

    def once_more() -> Checkup:
        _say("The model runs again, with what is offered so far.")
        return again()

    whole = mended(document, found, once_more)
    if whole.edits:
        Recipe(whole.edits).save(new_recipe(str(path)))
        _say(f"{shown(path)} holds {counted(len(whole.edits), 'edit')} as a recipe:")
        for mend in whole.mends:
            print(visible_lines(_told(mend), MOST_TOLD), file=sys.stderr)
    else:
        _say(f"{shown(path)} was not written: no edit mends what was found.")
    _say_left(whole)
    if whole.edits and whole.found.is_healthy:
        command = shlex.join(["weightedit", "apply", str(path), str(document.path or document.title), "DST"])
        _say(f"With it nothing more is found; this writes the mended file: {visible(command, 1_000)}")


def _told(mend: Mend) -> str:
    """Return what a mend does, its detail beside it or, where that is several lines, below it."""
    if "\n" not in mend.detail:
        return f"    {mend.title}{f' ({mend.detail})' if mend.detail else ''}"
    return "\n".join(f"    {line}" for line in (mend.title, *mend.detail.split("\n")))


def _say_left(whole: Mended) -> None:
    if whole.refused:
        _say(whole.refused)
    for one in whole.left[:MOST_LEFT]:
        instead = f" {one.mends[0].title}." if one.mends and not one.mends[0].edits else ""
        _say(f"It does not mend this: {one.message.rstrip('.')}.{instead}")
    if (more := len(whole.left) - MOST_LEFT) > 0:
        _say(f"It does not mend {counted(more, 'finding')} more.")


def _say(sentence: str) -> None:
    print(f"weightedit: {sentence}", file=sys.stderr)
