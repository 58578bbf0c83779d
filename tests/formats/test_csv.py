"""Tables of numbers open as numpy reads them, and what is wrong with one is said with line and column."""

from __future__ import annotations

import io
import re
import time
import tracemalloc

import numpy as np
import pytest

import weightedit
from weightedit.core.errors import CheckpointError
from weightedit.formats import csv_text, detect

TABLES = {
    "1,2,3\n4,5,6\n": ",", "1.5,2\n-3e-5,nan\ninf,-inf\n": ",", "1\t2\n3\t4\n": "\t", "1;2\n3;4": ";",
    "1 2  3\n 4 5 6 \n": None, "7\n8\n9\n": ",", "1,2\r\n3,4\r\n": ",", "# heading\n\n1, 2\n# more\n3, 4\n\n": ",",
    "0.1,1e-320,1.7976931348623157e308\n": ",",
}  # fmt: skip


@pytest.mark.parametrize("text", TABLES)
def test_a_table_is_what_numpy_reads(text, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    wanted = np.genfromtxt(io.StringIO(text), delimiter=TABLES[text], comments="#", ndmin=2)
    with weightedit.open(path) as document:
        assert document.format_name == "csv"
        info = document.tensors["array"]
        whole = not any(mark in text for mark in ".en")
        assert info.dtype_name == ("int64" if whole or "heading" in text else "float64")
        found = document.read("array").numpy()
        assert found.shape == wanted.shape
        assert found.astype(float).tobytes() == wanted.tobytes()


def test_whole_numbers_stay_exact_and_their_limits_are_kept(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("9007199254740993,-9223372036854775808\n")
    assert weightedit.open(path).read("array").tolist() == [[9007199254740993, -9223372036854775808]]
    path.write_text("18446744073709551615,0\n")
    with weightedit.open(path) as document:
        assert document.tensors["array"].dtype_name == "uint64"
        assert document.read("array").tolist() == [[18446744073709551615, 0]]


WRONG = {
    "1,2\n3\n": ("line 2 has 1 columns, and the first row has 2", "line 2, column 2"),
    "1,2\n3,4,5\n": ("line 2 has 3 columns", "line 2, column 3"),
    "1,2\n3,x\n": ("line 2, column 2 is 'x', which is no number", "line 2, column 2"),
    "a,b\n1,2\n": ("A heading may stay if it begins with #", "line 1, column 1"),
    "1,2\n3,\n": ("line 2, column 2 is empty", "line 2, column 2"),
    "1,2\n\n# c\n3,1_0\n": ("line 4, column 2 is '1_0'", "line 4, column 2"),
    "1,2\n3,٣\n": ("line 2, column 2", "line 2, column 2"),
    "# only words\n": ("holds no numbers", None),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_table_is_said_with_its_place(text, tmp_path):
    sentence, place = WRONG[text]
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        weightedit.open(path)
    assert sentence in str(caught.value)
    assert caught.value.place == place


def test_numbers_are_a_table_whatever_the_suffix_and_words_are_not(tmp_path):
    """Content decides; the suffix only says that words are meant to be numbers."""
    (tmp_path / "numbers.txt").write_text("1 2\n3 4\n")
    assert detect(tmp_path / "numbers.txt").name == "csv"
    (tmp_path / "words.txt").write_text("weights: 1, 2\n")
    with pytest.raises(CheckpointError, match="is a text file"):
        detect(tmp_path / "words.txt")


def test_a_saved_table_keeps_its_heading_and_separator(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("# a; b\n1.5;2.0\n-3.25;1e-30\n")
    with weightedit.open(path) as document:
        document.apply("set", "array", region="[0, 1]", values=70144.0)
        document.save()
    assert path.read_text() == "# a; b\n1.5;70144.0\n-3.25;1e-30\n"


def test_a_line_longer_than_a_piece_is_read_whole(tmp_path):
    """Lines are cut out of pieces of a megabyte."""
    values = np.arange(300_000).reshape(2, 150_000)
    np.savetxt(tmp_path / "wide.csv", values, "%d", ",")
    assert weightedit.open(tmp_path / "wide.csv").read("array").numpy().tobytes() == values.tobytes()


def test_a_long_line_takes_little_more_than_its_numbers(tmp_path, monkeypatch):
    """The cells of a line as texts take eight times its bytes; they are never all there at once."""
    monkeypatch.setattr(csv_text, "CHUNK", 1 << 16)
    path = tmp_path / "wide.csv"
    path.write_bytes(b"12345," * 299_999 + b"1\n")
    tracemalloc.start()
    try:
        document = weightedit.open(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert document.tensors["array"].shape == (1, 300_000)
    assert most < 16 << 20, most  # 12 MB, of which 7 are room for the numbers; 29 MB where all cells are there at once


@pytest.mark.parametrize(("row", "says"), [
    ("1," * 700_000 + "x", "line 2, column 700,001 is 'x', which is no number"),
    ("1," * 700_000 + "x,1", "line 2 has 700,002 columns, and the first row has 700,001"),
    ("1," * 600_000 + "1_0," * 100_000 + "1", "line 2, column 600,001 is '1_0', which is no number"),
    ("1," * 600_000 + "1", "line 2 has 600,001 columns, and the first row has 700,001"),
])  # fmt: skip
def test_a_long_row_that_is_wrong_is_said_with_its_place(row, says, tmp_path):
    """A line of several pieces is said like a short one."""
    path = tmp_path / "wide.csv"
    path.write_text("1," * 700_000 + "1\n" + row + "\n")
    with pytest.raises(CheckpointError, match=re.escape(says)):
        weightedit.open(path)


def test_a_long_line_of_words_apart_by_spaces_is_read(tmp_path):
    """Cells apart by any number of spaces are cut where a space is."""
    path = tmp_path / "wide.csv"
    path.write_text("1.5   2 " * 200_000 + "\n")
    assert weightedit.open(path).tensors["array"].shape == (1, 400_000)


def test_a_file_of_comments_is_passed_over_in_one_go(tmp_path):
    """A heading is put together once, not anew for each of its lines."""
    path = tmp_path / "heading.csv"
    path.write_bytes(b"#\n" * 2_000_000 + b"1,2\n")
    before = time.process_time()
    assert weightedit.open(path).tensors["array"].shape == (1, 2)
    assert time.process_time() - before < 10  # 1 s; putting 4 MB together 2,000,000 times is 4 TB
