"""What a walk over a checkpoint lists: every tensor however many containers there are, and no endless lists."""

from __future__ import annotations

from typing import Any

import pytest

from weightedit.core.described import contents
from weightedit.core.described.contents import DEEPEST, MOST_AGAIN, MOST_NAMING, MOST_VALUES, TooMuch, file_inventory
from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.slots import HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident, Storage


@pytest.fixture
def a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a tenth, which are reached in a tenth of the time."""
    for name in ("MOST_AGAIN", "MOST_VALUES", "MOST_AGAIN_AT_ALL", "MOST_CONTAINERS"):
        monkeypatch.setattr(contents, name, getattr(contents, name) // 10)


def held() -> HeldTensor:
    return HeldTensor((TensorSpec.contiguous("float32", (0,)), Storage(Resident(memoryview(b"")))))


def test_every_tensor_of_many_containers_is_listed():
    """An optimizer keeps a dict for each of its parameters; none of them is taken for one that was there before."""
    count = MOST_AGAIN // 2 + 10_000
    slots = file_inventory({i: {"step": held()} for i in range(count)}).slots
    assert len(slots) == count
    assert slots[-1].name == f"{count - 1}.step"


def test_a_laugh_ends():
    root: Any = [held()]
    for _ in range(100):
        root = [root] * 10
    found = file_inventory(root)
    assert MOST_AGAIN < len(found.entries) < MOST_AGAIN + 2_000
    assert found.entries[-1].text == "the same list as above"


def test_plain_values_past_a_limit_are_not_shown_one_by_one():
    found = file_inventory({"few": [1, 2], "many": [None] * (MOST_VALUES + 1), "after": held()})
    assert [entry.name for entry in found.entries] == ["few", "few.0", "few.1", "many", "after"]
    assert found.entries[3].text == f"list of {MOST_VALUES + 1:,}, not shown one by one"


@pytest.mark.usefixtures("a_tenth")
def test_plain_values_are_not_shown_one_by_one_though_one_among_them_is_no_such():
    """3 MB of None and one dict took 1 GB, as every None had an entry."""
    most = contents.MOST_VALUES
    many = [None] * most
    found = file_inventory({"list": [held(), *many, {"deep": held()}]})
    assert [entry.name for entry in found.entries] == [
        "list", "list.0", f"list.{most + 1}", f"list.{most + 1}.deep"]  # fmt: skip
    assert found.entries[0].text == f"list of {most + 2:,}, plain values not shown one by one"
    found = file_inventory({"dict": {**dict.fromkeys(range(most)), "w": held()}})
    assert [entry.name for entry in found.entries] == ["dict", "dict.w"]
    found = file_inventory({"many": [None] * 10, "state": [{"step": 1, "w": held()} for _ in range(7_000)]})
    assert len(found.entries) > most
    assert found.entries[-2].name == "state.6999.step"
    made = Placeholder(GlobalName("some", "List"))
    made.items = [held(), *many]
    made.pairs = [("w", held()), ("n", 1)]
    found = file_inventory({"object": made})
    assert [entry.name for entry in found.entries] == ["object", "object.0", "object.w"]


@pytest.mark.usefixtures("a_tenth")
@pytest.mark.parametrize("what", [held(), GlobalName("torch", "float32"), frozenset({1}), {"a": 1}],
                         ids=["tensor", "class", "set", "dict"])  # fmt: skip
def test_one_thing_named_again_and_again_is_refused(what):
    """Two bytes of a pickle name a tensor once more, and its entry takes 500."""
    with pytest.raises(TooMuch, match="elsewhere more than 20,000 times over"):
        file_inventory([[what] * (contents.MOST_AGAIN_AT_ALL + 2), None])
    assert len(file_inventory([[what] * 5_000, None]).entries) >= 5_000


def test_more_entries_than_can_be_listed_are_refused(monkeypatch):
    monkeypatch.setattr("weightedit.core.described.contents.MOST_ENTRIES", 5_000)
    with pytest.raises(TooMuch, match="more than 5,000 tensors and values"):
        file_inventory([frozenset({number}) for number in range(7_000)])


@pytest.mark.usefixtures("a_tenth")
def test_more_containers_or_depth_than_can_be_listed_are_refused():
    with pytest.raises(TooMuch, match="more than 30,000 lists"):
        file_inventory([{} for _ in range(contents.MOST_CONTAINERS)])
    deep: Any = held()
    for _ in range(DEEPEST - 1):
        deep = [deep]
    assert file_inventory(deep).slots
    with pytest.raises(TooMuch, match="more than 2,000 deep"):
        file_inventory([[deep]])


@pytest.mark.parametrize("key", ["k" * (10 << 20), "ключ" * (1 << 19)], ids=["ascii", "wide"])
def test_names_below_one_long_key_are_bounded(key):
    """A key is written once in a file, and stands in the name of everything below it."""
    with pytest.raises(TooMuch, match="more than 256 MiB"):
        file_inventory({key: {f"{number}": number for number in range(3_000)}})


def test_paths_far_below_are_bounded():
    """190,000 numbers at the bottom of 1,900 dicts would have paths of 3 GB, though the names are short."""
    root: Any = dict.fromkeys(range(190_000), 1)
    for _ in range(1_900):
        root = {"": root}
    with pytest.raises(TooMuch, match="more than 256 MiB"):
        file_inventory(root)


def test_long_names_of_a_flat_file_are_no_names_of_ours():
    """What stands in the file itself was paid for by the file, however long it is."""
    names = [f"{number}{'k' * (1 << 20)}" for number in range(MOST_NAMING // (1 << 20) + 1)]
    assert len(file_inventory({name: held() for name in names}).slots) == len(names)
