"""The public API: a document from opening to export, with and without a window, as a script uses it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from tests import checkpoints
from tests.conftest import ROOT
from weightedit import CheckpointError, ConfirmationNeeded, Document, EditRefused, Hazard, Recipe
from weightedit.core.errors import Cancelled

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def raw(tensor: torch.Tensor) -> tuple[Any, ...]:
    """Shape, dtype and every bit."""
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return tuple(tensor.shape), tensor.dtype, bytes(flat.numpy())


def alike(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> bool:
    return {name: raw(one) for name, one in found.items()} == {name: raw(one) for name, one in expected.items()}


def state() -> dict[str, torch.Tensor]:
    net, _ = checkpoints.trained()
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


# ---------------------------------------------------------------- the same walk over everything that opens


@dataclasses.dataclass
class Given:
    """Something to open, the prefix of SmallNet's names in it, and how to load what was exported."""

    source: Any
    prefix: str
    suffix: str
    expected: dict[str, torch.Tensor]


def in_safetensors(folder: Path) -> Given:
    save_file(state(), folder / "model.safetensors", {"format": "pt"})
    return Given(folder / "model.safetensors", "", ".safetensors", load_file(folder / "model.safetensors"))


def in_shards(folder: Path) -> Given:
    weights, shards = state(), folder / "shards"
    shards.mkdir()
    files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    where = {name: files[number % 2] for number, name in enumerate(weights)}
    for file in files:
        save_file({name: weights[name] for name in weights if where[name] == file}, shards / file, {"format": "pt"})
    (shards / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    loaded = [load_file(shards / file) for file in files]
    return Given(str(shards), "", ".safetensors", loaded[0] | loaded[1])


def in_zip(folder: Path) -> Given:
    torch.save({"model": checkpoints.trained()[0].state_dict(), "epoch": 3}, folder / "model.ckpt")
    loaded = torch.load(folder / "model.ckpt", weights_only=True)["model"]
    return Given(folder / "model.ckpt", "model.", ".ckpt", {f"model.{name}": one for name, one in loaded.items()})


def in_memory(_: Path) -> Given:
    net, _ = checkpoints.trained()
    return Given(net, "", ".pt", {name: tensor.clone() for name, tensor in net.state_dict().items()})


def nested(_: Path) -> Given:
    net, _ = checkpoints.trained()
    both = {f"{key}.{name}": one.clone() for key in "ma" for name, one in net.state_dict().items()}
    return Given({"m": net, "a": net.state_dict()}, "m.", ".pt", both)


MAKERS = (in_safetensors, in_shards, in_zip, in_memory, nested)


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Given:
    return request.param(tmp_path)


def values(document: Document) -> dict[str, torch.Tensor]:
    return {name: document.read(name) for name in document.tensors}


def test_everything_opens_as_what_torch_sees(given):
    """Names, order, shapes, strides, dtypes and bits are torch's own."""
    with weightedit.open(given.source) as document:
        tensors = document.tensors
        assert isinstance(document, Document)
        assert isinstance(tensors, Mapping)
        if given.prefix != "m." and not isinstance(given.source, torch.nn.Module):
            assert list(tensors) == list(given.expected)
        assert set(tensors) == set(given.expected)
        assert len(tensors) == len(given.expected)
        for name, tensor in given.expected.items():
            info = tensors[name]
            assert info.name == name
            assert type(info.path) is tuple
            assert type(info.shape) is tuple
            assert (info.shape, info.stride) == (tuple(tensor.shape), tensor.stride())
            assert isinstance(info.dtype, torch.dtype)
            assert (info.dtype, info.encoding, info.device) == (tensor.dtype, "plain", "cpu")
            assert (info.numel, info.nbytes) == (tensor.numel(), tensor.nbytes)
            assert info.kind in ("parameter", "buffer", "tensor")
            assert info.storage_group is None or info.storage_group.startswith("S")
            assert info == tensors[info.path]
            assert raw(document.read(name)) == raw(tensor)
            assert raw(document.read(info.path)) == raw(tensor)
            assert bytes(document.read(name, raw=True).numpy()) == raw(tensor)[2]
        assert "nope" not in tensors
        assert tensors.get("nope") is None
        for key in ("nope", ("nope",), 3, None, ["list"]):
            with pytest.raises(KeyError):
                tensors[key]


def test_edit_undo_redo_and_export(given, tmp_path):
    """The whole job, and the result is loaded by the library it belongs to."""
    name, out = f"{given.prefix}head.weight", tmp_path / f"out{given.suffix}"
    with weightedit.open(given.source) as document:
        before = values(document)
        order = list(document.tensors)
        assert (document.is_modified, len(document.history)) == (False, 0)
        edit = document.apply("scale", name, region="[2:5, :]", factor=0.5)
        assert (edit.operation, edit.targets, edit.region, edit.arguments) == (
            "scale", (name,), "[2:5, :]", {"factor": 0.5})  # fmt: skip
        half = before[name].clone()
        half[2:5] *= 0.5
        assert raw(document.read(name)) == raw(half)
        assert document.is_modified
        assert document.tensors[name].is_modified
        assert [step.edit for step in document.history.steps] == [edit]
        edited = values(document)
        document.undo()
        assert alike(values(document), before)
        assert not document.is_modified
        document.undo()
        document.redo()
        document.redo()
        assert alike(values(document), edited)
        report = document.export(out)
        assert Path(report.path) == out
        assert report.tensors == len(order)
        assert document.is_modified, "an export to another file is no save"
        document.recipe.save(tmp_path / "fix.json")
    found = reload(out, given)
    assert alike(found, {key: edited[key] for key in found})
    assert set(found) == set(edited)
    with weightedit.open(out) as again:
        assert alike(values(again), edited)
    again = weightedit.open({"x": before[name].clone()})
    with pytest.raises(EditRefused, match="head"):
        Recipe.load(tmp_path / "fix.json").apply(again)


def reload(path: Path, given: Given) -> dict[str, torch.Tensor]:
    """What safetensors or torch reads back, by dotted name."""
    if given.suffix == ".safetensors":
        return load_file(path)

    def flat(value: Any, prefix: str) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = {}
        for key, one in value.items() if isinstance(value, dict) else ():
            tensor = isinstance(one, torch.Tensor)
            found |= {f"{prefix}{key}": one} if tensor else flat(one, f"{prefix}{key}.")
        return found

    return flat(torch.load(path, weights_only=True), "")


def test_a_recipe_replays_on_a_second_copy(given, tmp_path):
    """Saved, loaded, applied: the same bits."""
    name = f"{given.prefix}conv.*"
    first = {}
    with weightedit.open(given.source) as document:
        document.apply("add", name, value=0.1)
        document.apply("cast", f"{given.prefix}head.bias", dtype=torch.float64)
        first = values(document)
        document.recipe.save(tmp_path / "fix.json")
        while document.can_undo:
            document.undo()
    with weightedit.open(given.source) as document:
        applied = Recipe.load(tmp_path / "fix.json").apply(document)
        assert [edit.operation for edit in applied] == ["add", "cast"]
        assert alike(values(document), first)
        assert document.tensors[f"{given.prefix}head.bias"].dtype == torch.float64


# ---------------------------------------------------------------- what belongs to one of them


@pytest.mark.parametrize("make", [in_safetensors, in_shards, in_zip], ids=lambda make: make.__name__)
def test_save_replaces_the_file_and_is_the_saved_point(make, tmp_path):
    """Reloaded by torch or safetensors; undo goes on past it."""
    given = make(tmp_path)
    name = f"{given.prefix}head.bias"
    with weightedit.open(given.source) as document:
        document.apply("fill", name, value=0.25)
        report = document.save()
        assert report.files
        assert not document.is_modified
        document.undo()
        assert document.is_modified
        assert raw(document.read(name)) == raw(given.expected[name])
    with weightedit.open(given.source) as again:
        assert torch.equal(again.read(name), torch.full((10,), 0.25))
    expected = given.expected | {name: torch.full((10,), 0.25)}
    if make is in_shards:
        files = [load_file(file) for file in sorted(Path(given.source).glob("*.safetensors"))]
        assert alike(files[0] | files[1], expected)
    else:
        assert alike(reload(Path(given.source), given), expected)


def test_a_live_module_is_edited_in_place():
    """The person's own Parameter objects hold the new values; a rebind and its undo keep identity."""
    net, optimizer = checkpoints.trained()
    weight, running = net.head.weight, net.norm.running_mean
    kept = raw(weight)
    with weightedit.open(net, optimizer=optimizer) as document:
        info = document.tensors["head.weight"]
        assert (info.kind, info.requires_grad) == ("parameter", True)
        assert document.tensors["norm.running_mean"].kind == "buffer"
        assert document.tensors["norm.num_batches_tracked"].dtype == torch.int64
        document.apply("fill", "head.weight", region="[0, :]", value=2.0)
        assert net.head.weight is weight
        assert torch.equal(weight[0], torch.full((4,), 2.0))
        read = document.read("head.weight")
        read.zero_()
        assert weight[0, 0] == 2.0, "read gives an independent copy"
        assert (read.device.type, read.requires_grad) == ("cpu", False)
        document.apply("cast", "head.weight", dtype="float64")
        assert net.head.weight is not weight
        assert isinstance(net.head.weight, torch.nn.Parameter)
        assert net.head.weight.dtype == torch.float64
        document.apply("requires_grad", "head.weight", value=False)
        assert not net.head.weight.requires_grad
        document.undo()
        document.undo()
        document.undo()
        assert net.head.weight is weight
        assert raw(weight) == kept
        assert net.norm.running_mean is running
    optimizer.step()


def test_a_nesting_shares_storage_between_a_module_and_its_state_dict():
    """`state_dict()` holds the live storages: an edit through either name is one of both, and it is said."""
    net, _ = checkpoints.trained()
    document = weightedit.open({"m": net, "a": net.state_dict(), "list": [torch.ones(2), {"deep": torch.zeros(1)}]})
    tensors = document.tensors
    assert tensors["m.head.weight"].kind == "parameter"
    assert tensors["a.head.weight"].path == ("a", "head.weight")
    assert tensors["list.1.deep"].path == ("list", 1, "deep")
    assert raw(document.read(("list", 0))) == raw(torch.ones(2))
    group = tensors["m.head.weight"].storage_group
    assert group is not None
    assert tensors["a.head.weight"].storage_group == group
    assert tensors["list.0"].storage_group is None
    (hazard,) = [one for one in document.preflight("fill", "m.head.weight", value=1.0) if one.kind == "shared-storage"]
    assert hazard.level == "notice"
    assert "a.head.weight" in hazard.message + " ".join(hazard.targets)
    document.apply("fill", "a.head.weight", value=1.0)
    assert torch.equal(net.head.weight, torch.ones(10, 4))
    assert torch.equal(document.read("m.head.weight"), torch.ones(10, 4))


@pytest.mark.parametrize("source", [3, None, b"bytes", 1.5, object()], ids=lambda source: type(source).__name__)
def test_what_cannot_be_opened_is_a_checkpoint_error(source):
    """One sentence, whatever was passed."""
    with pytest.raises(CheckpointError) as caught:
        weightedit.open(source)
    assert "\n" not in str(caught.value)


def test_names_that_print_alike_are_told_apart(tmp_path):
    """The later one gets ` #2`; the path always says which."""
    with weightedit.open(checkpoints.names_that_print_alike(tmp_path)) as document:
        assert list(document.tensors) == ["a.b", "a.b #2", "1", "1 #2"]
        assert [info.path for info in document.tensors.values()] == [("a", "b"), ("a.b",), (1,), ("1",)]
        found = [float(document.read(path)) for path in (("a", "b"), ("a.b",), (1,), ("1",))]
        assert found == [1.0, 2.0, 3.0, 4.0]
        document.apply("fill", "a.b #2", value=9.0)
        document.apply("fill", (1,), value=8.0)
        assert [float(document.read(name)) for name in document.tensors] == [1.0, 9.0, 8.0, 4.0]


# ---------------------------------------------------------------- targets and regions


@pytest.fixture
def document() -> Document:
    return weightedit.open({
        "layers": {"0": {"weight": torch.zeros(3, 4), "bias": torch.zeros(4)}, "1": {"weight": torch.zeros(3, 4)}},
        "head": torch.arange(12.0).view(3, 4), "*": torch.zeros(1), "half": torch.zeros(2).half(),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("targets", "hit"),
    [("head", ["head"]), ("*", ["*"]), ("layers.*", ["layers.0.weight", "layers.0.bias", "layers.1.weight"]),
     ("layers.?.weight", ["layers.0.weight", "layers.1.weight"]), ("re:l.*bias", ["layers.0.bias"]),
     (["head", "re:layers\\.1.*"], ["layers.1.weight", "head"]), (("layers", "0", "bias"), ["layers.0.bias"]),
     (["layers.*", "layers.0.bias"], ["layers.0.weight", "layers.0.bias", "layers.1.weight"])],
    ids=str,
)  # fmt: skip
def test_targets_mean_what_they_say(document, targets, hit):
    """An exact name wins, even `*`; then patterns; a list is a union."""
    document.apply("fill", targets, value=7.0)
    assert [name for name in document.tensors if bool((document.read(name) == 7).all())] == hit


NOWHERE = ("nope", "layer?", "re:nope", "re:(", "HEAD", ("layers", "9"), [], ["head", "nope"], 3)


@pytest.mark.parametrize("targets", NOWHERE, ids=str)
def test_targets_that_match_nothing_are_refused(document, targets):
    """A pattern with a slip must not edit nothing and say it worked."""
    with pytest.raises(EditRefused) as caught:
        document.apply("fill", targets, value=7.0)
    assert caught.value.hazards[0].level == "refusal"
    assert [hazard.level for hazard in document.preflight("fill", targets, value=7.0)] == ["refusal"]
    assert not document.is_modified


FITTING = ("[1, :]", "[-1]", "[..., 0]", "[:, 1:3]", "[::2, [0, 3]]", "[2, 3]", "[...]", "[[2, 0]]")
OUTSIDE = ("[3, :]", "[:, :5]", "[::-1]", "[None]", "[0, 0, 0]", "[x]", "[", "[-4]", "[0.5]")


@pytest.mark.parametrize("region", FITTING)
def test_regions_are_torchs_indexing(document, region):
    """What reads as torch's syntax means what torch means."""
    whole = torch.arange(12.0).view(3, 4)
    expected = eval(f"whole{region}", {"whole": whole})
    assert raw(document.read("head", region)) == raw(expected)
    assert bytes(document.read("head", region, raw=True).numpy()) == raw(expected)[2]
    document.apply("fill", "head", region=region, value=-1.0)
    eval(f"whole.__setitem__(index{region}, -1.0)", {"whole": whole, "index": Index()})
    assert raw(document.read("head")) == raw(whole)


class Index:
    """Gives back what it is indexed with."""

    def __getitem__(self, key: Any) -> Any:
        return key


@pytest.mark.parametrize("region", OUTSIDE)
def test_regions_that_do_not_fit_are_refused(document, region):
    """torch would select less, silently, or print a traceback; here it is a sentence."""
    with pytest.raises(EditRefused):
        document.read("head", region)
    with pytest.raises(EditRefused):
        document.apply("fill", "head", region=region, value=1.0)
    assert [hazard.level for hazard in document.preflight("fill", "head", region=region, value=1.0)] == ["refusal"]


def test_reading_what_is_not_there_is_refused(document):
    """KeyError in the mapping, EditRefused in what acts."""
    for key in ("nope", ("nope",), 3):
        with pytest.raises(EditRefused):
            document.read(key)
    with pytest.raises(EditRefused, match="explode"):
        document.apply("explode", "head")
    with pytest.raises(EditRefused, match="cuda:99"):
        document.apply("fill", "head", value=1.0, device="cuda:99")


# ---------------------------------------------------------------- hazards and consent


def test_a_hazard_has_its_fields():
    """Scripts look at them to decide."""
    document = weightedit.open({"w": torch.tensor([1.0, 70000.0, 1e-9, -80000.0])})
    hazards = document.preflight("cast", "w", dtype="float16")
    assert all(isinstance(hazard, Hazard) for hazard in hazards)
    found = {hazard.kind: hazard for hazard in hazards}
    assert {kind: found[kind].level for kind in ("overflow", "underflow")} == {
        "overflow": "warning", "underflow": "warning"}  # fmt: skip
    overflow = found["overflow"]
    assert overflow.targets == ("w",)
    assert overflow.count == 2
    assert overflow.places[0] == "[1]"
    assert overflow.message.endswith(".")
    assert len(overflow.alternatives) == len(overflow.labels) == 2
    for way_out in overflow.alternatives:
        assert not [one for one in document.preflight(way_out.operation, way_out.targets, **way_out.arguments)
                    if one.kind == "overflow" and one.level == "warning"]  # fmt: skip
    assert document.preflight("scale", "w", factor=2.0) == []
    assert not document.is_modified


def test_a_refusal_offers_what_would_work():
    """`alternatives` are Edits that can be applied as they are."""
    document = weightedit.open({"w": torch.zeros(3, 4)})
    turned = torch.arange(12.0).view(4, 3)
    (hazard,) = document.preflight("set", "w", values=turned)
    assert (hazard.kind, hazard.level) == ("shape-mismatch", "refusal")
    with pytest.raises(EditRefused) as caught:
        document.apply("set", "w", values=turned)
    assert caught.value.hazards == (hazard,)
    assert hazard.message in str(caught.value)
    assert hazard.alternatives
    for edit in hazard.alternatives:
        Recipe((edit,)).apply(document, accept="all")
        assert document.is_modified
        document.undo()


def test_a_warning_asks_once_and_accept_answers():
    """By kind or `"all"`; what is accepted is in the record; nothing changes until it is."""
    document = weightedit.open({"w": torch.tensor([70000.0, 1e-9])})
    for accept in ((), {"overflow"}, ["underflow"], {"truncation"}):
        with pytest.raises(ConfirmationNeeded) as caught:
            document.apply("cast", "w", dtype="float16", accept=accept)
        assert {"overflow", "underflow"} <= {hazard.kind for hazard in caught.value.hazards}
        assert document.tensors["w"].dtype == torch.float32
    edit = document.apply("cast", "w", dtype="float16", accept={"overflow", "underflow"})
    assert set(edit.accepted) == {"overflow", "underflow"}
    assert raw(document.read("w")) == raw(torch.tensor([70000.0, 1e-9]).half())
    document.undo()
    assert set(document.apply("cast", "w", dtype="float16", accept="all").accepted) == {"overflow", "underflow"}


def test_a_broadcast_is_a_warning():
    """A row into ten rows may be meant or not."""
    document = weightedit.open({"w": torch.zeros(10, 20)})
    with pytest.raises(ConfirmationNeeded, match="10"):
        document.apply("set", "w", values=torch.arange(20.0))
    document.apply("set", "w", values=torch.arange(20.0), accept={"broadcast"})
    assert torch.equal(document.read("w"), torch.arange(20.0).expand(10, 20))


def tied(folder: Path) -> Document:
    return weightedit.open(checkpoints.tied_parameters(folder))


def test_tied_slots_are_rebound_together_or_untied(tmp_path):
    """The choice is the person's; the default keeps the tie."""
    one, two = checkpoints.TIED
    with tied(tmp_path) as document:
        assert document.tensors[one].storage_group == document.tensors[two].storage_group is not None
        document.apply("cast", one, dtype="float64", accept="all")
        assert document.tensors[two].dtype == torch.float64
        assert document.tensors[one].storage_group == document.tensors[two].storage_group is not None
        document.undo()
        document.apply("cast", one, dtype="float64", tied="untie", accept="all")
        assert (document.tensors[one].dtype, document.tensors[two].dtype) == (torch.float64, torch.float32)
        assert document.tensors[one].storage_group is None
        document.undo()
        assert document.tensors[one].storage_group == document.tensors[two].storage_group is not None
        with pytest.raises(EditRefused):
            document.apply("cast", one, dtype="float64", tied="sometimes")


def test_tied_slots_are_computed_once(tmp_path):
    """Scaling both names of one tensor must not scale it twice."""
    with tied(tmp_path) as document:
        before = document.read(checkpoints.TIED[0])
        document.apply("scale", list(checkpoints.TIED), factor=3.0)
        assert raw(document.read(checkpoints.TIED[1])) == raw(before * 3.0)


def test_undo_asks_before_it_overwrites_what_a_training_step_wrote():
    """`undo(accept=…)` answers `changed-elsewhere`."""
    net, _ = checkpoints.trained()
    document = weightedit.open(net)
    before = raw(net.head.bias)
    document.apply("fill", "head.bias", value=1.0)
    with torch.no_grad():
        net.head.bias.mul_(2)
    with pytest.raises(ConfirmationNeeded) as caught:
        document.undo()
    assert [hazard.kind for hazard in caught.value.hazards] == ["changed-elsewhere"]
    assert torch.equal(net.head.bias, torch.full((10,), 2.0))
    document.undo(accept={"changed-elsewhere"})
    assert raw(net.head.bias) == before


# ---------------------------------------------------------------- export


FORMATS = [("o.pt", None, True), ("o.bin", None, True), ("o.odd", None, False), ("o.safetensors", None, False),
           ("o.pt", "safetensors", False), ("o.odd", "torch zip", True)]  # fmt: skip


@pytest.mark.parametrize(("name", "format", "is_zip"), FORMATS)
def test_the_format_is_said_or_goes_by_the_suffix(name, format, is_zip, tmp_path):
    """What is written is that format, as its own library sees it."""
    save_file(state(), tmp_path / "in.safetensors")
    with weightedit.open(tmp_path / "in.safetensors") as document:
        document.export(tmp_path / name, format=format)
        with pytest.raises(EditRefused, match="pickle-rick"):
            document.export(tmp_path / "x.pt", format="pickle-rick")
    found = torch.load(tmp_path / name, weights_only=True) if is_zip else load_file(tmp_path / name)
    assert alike(found, state())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.safetensors", name])


def test_sharing_into_safetensors_is_asked(tmp_path):
    """None raises with the names; `copy` keeps every name, `alias` one of them; the document is left alone."""
    out = tmp_path / "out.safetensors"
    with weightedit.open(checkpoints.tied_gpt2(tmp_path)) as document:
        with pytest.raises(EditRefused) as caught:
            document.export(out)
        assert any(name in str(caught.value) for name in checkpoints.TIED)
        assert not out.exists()
        expected = values(document)
        document.export(out, shared="copy")
        assert alike(load_file(out), expected)
        document.export(out, shared="alias")
        found = load_file(out)
        assert set(expected) - set(found) < set(checkpoints.TIED)
        assert alike(found, {name: expected[name] for name in found})
        assert len(found) == len(expected) - 1
        with pytest.raises(EditRefused):
            document.export(out, shared="perhaps")
        assert document.tensors[checkpoints.TIED[0]].storage_group is not None
        assert any(hazard.level == "refusal" for hazard in document.export_hazards(out))


@pytest.mark.parametrize("asked", [{"format": "torch zip"}, {"shard_size": 1000}], ids=["format", "shards"])
def test_what_an_export_would_refuse_its_hazards_refuse_too(tmp_path, asked):
    """The document's own file keeps its format and its files, and whoever asks first hears so."""
    path = tmp_path / "net.safetensors"
    save_file({"w": torch.ones(2)}, path)
    before = path.read_bytes()
    with weightedit.open(path) as document:
        said = []
        for call in (document.export_hazards, document.export):
            with pytest.raises(EditRefused) as refused:
                call(path, **asked)
            said.append(str(refused.value))
        assert said[0] == said[1]
        assert "another name" in said[0]
    assert path.read_bytes() == before


def test_shards_are_no_larger_than_asked(tmp_path):
    """And their index names every tensor, as transformers reads it."""
    tensors = {f"w{number}": checkpoints.values(10, 10, seed=number) for number in range(7)}
    (tmp_path / "out").mkdir()
    with weightedit.open(tensors) as document:
        report = document.export(tmp_path / "out" / "model.safetensors", shard_size=1000)
    assert all(Path(file).exists() for file in report.files)
    (index,) = (tmp_path / "out").glob("*.index.json")
    weight_map = json.loads(index.read_text())["weight_map"]
    found: dict[str, torch.Tensor] = {}
    for file in set(weight_map.values()):
        shard = load_file(index.with_name(file))
        assert {name for name, where in weight_map.items() if where == file} == set(shard)
        assert sum(tensor.nbytes for tensor in shard.values()) <= 1000
        found |= shard
    assert alike(found, tensors)
    assert len(set(weight_map.values())) == 4


def test_a_cancelled_export_leaves_the_destination(tmp_path):
    """`cancel=` stops it, `progress=` says how far it is."""
    out, seen = tmp_path / "out.pt", []
    out.write_bytes(b"before")
    document = weightedit.open({"w": torch.ones(2000, 1000)})
    flag = threading.Event()
    flag.set()
    with pytest.raises(Cancelled):
        document.export(out, cancel=flag)
    assert out.read_bytes() == b"before"
    document.export(out, progress=lambda label, done, total: seen.append((label, done, total)))
    assert seen
    assert all(0 <= done <= total for _, done, total in seen)
    assert raw(torch.load(out, weights_only=True)["w"]) == raw(torch.ones(2000, 1000))


# ---------------------------------------------------------------- changes, closing, threads


def test_subscribers_hear_what_changed():
    """Views refresh only that; a stopped subscriber hears nothing."""
    document = weightedit.open({"a": torch.zeros(3, 3), "b": torch.zeros(2)})
    heard: list[Any] = []
    stop = document.subscribe(heard.append)
    document.apply("fill", "a", region="[0, :]", value=1.0)
    assert (heard[-1].names, heard[-1].structure) == ({"a"}, False)
    assert heard[-1].regions["a"]
    document.undo()
    document.redo()
    assert len(heard) == 3
    document.apply("rename", "b", to="c")
    assert "b" in heard[-1].names
    assert heard[-1].structure
    with pytest.raises(EditRefused):
        document.apply("fill", "nope", value=1.0)
    assert len(heard) == 4
    stop()
    stop()
    document.undo()
    assert len(heard) == 4


def test_closing_closes_files_and_twice_is_fine(tmp_path):
    """A closed document says so in a sentence."""
    given = in_safetensors(tmp_path)
    with weightedit.open(given.source) as document:
        assert document.read("head.bias").shape == (10,)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        document.read("head.bias")
    document.close()
    assert document.tensors["head.bias"].shape == (10,)


def test_many_threads_read_while_one_edits(tmp_path):
    """Every read sees one state or the next, none in between."""
    save_file({"w": torch.zeros(300, 300)}, tmp_path / "w.safetensors")
    wrong: list[str] = []
    done = threading.Event()

    def look(document: Document) -> None:
        while not done.is_set():
            seen = document.read("w").unique()
            if len(seen) != 1:
                wrong.append(str(seen))

    with weightedit.open(tmp_path / "w.safetensors") as document:
        threads = [threading.Thread(target=look, args=(document,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        writers = [threading.Thread(target=lambda: [document.apply("add", "w", value=1.0) for _ in range(10)])
                   for _ in range(2)]  # fmt: skip
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        document.undo()
        done.set()
        for thread in threads:
            thread.join()
        assert torch.equal(document.read("w"), torch.full((300, 300), 19.0))
        assert len(document.history) == 20
    assert wrong == []


# ---------------------------------------------------------------- names, and what is imported when


def test_public_names_are_there():
    """A name listed but missing is an import error in someone's script."""
    assert {"open", "edit", "Document", "Recipe", "Hazard", "CheckpointError", "EditRefused",
            "ConfirmationNeeded"} <= set(weightedit.__all__)  # fmt: skip
    for name in weightedit.__all__:
        assert getattr(weightedit, name) is not None
        assert name in dir(weightedit)
    scope: dict[str, Any] = {}
    exec("from weightedit import *; from weightedit import __version__", scope)
    assert set(weightedit.__all__) <= set(scope)
    with pytest.raises(AttributeError, match="nonsense"):
        weightedit.nonsense  # noqa: B018
    assert issubclass(EditRefused, Exception)
    assert not issubclass(EditRefused, CheckpointError)


def child(script: str, *arguments: object) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)], cwd=ROOT, check=False,
                          capture_output=True, text=True, env=ENVIRONMENT)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_all_of_it_works_where_qt_is_not_installed(tmp_path):
    """A server, a notebook, a training script: open to export without one import of Qt."""
    save_file({"w": torch.arange(6.0).view(2, 3), "b": torch.ones(3)}, tmp_path / "m.safetensors")
    out = child("""
        import sys
        for name in ("PySide6", "shiboken6", "pyqtgraph"):
            sys.modules[name] = None  # import raises
        import weightedit
        from weightedit import CheckpointError, ConfirmationNeeded, Document, EditRefused, Hazard, Recipe
        from pathlib import Path
        folder = Path(sys.argv[1])
        with weightedit.open(folder / "m.safetensors") as document:
            assert document.tensors["w"].shape == (2, 3)
            assert document.preflight("cast", "w", dtype="float16") == []
            document.apply("scale", "w", region="[1, :]", factor=0.5)
            document.apply("cast", "b", dtype="bfloat16")
            document.undo(); document.redo()
            document.recipe.save(folder / "fix.json")
            document.export(folder / "out.pt")
        import torch
        live = torch.nn.ParameterDict({"w": torch.arange(6.0).view(2, 3), "b": torch.ones(3)})
        with weightedit.open(live) as document:
            Recipe.load(folder / "fix.json").apply(document)
            document.export(folder / "live.safetensors")
        try:
            weightedit.open(folder / "nowhere.pt")
        except CheckpointError as error:
            print(error)
        print([name for name, module in sys.modules.items() if module and name.split(".")[0] in
               ("PySide6", "shiboken6", "pyqtgraph")])
    """, tmp_path)  # fmt: skip
    assert out.splitlines()[-1] == "[]"
    assert "nowhere.pt" in out
    expected = {"w": torch.tensor([[0.0, 1, 2], [1.5, 2, 2.5]]), "b": torch.ones(3).bfloat16()}
    assert alike(torch.load(tmp_path / "out.pt", weights_only=True), expected)
    assert alike(load_file(tmp_path / "live.safetensors"), expected)


def test_opening_needs_no_library_and_imports_none(tmp_path):
    """The window is there first; and no loader that runs a file's code is ever called."""
    made = []
    for number, make in enumerate([*checkpoints.READABLE, checkpoints.whole_module, checkpoints.evil]):
        (tmp_path / str(number)).mkdir()
        made.append(make(tmp_path / str(number)))
    out = child("""
        import sys
        import weightedit
        counts = []
        for path in sys.argv[1:]:
            with weightedit.open(path) as document:
                for name, info in document.tensors.items():
                    assert info.name == name and info.shape is not None and info.dtype_name and info.stride is not None
                counts.append(len(document.tensors))
        heavy = ("torch", "numpy", "safetensors", "pyqtgraph", "PySide6", "pickle")
        found = sorted(name for name in sys.modules if name in heavy)
        assert not [name for name in found if name != "pickle"], found

        import safetensors, safetensors.torch, torch
        def never(*_, **__):
            raise AssertionError("a loader was called")
        torch.load = safetensors.safe_open = safetensors.torch.load_file = torch.serialization.load = never
        again = []
        for path in sys.argv[1:]:
            with weightedit.open(path) as document:
                again.append(len(document.tensors))
                assert all(info.dtype is not None for info in document.tensors.values())
                for name in list(document.tensors)[:3]:
                    document.read(name)
        assert again == counts
        print(*counts)
    """, *made)  # fmt: skip
    counts = [int(word) for word in out.split()]
    assert len(counts) == len(made)
    assert all(counts)
    for path in made:
        assert not (path.parent / checkpoints.EVIL_MARKER).exists()


@pytest.mark.parametrize("make", [checkpoints.evil, checkpoints.evil_pickle], ids=lambda make: make.__name__)
def test_nothing_of_a_hostile_pickle_runs(make, tmp_path):
    """Opened, read, edited, exported: `os.system` is a name in a tree, never a call."""
    path = make(tmp_path)
    marker = tmp_path / checkpoints.EVIL_MARKER
    actions: list[Callable[[Document], object]] = [
        lambda document: document.read("model.weight"),
        lambda document: document.apply("fill", "model.weight", value=1.0),
        lambda document: document.undo(),
        lambda document: document.export(tmp_path / "out.pt"),
        lambda document: document.save(),
        lambda document: weightedit.open(tmp_path / "out.pt"),
    ]
    try:
        with weightedit.open(path) as document:
            for act in actions:
                act(document)
    except CheckpointError as error:
        assert make is checkpoints.evil_pickle, error  # noqa: PT017
    assert not marker.exists()
    if make is checkpoints.evil:
        torch.load(tmp_path / "out.pt", weights_only=False)
        assert marker.exists(), "the export holds what the file held, and torch would run it"


def test_a_step_of_a_recipe_as_plain_data_is_applied_as_the_edit_it_is() -> None:
    """The doctor's mends are such data; what is none is refused in a sentence."""
    with weightedit.open({"w": torch.ones(2, 3)}) as document:
        edit = document.apply("scale", "w", factor=3.0)
        document.undo()
        assert document.apply(json.loads(json.dumps(edit.to_json()))) == edit
        assert document.read("w").tolist() == [[3.0] * 3] * 2
        for wrong in ({}, {"operation": "scale"}, {"title": "Scale w", "edits": [edit.to_json()]}):
            with pytest.raises(EditRefused, match="What is given is no step of a recipe"):
                document.apply(wrong)
        with pytest.raises(EditRefused):
            document.apply(edit.to_json() | {"operation": "nothing of the kind"})
