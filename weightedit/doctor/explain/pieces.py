"""Pieces of patterns that messages are made of, and how they are read: numbers, shapes, dtypes and devices."""

from __future__ import annotations

import re

N = r"-?\d{1,20}"
"""A whole number."""
SIZES = r"[\d, ]{0,120}"
"""What stands between the brackets of a shape."""
SHAPE = rf"(?:torch\.Size\(\[{SIZES}\]\)|\[{SIZES}\])"
"""A shape, as `[5, 10]` or as `torch.Size([5, 10])`."""
ROUND = rf"\({SIZES}\)"
"""A shape in round brackets."""
TIMES = r"\(?\d{1,18}(?: ?x ?\d{1,18}){0,8}\)?"
"""A shape as `2x7` or `(4 x 4)`."""
NAME = r"[^\s'\"`:,]{1,400}"
"""A dotted name."""
DEVICE = (r"(?:cpu|cuda|meta|mps|xpu|npu|hpu|mtia|xla|ipu|hip|maia|lazy|vulkan|opencl|opengl|privateuseone)"
          r"(?::\d{1,4})?")  # fmt: skip
"""A device, `cuda:0`."""
DTYPE = (r"(?:torch\.)?(?:cuda\.)?(?:c10::|struct c10::)?"
         r"(?:unsigned char|signed char|long long|complex<\w{1,8}>|\w{1,20})")  # fmt: skip
"""A dtype, as Python or as C++ calls it."""

SCALAR = (r"(?:BFloat16|Half|Float|Double|Long|Int|Short|Char|Byte|Bool|Complex(?:Half|Float|Double)|UInt(?:16|32|64)"
          r"|Float8_\w{1,12})")  # fmt: skip
"""A dtype, as C++ calls it."""

_WORDS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "long": "int64",
    "long long": "int64", "__int64": "int64", "int": "int32", "short": "int16", "char": "int8", "signed char": "int8",
    "byte": "uint8", "unsigned char": "uint8", "bool": "bool", "complexfloat": "complex64",
    "complex<float>": "complex64", "complexdouble": "complex128", "complex<double>": "complex128",
    "complexhalf": "complex32", "complex<half>": "complex32",
}  # fmt: skip


def dtype_word(found: str) -> str:
    """Return torch's name of a dtype: `float16` for `Half`, `c10::Half`, `torch.cuda.HalfTensor` or `torch.float16`."""
    bare = re.sub(r"^(?:struct )?(?:torch\.)?(?:cuda\.)?(?:c10::)?", "", found.strip())
    lowered = bare.removesuffix("Tensor").lower()
    return _WORDS.get(lowered, lowered)


def device_word(found: str) -> str:
    """Return the device of a type of tensors: `cuda` for `torch.cuda.FloatTensor`."""
    return "cuda" if ".cuda." in found else "cpu"


def numbers_of(found: str) -> tuple[int, ...]:
    """Return the whole numbers in a piece of text, such as the sizes of a shape."""
    return tuple(int(one) for one in re.findall(r"-?\d{1,20}", found)[:64])
