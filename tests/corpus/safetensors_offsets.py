"""Shapes and offsets of safetensors files that overlap, leave the file, wrap around, or do not fit one another."""

from __future__ import annotations

from pathlib import Path

from tests.corpus.building import TENSOR, bad_files, safetensors
from tests.corpus.case import Family

FAMILY = Family("safetensors offsets")
BIG = 1 << 64


def one(dtype: str, shape: object, offsets: object, data: int = 8) -> bytes:
    return safetensors({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}, bytes(data))


def spans(data: int, *offsets: tuple[int, int]) -> bytes:
    """A file of byte tensors a, b, c, … at these offsets."""
    header = {
        chr(97 + i): {"dtype": "U8", "shape": [stop - start], "data_offsets": [start, stop]}
        for i, (start, stop) in enumerate(offsets)
    }
    return safetensors(header, bytes(data))


bad_files(
    FAMILY,
    {
        # shapes
        "a negative size": (one("F32", [-2], [0, 8]), "has the shape"),
        "two negative sizes": (one("F32", [-1, -2], [0, 8]), "has the shape"),
        "a size that is a float": (one("F32", [2.0], [0, 8]), "has the shape"),
        "a size that is a text": (one("F32", ["2"], [0, 8]), "has the shape"),
        "a size that is true": (one("F32", [True, 2], [0, 8]), "has the shape"),
        "a size that is null": (one("F32", [None], [0, 8]), "has the shape"),
        "a size that is a list": (one("F32", [[2]], [0, 8]), "has the shape"),
        "a shape that is a number": (one("F32", 2, [0, 8]), "has the shape"),
        "a shape that is a text": (one("F32", "2", [0, 8]), "has the shape"),
        "a shape that is a table": (one("F32", {"0": 2}, [0, 8]), "has the shape"),
        "a shape that is null": (one("F32", None, [0, 8]), "has the shape"),
        "a size of 2^64": (one("F32", [BIG], [0, 8]), "63 bits"),
        "a size of 2^64 + 2, which wraps to 2": (one("F32", [BIG + 2], [0, 8]), "63 bits"),
        "sizes whose product wraps to 2": (one("F32", [1 << 32, 1 << 31, 2], [0, 8]), "63 bits"),
        "sizes whose product wraps to 0": (one("U8", [1 << 32, 1 << 32], [0, 0], 0), "63 bits"),
        "sizes whose bytes wrap to 8": (one("F64", [(1 << 61) + 1], [0, 8]), "63 bits"),
        "2^62 by 2^62": (one("F32", [1 << 62, 1 << 62], [0, 8]), "63 bits"),
        "sixty sizes of 2^63": (one("U8", [1 << 63] * 60, [0, 8]), "63 bits"),
        "ten thousand sizes of 2": (one("U8", [2] * 10_000, [0, 8]), "dimensions"),
        "ten thousand sizes of 1": (one("U8", [1] * 10_000, [0, 1], 1), "dimensions"),
        "empty, and a size past what torch counts": (one("F32", [0, 1 << 63], [0, 0], 0), "63 bits"),
        "empty, and sizes whose product wraps": (one("F32", [1 << 62, 1 << 62, 0], [0, 0], 0), "63 bits"),
        "scalar of a table of many": (one("F32", [], [0, 8]), "needs 4 bytes"),
        "empty and given bytes": (one("F32", [0], [0, 8]), "needs 0 bytes"),
        "one element too few": (one("F32", [1], [0, 8]), "needs 4 bytes"),
        "one element too many": (one("F32", [3], [0, 8]), "needs 12 bytes"),
        "bytes that are no whole elements": (one("F32", [2], [0, 7], 7), "needs 8 bytes"),
        "another dtype's size": (one("F64", [2], [0, 8]), "needs 16 bytes"),
        "F4 of an odd size": (one("F4", [3], [0, 1], 1), "F4 needs an even last size"),
        "F4 of one scalar": (one("F4", [], [0, 1], 1), "F4 needs an even last size"),
        "F4 twice as long as it may be": (one("F4", [16], [0, 16], 16), "needs 8 bytes"),
        # offsets
        "offsets turned round": (one("F32", [2], [8, 0]), "offsets"),
        "a negative start": (one("F32", [2], [-8, 0]), "has the offsets"),
        "a negative stop": (one("F32", [2], [0, -8]), "has the offsets"),
        "both negative": (one("F32", [2], [-16, -8]), "has the offsets"),
        "a start of 2^64 - 8, which wraps": (one("F32", [2], [BIG - 8, BIG]), "belong to no tensor"),
        "a stop that wraps to 8": (one("F32", [2], [0, BIG + 8]), "needs 8 bytes"),
        "a start of 2^63": (one("F32", [2], [1 << 63, (1 << 63) + 8]), "belong to no tensor"),
        "offsets that are floats": (one("F32", [2], [0.0, 8.0]), "has the offsets"),
        "offsets that are texts": (one("F32", [2], ["0", "8"]), "has the offsets"),
        "offsets that are true and false": (one("U8", [1], [False, True], 1), "has the offsets"),
        "offsets that are null": (one("F32", [2], None), "has the offsets"),
        "offsets in a table": (one("F32", [2], {"0": 0, "1": 8}), "has the offsets"),
        "offsets that are lists": (one("F32", [2], [[0], [8]]), "has the offsets"),
        "one offset": (one("F32", [2], [8]), "has the offsets"),
        "three offsets": (one("F32", [2], [0, 4, 8]), "has the offsets"),
        "no offsets in the list": (one("F32", [2], []), "has the offsets"),
        "a million offsets": (one("F32", [2], [0] * 1_000_000), "has the offsets"),
        "offset 1e1": (
            safetensors('{"a":{"dtype":"U8","shape":[10],"data_offsets":[0,1e1]}}', bytes(10)),
            "has the offsets",
        ),
        "offset -0": (safetensors('{"a":{"dtype":"F32","shape":[2],"data_offsets":[-0.0,8]}}'), "has the offsets"),
        # where they lie
        "the data one byte short": (one("F32", [2], [0, 8], 7), "is cut short. The header promises"),
        "no data": (one("F32", [2], [0, 8], 0), "is cut short. The header promises"),
        "a byte behind the data": (one("F32", [2], [0, 8], 9), "is longer than it says"),
        "a megabyte behind the data": (one("F32", [2], [0, 8], 1 << 20), "is longer than it says"),
        "data and no tensor": (safetensors({}, bytes(8)), "is longer than it says"),
        "a hole at the start": (spans(8, (4, 8)), "bytes 0 to 4 of its data belong to no tensor"),
        "a hole in the middle": (spans(8, (0, 2), (4, 8)), "bytes 2 to 4 of its data belong to no tensor"),
        "a hole of one byte": (spans(8, (0, 3), (4, 8)), "bytes 3 to 4"),
        "a hole past the end": (spans(8, (0, 8), (16, 24)), "belong to no tensor"),
        "two at one place": (spans(8, (0, 8), (0, 8)), "overlap"),
        "one inside another": (spans(8, (0, 8), (2, 4)), "overlap"),
        "one over the end of another": (spans(8, (0, 5), (4, 8)), "overlap"),
        "turned round and overlapping": (spans(8, (4, 8), (0, 5)), "overlap"),
        "three, the first over the last": (spans(12, (0, 12), (4, 8), (8, 12)), "overlap"),
        "an empty one inside another": (spans(8, (0, 8), (4, 4)), "overlap"),
        "an empty one past the end": (spans(8, (0, 8), (99, 99)), "belong to no tensor"),
        "sizes that add up and places that do not": (spans(8, (0, 4), (2, 6)), "overlap"),
        "data promised by the terabyte": (one("U8", [1 << 40], [0, 1 << 40]), "is cut short"),
        "a sound one and a cut one": (
            safetensors({"a": TENSOR, "b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}}, bytes(20)),
            "is cut short",
        ),
    },
    "model.safetensors",
)


@FAMILY.bad("overlap")
def forty_thousand_over_one_place(folder: Path) -> Path:
    """The bytes are said once and would be copied 40,000 times."""
    header = {str(i): {"dtype": "U8", "shape": [1 << 16], "data_offsets": [0, 1 << 16]} for i in range(40_000)}
    path = folder / "model.safetensors"
    path.write_bytes(safetensors(header, bytes(1 << 16)))
    return path


@FAMILY.bad("63 bits")
def a_shape_of_many_huge_sizes(folder: Path) -> Path:
    """Their product has millions of digits, and would take minutes to print."""
    path = folder / "model.safetensors"
    path.write_bytes(one("U8", [10**4000] * 60, [0, 8]))
    return path
