"""What `load_state_dict` refuses is explained in full, and after the edits that are offered it loads with strict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_file
from torch import nn

import weightedit
from tests.doctor.explain.provoking import traceback_of
from weightedit import Document
from weightedit.core.edit import Edit
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import Explained
from weightedit.doctor.facts import TensorFacts, facts_of
from weightedit.doctor.finding import Mend

State = dict[str, torch.Tensor]


class Net(nn.Module):
    def __init__(self, classes: int = 5, tokens: int = 12) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, 4)
        self.fc = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, classes)


def state(**sizes: int) -> State:
    torch.manual_seed(0)
    return Net(**sizes).state_dict()


def refused(model: nn.Module, saved: State) -> str:
    return traceback_of(lambda: model.load_state_dict(saved))


def apply(document: Document, mend: Mend) -> None:
    for edit in mend.edits:
        document.apply(Edit.from_json(json.loads(json.dumps(edit.to_json())), {}), accept="all")


def mended(saved: State, folder: Path, model: nn.Module, which: int = 0) -> tuple[Explained, State]:
    """Explain why `saved` does not load into a model, apply one of the mends, and load what was exported."""
    save_file(saved, folder / "saved.safetensors")
    with weightedit.open(folder / "saved.safetensors") as document:
        found = explain(refused(model, saved), facts_of(document))
        apply(document, found.mends[which])
        document.export(folder / "mended.pt", shared="copy")
    loaded = torch.load(folder / "mended.pt")
    model.load_state_dict(loaded, strict=True)
    return found, loaded


def facts(saved: State) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(name, tuple(one.shape), str(one.dtype)[6:]) for name, one in saved.items())


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.encoder.", "a+b."])
def test_a_prefix_too_many_is_taken_off(prefix, tmp_path):
    saved = {prefix + name: one for name, one in state().items()}
    found, loaded = mended(saved, tmp_path, Net())
    assert found.kind == "missing-keys"
    # a batch norm makes up the counter that it lacks
    assert f"The model has {len(saved) - 1} tensors that the checkpoint lacks" in found.message
    assert f"The checkpoint has {len(saved)} keys that the model does not know" in found.message
    assert set(found.tensors) == set(saved)
    assert found.tensor_count == len(saved)
    assert found.mends[0].title == f"Take `{prefix}` off {len(saved)} names"
    assert len(found.mends[0].edits) == 1
    assert all(torch.equal(loaded[name], one) for name, one in state().items())


def test_a_prefix_that_is_missing_is_put_before_each_name(tmp_path):
    found, _ = mended(state(), tmp_path, nn.ModuleDict({"model": Net()}))
    assert found.mends[0].title == f"Put `model.` before {len(state())} names"


def test_one_prefix_becomes_another(tmp_path):
    saved = {f"encoder.{name}": one for name, one in state().items()}
    found, _ = mended(saved, tmp_path, nn.ModuleDict({"backbone": Net()}))
    assert found.mends[0].title == f"Change `encoder.` to `backbone.` in {len(saved)} names"


def test_only_the_part_that_is_called_otherwise_is_renamed(tmp_path):
    saved = {name.replace("fc.", "linear."): one for name, one in state().items()}
    found, _ = mended(saved, tmp_path, Net())
    assert found.tensors == ("linear.weight", "linear.bias")
    assert "Nothing else says that they are the same weights: rename them where you know it" in found.why
    assert found.mends[0].edits[0].to_json()["targets"] == [r"re:linear\.(.+)"]


def test_names_in_a_nested_checkpoint_are_found_in_it(tmp_path):
    inner = {f"module.{name}": one for name, one in state().items()}
    torch.save({"epoch": 3, "state_dict": inner}, tmp_path / "saved.pt")
    model = Net()
    with weightedit.open(tmp_path / "saved.pt") as document:
        found = explain(refused(model, inner), facts_of(document))
        apply(document, found.mends[0])
        document.export(tmp_path / "mended.pt")
    model.load_state_dict(torch.load(tmp_path / "mended.pt")["state_dict"], strict=True)


def test_keys_too_many_are_deleted(tmp_path):
    saved = state() | {"aux.weight": torch.zeros(3), "aux.bias": torch.zeros(3)}
    found, _ = mended(saved, tmp_path, Net())
    assert found.kind == "unexpected-keys"
    assert found.message == "The checkpoint has 2 keys that the model does not know: aux.weight, aux.bias."
    assert found.mends[0].title == "Delete 2 tensors that the model does not know"


def test_counters_that_old_checkpoints_lack_are_added(tmp_path):
    saved = Net().state_dict()
    del saved["norm.num_batches_tracked"]
    found, loaded = mended(saved, tmp_path, Net())
    assert found.kind == "missing-keys"
    assert found.mends[0].title == "Add 1 counter of batches"
    assert loaded["norm.num_batches_tracked"].dtype == torch.int64


def test_a_checkpoint_around_the_weights_is_opened_one_level_down():
    found = explain(refused(Net(), {"state_dict": state(), "epoch": 3}))
    assert 'Load `checkpoint["state_dict"]`.' in found.why
    assert not found.mends


def test_names_that_are_not_in_the_document_are_no_reason_for_an_edit():
    saved = {f"module.{name}": one for name, one in state().items()}
    for document in ((), facts(state()), facts({"module.fc.weight": torch.zeros(6, 4)})):
        found = explain(refused(Net(), saved), document)
        assert found.kind == "missing-keys"
        assert not found.mends
    assert set(explain(refused(Net(), saved), facts({"module.fc.weight": torch.zeros(6, 4)})).tensors) <= \
        {"module.fc.weight"}


def test_keys_that_a_prefix_does_not_explain_are_not_renamed():
    saved = {"module.fc.weight": torch.zeros(6, 4), "other.thing": torch.zeros(2)}
    found = explain(refused(Net(), saved), facts(saved))
    assert [mend.title for mend in found.mends] == ["Delete 2 tensors that the model does not know"]


# ---------------------------------------------------------------- sizes


def test_a_head_for_other_classes_is_cut(tmp_path):
    found, loaded = mended(state(classes=8), tmp_path, Net(classes=5))
    assert found.kind == "size-mismatch"
    assert found.message == ("head.weight is [8, 6] in the checkpoint and [5, 6] in the model; "
                             "head.bias is [8] in the checkpoint and [5] in the model.")  # fmt: skip
    assert found.tensors == ("head.weight", "head.bias")
    assert found.mends[0].title == "Bring 2 tensors to the sizes of the model"
    assert any("number of rows" in cause for cause in found.causes)
    assert torch.equal(loaded["head.weight"], state(classes=8)["head.weight"][:5])


def test_more_classes_get_rows_of_zeros(tmp_path):
    _, loaded = mended(state(classes=5), tmp_path, Net(classes=8))
    assert torch.equal(loaded["head.weight"][:5], state(classes=5)["head.weight"])
    assert not loaded["head.weight"][5:].any()
    assert not loaded["head.bias"][5:].any()


def test_more_tokens_get_the_mean_of_the_old_ones(tmp_path):
    found, loaded = mended(state(tokens=10), tmp_path, Net(tokens=12), which=1)
    assert [mend.title for mend in found.mends] == [
        "Add 2 rows of zeros to embed.weight", "Add 2 rows that are the mean of the old ones to embed.weight"]
    assert found.mends[0].detail == "[10, 4] → [12, 4]"
    old = state(tokens=10)["embed.weight"]
    assert torch.allclose(loaded["embed.weight"][10:], old.mean(0).expand(2, 4))


@pytest.mark.parametrize(("held", "wanted", "title", "expected"), [
    ((4, 6), (6, 4), "Transpose w", lambda w: w.t()),
    ((2, 3, 4), (4, 3, 2), "Permute w by 2, 1, 0", lambda w: w.permute(2, 1, 0)),
    ((4, 6), (4, 3), "Cut w", lambda w: w[:, :3]),
    ((4, 3), (4, 6), "Pad w with zeros", lambda w: torch.nn.functional.pad(w, (0, 3))),
    ((4, 3), (2, 6), "Cut and pad w with zeros", lambda w: torch.nn.functional.pad(w[:2], (0, 3))),
    ((6, 3), (4, 3), "Cut w", lambda w: w[:4]),
    ((6,), (6, 1), "Reshape w", lambda w: w.reshape(6, 1)),
    ((8, 4, 1, 1), (8, 4), "Reshape w", lambda w: w.reshape(8, 4)),
    ((), (1,), "Reshape w", lambda w: w.reshape(1)),
])  # fmt: skip
def test_one_tensor_is_brought_to_the_size_of_the_model(held, wanted, title, expected, tmp_path):
    model = nn.ParameterDict({"w": torch.zeros(wanted)})
    saved = {"w": torch.arange(1.0, 1 + torch.zeros(held).numel()).reshape(held)}
    found, loaded = mended(saved, tmp_path, model)
    assert found.mends[0].title.startswith(title.split(" by ")[0])
    assert torch.equal(loaded["w"], expected(saved["w"]))


def test_a_shape_that_nothing_brings_about_gets_no_edit():
    saved = {"w": torch.zeros(2, 3)}
    found = explain(refused(nn.ParameterDict({"w": torch.zeros(5)}), saved), facts(saved))
    assert found.kind == "size-mismatch"
    assert found.tensors == ("w",)
    assert not found.mends


def test_a_tensor_of_another_shape_than_the_message_says_is_not_the_one():
    text = refused(Net(classes=5), state(classes=8))
    edited = facts(state(classes=7))
    found = explain(text, edited)
    assert found.tensors == ()
    assert not found.mends


def test_a_tensor_below_another_name_is_found_if_it_is_the_only_one():
    text = refused(nn.ParameterDict({"w": torch.zeros(5, 3)}), {"w": torch.zeros(4, 3)})
    one = (TensorFacts("model.w", (4, 3), "float32"),)
    two = (*one, TensorFacts("ema.w", (4, 3), "float32"))
    assert explain(text, one).tensors == ("model.w",)
    assert explain(text, two).tensors == ()


def test_all_that_one_message_lists_is_mended_edit_by_edit(tmp_path):
    saved = state(classes=5) | {"extra": torch.zeros(1)}
    model = Net(classes=7)
    save_file(saved, tmp_path / "saved.safetensors")
    with weightedit.open(tmp_path / "saved.safetensors") as document:
        found = explain(refused(model, saved), facts_of(document))
        for mend in found.mends:
            apply(document, mend)
        document.export(tmp_path / "mended.pt")
    model.load_state_dict(torch.load(tmp_path / "mended.pt"), strict=True)
    assert found.kind == "unexpected-keys"
    assert found.message == ("The checkpoint has 1 key that the model does not know: extra. "
                             "head.weight is [5, 6] in the checkpoint and [7, 6] in the model; "
                             "head.bias is [5] in the checkpoint and [7] in the model.")  # fmt: skip
    assert found.tensors == ("head.weight", "head.bias", "extra")


def test_the_message_of_safetensors_own_loader_is_read(tmp_path):
    save_file({"extra": torch.zeros(2, 2)}, tmp_path / "a.safetensors")
    found = explain(traceback_of(lambda: load_model(nn.Linear(2, 2), tmp_path / "a.safetensors")))
    assert found.kind == "missing-keys"
    assert "The checkpoint has 1 key that the model does not know: extra." in found.message


def test_a_message_without_its_line_ends_is_read_the_same():
    saved = {f"module.{name}": one for name, one in state().items()}
    whole, flat = refused(Net(), saved), " ".join(refused(Net(), saved).splitlines()[-3:])
    assert explain(flat, facts(saved)).message == explain(whole, facts(saved)).message
    assert explain(flat, facts(saved)).mends == explain(whole, facts(saved)).mends


def test_a_model_of_thousands_of_tensors_is_explained_at_once():
    count = 20_000
    missing = ", ".join(f'"layers.{number}.weight"' for number in range(count))
    text = f"RuntimeError: Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: {missing}. \n" \
           f"\tUnexpected key(s) in state_dict: {missing.replace('layers', 'module.layers')}. "  # fmt: skip
    held = tuple(TensorFacts(f"module.layers.{number}.weight", (2,), "float32") for number in range(count))
    found = explain(text[: 2_000_000], held)
    assert found.kind == "missing-keys"
    assert len(found.tensors) <= 20


# ---------------------------------------------------------------- what is no tensor


@pytest.mark.parametrize(("kind", "model", "saved", "message"), [
    ("not-a-tensor", nn.Linear(2, 2), {"weight": 3, "bias": torch.zeros(2)},
     "weight is an int in the checkpoint, and the model has a tensor of that name."),
    ("not-a-dict", nn.Linear(2, 2), [1],
     "`load_state_dict` was given a list, and takes a dict of names and tensors."),
    ("path-as-weights", nn.Linear(2, 2), Path("model.pt"),
     f"`load_state_dict` was given a {type(Path()).__module__}.{type(Path()).__name__}, as a path is, and takes the "
     "weights themselves: a dict of names and tensors."),
    ("copying-a-tensor", nn.Linear(2, 2), {"weight": torch.zeros(2, 2, device="meta"), "bias": torch.zeros(2)},
     "weight is [2, 2] in the model and [2, 2] in the checkpoint, and torch could not copy one into the other."),
    ("meta-no-op", nn.Linear(2, 2, device="meta"), {"weight": torch.zeros(2, 2), "bias": torch.zeros(2)},
     "weight is a meta tensor in the model, without values, and stays one: nothing was loaded into it."),
])  # fmt: skip
def test_what_cannot_be_copied_is_named(kind, model, saved, message):
    found = explain(refused(model, saved))
    assert (found.kind, found.message) == (kind, message)


def test_a_path_in_the_place_of_weights_is_named_with_the_call_that_reads_it():
    found = explain(traceback_of(lambda: nn.Linear(2, 2).load_state_dict("runs/cnn.pt")))
    assert found.kind == "path-as-weights"
    assert found.message.startswith("`load_state_dict` was given the path runs/cnn.pt, and takes the weights")
    assert '`model.load_state_dict(torch.load("runs/cnn.pt", weights_only=True))`' in found.why
    held = explain(traceback_of(lambda: nn.Linear(2, 2).load_state_dict("a.safetensors")))
    assert '`model.load_state_dict(safetensors.torch.load_file("a.safetensors"))`' in held.why
    path = "elsewhere.pt"
    unseen = explain(traceback_of(lambda: nn.Linear(2, 2).load_state_dict(path)))
    assert unseen.message.startswith("`load_state_dict` was given a str, as a path is")
    assert "torch.load(path, weights_only=True)" in unseen.why
