"""The display tree: grouping, laziness, sizes and the filter."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict

import pytest
import torch

import weightedit
from weightedit.core.described.contents import Walked, expand_plain
from weightedit.core.described.name_filter import matching, suggestion
from weightedit.core.described.outline import MOST_CHILDREN, Outline
from weightedit.core.slots import HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident, Storage


def held(*shape, storage=None, offset=0):
    spec = TensorSpec.contiguous("float32", shape)
    spec = TensorSpec(spec.dtype, spec.shape, spec.stride, offset)
    return HeldTensor((spec, storage or Storage(Resident(memoryview(bytearray(spec.nbytes))))))


def inventory(root):
    return Walked(root, expand_plain, lambda value: value if isinstance(value, HeldTensor) else None)


def outline(root, keep=None):
    return Outline(inventory(root).entries, keep)


def labels(made, *path):
    node = made.root
    for label in path:
        node = next(child for child in made.children(node) if child.label == label and not child.is_leaf)
    return [child.label for child in made.children(node)]


def test_dotted_names_become_groups_in_file_order():
    made = outline({"b.x": held(2), "a.y": held(2), "b.z": held(2), "a.w": held(2)})
    assert labels(made) == ["b", "a"]
    assert labels(made, "b") == ["x", "z"]
    assert made.tensors == 4


def test_a_group_of_one_is_one_row():
    made = outline({"norm.weight": held(2), "l.0.weight": held(2), "l.1.weight": held(2)})
    assert labels(made) == ["norm.weight", "l"]
    assert labels(made, "l") == ["0.weight", "1.weight"]


def test_a_beside_a_dot_b_is_a_leaf_and_a_group():
    made = outline({"a": held(2), "a.b": held(2), "a.c": held(2)})
    first, second = made.children(made.root)
    assert (first.label, first.kind) == ("a", "tensor")
    assert (second.label, second.kind) == ("a", "group")
    assert first.identity != second.identity


def test_numbered_levels_are_in_the_order_of_numbers_and_counted():
    made = outline({f"layers.{number}.{name}": held(1) for number in (0, 1, 10, 11, 2) for name in "ab"})
    (layers,) = made.children(made.root)
    assert [child.label for child in made.children(layers)] == ["0", "1", "2", "10", "11"]
    assert made.count(layers) == 5


def test_containers_keep_their_kind_text_and_values():
    made = outline({"model": OrderedDict({"a.x": held(3), "a.y": held(3)}), "epoch": 3, "list": [1, held(1)]})
    model, epoch, items = made.children(made.root)
    assert (model.kind, model.entry.text, model.tensors) == ("dict", "OrderedDict, 2 entries", 2)
    assert (epoch.kind, epoch.entry.text) == ("value", "3")
    assert [child.label for child in made.children(items)] == ["0", "1"]
    assert made.is_state_dict(model)
    assert not made.is_state_dict(made.root)


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "..", "a..b"])
def test_odd_names_are_rows(name):
    made = outline({name: held(1), "other": held(1)})
    assert made.tensors == 2
    assert len(made.children(made.root)) == 2


def test_a_single_tensor_is_a_document():
    made = outline(held(3))
    assert [node.label for node in made.children(made.root)] == ["tensor"]


def test_a_thousand_dotted_levels():
    prefix = ".".join(["d"] * 1000)
    made = outline({f"{prefix}.a": held(1), f"{prefix}.b": held(1)})
    node, depth = made.children(made.root)[0], 0
    while not node.is_leaf:
        node = made.children(node)[0]
        depth += 1
    assert depth == 1000
    assert node.entry.name == f"{prefix}.a"
    assert len(node.identity) == 1001


def test_a_thousand_nested_dicts():
    root = held(1)
    for _ in range(1000):
        root = {"d": root}
    made = outline(root)
    node = made.root
    while not node.is_leaf:
        node = made.children(node)[0]
    assert made.nbytes(made.root) == 4


def test_only_what_is_expanded_is_made():
    made = outline({f"layers.{number}.mlp.{name}": held(1) for number in range(2000) for name in "abc"})
    made.prepare()
    (layers,) = made.children(made.root)
    assert all(child.children is None for child in made.children(layers))


def test_a_long_level_is_cut_into_ranges():
    made = outline({f"t{number}": held(1) for number in range(MOST_CHILDREN + 500)})
    ranges = made.children(made.root)
    assert ranges[0].label == "t0 … t999"
    assert sum(len(made.children(node)) for node in ranges) == MOST_CHILDREN + 500
    assert sum(node.tensors for node in ranges) == MOST_CHILDREN + 500
    assert made.children(ranges[1])[0].entry.name == "t1000"


def test_groups_inside_a_range_go_on_splitting():
    made = outline({f"x{number}.{name}": held(1) for number in range(MOST_CHILDREN + 1) for name in "ab"})
    first = made.children(made.children(made.root)[0])[0]
    assert [child.label for child in made.children(first)] == ["a", "b"]


def test_a_hundred_thousand_tensors_find_their_way():
    names = [f"model.layers.{layer}.mlp.{part}.weight" for layer in range(20_000) for part in "abcde"]
    one = held(4)
    made = outline(dict.fromkeys(names, one))
    made.prepare()
    assert made.tensors == 100_000
    place = made.position(names[77_777])
    node = made.root
    while not node.is_leaf:
        node = made.child_with(node, place)
    assert node.entry.name == names[77_777]
    assert made.measure(made.root) == 16


def test_shared_bytes_count_once():
    storage = Storage(Resident(memoryview(bytearray(48))))
    whole = held(12, storage=storage)
    parts = [held(4, storage=storage, offset=offset) for offset in (0, 4, 8)]
    tied = held(5)
    made = outline({"qkv": whole, "p.q": parts[0], "p.k": parts[1], "p.v": parts[2], "t.a": tied, "t.b": tied})
    group = next(node for node in made.children(made.root) if node.label == "p")
    ties = next(node for node in made.children(made.root) if node.label == "t")
    assert made.nbytes(group) == 48
    assert made.nbytes(ties) == 20
    assert made.nbytes(made.root) == 68


def test_sizes_are_forgotten_up_to_the_root():
    made = outline({"a.b.x": held(1), "a.b.y": held(1), "a.c": held(1)})
    a = made.children(made.root)[0]
    b = made.children(a)[0]
    assert made.nbytes(a) == 12
    dropped = made.forget_sizes([b])
    assert dropped == {b, a, made.root}
    assert a.nbytes is None


def test_a_large_node_is_left_to_a_worker():
    made = outline({f"g.{number}": held(1) for number in range(1500)})
    (group,) = made.children(made.root)
    assert made.nbytes(group) is None
    assert made.measure(group) == 6000
    assert made.nbytes(group) == 6000


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.mlp.*", ["l.0.mlp.up", "l.1.mlp.up"]),
        ("mlp", ["l.0.mlp.up", "l.1.mlp.up"]),
        ("  mlp ", ["l.0.mlp.up", "l.1.mlp.up"]),
        ("MLP", []),
        ("l.?.att*", ["l.0.attn.q"]),
        ("l.[1].*", ["l.1.mlp.up"]),
        ("epoch", ["epoch"]),
    ],
)
def test_the_filter_matches_full_names(pattern, found):
    entries = inventory({"l.0.mlp.up": held(1), "l.0.attn.q": held(1), "l.1.mlp.up": held(1), "epoch": 3}).entries
    kept = matching(entries, pattern)
    assert [entries[index].name for index in kept] == found
    assert Outline(entries, kept).tensors == sum(entries[index].kind == "tensor" for index in kept)


def test_a_filtered_tree_leaves_out_empty_containers():
    entries = inventory({"model": {"a.x": held(1), "b.x": held(1)}, "optimizer": {"state": {0: held(1)}}}).entries
    made = Outline(entries, matching(entries, "*a.x"))
    assert labels(made) == ["model"]
    assert labels(made, "model") == ["a.x"]
    assert made.nbytes(made.root) == 4


def test_a_filter_leaves_rows_as_they_were_cut():
    entries = inventory({"l.0.q.weight": held(1), "l.0.k.weight": held(1), "l.0.k.bias": held(1)}).entries
    made = Outline(entries, matching(entries, "*.k.weight"))
    assert labels(made, "l", "0") == ["k"]
    assert labels(made, "l", "0", "k") == ["weight"]
    made = Outline(entries, matching(entries, "q"))
    assert labels(made, "l", "0") == ["q.weight"]


def test_a_mistyped_filter_is_guessed():
    entries = inventory({"l.0.mlp.up": held(1), "l.0.attn.q": held(1)}).entries
    assert suggestion(entries, "*.mpl.*") == "*.mlp.*"
    assert suggestion(entries, "mpl") == "mlp"
    assert suggestion(entries, "*.zzzzzz.*") is None


def test_what_is_in_the_ranges_of_a_long_level_is_made_where_it_is_opened():
    """Rows of a million tensors took a gigabyte and ten seconds while nobody had looked at one of them."""
    made = outline({f"t{number}": held(2) for number in range(MOST_CHILDREN + 1_500)})
    made.prepare()
    ranges = made.children(made.root)
    assert {node.kind for node in ranges} == {"range"}
    assert all(node.children is None for node in ranges)
    assert sum(len(node.pending) for node in ranges) == made.tensors == MOST_CHILDREN + 1_500
    assert [child.label for child in made.children(ranges[-1])][-1] == f"t{MOST_CHILDREN + 1_499}"


def test_a_large_group_in_a_range_is_filled_beforehand():
    made = outline({f"{number}.{part}": held(1) for number in range(MOST_CHILDREN + 1)
                    for part in range(1_200 if number == 3 else 2)})  # fmt: skip
    made.prepare()
    first = made.children(made.root)[0]
    assert first.children is not None
    assert next(node for node in first.children if node.label == "3").children is not None


def test_a_tree_that_is_shown_no_more_ends_without_being_looked_for():
    made = outline({f"a.{number}.w": held(2) for number in range(4)})
    leaf = made.children(made.children(made.root)[0])[0]
    root = weakref.ref(made)
    gc.disable()
    try:
        made.let_go()
        assert leaf.parent is None
        assert made.root.children is None
        del made
        assert root() is None
    finally:
        gc.enable()


def test_a_document_ends_without_being_looked_for(tmp_path):
    torch.save({"w": torch.ones(3)}, tmp_path / "model.pt")
    document = weightedit.open(tmp_path / "model.pt")
    assert document.tensors["w"].shape == (3,)
    ends = weakref.ref(document)
    document.close()
    gc.disable()
    try:
        del document
        assert ends() is None
    finally:
        gc.enable()
