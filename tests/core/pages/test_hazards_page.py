"""The generated page of hazards: about every kind, with its session word for word, and a table that links to it."""

from __future__ import annotations

import re

import pytest

from weightedit.core.hazard_kinds import KINDS
from weightedit.core.pages.hazards_page import page, table


def test_every_kind_has_a_place_to_link_to_and_its_session():
    text = page()
    assert re.findall(r'^<a id="(.+)"></a>$', text, re.MULTILINE) == list(KINDS)
    for one in KINDS.values():
        assert f"### {one.title}\n" in text
        assert one.torch in text
        assert one.example.strip() in text


@pytest.mark.parametrize("one", [one for one in KINDS.values() if one.torch], ids=lambda one: one.kind)
def test_the_table_has_a_line_of_whole_sentences(one):
    (line,) = [line for line in table("x.md").splitlines() if line.startswith(f"| [`{one.kind}`](x.md#{one.kind}) |")]
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    assert len(cells) == 3
    for cell, whole in zip(cells[1:], (one.torch, one.editor), strict=True):
        assert cell.endswith(".")
        assert whole.startswith(cell)
        assert cell.count("`") % 2 == 0
