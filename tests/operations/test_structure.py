"""Entries that come, go and change places: compared with the same done to what torch.load gives."""

import argparse
import copy

import pytest
import torch

import weightedit
from tests.operations.oracle import same_bits
from weightedit.core.errors import ConfirmationNeeded, EditRefused
from weightedit.core.pages.as_pytorch import as_pytorch


def checkpoint():
    head = torch.arange(12.0).reshape(3, 4)
    return {
        "model": {"qkv": torch.arange(24.0).reshape(6, 4), "head": head, "tied": head, "bias": torch.zeros(3)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(6, 4)}}, "lr": 0.1},
        "classes": ["cat", "dog"],
        "epoch": 7,
        "layers": [torch.ones(2), torch.zeros(2), torch.full((2,), 5.0)],
        "pair": (1, 2),
    }


@pytest.fixture
def path(tmp_path):
    torch.save(checkpoint(), tmp_path / "a.pt")
    return tmp_path / "a.pt"


def without(root, *path):
    owner = root
    for key in path[:-1]:
        owner = owner[key]
    del owner[path[-1]]
    return root




def split_model(root):
    head, tied, bias = (root["model"][key] for key in ("head", "tied", "bias"))
    q, k, v = (part.clone() for part in root["model"]["qkv"].split([2, 1, 3]))
    root["model"] = {"q": q, "k": k, "v": v, "head": head, "tied": tied, "bias": bias}
    return root


def equal_parts(root):
    parts = root["model"]["qkv"].split(3, 1)
    rest = {key: value for key, value in root["model"].items() if key != "qkv"}
    root["model"] = {"qkv.0": parts[0].clone(), "qkv.1": parts[1].clone()} | rest
    return root


def duplicated(root):
    items = root["model"]
    root["model"] = {"qkv": items["qkv"], "head": items["head"], "copy": items["head"].clone(), "tied": items["tied"],
                     "bias": items["bias"]}  # fmt: skip
    return root


def moved(root):
    items = root["model"]
    root["model"] = {key: items[key] for key in ("bias", "qkv", "head", "tied")}
    return root


def set_to(value, *path):
    def do(root):
        owner = root
        for key in path[:-1]:
            owner = owner[key]
        owner[path[-1]] = value
        return root
    return do


def listed(root):
    root["layers"].insert(1, torch.full((3, 2), 0.5, dtype=torch.bfloat16))
    return root


def list_moved(root):
    root["layers"] = [root["layers"][2], *root["layers"][:2]]
    return root


def renamed_container(root):
    root["model"]["state"] = None
    return {("ema" if key == "model" else key): value for key, value in without(root, "model", "state").items()}


CASES = {
    "delete a tensor": (("delete", "model.bias", {}), lambda root: without(root, "model", "bias")),
    "delete one of two names": (("delete", "model.tied", {}), lambda root: without(root, "model", "tied")),
    "delete a container": (("delete", "optimizer", {}), lambda root: without(root, "optimizer")),
    "delete a value": (("delete", "epoch", {}), lambda root: without(root, "epoch")),
    "delete by pattern": (("delete", "re:optimizer.*|epoch", {}),
                          lambda root: without(without(root, "optimizer"), "epoch")),
    "delete from a list": (("delete", "layers.1", {}), lambda root: without(root, "layers", 1)),
    "duplicate": (("duplicate", "model.head", {"to": "model.copy"}), duplicated),
    "split into named parts": (
        ("split", "model.qkv", {"split_size_or_sections": [2, 1, 3], "names": "model.q, model.k, model.v"}),
        split_model),
    "split into parts named beside it": (
        ("split", "model.qkv", {"split_size_or_sections": [2, 1, 3], "names": "q, k, v"}), split_model),
    "split into equal parts": (("split", "model.qkv", {"split_size_or_sections": 3, "dim": -1}), equal_parts),
    "move": (("move", "model.bias", {"to": 0}), moved),
    "move in a list": (("move", "layers.2", {"to": 0}), list_moved),
    "set a number": (("set_value", "epoch", {"value": 8}), set_to(8, "epoch")),
    "set a nested number": (("set_value", "optimizer.lr", {"value": 1e-3}), set_to(1e-3, "optimizer", "lr")),
    "set a list": (("set_value", "classes", {"value": ["cat", "dog", ("eel", None)]}),
                   set_to(["cat", "dog", ("eel", None)], "classes")),
    "set a text": (("set_value", "classes.1", {"value": "dög"}), set_to("dög", "classes", 1)),
    "add beside": (("add_tensor", "layers.0", {"to": "layers.1", "shape": [3, 2], "dtype": "bfloat16", "value": 0.5}),
                   listed),
    "add inside": (("add_tensor", "model", {"to": "model.scale", "shape": [], "dtype": "int64", "value": 2**53 + 1}),
                   set_to(torch.tensor(2**53 + 1), "model", "scale")),
    "add at the root": (("add_tensor", "", {"to": "extra", "shape": [2]}), set_to(torch.zeros(2), "extra")),
    "rename a container": (("rename", "model", {"to": "ema"}), renamed_container),
}


