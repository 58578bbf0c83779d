"""numpy's .npy: headers that lie or would be evaluated, and every honest form of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from tests.corpus.building import FLOATS, bad_files
from tests.corpus.case import Family, Opens, Seen, raw

FAMILY = Family("npy")
MAGIC = b"\x93NUMPY"


def npy(text: str | bytes, data: bytes = FLOATS, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """Return a file of any header text."""
    body = text.encode("latin1") if isinstance(text, str) else text
    size = len(body) if length is None else length
    return MAGIC + bytes(version) + size.to_bytes(2 if version[0] == 1 else 4, "little") + body + data


def header(descr: str = "'<f4'", order: str = "False", shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def of(shape: str, data: bytes = FLOATS, descr: str = "'<f4'") -> bytes:
    return npy(header(descr, shape=shape), data)


def saved(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


OBJECTS = saved(np.array([{}, None], dtype=object), allow_pickle=True)
EVIL = OBJECTS.partition(b"\n")[0] + b"\n" + b"cos\nsystem\n(S'touch tripped'\ntR."
RECORDS = saved(np.zeros(2, [("a", "<f4"), ("b", "<i2", (3,))]))

BAD = {
    # the beginning
    "only the magic": (MAGIC, "is cut short"),
    "cut in the version": (MAGIC + b"\1", "is cut short"),
    "cut in the length": (MAGIC + b"\1\0\x46", "is cut short"),
    "cut in the header": (of("(2,)")[:40], "is cut short"),
    "nothing behind the length": (npy("", b"", length=60), "is cut short"),
    "an empty header": (npy("", b"\0" * 20), "does not read"),
    "version 0": (npy(header(), version=(0, 0)), "version 0.0"),
    "version 4": (npy(header(), version=(4, 0)), "version 4.0"),
    "version 255": (npy(header(), version=(255, 255)), "version 255.255"),
    "a header of 4 GB": (npy(header(), version=(2, 0), length=(1 << 32) - 1), "its header has"),
    "a header of 65,535 bytes that are not there": (npy(header(), length=65_535), "its header"),
    "a header past the file": (npy(header(), length=5000), "is cut short"),
    "a header one byte short": (npy(header(), length=len(header()) - 4), "does not read"),
    # code where a table should be
    "a call": (npy("__import__('os').system('touch tripped')\n"), "does not read"),
    "a call as dtype": (npy(header("__import__('os').system('touch tripped')")), "does not read"),
    "a call as shape": (npy(header(shape="(__import__('os').system('touch tripped'),)")), "does not read"),
    "a lambda": (npy("{'descr': (lambda: 0)(), 'fortran_order': False, 'shape': (2,)}"), "does not read"),
    "a sum as a size": (npy(header(shape="(1 + 1,)")), "does not read"),
    "a power as a size": (npy(header(shape="(9**9**9,)")), "does not read"),
    "a comprehension": (npy("{x: 0 for x in range(9**9)}"), "does not read"),
    "an f-string": (npy(header("f'<f4'")), "does not read"),
    "50,000 brackets": (npy("(" * 50_000, version=(2, 0)), "does not read"),
    "50,000 brackets as a shape": (npy(header(shape="(" * 50_000), version=(2, 0)), "does not read"),
    "50,000 minus signs": (npy(header(shape="(" + "-" * 50_000 + "2,)"), version=(2, 0)), "does not read"),
    "zeros": (npy("\0" * 60), "does not read"),
    "a list": (npy("['<f4', False, (2,)]"), "does not read"),
    "JSON": (npy('{"descr": "<f4", "fortran_order": false, "shape": [2]}'), "does not read"),
    # items
    "no descr": (npy("{'fortran_order': False, 'shape': (2,), }"), "does not read"),
    "no shape": (npy("{'descr': '<f4', 'fortran_order': False, }"), "does not read"),
    "no order": (npy("{'descr': '<f4', 'shape': (2,), }"), "does not read"),
    "an item too many": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1, }"), "does not read"),
    "descr twice": (npy("{'descr': '<f8', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"), "twice"),
    "shape twice": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99,), 'shape': (2,), }"), "twice"),
    "descr as the order": (npy("{'descr': '<f4', 'fortran_order': '<f4', 'shape': (2,), }"), "does not read"),
    "shape as the dtype": (npy("{'descr': (2,), 'fortran_order': False, 'shape': (2,), }"), "is damaged"),
    "dtype as the shape": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': '<f4', }"), "is damaged"),
    "no comma between items": (npy("{'descr': '<f4' 'fortran_order': False 'shape': (2,)}"), "does not read"),
    "the order as a number": (npy(header(order="0")), "does not read"),
    # dtypes
    "objects": (OBJECTS, "holds Python objects"),
    "objects that would run": (EVIL, "holds Python objects"),
    "records": (RECORDS, "holds records of several fields"),
    "records with a name twice": (npy(header("[('a', '<f4'), ('a', '<f4')]"), FLOATS * 2), "records of several fields"),
    "texts": (saved(np.array(["a", "bc"])), "holds texts"),
    "bytes": (saved(np.array([b"a", b"bc"])), "holds texts"),
    "dates": (saved(np.array(["2020-01-01"], "M8[D]")), "holds dates"),
    "times": (saved(np.array([5], "m8[s]")), "holds times"),
    "raw items": (saved(np.zeros(2, "V4")), "holds raw items"),
    "long doubles": (saved(np.zeros(2, np.longdouble)), "which torch does not have"),
    "long complex": (saved(np.zeros(2, np.clongdouble)), "which torch does not have"),
    "a dtype of no size": (of("(2,)", descr="'<f'"), "which torch does not have"),
    "a dtype of a huge size": (of("(2,)", descr="'<f" + "9" * 400 + "'"), "which torch does not have"),
    "a dtype of size 0": (of("(2,)", descr="'<f0'"), "which torch does not have"),
    "an empty dtype": (of("(2,)", descr="''"), "is damaged: its dtype"),
    "a dtype that is HTML": (of("(2,)", descr="'<b>x</b>'"), "is damaged: its dtype"),
    "a dtype by name": (of("(2,)", descr="'float32'"), "dtype"),
    "a dtype with a shape": (of("(2,)", descr="'(2,)<f4'"), "is damaged: its dtype"),
    "another mark of order": (of("(2,)", descr="'!f4'"), "is damaged: its dtype"),
    # shapes
    "a negative size": (of("(-2,)"), "does not read"),
    "a size that is a float": (of("(2.0,)"), "does not read"),
    "a size in brackets": (of("([2],)"), "does not read"),
    "a shape that is a number": (of("2"), "does not read"),
    "a shape that is a list": (of("[2]"), "holds records"),
    "an open shape": (of("(2,"), "does not read"),
    "two commas": (of("(2,,)"), "its shape"),
    "a size with a space": (of("(1 2,)"), "its shape"),
    "a size of letters": (of("(LL,)"), "its shape"),
    "a size of Arabic digits": (
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (٢,), }\n".encode(), version=(3, 0)),
        "does not read",
    ),
    "a size of 2^63": (of(f"({1 << 63},)"), "63 bits"),
    "a size of 2^64 + 2": (of(f"({(1 << 64) + 2},)"), "its shape"),
    "a size of 4,000 digits": (of(f"({'9' * 4000},)"), "its shape"),
    "sizes whose product wraps": (of(f"({1 << 62}, {1 << 62})"), "63 bits"),
    "sizes whose bytes wrap to 8": (of(f"({(1 << 62) + 2},)"), "63 bits"),
    "empty, and the others wrap": (of(f"(0, {1 << 62}, {1 << 62})", b""), "63 bits"),
    "65 dimensions": (of("(" + "1, " * 65 + ")", FLOATS[:4]), "its shape"),
    "5,000 dimensions": (of("(" + "1, " * 5000 + ")", FLOATS[:4]), "its shape"),
    "a terabyte promised": (of(f"({1 << 38},)"), "is cut short"),
    "one element short": (of("(3,)"), "is cut short"),
    "one byte short": (of("(2,)", FLOATS[:-1]), "is cut short"),
    "no data": (of("(2,)", b""), "is cut short"),
    "no data for a scalar": (of("()", b""), "is cut short"),
}
bad_files(FAMILY, BAD, "array.npy")


def add(name: str, data: bytes, dtype: str, shape: tuple[int, ...], elements: bytes) -> None:
    """Add a file that opens; `elements` are little-endian and row-major."""

    def make(folder: Path) -> tuple[Path, Opens]:
        (folder / "array.npy").write_bytes(data)
        return folder / "array.npy", Opens({"array": raw(dtype, shape, elements)})

    FAMILY.add(name, make)


def loaded(array: Any) -> Seen:
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return raw(array.dtype.name, array.shape, little.tobytes())


for _name in ("f2", "f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
    _array = np.arange(6).astype(_name).reshape(2, 3)
    for _order, _code in (("little", "<"), ("big", ">")):
        if _array.dtype.itemsize > 1 or _order == "little":
            _one = _array.astype(_code + _name)
            add(f"{_array.dtype} {_order} end first", saved(_one), _array.dtype.name, (2, 3), _array.tobytes())

GRID = np.arange(24, dtype="<f4").reshape(2, 3, 4)
add("in Fortran's order", saved(np.asfortranarray(GRID)), "float32", (2, 3, 4), GRID.tobytes())
add(
    "in Fortran's order, big end first",
    saved(np.asfortranarray(GRID.astype(">f4"))),
    "float32",
    (2, 3, 4),
    GRID.tobytes(),
)
add("a scalar", saved(np.float32(1)), "float32", (), FLOATS[:4])
add("an empty array", saved(np.zeros((0, 3), "f4")), "float32", (0, 3), b"")
add("an empty array in Fortran's order", of("(3, 0, 2)", b"").replace(b"False", b"True "), "float32", (3, 0, 2), b"")
add("64 dimensions", of("(" + "1, " * 63 + "2)"), "float32", (1,) * 63 + (2,), FLOATS)
add("version 2", npy(header(), version=(2, 0)), "float32", (2,), FLOATS)
add("version 3", npy(header(), version=(3, 0)), "float32", (2,), FLOATS)
add("version 1.7", npy(header(), version=(1, 7)), "float32", (2,), FLOATS)
add("no padding", npy(header().strip()), "float32", (2,), FLOATS)
add("a kilobyte of padding", npy(header() + " " * 1024 + "\n"), "float32", (2,), FLOATS)
add("items in another order", npy("{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}"), "float32", (2,), FLOATS)
add("double quotes", npy('{"descr": "<f4", "fortran_order": False, "shape": (2,)}'), "float32", (2,), FLOATS)
add(
    "spaces everywhere",
    npy("{ 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 2 , ) , } \n"),
    "float32",
    (2,),
    FLOATS,
)
add("sizes of Python 2", npy(header(shape="(2L,)")), "float32", (2,), FLOATS)
add("a shape without a comma", npy(header(shape="(2, 1)")), "float32", (2, 1), FLOATS)
add("the machine's own order", npy(header("'=f4'")), "float32", (2,), FLOATS)
add("no mark of order", npy(header("'f4'")), "float32", (2,), FLOATS)
add("an order where there is none", npy(header("'>u1'")), "uint8", (2,), FLOATS[:2])
add("bytes behind the array", saved(np.zeros(2, "f4")) + b"more", "float32", (2,), bytes(8))
add("two arrays in a file", saved(np.zeros(2, "f4")) + saved(np.ones(3)), "float32", (2,), bytes(8))
add("booleans that are neither 0 nor 1", npy(header("'|b1'")), "bool", (2,), FLOATS[:2])
add(
    "NaNs with a payload",
    npy(header("'<f4'"), b"\1\0\x80\x7f\xff\xff\xff\xff"),
    "float32",
    (2,),
    b"\1\0\x80\x7f\xff\xff\xff\xff",
)
