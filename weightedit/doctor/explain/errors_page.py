"""The page *Errors that are explained*: every kind of message that is known, and what is said of it, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weightedit.core.pages.help_chapter import HelpChapter
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.kinds import KnownKind, kinds

TITLE = "Errors that are explained"


def chapters() -> list[HelpChapter]:
    """Return a part for each kind, by subject, in the order of the registry."""
    return [HelpChapter(one.name, one.title, one.subject, "\n\n".join(_blocks(one))) for one in kinds()]


def page() -> str:
    """Return the whole page."""
    made = chapters()
    lines = [f"# {TITLE}", "",
             "Made from `weightedit/doctor/explain` by `packaging/dev.py docs`: what is said of each kind of message",
             "that is pasted under *Doctor › Explain an error*, or given to `weightedit.explain(text)`. With an open",
             "document the tensors that are meant are named too, and an edit is offered. The tests provoke each kind",
             "on the installed torch. Of any other message it is said that it is not known.", ""]  # fmt: skip
    group = ""
    for chapter in made:
        if chapter.group != group:
            group = chapter.group
            lines += [f"## {group}", ""]
        lines += [f'<a id="{chapter.name}"></a>', "", f"### {chapter.title}", "", chapter.markdown, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _escaped(text: str) -> str:
    """Return text with what Markdown would read as marks made plain, but for code between backticks."""
    parts = text.split("`")
    return "`".join(part if number % 2 and number < len(parts) - 1 else re.sub(r"([\\*_<>\[\]#])", r"\\\1", part)
                    for number, part in enumerate(parts))  # fmt: skip


def _blocks(one: KnownKind) -> Iterator[str]:
    said = explain(one.sample)
    yield f"```\n{one.sample.strip()}\n```"
    yield _escaped(said.message)
    causes = said.causes if len(said.causes) > 1 else ()
    yield from (_escaped(said.why),) if said.why and not causes else ()
    if causes:
        yield "\n".join(f"- {_escaped(cause)}" for cause in causes)
    yield f"`{one.name}`"