def plain(value):
    """Return a nesting with tensors as bits, and the order of every dict."""
    if isinstance(value, torch.Tensor):
        return ("tensor", str(value.dtype), tuple(value.shape), value.flatten().tolist())
    if isinstance(value, dict):
        return [(key, plain(item)) for key, item in value.items()]
    return type(value)(plain(item) for item in value) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("case", CASES)
def test_the_exported_checkpoint_is_what_python_would_make_of_it(path, tmp_path, case):
    (name, target, arguments), reference = CASES[case]
    with weightedit.open(path) as document:
        document.apply(name, target, **arguments)
        document.export(tmp_path / "out.pt")
    found = torch.load(tmp_path / "out.pt", weights_only=True)
    assert plain(found) == plain(reference(checkpoint()))
    if "head" in found.get("model", {}) and "tied" in found["model"]:
        assert found["model"]["head"].data_ptr() == found["model"]["tied"].data_ptr()


@pytest.mark.parametrize("case", CASES)
def test_copied_as_pytorch_the_code_does_the_same(path, case):
    (name, target, arguments), reference = CASES[case]
    with weightedit.open(path) as document:
        code = as_pytorch(document, document.preview(name, target, **arguments).edit)
    found = torch.load(path, weights_only=True)
    exec(code, {"checkpoint": found})
    assert plain(found) == plain(reference(checkpoint())), code


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_undo_and_redo_give_the_same_slots_and_bits(path, case, live):
    (name, target, arguments), _ = CASES[case]
    objects = checkpoint()
    with weightedit.open(objects if live else path) as document:
        before = [(slot, slot.name, slot.path, slot.held) for slot in document.slots]
        names = [entry.name for entry in document.entries]
        bits = {slot.name: document.read(slot.path) for slot in document.slots}
        document.apply(name, target, **arguments)
        after = [(slot, slot.name) for slot in document.slots]
        after_names = [entry.name for entry in document.entries]
        document.undo()
        assert [(slot, slot.name, slot.path, slot.held) for slot in document.slots] == before
        assert [entry.name for entry in document.entries] == names
        assert not document.is_modified
        assert not any(slot.is_modified for slot in document.slots)
        assert all(same_bits(document.read(key), value) for key, value in bits.items())
        document.redo()
        assert [(slot, slot.name) for slot in document.slots] == after
        assert [entry.name for entry in document.entries] == after_names
        if live:
            assert plain(objects) == plain(CASES[case][1](checkpoint()))


def test_edits_before_and_after_a_deletion_are_taken_back_through_it(path):
    with weightedit.open(path) as document:
        original = document.read("model.bias").clone()
        document.apply("add", "model.bias", value=1)
        document.apply("delete", "model.bias")
        document.apply("split", "model.qkv", split_size_or_sections=2)
        document.apply("scale", "model.qkv.1", factor=3)
        document.undo(), document.undo(), document.undo()
        assert document.read("model.bias").tolist() == [1, 1, 1]
        document.undo()
        assert same_bits(document.read("model.bias"), original)
        document.go_to(4)
        assert document.read("model.qkv.1").tolist() == (checkpoint()["model"]["qkv"][2:4] * 3).tolist()


