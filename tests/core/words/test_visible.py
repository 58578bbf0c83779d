"""Texts out of files become one line on which every character is seen, of bearable length and height."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightedit.core.described.contents import brief, dotted
from weightedit.core.errors import CheckpointError
from weightedit.core.hazards import Hazard
from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import shown, some
from weightedit.core.words.visible import LONGEST, columns, message, seen_only, visible, visible_lines, visible_places

PLANES = (*range(0x20_000), *range(0xE_0000, 0xE_1000), sys.maxunicode)


@pytest.mark.parametrize(("text", "seen"), [
    ("model.layers.0.weight", "model.layers.0.weight"), ("größe.日本.Δ", "größe.日本.Δ"), ("a b", "a b"),
    ("a\nb\tc", "a\\nb\\tc"), ("\x1b[31m", "\\x1b[31m"), ("a\u202eb", "a\\u202eb"), ("\ud800", "\\ud800"),
    (" a ", "\\x20a\\x20"), ("   ", "\\x20\\x20\\x20"), ("\u200b", "\\u200b"), ("a\u3164", "a\\u3164"),
    ("e\u0301", "e\u0301"), ("\u0301e", "\\u0301e"), ("a\ufe0f", "a\\ufe0f"), ("\u2028", "\\u2028"), ("\xa0", "\\xa0"),
    ("e" + "\u0301" * 5, "e" + "\u0301" * 3 + "\\u0301" * 2), ("", ""), ("<b>&", "<b>&"),
])  # fmt: skip
def test_what_cannot_be_seen_is_an_escape(text, seen):
    assert visible(text) == seen


def test_a_long_text_loses_its_middle_and_says_how_long_it_is():
    text = "head" + "x" * 10_000_000 + "tail"
    assert visible(text).startswith("headxxx")
    assert visible(text).endswith("xtail (10,000,008 characters)")
    assert len(visible(text)) < LONGEST + 40
    assert len(visible("\x1b" * 5000)) < LONGEST + 40


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_nothing_invisible_is_left(text):
    seen = visible(text)
    assert all(char.isprintable() for char in seen)
    assert "\n" not in seen
    assert not [char for char in seen if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert seen.strip() == seen
    assert bool(seen) == bool(text)
    assert visible(seen) == seen
    assert visible_lines(text).replace("\n", "").isprintable()


def test_every_character_there_is_is_seen_or_escaped():
    """Of every plane in use: what draws nothing by its category or by being a filler is an escape."""
    drawn = [char for char in map(chr, PLANES) if visible(f"a{char}a") == f"a{char}a"]
    assert not {unicodedata.category(char) for char in drawn} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert [char for char in drawn if unicodedata.category(char) == "Zs"] == [" "]
    assert not {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\ufe0f"} & set(drawn)
    assert len(drawn) > 50_000


@given(st.text(st.characters(exclude_categories=()), max_size=80), st.integers(16, 60))
def test_places_of_a_search_stay_on_their_characters(text, most):
    seen, places = visible_places(text, range(len(text)), most)
    assert seen == visible(text, most)
    assert all(0 <= place < len(seen) for place in places)
    for at, char in enumerate(text):
        _, where = visible_places(text, [at], most)
        piece = "".join(seen[place] for place in where)
        assert piece in ("", char) or piece.startswith("\\")


def test_a_new_files_name_has_only_what_is_seen():
    assert seen_only("a\u202egpj\x1b.pt") == "a_gpj_.pt"
    assert seen_only(" net 1 ") == "_net 1_"
    assert seen_only("größe.日本") == "größe.日本"


@pytest.mark.parametrize(("text", "wide"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("é", 1), ("", 0), ("ｱ", 1)])
def test_columns_of_a_terminal(text, wide):
    assert columns(text) == wide


def test_every_way_a_message_is_made_shows_names_as_text(tmp_path):
    """Errors, hazards, lists of names, file names and values: none lets a control character through."""
    bad = "a\nb\x1b[31m\u202e"
    texts = [called(bad), listed([bad, bad, bad, bad]), some([bad] * 9), shown(tmp_path / "x\x1b\udcff"), brief(bad),
             brief({bad}), str(CheckpointError(f"{bad} is bad.")), Hazard("overflow", "notice", bad, bad).message,
             message(bad), *Hazard("overflow", "notice", "", labels=(bad,)).labels]  # fmt: skip
    assert all(text.isprintable() for text in texts), texts
    assert called("") == "the tensor"


def test_numbers_too_long_for_python_to_print_have_a_text():
    huge = 1 << 40_000
    assert "40,001 bits" in brief(huge)
    assert "40,001 bits" in dotted(("a", huge))
    nested: tuple[object, ...] = ()
    for _ in range(100_000):
        nested = (nested,)
    assert "tuple" in dotted(("a", nested))
