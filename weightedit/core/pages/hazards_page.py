"""The page *What PyTorch does silently*, made from the registry of hazards, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from weightedit.core.hazard_kinds import KINDS, HazardKind
from weightedit.core.pages.help_chapter import HelpChapter

TITLE = "What PyTorch does silently"
_LEVELS = {"refusal": "a refusal", "warning": "a warning, which asks once", "notice": "a notice"}


def chapters(kinds: Iterable[HazardKind] = KINDS.values()) -> list[HelpChapter]:
    """Return a part for each kind, in the order of the registry."""
    return [HelpChapter(one.kind, one.title, one.chapter, "\n\n".join(_blocks(one))) for one in kinds]


def page(kinds: Iterable[HazardKind] = KINDS.values()) -> str:
    """Return the whole page."""
    made = chapters(kinds)
    lines = [f"# {TITLE}", "",
             "Made from `weightedit/core/hazard_kinds` by `packaging/dev.py docs`. The tests run every session below",
             "on the installed torch, with `torch` and `nn` imported, and compare what it prints. `doc.preflight(…)`",
             "returns these as hazards before anything changes, the edit panel shows them as cards, and `doc.apply`",
             "asks or refuses.", ""]  # fmt: skip
    group = ""
    for chapter in made:
        if chapter.group != group:
            group = chapter.group
            lines += [f"## {group}", ""]
        lines += [f'<a id="{chapter.name}"></a>', "", f"### {chapter.title}", "", chapter.markdown, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def table(link: str, kinds: Iterable[HazardKind] = KINDS.values()) -> str:
    """Return a line for each kind that PyTorch has a part in; `link` is where the page lies."""
    lines = ["| hazard | what PyTorch does | what the editor does |", "|---|---|---|"]
    for one in kinds:
        if one.torch:
            lines.append(f"| [`{one.kind}`]({link}#{one.kind}) | {_first(one.torch)} | {_first(one.editor)} |")
    return "\n".join(lines)


def _blocks(one: HazardKind) -> Iterator[str]:
    if one.torch:
        yield f"**PyTorch.** {one.torch}"
        yield f"```python\n{one.example.strip()}\n```"
    yield f"**The editor.** {one.editor}"
    yield f"`{one.kind}` is {', or '.join(_LEVELS[level] for level in one.levels)}."


def _first(text: str) -> str:
    """Return the first sentence, as a cell of a table."""
    return re.split(r"(?<=\.) (?=[A-Z`])", text)[0].replace("|", "\\|")
