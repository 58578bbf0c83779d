"""Edits that rename many tensors do exactly that, in a document too, whatever the names and whoever swaps with whom."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import weightedit
from weightedit.doctor.load_report.renames import Names, renames
from weightedit.doctor.load_report.rules import changed, with_dots, without

PART = st.sampled_from(["a", "b", "layers", "0", "1", "10", "fc1", "w", "x/y", "\\1", "(", "a b", "é", "*", "renaming",
                        "x\ny"])  # fmt: skip
NAME = st.lists(PART, min_size=1, max_size=4).map(".".join)


def followed(edits, names):
    """What becomes of names when edits are applied one after the other; each must be free when it is given."""
    then = {name: name for name in names}
    for edit in edits:
        made = changed(edit, then.values())
        assert made, f"{edit.targets} renames nothing"
        then = {name: made.get(now, now) for name, now in then.items()}
        assert len(set(then.values())) == len(then)
    return then


@given(st.lists(NAME, min_size=1, max_size=12, unique=True), st.data())
def test_any_names_become_any_others(names, data):
    new = data.draw(st.permutations(names)) if data.draw(st.booleans()) else \
        data.draw(st.lists(NAME, min_size=len(names), max_size=len(names), unique=True))  # fmt: skip
    pairs = {old: one for old, one in zip(names, new, strict=True) if old != one}
    others = [name for name in data.draw(st.lists(NAME, max_size=5, unique=True)) if name not in {*names, *new}]
    fixed = [name for name in names if name not in pairs] + others
    then = followed(renames(pairs, Names([*names, *others], frozenset(fixed))), [*names, *others])
    assert then == {name: pairs.get(name, name) for name in [*names, *others]}


@pytest.mark.parametrize(("pairs", "others", "patterns"), [
    ({f"module.{name}": name for name in "abc"}, [], [r"re:module\.(.+)"]),
    ({f"h.{layer}.w": f"transformer.h.{layer}.w" for layer in range(20)}, ["head.w"], [r"re:(?=h\.)(.+)"]),
    ({f"enc.{layer}.k.w": f"layers.{layer}.key.w" for layer in range(20)}, [], [r"re:enc\.(\d+)\.k\.(.+)"]),
    ({f"l.{layer}.w": f"l.{layer}.inner.w" for layer in range(20)}, ["m.w"], [r"re:(l\.\d+\.)(.+)"]),
    ({f"a.{layer}.gamma": f"a.{layer}.weight" for layer in range(20)}, ["a.0.b"], [r"re:(.+[./])gamma"]),
    ({f"l.{layer}.a.q.w": f"l.{layer}.b.q.w" for layer in range(20)}, [f"l.{layer}.a.k.w" for layer in range(20)],
     [r"re:(.+[./])a\.(q\.w)"]),
    ({f"l.{layer}.a.q": f"l.{layer}.b.q" for layer in range(20)}, [f"m.{layer}.a.q" for layer in range(20)],
     [r"re:(l\.\d+\.)a\.(.+)"]),
    ({f"{layer}.{last}": f"c{layer + 1}.{last}" for layer in range(2) for last in "wb"}, ["2.w"],
     [r"re:0\.(.+)", r"re:1\.(.+)"]),
    ({f"{layer}.{last}": f"{layer + 1}.{last}" for layer in range(3) for last in "wb"}, [],
     [r"re:2\.(.+)", r"re:1\.(.+)", r"re:0\.(.+)"]),
], ids=["prefix", "base", "numbers", "inserted", "last", "end", "begin", "other-numbers", "shifted"])  # fmt: skip
def test_names_that_change_alike_take_one_pattern(pairs, others, patterns):
    names = [*pairs, *others]
    edits = renames(pairs, Names(names, frozenset(others)))
    assert [edit.targets[0] for edit in edits] == patterns
    assert followed(edits, names) == pairs | {name: name for name in others}


def test_names_that_are_reserved_are_left_for_their_own():
    pairs = {f"a.{layer}.x": f"b.{layer}.x" for layer in range(3)}
    names = Names([*pairs, "a.9.x"], reserved=frozenset({"b.9.x"}))
    assert "a.9.x" not in {old for edit in renames(pairs, names) for old in changed(edit, names.all)}


@pytest.mark.parametrize("start", ["", "state_dict."])
@pytest.mark.parametrize("pairs", [
    {"a.w": "b.w", "b.w": "a.w", "c.w": "c.w"},
    {f"l.{layer}.{last}": f"m.{layer + 1}.{last}" for layer in range(3) for last in ("weight", "bias")},
    {f"{layer}.w": f"{(layer + 1) % 3}.w" for layer in range(3)},
], ids=["swapped", "shifted", "in-a-circle"])  # fmt: skip
def test_a_document_takes_them_one_after_the_other(tmp_path, start, pairs):
    state = {name: torch.full((2,), float(number)) for number, name in enumerate(pairs)}
    path = tmp_path / "model.pt"
    torch.save({"state_dict": state} if start else state, path)
    wanted = {start + old: start + new for old, new in pairs.items()}
    with weightedit.open(path) as document:
        for edit in renames(wanted, Names(list(wanted), start=start)):
            document.apply(edit, accept="all")
        assert {name: document.read(name)[0].item() for name in document.tensors} == {
            start + new: float(number) for number, new in enumerate(pairs.values())}  # fmt: skip


def test_wrappers_go_wherever_they_stand():
    edit = without({"module", "_orig_mod"}, 3)
    names = {"module._orig_mod.a.module.w": "a.w", "_orig_mod.x": "x", "a._orig_mod.b.w": "a.b.w",
             "a.module": "a.module", "module": "module", "a.w2": "a.w2"}  # fmt: skip
    assert followed([edit], names) == names
    nested = without({"module"}, 1, "state.dict.")
    assert changed(nested, ["state.dict.module.w", "module.w"]) == {"state.dict.module.w": "state.dict.w"}


def test_slashes_become_dots():
    assert changed(with_dots(2), ["a/b/c:0", "a/b", "a/b.x/c"]) == {"a/b/c:0": "a.b.c", "a/b.x/c": "a.b.x.c"}
