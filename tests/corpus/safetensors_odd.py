"""safetensors files that are honest and unusual."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file, save_model

from tests.corpus.building import FLOATS, SEEN, TENSOR, safetensors
from tests.corpus.case import Family, Opens, holds, raw

FAMILY = Family("safetensors odd")
NAME = "model.safetensors"


def put(folder: Path, header: object, data: bytes = FLOATS, name: str = NAME) -> Path:
    (folder / name).write_bytes(safetensors(header, data))
    return folder / name


def saved(folder: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> tuple[Path, Opens]:
    """Written by the reference library, which orders tensors by the size of their elements and then by name."""
    from safetensors import safe_open

    save_file(tensors, folder / NAME, metadata)
    with safe_open(folder / NAME, "pt") as file:
        order = json.loads((folder / NAME).read_bytes()[8:].split(b"}}")[0] + b"}}")
        names = [name for name in order if name != "__metadata__"]
        return folder / NAME, holds({name: file.get_tensor(name) for name in names}, metadata or {})


for _name, _header in {
    "padded by spaces": json.dumps({"a": TENSOR}) + " " * 13,
    "padded by line breaks and tabs": json.dumps({"a": TENSOR}) + "\n\t\r\n ",
    "written in lines": json.dumps({"a": TENSOR}, indent=4),
    "items in another order": '{"a":{"data_offsets":[0,8],"shape":[2],"dtype":"F32"}}',
    "a kilobyte of padding": json.dumps({"a": TENSOR}) + " " * 1024,
    "keys by escapes": '{"a":{"\\u0064type":"F32","shap\\u0065":[2],"data_offsets":[0,8]}}',
}.items():
    FAMILY.add(_name, lambda folder, header=_header: (put(folder, header), Opens({"a": SEEN}, {})))

for _title, _key in {
    "an empty name": "",
    "a name of spaces": "   ",
    "dots only": "...",
    "a name with a slash": "a/b",
    "HTML": "<b>&amp;</b>",
    "line breaks": "a\nb\r\nc",
    "terminal escapes": "\x1b[31mred\x1b[0m\x07",
    "right to left": "\u202eabc\u202c",
    "a zero": "a\0b",
    "emoji and accents": "é🙂e\u0301",
    "a quotation mark and a backslash": '"\\',
    "a name of a format": "format",
    "spaces around": " weight ",
    "a name like another's number": "a #2",
    "a surrogate pair": "😀" * 3,
    "non-characters": "\uffff\ufffe",
    "a name of 100,000 letters": "n" * 100_000,
}.items():
    FAMILY.add(f"named by {_title}", lambda folder, key=_key: (put(folder, {key: TENSOR}), Opens({key: SEEN}, {})))


@FAMILY.odd
def no_tensor_at_all(folder: Path):
    return put(folder, {}, b""), Opens({}, {})


@FAMILY.odd
def no_tensor_and_metadata(folder: Path):
    return put(folder, {"__metadata__": {"a": "b"}}, b""), Opens({}, {"a": "b"})


@FAMILY.odd
def empty_metadata(folder: Path):
    return put(folder, {"__metadata__": {}, "a": TENSOR}), Opens({"a": SEEN}, {})


@FAMILY.odd
def metadata_at_the_end(folder: Path):
    return put(folder, {"a": TENSOR, "__metadata__": {"k": "v"}}), Opens({"a": SEEN}, {"k": "v"})


@FAMILY.odd
def metadata_of_a_megabyte(folder: Path):
    texts = {"long": "x\n" * (1 << 19), "": "", "json": '{"a": [1, 2]}', "é": "\u202e"}
    return put(folder, {"__metadata__": texts, "a": TENSOR}), Opens({"a": SEEN}, texts)


@FAMILY.odd
def a_scalar(folder: Path):
    return put(folder, {"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}, FLOATS[:4]), Opens(
        {"a": raw("float32", (), FLOATS[:4])}, {}
    )


@FAMILY.odd
def sizes_of_one(folder: Path):
    return put(folder, {"a": TENSOR | {"shape": [1] * 20 + [2]}}), Opens(
        {"a": raw("float32", (1,) * 20 + (2,), FLOATS)}
    )


@FAMILY.odd
def empty_tensors_at_both_ends_and_between(folder: Path):
    empty = {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]}
    last = empty | {"data_offsets": [8, 8]}
    none = raw("float32", (0, 3), b"")
    return put(folder, {"first": empty, "a": TENSOR, "last": last}), Opens({"first": none, "a": SEEN, "last": none}, {})


@FAMILY.odd
def only_empty_tensors(folder: Path):
    header = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
        for name, dtype, shape in (("a", "BF16", [0]), ("b", "BOOL", [3, 0, 2]), ("c", "F64", [0, 0]))
    }
    return put(folder, header, b""), Opens(
        {"a": raw("bfloat16", (0,), b""), "b": raw("bool", (3, 0, 2), b""), "c": raw("float64", (0, 0), b"")}, {}
    )


@FAMILY.odd
def offsets_that_are_not_aligned(folder: Path):
    header = {
        "odd": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "wide": {"dtype": "F64", "shape": [1], "data_offsets": [1, 9]},
    }
    return put(folder, header, b"\x07" + bytes(range(8))), Opens(
        {"odd": raw("uint8", (1,), b"\x07"), "wide": raw("float64", (1,), bytes(range(8)))}, {}
    )


@FAMILY.odd
def an_order_that_is_not_that_of_the_data(folder: Path):
    header = {
        "z": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]},
        "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
    }
    return put(folder, header, b"abcd"), Opens({"z": raw("uint8", (2,), b"cd"), "a": raw("uint8", (2,), b"ab")}, {})


@FAMILY.odd
def booleans_that_are_neither_0_nor_1(folder: Path):
    header = {"a": {"dtype": "BOOL", "shape": [4], "data_offsets": [0, 4]}}
    return put(folder, header, b"\0\1\2\xff"), Opens({"a": raw("bool", (4,), b"\0\1\2\xff")}, {})


@FAMILY.odd
def nans_of_every_kind(folder: Path):
    data = bytes.fromhex("0100807f 0000c07f ffffffff 0100c0ff 000080ff 00000080")
    header = {
        "a": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]},
        "b": {"dtype": "F16", "shape": [3], "data_offsets": [24, 30]},
    }
    halves = bytes.fromhex("017c 01fe ffff")
    return put(folder, header, data + halves), Opens(
        {"a": raw("float32", (6,), data), "b": raw("float16", (3,), halves)}, {}
    )


@FAMILY.odd
def two_numbers_in_a_byte(folder: Path):
    header = {"a": {"dtype": "F4", "shape": [2, 4], "data_offsets": [0, 4]}}
    return put(folder, header, b"\x12\x34\x56\x78"), Opens(
        {"a": raw("float4_e2m1fn_x2", (2, 2), b"\x12\x34\x56\x78")}, {}
    )


@FAMILY.odd
def every_dtype(folder: Path):
    names = [
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint64",
        "uint32",
        "uint16",
        "uint8",
        "bool",
        "complex64",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e8m0fnu",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
    ]
    bits = torch.arange(48, dtype=torch.uint8).bitwise_and(1)
    return saved(folder, {name: bits.clone().view(getattr(torch, name)) for name in names}, {"format": "pt"})


@FAMILY.odd
def tied_weights_as_save_model_notes_them(folder: Path):
    module = torch.nn.Module()
    module.a = torch.nn.Linear(2, 3, bias=False)
    module.b = torch.nn.Linear(2, 3, bias=False)
    module.b.weight = module.a.weight
    save_model(module, str(folder / NAME))
    return folder / NAME, holds({"a.weight": module.a.weight, "b.weight": module.a.weight})


@FAMILY.odd
def metadata_that_names_a_tensor_under_format(folder: Path):
    return put(folder, {"__metadata__": {"format": "a"}, "a": TENSOR}), Opens({"a": SEEN}, {"format": "a"})


@FAMILY.odd
def named_as_a_torch_file(folder: Path):
    return put(folder, {"a": TENSOR}, name="pytorch_model.bin"), Opens({"a": SEEN}, {})


@FAMILY.odd
def named_without_a_suffix(folder: Path):
    return put(folder, {"a": TENSOR}, name="weights"), Opens({"a": SEEN}, {})


@FAMILY.odd
def two_thousand_tensors(folder: Path):
    header = {f"layer.{i}": {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i in range(2_000)}
    data = bytes(i % 251 for i in range(2_000))
    return put(folder, header, data), Opens(
        {f"layer.{i}": raw("uint8", (1,), data[i : i + 1]) for i in range(2_000)}, {}
    )
