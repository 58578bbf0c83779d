"""One mend for all that keeps a checkpoint from loading: the first mends of a report's findings, in their order."""

from __future__ import annotations

from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.report import LoadReport

_SAID = 4
"""Mends that are named."""


def everything(report: LoadReport) -> Mend | None:
    """Return the first mends of all findings as one, in the order in which they apply; None where there are none.

    Parameters
    ----------
    report
        As `load_report` gave it; the mend is for the document as it was then.

    Returns
    -------
    Mend
        With it applied, `load_state_dict(strict=True)` takes the checkpoint wherever each refusal has a mend. Notices
        are left alone, but for names that the mends after them go by. Where a person has to choose it takes the
        likeliest, and its detail says so.
    """
    meant = [one for one in report.findings if one.level != "notice"]
    mended = [one for one in report.findings if one.mends and one.mends[0].edits and
              (one.level != "notice" or _renames(one))]  # fmt: skip
    if not any(one.level != "notice" for one in mended):
        return None
    edits = (*(edit for one in mended for edit in one.mends[0].edits), *report.left_over)
    count = sum(one.level != "notice" for one in mended)
    of = f"all {count}" if count == len(meant) else f"{count} of {len(meant)}"
    is_one = len(mended) == len(meant) == 1 and not report.left_over
    title = mended[0].mends[0].title if is_one else f"Mend {of} findings"
    return Mend(title, edits, _detail(mended))


def _renames(one: Finding) -> bool:
    return all(edit.operation == "rename" for edit in one.mends[0].edits)


def _detail(mended: list[Finding]) -> str:
    """Return what is done, the choices that a person has not made first."""
    titles = [one.mends[0].title for one in sorted(mended, key=lambda one: one.kind != "undecided")]
    chosen = sum(one.kind == "undecided" and _renames(one) for one in mended)
    more = f"; and {len(titles) - _SAID:,} more" if len(titles) > _SAID else ""
    said = "; ".join(titles[:_SAID]) + more
    if not chosen:
        return said
    return f"{said}. {chosen:,} of them {'is a choice that nothing' if chosen == 1 else 'are choices that nothing'} " \
           "but the shapes speaks for"  # fmt: skip
