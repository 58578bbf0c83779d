"""The ends of dtypes against what torch stores and what it rounds away."""

import pytest
import torch

from weightedit.core.dtypes import DTYPES, torch_dtype
from weightedit.core.values.limits import limits

FLOATS = [name for name, dtype in DTYPES.items() if dtype.family == "float" and name != "float8_e8m0fnu"]


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_ends_of_floats_are_stored_and_what_lies_past_them_is_not(dtype: str) -> None:
    (_, smallest), (_, normal), (_, largest) = limits(dtype)
    kind = torch_dtype(dtype)
    assert largest == torch.finfo(kind).max
    assert normal == torch.finfo(kind).smallest_normal
    kept = torch.tensor([smallest, smallest / 4], dtype=torch.float64).to(kind).double()
    assert kept.tolist() == [smallest, 0.0]


def test_whole_numbers_and_complex_parts() -> None:
    assert limits("int16") == (("i16 max", 32767.0),)
    assert [value for _, value in limits("complex32")] == [value for _, value in limits("float16")]
    assert limits("bool") == limits("qint8") == ()
