"""Sizes read as people type them, decimal units apart from binary ones."""

from __future__ import annotations

import pytest

from weightedit.core.words.sizes import SizeError, parse_size


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [("5GB", 5 * 10**9), ("5 gb", 5 * 10**9), ("500 MB", 5 * 10**8), ("1.5 GiB", 3 << 29), ("2k", 2000), ("7", 7),
     ("4_000_000", 4_000_000), ("4,000,000 B", 4_000_000), (".5 KiB", 512), (" 1 TB ", 10**12)],
)  # fmt: skip
def test_a_size_reads(text, nbytes):
    assert parse_size(text) == nbytes


@pytest.mark.parametrize("text", ["", "GB", "5 XB", "-5 GB", "0", "0.1 B", "five", "1e400", "5 G B"])
def test_what_is_no_size_is_said(text):
    with pytest.raises(SizeError, match="such as 5 GB"):
        parse_size(text)
