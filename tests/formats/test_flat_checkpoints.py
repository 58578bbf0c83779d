"""A flat checkpoint is listed by columns: nothing is made for a tensor that nobody looks at, and all else stays."""

from __future__ import annotations

import copy
import fnmatch
import gc
import json
import struct
import sys
import threading
import weakref
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import weightedit
from tests import checkpoints
from tests.formats.documents import held_by
from weightedit.core.described.contents import Flat, Walked, expand_plain, file_inventory
from weightedit.core.described.entry_list import LazyEntries
from weightedit.core.described.name_filter import matching
from weightedit.core.described.outline import Outline
from weightedit.core.described.tensor_dict import TensorDict
from weightedit.core.document import Document
from weightedit.core.progress import Found, Progress
from weightedit.core.slots import Entry, HeldTensor, Slot
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage
from weightedit.formats import detect
from weightedit.formats.safetensors_header import PIECE
from weightedit.formats.safetensors_index import PIECE as PIECE_OF_INDEX
from weightedit.formats.safetensors_index import read_index

COUNT = 45_704
MADE = (TensorSpec, Storage, HeldTensor, Slot, Entry)


def experts(folder: Path, count: int = COUNT) -> Path:
    """A mixture of experts: `count` tensors of two bytes and four, with the names such checkpoints have."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for number in range(count):
        layer, expert = divmod(number, 768)
        name = f"model.layers.{layer}.mlp.experts.{expert // 3}.{('gate', 'up', 'down')[expert % 3]}_proj.weight"
        dtype, nbytes = ("BF16", 4) if number % 5 else ("F32", 8)
        header[name] = {"dtype": dtype, "shape": [2, 1], "data_offsets": [at, at + nbytes]}
        at += nbytes
    raw = json.dumps(header, separators=(",", ":")).encode()
    path = folder / "experts.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(at))
    return path


def made() -> list[int]:
    """How many of each of the objects that describe tensors there are."""
    kinds = [type(one) for one in gc.get_objects()]
    return [kinds.count(kind) for kind in MADE]


def test_opening_and_listing_45_704_tensors_makes_nothing_for_any_of_them(tmp_path):
    """What a million tensors would take if each had an object of its own is what this saves."""
    path = experts(tmp_path)
    with safe_open(path, "pt") as file:
        names = list(file.keys())
    before = made()
    with weightedit.open(path) as document:
        assert sorted(document.tensors) == sorted(names)
        outline = Outline(document.entries)
        assert outline.tensors == COUNT
        assert len(matching(document.entries, "*.up_proj.*")) == len(fnmatch.filter(names, "*.up_proj.*")) > 0
        assert outline.measure(outline.root) == document.total_nbytes == 4 * COUNT + 4 * -(-COUNT // 5)
        assert document.find("model.layers.3") is None
        assert [now - then for now, then in zip(made(), before, strict=True)] == [0] * len(MADE)
        assert document.tensors[names[100]].shape == (2, 1)
        assert [now - then for now, then in zip(made(), before, strict=True)] == [1, 1, 1, 1, 0]


def state_dict(folder: Path) -> Path:
    """The weights of a small network in a torch zip, with the `_metadata` that its modules give a state_dict."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2).half())
    torch.save(model.state_dict(), folder / "state.pt")
    return folder / "state.pt"


def old_state_dict(folder: Path) -> Path:
    """The same as torch wrote it before 1.6."""
    torch.save(torch.load(state_dict(folder)), folder / "old.pt", _use_new_zipfile_serialization=False)
    return folder / "old.pt"