def test_undo_reaches_past_a_save_that_left_a_tensor_out(path):
    """The old file is replaced, so what history needs of a deleted tensor must be kept first."""
    with weightedit.open(path) as document:
        document.apply("delete", "optimizer")
        document.apply("split", "model.qkv", split_size_or_sections=[2, 4])
        document.save()
        assert "optimizer" not in torch.load(path, weights_only=True)
        document.undo(), document.undo()
        assert document.is_modified
        document.save()
    assert plain(torch.load(path, weights_only=True)) == plain(checkpoint())


def test_safetensors_keep_what_is_left(tmp_path):
    from safetensors.torch import load_file, save_file

    save_file({"a": torch.ones(4), "qkv": torch.arange(6.0)}, tmp_path / "a.safetensors")
    with weightedit.open(tmp_path / "a.safetensors") as document:
        document.apply("split", "qkv", split_size_or_sections=2, names="q, k, v")
        document.apply("delete", "a")
        document.apply("add_tensor", "v", to="o", shape=[2, 2], dtype="float16", value=1.5)
        document.save()
    found = load_file(tmp_path / "a.safetensors")
    assert {name: value.tolist() for name, value in found.items()} == {
        "q": [0, 1], "k": [2, 3], "v": [4, 5], "o": [[1.5, 1.5], [1.5, 1.5]]}  # fmt: skip


