"""A header taken apart at its quotation marks says what a parser would, and whatever is odd is left to the parser."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.core.errors import CheckpointError
from weightedit.formats.safetensors_header import strictly_parsed
from weightedit.formats.safetensors_rows import Rows, Unsound

USUAL = ('{"__metadata__":{"format":"pt","a b":""},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
         '"s":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"e":{"dtype":"U8","shape":[0],"data_offsets":[26,26]}}')
ODD: dict[str, Callable[[str], str]] = {
    "spaces": lambda text: text.replace(":", ": "),
    "leading zero": lambda text: text.replace("[24,26]", "[24,026]"),
    "leading zero of a size": lambda text: text.replace("[2,3]", "[2,03]"),
    "underscore": lambda text: text.replace("[2,3]", "[2,3_0]"),
    "plus": lambda text: text.replace("[0,24]", "[0,+24]"),
    "float": lambda text: text.replace("[2,3]", "[2,3.0]"),
    "true": lambda text: text.replace("[0]", "[false]"),
    "digits of another script": lambda text: text.replace("[2,3]", "[2,٣]"),
    "control character in a name": lambda text: text.replace('"w"', '"w\x01"'),
    "control character in metadata": lambda text: text.replace("a b", "a\tb"),
    "another key": lambda text: text.replace('"shape":[]', '"shape":[],"more":1'),
    "numbers in one list": lambda text: text.replace("[0,24]", "[0,24,24]"),
    "a tensor named as metadata": lambda text: text.replace('"s"', '"__metadata__"'),
    "metadata twice": lambda text: text.replace('{"format"', '{"format":"x","format"'),
    "metadata of a number": lambda text: text.replace('"pt"', "1"),
    "a gap": lambda text: text.replace("[24,26]", "[25,27]").replace("[26,26]", "[27,27]"),
    "unknown dtype": lambda text: text.replace("BF16", "BF17"),
    "an end too many": lambda text: text + "}",
    "an end too few": lambda text: text[:-1],
    "text after it": lambda text: text + '"',
    "another order": lambda text: text.replace('"dtype":"F32","shape":[2,3]', '"shape":[2,3],"dtype":"F32"'),
    "negative": lambda text: text.replace("[0]", "[-0]"),
}


def _columns(rows: Rows) -> tuple[object, ...]:
    return rows.names, [(kind.dtype, kind.shape, kind.nbytes) for kind in rows.kinds], list(rows.starts), rows.metadata


def test_what_is_taken_apart_is_what_a_parser_finds() -> None:
    apart, parsed = Rows(), Rows()
    assert apart.take_text(USUAL + "   ")
    parsed.take(json.loads(USUAL))
    assert _columns(apart) == _columns(parsed)
    assert apart.fill(26, lambda: None)


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_left_to_the_parser_and_nothing_is_added(odd: str) -> None:
    text = ODD[odd](USUAL)
    assert text != USUAL
    rows = Rows()
    assert not rows.take_text(text)
    assert _columns(rows) == ([], [], [], None)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_header_is_opened_only_where_python_reads_the_same_of_it(odd: str, tmp_path: Path) -> None:
    raw = ODD[odd](USUAL).encode("utf-8")
    path = tmp_path / "odd.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(27 if odd == "a gap" else 26))
    try:
        with weightedit.open(path) as document:
            wanted = Rows()
            wanted.take(json.loads(raw))
            assert list(document.tensors) == wanted.names
            assert [document.tensors[name].shape for name in wanted.names] == [kind.shape for kind in wanted.kinds]
    except CheckpointError:
        assert odd not in ("spaces", "another order")
        if odd == "metadata twice":  # the reference takes the last, we say so
            return
        with pytest.raises((ValueError, Unsound, AssertionError)):
            _strictly(raw)


def _strictly(raw: bytes) -> None:
    """Read it as the reference does, with its limits; raises where it refuses it."""
    from safetensors import SafetensorError, deserialize

    try:
        deserialize(struct.pack("<Q", len(raw)) + raw + bytes(26))
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    rows = Rows()
    rows.take(json.loads(raw))


def test_offsets_past_64_bits_are_left_to_the_parser_and_nothing_is_added(tmp_path: Path) -> None:
    """Each tensor is as large as torch can count; the fourth begins where no column can say it."""
    most = (1 << 63) - 1
    records = {f"t{at}": {"dtype": "U8", "shape": [most], "data_offsets": [at * most, at * most + most]}
               for at in range(4)}  # fmt: skip
    text = json.dumps(records, separators=(",", ":"))
    rows = Rows()
    assert not rows.take_text(text)
    assert _columns(rows) == ([], [], [], None)
    path = tmp_path / "endless.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + bytes(26))
    with pytest.raises(CheckpointError, match=r"endless\.safetensors is cut short"):
        weightedit.open(path)


def _one_edit_away(text: str) -> Iterator[str]:
    """Yield every text that is one character less, more or other than this, and those with a part of it twice."""
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]
        for char in '"\\{}[]:, 0129-+.eE_\n\x00\x7f\ufeff\u0663é':
            yield text[:at] + char + text[at:]
            yield text[:at] + char + text[at + 1 :]
    marks = [at for at, char in enumerate(text) if char in '"{}[],']
    for start, stop in combinations(marks, 2):
        yield text[:stop] + text[start:]


def test_whatever_is_taken_apart_is_what_the_parser_makes_of_it() -> None:
    """Near a sound header, where a hand-written reader would go wrong: thousands of them, all that differ by one edit.

    What is not taken apart goes to the parser anyhow, so only what is taken can be taken wrongly.
    """
    tried = taken = 0
    for text in _one_edit_away(USUAL):
        rows = Rows()
        tried += 1
        if "\\" in text or not rows.take_text(text):
            assert _columns(rows) == ([], [], [], None)
            continue
        if len(set(rows.names)) < len(rows.names):  # who joins the pieces of a header looks for these
            continue
        taken += 1
        strict = Rows()
        strict.take(strictly_parsed(text))  # raises for what is not JSON, for keys that stand twice, and so on
        assert _columns(rows) == _columns(strict), text
        assert strict.fill(sum(kind.nbytes for kind in rows.kinds), lambda: None)
    assert tried > 10_000
    assert taken > 500


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    raw = USUAL.replace('"s"', '"w"').encode()
    path = tmp_path / "twice.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(26))
    with pytest.raises(CheckpointError, match='names "w" twice in its header'):
        weightedit.open(path)


def test_files_of_the_reference_are_taken_apart(tmp_path: Path) -> None:
    """Else all of this would be for nothing, should the reference begin to write in another way."""
    tensors = {"b": torch.zeros(3, 4, dtype=torch.bfloat16), "a": torch.zeros(0), "c": torch.tensor(1.0),
               "名": torch.zeros(2, dtype=torch.bool)}  # fmt: skip
    path = tmp_path / "reference.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    data = path.read_bytes()
    rows = Rows()
    assert rows.take_text(data[8 : 8 + int.from_bytes(data[:8], "little")].decode("utf-8"))
    assert set(rows.names) == set(tensors)
    with weightedit.open(path) as document:
        assert {name: document.tensors[name].shape for name in tensors} == {
            name: tuple(tensor.shape) for name, tensor in tensors.items()}  # fmt: skip
