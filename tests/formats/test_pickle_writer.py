"""Our pickles say to Python's own unpickler what theirs would have said."""

from __future__ import annotations

import math
import pickle
import pickletools
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.errors import CheckpointError
from weightedit.formats.pickle_reader import PickleReader
from weightedit.formats.pickle_writer import PickleWriter


def written(value: Any) -> bytes:
    def none(*args: Any) -> Any:
        raise AssertionError("there are no tensors here")

    return PickleWriter(none, none).write(value)


def inert(raw: bytes) -> Any:
    return PickleReader(lambda key: 0, lambda key: None).read(raw)


leaf = (
    st.none() | st.booleans() | st.integers() | st.integers(-(1 << 3000), 1 << 3000) | st.floats() | st.text()
    | st.binary() | st.complex_numbers(allow_nan=False) | st.binary().map(bytearray)
)  # fmt: skip
key = st.text() | st.integers() | st.tuples(st.integers(), st.text()) | st.binary()


def grown(inside: Any) -> Any:
    return (
        st.lists(inside) | st.lists(inside).map(tuple) | st.dictionaries(key, inside)
        | st.dictionaries(key, inside).map(OrderedDict) | st.sets(key) | st.frozensets(key)
    )  # fmt: skip


def alike(mine: Any, theirs: Any) -> bool:
    """Whether they print alike, which NaN does too; an OrderedDict is read as one that keeps attributes."""
    return repr(mine).replace("OrderedState(", "OrderedDict(") == repr(theirs)


@example(OrderedDict({"": math.nan}))
@given(st.recursive(leaf, grown, max_leaves=20))
def test_values_survive(value):
    raw = written(value)
    assert raw.startswith(b"\x80\x02")
    for loaded in (pickle.loads(raw), inert(raw)):
        if isinstance(loaded, set | frozenset):
            assert loaded == value
        else:
            assert alike(loaded, value) or loaded == value


def test_long_containers_come_in_batches():
    value = {"list": list(range(2500)), "dict": {i: str(i) for i in range(2001)}, "tuple": tuple(range(300))}
    raw = written(value)
    assert pickle.loads(raw) == value
    names = [opcode.name for opcode, _, _ in pickletools.genops(raw)]
    assert names.count("APPENDS") == 3
    assert names.count("SETITEM") == 1


def test_what_is_one_object_stays_one():
    shared = [1]
    loaded = pickle.loads(written({"a": shared, "b": shared, "c": (shared, shared)}))
    assert loaded["a"] is loaded["b"] is loaded["c"][0]


def test_cycles():
    looped: list[Any] = [1]
    looped.append((looped, 2))
    looped.append({"d": looped})
    loaded = pickle.loads(written(looped))
    assert loaded[1][0] is loaded
    assert loaded[2]["d"] is loaded
    start = (looped, 3, 4, 5)
    looped.append(start)
    loaded = pickle.loads(written(start))
    assert loaded[0][3] is loaded


def test_an_object_whose_arguments_lead_back_to_it():
    inside: list[Any] = []
    value = Placeholder(GlobalName("a", "B"), (inside,))
    inside.append(value)
    loaded = inert(written([value]))[0]
    assert loaded.args[0][0].args[0] is loaded.args[0]


def test_depth_is_no_limit():
    deep: Any = {}
    for _ in range(20_000):
        deep = {"d": [deep]}
    loaded = pickle.loads(written(deep))
    for _ in range(20_000):
        loaded = loaded["d"][0]
    assert loaded == {}


@pytest.mark.parametrize("how", ["reduce", "newobj", "newobj_ex"])
def test_placeholders_are_written_by_name(how):
    kwargs = {"k": 2} if how == "newobj_ex" else None
    value = Placeholder(GlobalName("no.such", "Class"), (1, GlobalName("x", "y")), kwargs, how)
    value.state, value.has_state = {"a": 1}, True
    value.items, value.pairs = [1, 2], [("k", 3)]
    loaded = inert(written([value, value]))
    assert loaded[0] is loaded[1]
    for name in ("type", "args", "kwargs", "how", "state", "has_state", "items", "pairs"):
        assert getattr(loaded[0], name) == getattr(value, name)


def test_a_name_with_a_line_break_is_refused():
    with pytest.raises(CheckpointError, match="line break"):
        written(GlobalName("os\nsystem", "x"))


def test_the_state_of_an_ordered_dict_comes_along():
    value = OrderedDict(a=1)
    value._metadata = OrderedDict({"": {"version": 1}})
    loaded = pickle.loads(written(value))
    assert loaded._metadata == value._metadata
    again = inert(written(inert(written(value))))
    assert again._metadata == value._metadata


def test_torch_is_not_needed_to_name_its_types():
    import torch

    loaded = pickle.loads(written({"dtype": torch.float16, "device": torch.device("cuda", 1), "size": torch.Size([2])}))
    assert loaded == {"dtype": torch.float16, "device": torch.device("cuda", 1), "size": torch.Size([2])}