FILES = {
    "torch zip": state_dict, "torch legacy": old_state_dict,
    "small shapes": checkpoints.small_shapes_safetensors, "low precision": checkpoints.low_precision_safetensors,
    "odd offsets": checkpoints.odd_offsets, "odd names": checkpoints.hostile_names_safetensors,
    "shards": checkpoints.sharded, "wrong suffix": checkpoints.safetensors_named_pt,
}  # fmt: skip


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_what_is_made_where_someone_looks_is_what_a_walk_lists(make, tmp_path):
    """Names, paths, specs and places of the bytes, in the same order, and the same tree."""
    path = make(tmp_path)
    lazy = file_inventory(detect(path).open(path, Progress()).root)
    assert isinstance(lazy, Flat)
    root = detect(path).open(path, Progress()).root
    walked = Walked(dict(root.items()), expand_plain, held_by)

    def facts(slot: Slot) -> tuple[object, ...]:
        source = slot.storage.content
        return slot.name, slot.path, slot.key, slot.spec, source.offset, source.nbytes, source.file.path, slot.saved[0]

    assert list(lazy.slots.names) == [slot.name for slot in walked.slots]
    assert lazy.slots.total_nbytes() == walked.slots.total_nbytes()
    mine, theirs = Outline(lazy.entries), Outline(walked.entries)
    assert mine.measure(mine.root) == theirs.measure(theirs.root)
    assert tree(mine, mine.root) == tree(theirs, theirs.root)
    assert list(map(facts, lazy.slots)) == list(map(facts, walked.slots))
    assert mine.measure(mine.root) == theirs.measure(theirs.root)  # now that all of them were looked at
    assert lazy.slots.total_nbytes() == walked.slots.total_nbytes()
    for entry, other in zip(lazy.entries, walked.entries, strict=True):
        assert (entry.name, entry.path, entry.kind, entry.text) == (other.name, other.path, other.kind, other.text)
        assert lazy.slots.find(entry.name) is lazy.slots.find(entry.path) is entry.slot


def test_a_torch_zip_makes_a_slot_where_someone_looks_and_goes_without_being_looked_for(tmp_path):
    """Tensors that lead back to themselves would stay until the collector runs, and it would run while others open."""
    path = state_dict(tmp_path)
    gc.collect()
    gc.disable()
    try:
        before = made()
        document = weightedit.open(path)
        assert [now - then for now, then in zip(made(), before, strict=True)][3:] == [0, 0]
        assert document.tensors["0.weight"].shape == (4, 3)
        assert [now - then for now, then in zip(made(), before, strict=True)][3:] == [1, 0]
        first = weakref.ref(document.slots[0].held)
        document.close()
        del document
        assert first() is None
    finally:
        gc.enable()


def test_a_torch_zip_is_edited_as_any_other(tmp_path):
    """Slots that nobody looked at before are found, renamed, put elsewhere and back; others stay as they were."""
    expected = torch.load(path := state_dict(tmp_path))
    names = list(expected)
    with weightedit.open(path) as document:
        assert isinstance(document.entries, LazyEntries)
        document.apply("fill", "2.bias", value=3.0)
        document.apply("rename", "0.weight", to="0.w")
        assert list(document.tensors) == ["0.w", *names[1:]] == [entry.name for entry in document.entries]
        document.apply("transpose", "2.weight", accept="all")
        document.export(tmp_path / "new.pt")
        document.undo()
        document.undo()
        assert list(document.tensors) == names == [entry.name for entry in document.entries]
        document.undo()
        assert not document.is_modified
        assert all(torch.equal(document.read(name), expected[name]) for name in names)
    found = torch.load(tmp_path / "new.pt")
    expected["2.bias"].fill_(3.0)
    expected["2.weight"] = expected["2.weight"].T
    assert list(found) == ["0.w", *names[1:]]
    for name, other in zip(found, names, strict=True):
        assert torch.equal(found[name], expected[other])
    assert found._metadata == torch.load(path)._metadata


@pytest.mark.parametrize("shares", ["storage", "tensor"])
def test_a_dict_of_tensors_that_share_is_walked(shares, tmp_path):
    whole = torch.arange(6.0)
    torch.save({"a": whole[:3] if shares == "storage" else whole, "b": whole}, tmp_path / "shared.pt")
    root = detect(tmp_path / "shared.pt").open(tmp_path / "shared.pt", Progress()).root
    assert isinstance(file_inventory(root), Walked)
    with weightedit.open(tmp_path / "shared.pt") as document:
        assert document.tensors["a"].storage_group == document.tensors["b"].storage_group == "S1"


def tree(outline: Outline, node: object) -> list[object]:
    return [(child.label, child.kind, child.tensors, outline.nbytes(child), tree(outline, child))
            for child in ([] if node.is_leaf else outline.children(node))]  # fmt: skip


def test_names_with_dots_and_numbers_are_as_they_stand(tmp_path):
    names = ["a", "a #2", "a.b", "a.b.c", "", ".", "a..b", "0", "w #3", "é", "'", '"', "\\", "x},", "{", "__m__"]
    save_file({name: torch.full((1,), float(at)) for at, name in enumerate(names)}, tmp_path / "n.safetensors")
    with weightedit.open(tmp_path / "n.safetensors") as document:
        assert isinstance(document.origin.root, TensorDict)
        assert set(document.tensors) == set(names)
        for at, name in enumerate(names):
            assert document.read(name).item() == document.read((name,)).item() == at


