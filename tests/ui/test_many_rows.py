"""Very many rows: what is selected means patterns, and rows of an edit of many come in the order that sorting gives."""

from __future__ import annotations

import random

import pytest

import weightedit.ui.batch.order as order
from weightedit.core.batches.batch import BatchRow, Measured
from weightedit.core.described.contents import Walked, expand_plain
from weightedit.core.described.outline import MOST_CHILDREN, RANGE, Outline
from weightedit.core.slots import HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident, Storage
from weightedit.ui.batch.model import BatchModel
from weightedit.ui.tree.meaning import Meaning


def flat(count: int) -> Outline:
    spec = TensorSpec.contiguous("float32", (1,))
    root = {f"t{number}": HeldTensor((spec, Storage(Resident(memoryview(bytearray(4)))))) for number in range(count)}
    walked = Walked(root, expand_plain, lambda value: value if isinstance(value, HeldTensor) else None)
    return Outline(walked.entries)


def rows(count: int) -> list[BatchRow]:
    rng = random.Random(0)
    spec = [TensorSpec.contiguous("float32", (size,)) for size in range(1, 5)]
    return [BatchRow(f"t{rng.randrange(count):05}.{number}", rng.choice(("in", "left")), before=rng.choice(spec),
                     measured=Measured(changed=rng.randrange(4), total=4)) for number in range(count)]  # fmt: skip


def test_every_range_of_a_level_means_the_level() -> None:
    made = flat(MOST_CHILDREN + 500)
    ranges = made.children(made.root)
    everything = Meaning(ranges, made)
    assert (everything.targets(), everything.count) == (["*"], MOST_CHILDREN + 500)
    some = Meaning(ranges[:2], made)
    assert (some.targets(), some.count) == ([f"t{number}" for number in range(2 * RANGE)], 2 * RANGE)
    inside = Meaning([ranges[0], *made.children(ranges[0])[:3]], made)
    assert inside.count == RANGE


@pytest.mark.parametrize("sort", order.KEYS)
@pytest.mark.parametrize("segment", ["All", "Changed", "Left out"])
def test_rows_sorted_in_pieces_are_in_the_order_that_sorting_gives(segment, sort, monkeypatch) -> None:
    monkeypatch.setattr(order, "SORTED_AT_ONCE", 7)
    found = rows(100)
    expected = [place for place, row in enumerate(found) if order.PASSES[segment](row)]
    if (key := order.KEYS[sort]) is not None:
        expected.sort(key=lambda place: key(found[place]))
    assert list(order.order_of(found, segment, sort)) == expected


def test_very_many_rows_are_put_in_order_later(monkeypatch) -> None:
    """Until their order is known they stand in that of the model; an order of rows that are gone is dropped."""
    monkeypatch.setattr("weightedit.ui.batch.model.AT_ONCE", 50)
    model, asked = BatchModel(), []
    model.later = lambda work, done: asked.append((work, done))
    found = rows(100)
    model.set_rows(found, True)
    assert not asked
    model.sort_by("Name")
    assert model.row(0) == found[0]
    work, done = asked.pop()
    names = sorted(row.name for row in found)
    done(work(lambda: None))
    assert [model.row(at).name for at in range(100)] == names
    assert [model.place_of(name) for name in names] == list(range(100))
    model.sort_by("Size")
    model.set_rows(rows(60), True)
    work, done = asked.pop(0)
    done(work(lambda: None))
    assert model.rowCount() == 60
