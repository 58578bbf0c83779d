"""One mend for all that keeps a checkpoint from loading: the first mends of a report's findings, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from weightedit.core.edit import Edit
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Mend

MOST_TOLD = 12
"""Mends that are told one by one."""


def everything(findings: Sequence[Finding], left_over: Sequence[Edit]) -> Mend | None:
    """Return the first mends of all findings as one, in the order in which they apply; None where there are none.

    Parameters
    ----------
    findings
        Of a report; the mend is for the document as it was then.
    left_over
        Edits for what is left where a person takes the first of each choice.

    Returns
    -------
    Mend
        With it applied, `load_state_dict(strict=True)` takes the checkpoint wherever each refusal has a mend. Equal
        tensors that the model ties are left alone, which not every format keeps tied; so is a checkpoint that has
        nothing above a notice. Where a person has to choose it takes the likeliest, and its detail begins with that.
    """
    mended = [one for one in findings if one.mends and one.mends[0].edits and
              (one.level != "notice" or one.kind != "untied")]  # fmt: skip
    if not any(one.level != "notice" for one in mended):
        return None
    edits = (*(edit for one in mended for edit in one.mends[0].edits), *left_over)
    return Mend("Mend everything", edits, "\n".join([*_lines(mended), *_left(findings)]))


def _renames(one: Finding) -> bool:
    return all(edit.operation == "rename" for edit in one.mends[0].edits)


def _lines(mended: Sequence[Finding]) -> list[str]:
    """Return what is done, one line for each mend; the choices that a person has not made first."""
    lines = []
    guesses = sum(one.kind == "undecided" and _renames(one) for one in mended)
    if guesses:
        lines.append(f"{guesses:,} of them {'is a guess' if guesses == 1 else 'are guesses'}: nothing but shapes and "
                     "their order speaks for the names, and where they are wrong nothing raises.")  # fmt: skip
    fresh = sum(one.kind == "undecided" and any(edit.operation == "delete" for edit in one.mends[0].edits) and
                len(one.mends) > 1 for one in mended)  # fmt: skip
    if fresh:
        lines.append(f"{fresh:,} of them {'drops' if fresh == 1 else 'drop'} trained values for fresh ones of the same "
                     "shapes; where they are the same under another name, choose the rename instead.")  # fmt: skip
    lines += [f"It takes the first of {len(one.mends)} copies of the model." for one in mended if one.kind == "copies"]
    firsts = [one.mends[0] for one in mended]
    lines += [f"{place}. {mend.title}{f': {mend.detail}' if mend.detail else ''}"
              for place, mend in enumerate(firsts[:MOST_TOLD], 1)]  # fmt: skip
    return [*lines, *([f"and {len(firsts) - MOST_TOLD:,} more"] if len(firsts) > MOST_TOLD else [])]


def _left(findings: Sequence[Finding]) -> list[str]:
    left = sum(one.level == "refusal" and not one.mends for one in findings)
    return [f"{counted(left, 'finding')} {'has' if left == 1 else 'have'} no mend"] if left else []