@pytest.mark.parametrize("between", [",", ", ", " ,\n\t"])
def test_a_long_header_is_cut_wherever_names_have_what_stands_between_records(between, tmp_path):
    """The cuts go by bytes that a name may hold too; what does not read in pieces is read as a whole."""
    names = [f'{"x" * 90}}},"{at}' if at % 2 else f"{'y' * 90}}},{at}" for at in range(4 * PIECE // 150)]
    records = [f'{json.dumps(name)}:{{"dtype":"U8","shape":[1],"data_offsets":[{at},{at + 1}]}}'
               for at, name in enumerate(names)]  # fmt: skip
    raw = ("{" + between.join(records) + "}  ").encode()
    assert len(raw) > 4 * PIECE
    path = tmp_path / "cut.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(at % 251 for at in range(len(names))))
    with weightedit.open(path) as document:
        assert list(document.tensors) == names
        assert [document.read(name).item() for name in names[::97]] == [at % 251 for at in range(0, len(names), 97)]


@pytest.mark.parametrize(("found", "word"), [
    ('"w00000"', "twice"), ('"__metadata__"', "metadata"), ('"a":{"b":{},"c"', "not described|no dtype|more than"),
])  # fmt: skip
def test_what_is_wrong_far_into_a_long_header_is_named(found, word, tmp_path):
    """A name that stands twice, pieces apart, too."""
    record = '{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}}'
    records = [f'"w{at:05}":{record.format(at, at + 1)}' for at in range(3 * PIECE // 60)]
    end = "}" if "{" in found else ""
    raw = ('{"__metadata__":{},' + ",".join(records) + f",{found}:{record.format(len(records), len(records) + 1)}{end}"
           + "}").encode()  # fmt: skip
    path = tmp_path / "bad.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(len(records) + 1))
    with pytest.raises(weightedit.CheckpointError, match=word):
        weightedit.open(path)


@pytest.mark.parametrize("form", ["as written", "bare", "between others", "commas in names", "nested", "escaped key"])
def test_a_long_index_is_what_json_reads(form, tmp_path):
    """It is parsed in pieces, wherever it can be cut; and where it cannot, as a whole."""
    name = '","'.join("abc") if form == "commas in names" else "model.layers"
    weight_map = {f"{name}.{at}": f"s{at % 7}.safetensors" for at in range(PIECE_OF_INDEX // 20)}
    index: dict[str, object] = {"metadata": {"total_size": 3}, "weight_map": weight_map}
    if form == "between others":
        index = {"a": {"b": 1}, **index, "z": [1, {"weight": {}}]}
    if form == "nested":
        index = {"metadata": {"weight_map": {"x": "y"}}, "weight_map": weight_map}
    text = json.dumps(index, **({} if form != "bare" else {"separators": (",", ":")}), indent=2 if form == "as written"
                      else None)  # fmt: skip
    if form == "escaped key":
        text = text.replace('"weight_map"', '"weight_\\u006dap"')
    path = tmp_path / "m.safetensors.index.json"
    path.write_text(text)
    assert path.stat().st_size > PIECE_OF_INDEX
    found, raw = read_index(path)
    assert found == index
    assert list(found) == list(index)
    assert list(found["weight_map"]) == list(weight_map)
    assert raw == text.encode()


@pytest.mark.parametrize(("end", "word"), [
    (',"a.0":"s.safetensors"}}', '"a.0" twice'), (',"b":3}}', "no weight_map"),
    (',"b":"s.safetensors"}}}', "not valid"),
    (',"b":"s.safetensors"},"weight_map":{}}', '"weight_map" twice'), (',"b":NaN}}', "not valid"),
])  # fmt: skip
def test_what_is_wrong_in_a_long_index_is_named(end, word, tmp_path):
    table = ",".join(f'"a.{at}":"s.safetensors"' for at in range(PIECE_OF_INDEX // 15))
    path = tmp_path / "m.safetensors.index.json"
    path.write_text('{"weight_map":{' + table + end)
    with pytest.raises(weightedit.CheckpointError, match=word):
        read_index(path)


def test_threads_that_look_at_the_same_tensor_see_the_same_one(tmp_path):
    document = weightedit.open(experts(tmp_path, 4_000))
    root, slots, entries = document.origin.root, document.slots, document.entries
    seen: list[list[int]] = []
    together = threading.Barrier(4)

    def look(places: range) -> None:
        together.wait()
        found = [(id(slots[at]), id(slots[at].held), id(root[slots.names[at]]), id(entries[at].slot)) for at in places]
        seen.append([one for four in (found if places.step > 0 else found[::-1]) for one in four])

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        ways = (range(4_000), range(3_999, -1, -1), range(4_000), range(3_999, -1, -1))
        threads = [threading.Thread(target=look, args=(way,)) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(seen) == 4
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert all(a == b for a, b in zip(seen[0][1::4], seen[0][2::4], strict=True))
    document.close()


def test_a_dict_that_makes_its_tensors_is_a_dict(tmp_path):
    """Whoever copies, compares or changes it finds tensors in it, and it stays as it was changed."""
    def opened() -> TensorDict:
        return detect(path).open(path, Progress()).root

    path = experts(tmp_path, 10)
    root = opened()
    first = next(iter(root))
    assert root[first] is root.get(first) is root[first]
    assert root.get("none") is None
    assert root.get("none", 3) == 3
    with pytest.raises(KeyError):
        root["none"]
    assert root.table is not None
    for copied in (dict(opened()), {**opened()}, opened().copy(), opened() | {}, {} | opened(), copy.copy(opened())):
        assert all(isinstance(value, HeldTensor) for value in copied.values())
        assert len(copied) == 10
    assert [value for _, value in root.items()] == list(root.values())
    for change in (lambda root: root.pop(first), lambda root: root.update({first: None}), lambda root: root.clear(),
                   lambda root: root.setdefault("new", None), lambda root: root.popitem()):  # fmt: skip
        root = opened()
        held = root[first]
        change(root)
        assert root.table is None
        assert all(not isinstance(value, int) for value in dict.values(root))
        assert root.get(first, held) in (held, None)


@pytest.fixture
def document(tmp_path):
    with weightedit.open(checkpoints.sharded(tmp_path)) as opened:
        yield opened


class TestEdits:
    def test_edits_undo_and_the_saved_point(self, document: Document):
        name = next(iter(document.tensors))
        before = document.read(name)
        document.apply("scale", name, factor=2.0)
        assert torch.equal(document.read(name), before * 2)
        assert [slot.name for slot in document.slots if slot.is_modified] == [name]
        document.undo()
        assert torch.equal(document.read(name), before)
        assert not any(slot.is_modified for slot in document.slots)

    def test_names_follow_when_tensors_come_go_and_change_theirs(self, document: Document):
        names = list(document.tensors)
        document.apply("rename", names[1], to="fresh")
        assert list(document.tensors) == [names[0], "fresh", *names[2:]]
        assert [entry.name for entry in document.entries] == list(document.tensors)
        document.apply("delete", names[0])
        assert list(document.tensors) == ["fresh", *names[2:]]
        document.apply("add_tensor", "fresh", to="more", shape=(2, 2))
        assert "more" in document.tensors
        for _ in range(3):
            document.undo()
        assert list(document.tensors) == names
        assert [slot.name for slot in document.slots] == names
        assert document.find("fresh") is None
        assert document.find(names[1]) is document.slots[1]

    def test_sizes_follow_a_cast(self, document: Document):
        outline = Outline(document.entries)
        before = outline.measure(outline.root)
        name, info = next((name, info) for name, info in document.tensors.items() if str(info.dtype) == "torch.float32")
        document.apply("cast", name, dtype="float64")
        assert outline.measure(outline.root) == document.total_nbytes == before + info.nbytes

    def test_tying_two_makes_a_storage_group(self, document: Document):
        pairs = {}
        for name, info in document.tensors.items():
            pairs.setdefault((info.shape, info.dtype), []).append(name)
        first, second = next(names for names in pairs.values() if len(names) > 1)[:2]
        document.apply("tie", second, to=first, accept="all")
        assert document.tensors[second].storage_group == document.tensors[first].storage_group is not None
        document.undo()
        assert document.tensors[first].storage_group is None


def test_a_shard_that_is_told_is_what_it_holds(tmp_path):
    """Each piece is a column of names, dtypes, shapes and sizes, of numbers packed two to a byte too."""
    header = {"a": {"dtype": "F4", "shape": [3, 4], "data_offsets": [0, 6]}}
    checkpoints.write_safetensors(tmp_path / "a.safetensors", header, bytes(6))
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "a.safetensors"}}))
    pieces: list[Found] = []
    path = tmp_path / "m.safetensors.index.json"
    detect(path).open(path, Progress(arrivals=pieces.append))
    assert pieces == [Found(["a"], ["float4_e2m1fn_x2"], [(3, 2)], [6])]
