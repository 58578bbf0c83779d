"""One entry of a help page: what the window lists at the left and shows at the right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HelpChapter:
    """One part of a help page.

    Attributes
    ----------
    name
        What code calls it, such as `scale` or `overflow`.
    title
        What people read.
    group
        Under which heading it stands.
    markdown
        Its text, without the heading.
    """

    name: str
    title: str
    group: str
    markdown: str
