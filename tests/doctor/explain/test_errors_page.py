"""The generated page of errors: every kind that is known, with a message of it and what is said of that."""

from __future__ import annotations

import re
from pathlib import Path

from weightedit.doctor.explain.errors_page import chapters, page
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.kinds import kinds

WRITTEN = Path(__file__).resolve().parents[3] / "docs" / "errors.md"


def test_every_kind_has_a_place_to_link_to_and_its_message():
    text = page()
    assert re.findall(r'^<a id="(.+)"></a>$', text, re.MULTILINE) == [one.name for one in kinds()]
    for one, chapter in zip(kinds(), chapters(), strict=True):
        assert f"### {one.title}\n" in text
        assert chapter.markdown.startswith(f"```\n{one.sample.strip()}\n```\n\n")


def test_what_is_shown_as_a_message_is_recognised_as_one():
    assert [one.name for one in kinds() if explain(one.sample).kind != one.name] == []


def test_nothing_that_is_said_is_read_as_a_mark():
    """`<class 'int'>`, `__init__` and `*args` outside code would be left out or set in italics."""
    for chapter in chapters():
        said = chapter.markdown.split("```")[2]
        plain = re.sub(r"`[^`]*`", "", said)
        assert not re.search(r"(?<!\\)[*_<>\[\]#]", plain), chapter.name


def test_the_written_page_is_this_one():
    assert WRITTEN.read_text(encoding="utf-8") == page()
