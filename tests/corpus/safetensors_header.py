"""Headers of safetensors files that are no JSON, no table, too long, or say something else than tensors."""

from __future__ import annotations

import json
from pathlib import Path

from tests.corpus.building import FLOATS, TENSOR, bad_files, safetensors, written
from tests.corpus.case import Family, Refused

FAMILY = Family("safetensors header")
ONE = json.dumps({"a": TENSOR}, separators=(",", ":"))


def changed(**items: object) -> bytes:
    return safetensors({"a": TENSOR | items})


def without(item: str) -> bytes:
    return safetensors({"a": {key: value for key, value in TENSOR.items() if key != item}})


def text(inside: str, data: bytes = FLOATS) -> bytes:
    return safetensors(inside, data)


bad_files(
    FAMILY,
    {
        # its length
        "length 0": (safetensors(ONE, length=0), "the header length lies"),
        "length 1": (safetensors(ONE, length=1), "the header length lies"),
        "length 2 of a longer header": (safetensors(ONE, length=2), "not valid JSON"),
        "length 2^63": (safetensors(ONE, length=1 << 63), "the header length lies"),
        "length 2^63 - 1": (safetensors(ONE, length=(1 << 63) - 1), "the header length lies"),
        "length 2^64 - 1": (safetensors(ONE, length=(1 << 64) - 1), "the header length lies"),
        "length 2^64 - 8, which wraps to 0": (safetensors(ONE, length=(1 << 64) - 8), "the header length lies"),
        "length past the file": (safetensors(ONE, length=5000), "is cut short. Its header alone has 5,000 bytes"),
        "length of 100 MB and 1": (safetensors(ONE, length=100_000_001), "the header length lies"),
        "length of 100 MB in a short file": (safetensors(ONE, length=100_000_000), "is cut short. Its header alone"),
        "length one too long": (safetensors(ONE, length=len(ONE) + 1), "not UTF-8" if FLOATS[0] > 127 else "JSON"),
        "length one too short": (safetensors(ONE, length=len(ONE) - 1), "JSON"),
        "length big end first": (len(ONE).to_bytes(8, "big") + ONE.encode() + FLOATS, "the header length lies"),
        "length of 4 bytes": (len(ONE).to_bytes(4, "little") + ONE.encode() + FLOATS, "is no checkpoint"),
        "nothing behind the length": ((40).to_bytes(8, "little"), "is no checkpoint"),
        "the header cut in half": (safetensors(ONE)[:30], "is cut short. Its header alone"),
        "only a brace": (safetensors("{", b""), "the header length lies"),
        # no JSON
        "a list": (safetensors(b"[1, 2, 3]"), "is no checkpoint"),
        "a text": (safetensors(b'"a header, it says"'), "is no checkpoint"),
        "null": (safetensors(b"null        "), "is no checkpoint"),
        "a space before the brace": (safetensors(" " + ONE), "is no checkpoint"),
        "a byte order mark": (safetensors("\ufeff" + ONE), "is no checkpoint"),
        "a comma too many": (text('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}'), "JSON"),
        "a comment": (text('{/* no */"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "JSON"),
        "quotes of another kind": (text("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}"), "JSON"),
        "keys without quotes": (text("{a:{dtype:F32,shape:[2],data_offsets:[0,8]}}"), "JSON"),
        "no brace at the end": (text('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'), "JSON"),
        "two tables": (safetensors(ONE + "{}"), "JSON"),
        "letters behind the table": (safetensors(ONE + "xyz"), "JSON"),
        "zeros behind the table": (safetensors(ONE + "\0\0\0\0"), "JSON"),
        "a zero in a name": (safetensors(b'{"a\0b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "JSON"),
        "a line break in a name": (safetensors(b'{"a\nb":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "JSON"),
        "an escape that is none": (text(r'{"a\x41":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "JSON"),
        "half an escape": (text('{"\\u00'), "JSON"),
        "an open text": (text('{"a":{"dtype":"F32'), "JSON"),
        "NaN as an offset": (text('{"a":{"dtype":"F32","shape":[2],"data_offsets":[NaN,8]}}'), "JSON"),
        "Infinity as an offset": (text('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,Infinity]}}'), "JSON"),
        "-Infinity as a size": (text('{"a":{"dtype":"F32","shape":[-Infinity],"data_offsets":[0,8]}}'), "JSON"),
        "NaN in the metadata": (
            text('{"__metadata__":{"a":NaN},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
            "JSON",
        ),
        "1e400 as a size": (text('{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,8]}}'), "has the shape"),
        "a number of 5,000 digits": (
            text('{"a":{"dtype":"F32","shape":[' + "9" * 5000 + '],"data_offsets":[0,8]}}'),
            "JSON",
        ),
        "a number of 4,000 digits": (
            text('{"a":{"dtype":"F32","shape":[' + "9" * 4000 + '],"data_offsets":[0,8]}}'),
            "more bytes than 63 bits count",
        ),
        "octal numbers": (text('{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}'), "JSON"),
        "hexadecimal numbers": (text('{"a":{"dtype":"F32","shape":[0x2],"data_offsets":[0,8]}}'), "JSON"),
        "a plus sign": (text('{"a":{"dtype":"F32","shape":[+2],"data_offsets":[0,8]}}'), "JSON"),
        # no UTF-8
        "a lone byte of UTF-8": (
            safetensors(b'{"a\xff":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
            "not UTF-8",
        ),
        "UTF-8 cut off": (safetensors(b'{"\xe2\x82":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "not UTF-8"),
        "overlong UTF-8": (safetensors(b'{"\xc0\x80":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "not UTF-8"),
        "a surrogate in UTF-8": (
            safetensors('{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
            "not UTF-8",
        ),
        "latin-1": (
            safetensors('{"é":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'.encode("latin1")),
            "not UTF-8",
        ),
        "UTF-16": (safetensors(ONE.encode("utf-16-le")), "JSON"),
        "a lone surrogate by escapes": (
            text('{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
            "surrogate",
        ),
        # nested without end
        "100,000 lists deep": (safetensors('{"a":' + "[" * 100_000), "nested"),
        "100,000 tables deep": (safetensors('{"a":' * 100_000), "nested"),
        "closed lists 50,000 deep as a shape": (
            text('{"a":{"dtype":"F32","shape":' + "[" * 50_000 + "]" * 50_000 + ',"data_offsets":[0,8]}}'),
            "nested",
        ),
        "lists 500 deep as a shape": (
            text('{"a":{"dtype":"F32","shape":' + "[" * 500 + "]" * 500 + ',"data_offsets":[0,8]}}'),
            "has the shape",
        ),
        # what it says of a tensor
        "a tensor that is a number": (safetensors({"a": 3}), "is not described by a table"),
        "a tensor that is null": (safetensors({"a": None}), "is not described by a table"),
        "a tensor that is a list": (safetensors({"a": ["F32", [2], [0, 8]]}), "is not described by a table"),
        "an empty table": (safetensors({"a": {}}), "has no dtype"),
        "no dtype": (without("dtype"), "has no dtype"),
        "no shape": (without("shape"), "has no shape"),
        "no offsets": (without("data_offsets"), "has no data_offsets"),
        "an item too many": (changed(strides=[1]), "more than dtype, shape, data_offsets"),
        "another spelling of an item": (
            safetensors({"a": {"DTYPE": "F32", "shape": [2], "data_offsets": [0, 8]}}),
            "has no dtype",
        ),
        "nested tensors": (safetensors({"a": {"b": TENSOR}}), "has no dtype"),
        "dtype float32": (changed(dtype="float32"), "which safetensors does not have"),
        "dtype in small letters": (changed(dtype="f32"), "which safetensors does not have"),
        "dtype with a space": (changed(dtype="F32 "), "which safetensors does not have"),
        "dtype of a later version": (changed(dtype="F3_E1M1"), "which safetensors does not have"),
        "dtype torch lacks": (
            safetensors({"a": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3]}}, b"abc"),
            "for which torch has none",
        ),
        "dtype empty": (changed(dtype=""), "which safetensors does not have"),
        "dtype a number": (changed(dtype=32), "which safetensors does not have"),
        "dtype a list": (changed(dtype=["F32"]), "which safetensors does not have"),
        "dtype a table": (changed(dtype={"F32": 1}), "which safetensors does not have"),
        "dtype of a megabyte": (changed(dtype="F" * (1 << 20)), "which safetensors does not have"),
        "dtype null": (changed(dtype=None), "which safetensors does not have"),
        # metadata
        "metadata a list": (safetensors({"__metadata__": [], "a": TENSOR}), "metadata"),
        "metadata a text": (safetensors({"__metadata__": "pt", "a": TENSOR}), "metadata"),
        "metadata null": (safetensors({"__metadata__": None, "a": TENSOR}), "metadata"),
        "metadata with a number": (safetensors({"__metadata__": {"epoch": 3}, "a": TENSOR}), "metadata"),
        "metadata with a table": (safetensors({"__metadata__": {"a": {}}, "a": TENSOR}), "metadata"),
        "metadata described as a tensor": (safetensors({"__metadata__": TENSOR}), "metadata"),
        # names that stand twice
        "a tensor twice": (
            text(
                '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},'
                '"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
                b"ab",
            ),
            'names "a" twice',
        ),
        "a tensor twice, once by an escape": (
            text(
                '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},'
                '"\\u0061":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
                b"abcd",
            ),
            'names "a" twice',
        ),
        "a shape twice": (text('{"a":{"dtype":"U8","shape":[9],"shape":[2],"data_offsets":[0,2]}}', b"ab"), "twice"),
        "a dtype twice": (text('{"a":{"dtype":"F64","dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"), "twice"),
        "offsets twice": (
            text('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,99],"data_offsets":[0,2]}}', b"ab"),
            "twice",
        ),
        "metadata twice": (
            text(
                '{"__metadata__":{},"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
                b"ab",
            ),
            "twice",
        ),
        "a key of the metadata twice": (
            text('{"__metadata__":{"k":"v","k":"w"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"),
            "twice",
        ),
    },
    "model.safetensors",
)


@FAMILY.bad("names")
def a_name_of_ten_megabytes_twice(folder: Path) -> Path:
    name = "n" * 5_000_000
    record = '":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    path = folder / "model.safetensors"
    path.write_bytes(safetensors('{"' + name + record + ',"' + name + record + "}", b""))
    return path


@FAMILY.bad("JSON")
def thirty_megabytes_of_brackets(folder: Path) -> Path:
    path = folder / "model.safetensors"
    path.write_bytes(safetensors(b"{" + b"[" * (30 << 20), b""))
    return path


@FAMILY.bad("not described by a table")
def fifty_thousand_tensors_and_the_last_is_none(folder: Path) -> Path:
    record = '":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"'
    names = record.join(str(i) for i in range(50_000))
    path = folder / "model.safetensors"
    path.write_bytes(safetensors('{"' + names + '":7}', b""))
    return path


for _deep in (600, 800, 900, 960, 980, 990, 1000):
    FAMILY.add(
        f"lists {_deep} deep as a dtype",
        written(
            text('{"a":{"dtype":' + "[" * _deep + "]" * _deep + ',"shape":[2],"data_offsets":[0,8]}}'),
            "model.safetensors",
        ),
        Refused("nested" if _deep > 990 else ""),
    )


@FAMILY.bad("has 2,000 dimensions")
def two_thousand_sizes_of_4_000_digits(folder: Path) -> Path:
    """To multiply them takes long, and to print the product longer."""
    path = folder / "model.safetensors"
    path.write_bytes(text('{"a":{"dtype":"F32","shape":[' + ",".join(["9" * 4000] * 2000) + '],"data_offsets":[0,8]}}'))
    return path
