"""All that a check offers first, as one recipe: applied to a document that nobody keeps, which is checked again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from weightedit.core.document import Document
from weightedit.core.edit import Edit
from weightedit.core.errors import EditRefused
from weightedit.core.recipe import Recipe
from weightedit.doctor.checkup import Checkup
from weightedit.doctor.finding import Finding, Mend

ROUNDS = 10
"""Checks after mends at most: each lets the model run on to the next thing that stops it."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What first mends come to.

    Attributes
    ----------
    found
        By a check with all of them applied.
    edits
        In the order in which they work, with the kinds of warnings they were accepted with.
    mends
        That they are the edits of.
    refused
        Why a mend was not applied; empty where each was.
    """

    found: Checkup
    edits: tuple[Edit, ...] = ()
    mends: tuple[Mend, ...] = ()
    refused: str = ""

    @property
    def left(self) -> tuple[Finding, ...]:
        """What is not mended, but for what is only worth knowing."""
        return tuple(_meant(self.found.findings))


def mended(document: Document, found: Checkup, again: Callable[[], Checkup]) -> Mended:
    """Apply the first mend of each finding, those of names and shapes first, until none is left that has edits.

    What stops a run depends on the weights it runs with: what comes after names and shapes is looked for with these
    mended, and the next break with the one before it mended.

    Parameters
    ----------
    document
        What was checked; it is changed.
    found
        What the check came to.
    again
        Checks the document as it is now.

    Raises
    ------
    Cancelled, WeightEditError
        Whatever `again` raises.
    """
    whole = Mended(found)
    tried: list[tuple[Edit, ...]] = []
    while len(tried) < ROUNDS and (mend := _next(whole.found, tried)) is not None:
        tried.append(mend.edits)
        try:
            applied = Recipe(mend.edits).apply(document, accept="all")
        except EditRefused as error:
            return replace(whole, refused=str(error))
        after = again()
        if _said(after) == _said(whole.found) or _loads_less(whole.found, after):  # no difference, or a worse one
            for _ in applied:
                document.undo()
        else:
            whole = Mended(after, (*whole.edits, *applied), (*whole.mends, mend))
    return whole


def _next(found: Checkup, tried: list[tuple[Edit, ...]]) -> Mend | None:
    """Return the mend that comes next: all of names and shapes, or else that of the first finding that has edits."""
    everything = found.load.everything if found.load is not None and any(_meant(found.load.findings)) else None
    mends = [everything, *(_first(one) for one in _meant(found.findings))]
    return next((mend for mend in mends if mend is not None and mend.edits and mend.edits not in tried), None)


def _said(found: Checkup) -> list[tuple[str, str]]:
    return [(one.kind, one.message) for one in _meant(found.findings)]


def _loads_less(before: Checkup, after: Checkup) -> bool:
    """Whether more of the checkpoint disagrees with the model than before: its code would have to change as well."""
    if before.load is None or after.load is None:
        return False
    return not any(_meant(before.load.findings)) and any(_meant(after.load.findings))


def _meant(findings: Iterable[Finding]) -> Iterator[Finding]:
    return (one for one in findings if one.level != "notice")


def _first(finding: Finding) -> Mend | None:
    """Return the first mend but for going back in history, which undoes what was applied here."""
    return next((mend for mend in finding.mends if mend.undo_to is None), None)
