"""Tables of numbers as text: what is no table, and every honest spelling of one."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.corpus.building import bad_files
from tests.corpus.case import Family, Opens, raw

FAMILY = Family("csv")

bad_files(
    FAMILY,
    {
        "ragged, longer": (b"1,2\n3,4,5\n", "line 2 has 3 columns"),
        "ragged, shorter": (b"1,2\n3\n", "line 2 has 1 columns"),
        "a comma at the end": (b"1,2,\n", "column 3 is empty"),
        "a comma at the start": (b",1\n", "column 1 is empty"),
        "two commas": (b"1,,2\n", "column 2 is empty"),
        "only commas": (b",,,\n", "column 1 is empty"),
        "a word": (b"1,two\n", "'two', which is no number"),
        "a heading": (b"x,y\n1,2\n", "A heading may stay if"),
        "quotes": (b'"1","2"\n', "is no number"),
        "an open quote": (b'1,"2\n3,4\n', "is no number"),
        "a line break in quotes": (b'1,"2\n"\n', "is no number"),
        "a formula": (b"=cmd|' /C calc'!A0,1\n", "is no number"),
        "code": (b"__import__('os').system('touch tripped')\n", "no number"),
        "a zero byte": (b"1,2\n3,\0" + b"4\n", "csv"),
        "an underscore": (b"1_000,2\n", "is no number"),
        "hexadecimal": (b"0x10,2\n", "is no number"),
        "complex numbers": (b"1+2j,3\n", "is no number"),
        "thousands by spaces": (b"1 000,2\n", "is no number"),
        "decimal commas": (b"1,5;2,5\n", "is no number"),
        "1.2.3": (b"1.2.3,4\n", "is no number"),
        "a minus sign alone": (b"-,1\n", "is no number"),
        "two minus signs": (b"--1,2\n", "is no number"),
        "a typographic minus": ("−1,2\n".encode(), "is no number"),
        "true and false": (b"True,False\n", "is no number"),
        "missing values": (b"1,NA\n", "is no number"),
        "None": (b"1,None\n", "is no number"),
        "only comments": (b"# a\n# b\n", "holds no numbers"),
        "only line breaks": (b"\n\n\r\n", "holds no numbers"),
        "only spaces": (b"   \n \t\n", "is empty"),
        "only a byte order mark": (b"\xef\xbb\xbf", "holds no numbers"),
        "two byte order marks": (b"\xef\xbb\xbf" * 2 + b"1,2\n", "no number"),
        "UTF-16": ("1,2\n3,4\n".encode("utf-16"), "is no checkpoint"),
        "UTF-16 without a mark": ("1,2\n".encode("utf-16-le"), "csv"),
        "old line ends": (b"1,2\r3,4\r", "is no number"),
        "a vertical tab": (b"1,2\x0b3\n", "csv"),
        "a right-to-left mark": ("1,\u202e2\n".encode(), "csv"),
        "separators that change": (b"1,2\n3;4\n", "line 2 has"),
        "a cell of a megabyte": (b"1," + b"x" * (1 << 20) + b"\n", "is no number"),
        "a million brackets": (b"[" * (1 << 20), "is no number"),
        "a number of 5,000 digits": (b"1," + b"9" * 5000 + b"\n3,x\n", "no number"),
        "a hundred thousand commas": (b"," * 100_000, "is empty"),
        "latin-1": (b"1,2\n\xe9,4\n" + b"5,6\n" * 2000, "csv"),
        "a table whose last line is a word": (b"1,2\n" * 5000 + b"end\n", "line 5,001"),
    },
    "table.csv",
)


def doubles(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def ints(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def add(name: str, text: bytes | str, dtype: str, shape: tuple[int, ...], data: bytes, file: str = "table.csv") -> None:
    def make(folder: Path) -> tuple[Path, Opens]:
        (folder / file).write_bytes(text.encode() if isinstance(text, str) else text)
        return folder / file, Opens({"array": raw(dtype, shape, data)})

    FAMILY.add(name, make)


FOUR = ints(1, 2, 3, 4)
add("commas", "1,2\n3,4\n", "int64", (2, 2), FOUR)
add("no line break at the end", "1,2\n3,4", "int64", (2, 2), FOUR)
add("line breaks of Windows", "1,2\r\n3,4\r\n", "int64", (2, 2), FOUR)
add("semicolons", "1;2\n3;4\n", "int64", (2, 2), FOUR)
add("tabs", "1\t2\n3\t4\n", "int64", (2, 2), FOUR, "table.tsv")
add("spaces", "1 2\n3   4\n", "int64", (2, 2), FOUR)
add("spaces around commas", " 1 , 2 \n 3 , 4 \n", "int64", (2, 2), FOUR)
add("a byte order mark", b"\xef\xbb\xbf1,2\n3,4\n", "int64", (2, 2), FOUR)
add("comments and empty lines before", "# a\n\n# x,y\n1,2\n\n3,4\n\n", "int64", (2, 2), FOUR)
add("one number", "7", "int64", (1, 1), ints(7))
add("one column", "1\n2\n3\n4\n", "int64", (4, 1), FOUR)
add("one row", "1,2,3,4\n", "int64", (1, 4), FOUR)
add("plus and minus signs", "+1,-2\n", "int64", (1, 2), ints(1, -2))
add("leading zeros", "001,0002\n", "int64", (1, 2), ints(1, 2))
add("the ends of int64", f"{-(1 << 63)},{(1 << 63) - 1}\n", "int64", (1, 2), ints(-(1 << 63), (1 << 63) - 1))
add("past int64", f"{(1 << 64) - 1},0\n", "uint64", (1, 2), struct.pack("<2Q", (1 << 64) - 1, 0))
add("past uint64", f"{1 << 64},0\n", "float64", (1, 2), doubles(2.0**64, 0))
add("points", "1.5,2\n3,4.25\n", "float64", (2, 2), doubles(1.5, 2, 3, 4.25))
add("exponents", "1e3,2E-3,1e+2\n", "float64", (1, 3), doubles(1e3, 2e-3, 1e2))
add("points without digits", ".5,5.\n", "float64", (1, 2), doubles(0.5, 5))
add(
    "spellings of infinity",
    "inf,-inf,Infinity,INF,+inf\n",
    "float64",
    (1, 5),
    doubles(*[float("inf"), -float("inf")], *[float("inf")] * 3),
)
add("spellings of NaN", "nan,NaN,NAN\n", "float64", (1, 3), doubles(*[float("nan")] * 3))
add("overflow to infinity", "1e999,1\n", "float64", (1, 2), doubles(float("inf"), 1))
add("too small for a double", "1e-999,1\n", "float64", (1, 2), doubles(0, 1))
add("the smallest double", "5e-324,1\n", "float64", (1, 2), doubles(5e-324, 1))
add("minus zero", "-0.0,0\n", "float64", (1, 2), doubles(-0.0, 0))
add("seventeen digits", "0.1,0.30000000000000004\n", "float64", (1, 2), doubles(0.1, 0.1 + 0.2))
add("a number of 3,000 digits after the point", "0." + "3" * 3000 + ",1\n", "float64", (1, 2), doubles(1 / 3, 1))
add("floats from the last row on", "1,2\n" * 3 + "3,4.5\n", "float64", (4, 2), doubles(1, 2, 1, 2, 1, 2, 3, 4.5))
add("no suffix", "1,2\n3,4\n", "int64", (2, 2), FOUR, "numbers")
add("ten thousand columns", ",".join(["1"] * 10_000) + "\n", "int64", (1, 10_000), ints(1) * 10_000)
add("ten thousand rows", "1\n" * 10_000, "int64", (10_000, 1), ints(1) * 10_000)