@pytest.mark.parametrize(("name", "target", "arguments", "says"), [
    ("delete", "nothing", {}, "No entry is named nothing"),
    ("delete", "", {}, "The document itself"),
    ("set_value", "model.bias", {"value": 1}, "No value is named model.bias"),
    ("set_value", "model", {"value": 1}, "model holds tensors"),
    ("set_value", "epoch", {"value": object()}, "is a object"),
    ("split", "epoch", {"split_size_or_sections": 1}, "epoch is no tensor"),
    ("split", "model.qkv", {"split_size_or_sections": [1, 2]}, "add up to 3, not 6"),
    ("split", "model.qkv", {"split_size_or_sections": 0}, "do not split"),
    ("split", "model.qkv", {"split_size_or_sections": 2, "dim": 2}, "Dimension 2 does not exist"),
    ("split", "model.qkv", {"split_size_or_sections": 2, "names": "model.a"}, "1 names for 3 parts"),
    ("duplicate", "model.qkv", {"to": "model.bias"}, "is there already"),
    ("duplicate", "model.qkv", {"to": "other.qkv"}, "begins with model and a dot"),
    ("duplicate", "model", {"to": "copy"}, "model is a dict"),
    ("move", "model.qkv", {"to": 9}, "no place 9"),
    ("add_tensor", "model", {"to": "model.x", "shape": [-1]}, "negative size"),
    ("rename", "layers.0", {"to": "layers.9"}, "not a key of a dict"),
    ("add_tensor", "model", {"to": "model.x", "shape": [1] * 70}, "70 dimensions"),
    ("add_tensor", "model", {"to": "model.x", "shape": [2], "dtype": "quint8"}, "cannot store values as quint8"),
    ("set_value", "pair.0", {"value": 5}, "Set pair as a tuple of its own"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_with_the_reason(path, name, target, arguments, says):
    with weightedit.open(path) as document:
        before = [entry.name for entry in document.entries]
        assert any(hazard.level == "refusal" for hazard in document.preflight(name, target, **arguments))
        with pytest.raises(EditRefused, match=says):
            document.apply(name, target, **arguments)
        assert [entry.name for entry in document.entries] == before
        assert not document.is_modified


def test_entries_of_a_module_stay(tmp_path):
    with weightedit.open(torch.nn.Linear(2, 2)) as document, pytest.raises(EditRefused, match="dicts and lists"):
        document.apply("delete", "weight")


def test_values_of_a_namespace_are_set(tmp_path):
    torch.save({"args": argparse.Namespace(lr=0.1, name="a"), "w": torch.ones(2)}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        document.apply("set_value", "args.lr", value=0.5)
        document.export(tmp_path / "b.pt")
    with torch.serialization.safe_globals([argparse.Namespace]):
        assert torch.load(tmp_path / "b.pt")["args"] == argparse.Namespace(lr=0.5, name="a")


def test_other_code_that_changed_the_container_is_asked_about():
    objects = checkpoint()
    with weightedit.open(objects) as document:
        document.apply("delete", "model.bias")
        objects["model"]["new"] = torch.ones(1)
        with pytest.raises(weightedit.ConfirmationNeeded, match="changed elsewhere"):
            document.undo()
        assert "new" in objects["model"]


def test_a_recipe_of_structure_replays(path, tmp_path):
    with weightedit.open(path) as document:
        document.apply("set_value", "classes", value=["a", ("b", {"c": 1.5})])
        document.apply("split", "model.qkv", split_size_or_sections=[2, 4])
        document.recipe.save(tmp_path / "fix.json")
        document.export(tmp_path / "one.pt")
    with weightedit.open(path) as document:
        weightedit.Recipe.load(tmp_path / "fix.json").apply(document)
        document.export(tmp_path / "two.pt")
    one, two = (plain(torch.load(tmp_path / name, weights_only=True)) for name in ("one.pt", "two.pt"))
    assert one == two
    assert copy.deepcopy(two) != plain(checkpoint())


def test_a_prefix_renames_all_below_it_also_onto_names_that_become_free(tmp_path):
    torch.save({"a.x": torch.ones(1), "a.b.x": torch.zeros(1), "a": torch.full((1,), 2.0), "c": {"d": 1}},
               tmp_path / "a.pt")  # fmt: skip
    with weightedit.open(tmp_path / "a.pt") as document:
        document.apply("rename", "a.", to="a.b")
        assert list(document.tensors) == ["a.b.x", "a.b.b.x", "a"]
        assert [document.read(name).item() for name in document.tensors] == [1, 0, 2]
        document.apply("rename", "a.b", to="a")
        assert list(document.tensors) == ["a.x", "a.b.x", "a"]
        document.apply("rename", "a.", to="c")
        with pytest.raises(EditRefused, match="is there already"):
            document.apply("duplicate", "a", to="c.x")
        document.export(tmp_path / "b.pt")


@pytest.mark.parametrize(("value", "level"), [("1x", "warning"), ([7], "warning"), (7.5, "notice"), (None, "notice")])
def test_a_value_of_another_kind_is_a_hazard_that_a_recipe_keeps_accepted(path, value, level):
    with weightedit.open(path) as document:
        (hazard,) = document.preflight("set_value", "epoch", value=value)
        assert (hazard.kind, hazard.level) == ("type-changes", level)
        assert "7 is a whole number" in hazard.detail
        document.apply("set_value", "epoch", value=value, accept={"type-changes"})
        recipe = document.recipe
        document.undo()
        if level == "warning":
            with pytest.raises(ConfirmationNeeded):
                document.apply("set_value", "epoch", value=value)
        recipe.apply(document)
        assert next(entry.value for entry in document.entries if entry.name == "epoch") == value


def test_a_container_reached_twice_is_followed_everywhere():
    """Both paths lead to one dict: a rename or deletion under one name is one under the other, and is said."""
    inner = {"x": torch.ones(2), "z": torch.zeros(1)}
    with weightedit.open({"a": inner, "b": inner}) as document:
        document.apply("rename", "a.x", to="a.y")
        assert list(document.tensors) == ["a.y", "a.z", "b.y", "b.z"]
        document.apply("scale", "b.y", factor=2.0)
        assert inner["y"].tolist() == [2, 2]
        assert [one.kind for one in document.preflight("delete", "a.z")] == ["alias"]
        document.apply("delete", "a.z", accept={"alias"})
        assert list(document.tensors) == ["a.y", "b.y"]
        assert {"a.z", "b.z"} <= document.history.steps[-1].names
        document.go_to(0)
        assert list(document.tensors) == ["a.x", "a.z", "b.x", "b.z"]
        assert list(inner) == ["x", "z"]


def test_many_entries_are_deleted_in_the_time_of_one(tmp_path):
    """Counted, not timed: each entry that goes looks at no other one."""
    from weightedit.core.edits.drafted import Container

    looked = []

    class Watched(dict):
        def items(self):
            looked.append(len(self))
            return super().items()

    torch.save({f"w.{number}": torch.zeros(1) for number in range(300)}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        document.apply("delete", "w.1*")
        assert len(document.slots) == 300 - 111
    container = Container(Watched({f"w{number}": number for number in range(300)}), ())
    for number in range(200):
        container.remove(container.find(f"w{number}"))
    assert len(looked) == 1
    assert [item.value for item in container.items] == list(range(200, 300))
