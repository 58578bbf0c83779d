"""Weights that share storage in models people have: GPT-2's two names, T5's four, the flat buffer of an LSTM.

The models are built small from their configurations; the LSTM is the published Resemblyzer checkpoint.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit.assembly import open_document

NAMES = {
    "gpt2": ("transformer.wte.weight", "lm_head.weight"),
    "t5": ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"),
}
TOKENS = torch.tensor([[1, 5, 2, 7]])


@pytest.fixture(scope="module")
def hub() -> SimpleNamespace:
    """Makes tiny models of transformers, offline."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    def gpt2() -> nn.Module:
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(
            n_layer=1, n_head=2, n_embd=8, vocab_size=13, n_positions=16, bos_token_id=0, eos_token_id=0))

    def t5() -> nn.Module:
        return transformers.T5ForConditionalGeneration(transformers.T5Config(
            vocab_size=13, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2, tie_word_embeddings=True,
            decoder_start_token_id=0))

    return SimpleNamespace(gpt2=gpt2, t5=t5)


@pytest.fixture(params=["gpt2", "t5"])
def case(request: pytest.FixtureRequest, hub: SimpleNamespace) -> SimpleNamespace:
    """A model in evaluation mode, its tied names, and how it is made and called."""
    torch.manual_seed(11)
    make = getattr(hub, request.param)
    return SimpleNamespace(model=make().eval(), make=make, names=NAMES[request.param])


def forward(model: nn.Module) -> torch.Tensor:
    more = {"decoder_input_ids": TOKENS} if hasattr(model, "decoder") else {}
    with torch.no_grad():
        return model(input_ids=TOKENS, **more).logits


def parameter(model: nn.Module, name: str) -> nn.Parameter:
    found: Any = model
    for key in name.split("."):
        found = getattr(found, key)
    return found


def objects(model: nn.Module, names: tuple[str, ...]) -> set[int]:
    return {id(parameter(model, name)) for name in names}


class TestLive:
    def test_one_group_and_one_parameter(self, case):
        with weightedit.open(case.model) as doc:
            assert {doc.tensors[name].storage_group for name in case.names} == {"S1"}
            assert [slot.name for slot in doc.group_members("S1")] == list(case.names)
            assert len({doc.find(name).held for name in case.names}) == 1

    def test_a_write_to_one_is_a_write_to_all_and_the_model_computes_with_it(self, case):
        by_hand = copy.deepcopy(case.model)
        with torch.no_grad():
            parameter(by_hand, case.names[0])[2:5, ::2].mul_(0.5)
        with weightedit.open(case.model) as doc:
            doc.apply("scale", case.names[-1], region="[2:5, ::2]", factor=0.5)
            assert all(oracle.same_bits(doc.read(name), parameter(by_hand, name).detach()) for name in case.names)
        assert oracle.same_bits(forward(case.model), forward(by_hand))

    def test_a_rebind_keeps_them_tied(self, case):
        with weightedit.open(case.model) as doc:
            doc.apply("cast", case.names[1], dtype="float64", accept="all")
            assert len(objects(case.model, case.names)) == 1
            assert parameter(case.model, case.names[0]).dtype == torch.float64
            doc.undo()

    def test_untie_retie_tie(self, case):
        """Untied, a write stays alone; retied or tied, `parameters()` gives the matrix once again."""
        model, names = case.model, case.names
        original, count = parameter(model, names[0]), len(list(model.parameters()))
        want = forward(model)
        with weightedit.open(model) as doc:
            doc.apply("untie", names[-1])
            assert len(list(model.parameters())) == count + 1
            assert isinstance(parameter(model, names[-1]), nn.Parameter)
            assert oracle.same_bits(forward(model), want)
            doc.apply("retie", list(names))
            assert len(list(model.parameters())) == count
            assert parameter(model, names[-1]) is original
            doc.undo()
            doc.apply("fill", names[-1], value=0.25)
            assert not (parameter(model, names[0]) == 0.25).any()
            assert not torch.equal(forward(model), want)
            [alias] = doc.preflight("tie", names[-1], to=names[0])
            assert alias.count == original.numel()
            doc.apply("tie", names[-1], to=names[0], accept="all")
            assert objects(model, names) == {id(original)}
            assert oracle.same_bits(forward(model), want)
            doc.go_to(0)
            assert objects(model, names) == {id(original)}

    @pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
    def test_training_updates_what_is_tied_and_only_that(self, case, optimizer):
        """The optimizer lists each parameter once, before and after every step, and undo puts its lists back."""
        model, names = case.model.train(False), case.names
        steps = optimizer(model.parameters(), lr=0.1)

        def train() -> None:
            more = {"labels": TOKENS}
            steps.zero_grad()
            model(input_ids=TOKENS, **more).loss.backward()
            steps.step()

        train()
        with weightedit.open(model, optimizer=steps) as doc:
            before = list(steps.param_groups[0]["params"])
            doc.apply("untie", names[-1])
            listed = steps.param_groups[0]["params"]
            assert {id(one) for one in listed} == {id(one) for one in model.parameters()}
            assert len(listed) == len(before) + 1
            train()
            assert not torch.equal(parameter(model, names[0]), parameter(model, names[-1])), "each learns for itself"
            doc.apply("tie", names[-1], to=names[0], accept="all")
            assert len(steps.param_groups[0]["params"]) == len(before)
            was = parameter(model, names[0]).detach().clone()
            train()
            assert parameter(model, names[0]) is parameter(model, names[-1])
            assert not torch.equal(parameter(model, names[0]), was)
            doc.go_to(0, accept="all")
            assert all(now is old for now, old in zip(steps.param_groups[0]["params"], before, strict=True))

    def test_a_rebind_that_unties_leaves_the_others_in_the_optimizer(self, case):
        model, names = case.model, case.names
        steps = torch.optim.SGD(model.parameters(), lr=0.1)
        with weightedit.open(model, optimizer=steps) as doc:
            doc.apply("cast", names[-1], dtype="float64", tied="untie", accept="all")
            listed = {id(one) for one in steps.param_groups[0]["params"]}
            assert listed == {id(one) for one in model.parameters()}
            assert len(listed) == len(steps.param_groups[0]["params"])

    def test_tie_weights_of_the_library_still_means_the_same(self, case):
        with weightedit.open(case.model) as doc:
            doc.apply("untie", case.names[-1])
            doc.apply("fill", case.names[-1], value=0.5)
        case.model.tie_weights()
        assert len(objects(case.model, case.names)) == 1


@pytest.fixture(params=["pt", "safetensors"])
def saved(request: pytest.FixtureRequest, case: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """The checkpoint of a model, as torch and as safetensors' own function for models write it."""
    path = tmp_path / f"model.{request.param}"
    if request.param == "pt":
        torch.save(case.model.state_dict(), path)
    else:
        from safetensors.torch import save_model

        save_model(case.model, str(path), {"format": "pt"})
    return SimpleNamespace(path=path, **vars(case))


def loaded(case: SimpleNamespace, path: Path) -> nn.Module:
    """A fresh model with the weights of a file, loaded as people load them."""
    fresh = case.make().eval()
    if path.suffix == ".pt":
        fresh.load_state_dict(torch.load(path), strict=True)
    else:
        from safetensors.torch import load_model

        load_model(fresh, str(path))
    return fresh


class TestSaved:
    def test_every_name_is_there_in_one_group(self, saved):
        with open_document(saved.path) as doc:
            assert sorted(doc.tensors) == sorted(saved.model.state_dict())
            assert {doc.tensors[name].storage_group for name in saved.names} == {"S1"}

    def test_a_write_to_one_is_loaded_under_all(self, saved):
        with torch.no_grad():
            parameter(saved.model, saved.names[0])[3].fill_(0.5)
        with open_document(saved.path) as doc:
            doc.apply("fill", saved.names[-1], region="[3, :]", value=0.5)
            doc.save()
        assert oracle.same_bits(forward(loaded(saved, saved.path)), forward(saved.model))

    def test_untied_and_tied_again_it_loads_strictly_and_computes_the_same(self, saved):
        want = forward(saved.model)
        out = saved.path.with_name(f"out{saved.path.suffix}")
        shared = {} if out.suffix == ".pt" else {"shared": "alias"}
        with open_document(saved.path) as doc:
            doc.apply("untie", saved.names[-1])
            doc.export(out, **shared)
            if out.suffix == ".pt":
                found = torch.load(out)
                places = {found[name].data_ptr() for name in saved.names}
                assert len(places) == 2
                assert oracle.same_bits(forward(loaded(saved, out)), want)
            doc.apply("retie", list(saved.names))
            doc.export(out, **shared)
        if out.suffix == ".pt":
            found = torch.load(out)
            assert len({found[name].data_ptr() for name in saved.names}) == 1
        assert oracle.same_bits(forward(loaded(saved, out)), want)


class TestFlatBuffer:
    """Resemblyzer's LSTM: twelve weights, each a view of one buffer that no name covers."""

    LSTM = "model_state.lstm."

    @pytest.fixture
    def path(self, real_checkpoint: Callable[[str], Path]) -> Path:
        return real_checkpoint("resemblyzer/pretrained.pt")

    @pytest.fixture
    def trained(self, path: Path) -> dict[str, torch.Tensor]:
        whole = torch.load(path, "cpu", weights_only=False)["model_state"]
        return {name.removeprefix("lstm."): tensor for name, tensor in whole.items() if name.startswith("lstm.")}

    def test_it_is_one_group_whose_parts_do_not_overlap(self, path, trained):
        with open_document(path) as doc:
            members = doc.group_members("S1")
            assert {slot.name.removeprefix(self.LSTM) for slot in members} == set(trained)
            assert members[0].storage.nbytes == next(iter(trained.values())).untyped_storage().nbytes()
            assert doc.preflight("fill", f"{self.LSTM}weight_hh_l0", value=0) == []

    def test_untied_it_is_saved_as_a_tensor_of_its_own_and_runs_the_same(self, path, trained, tmp_path):
        name = f"{self.LSTM}weight_hh_l1"
        with open_document(path) as doc:
            [notice] = doc.preflight("untie", name)
            assert notice.kind == "unties"
            assert "1.05 MB" in notice.detail
            doc.apply("untie", name)
            doc.apply("scale", f"{self.LSTM}weight_ih_l0", factor=1.0)
            doc.export(tmp_path / "out.pt")
        found = torch.load(tmp_path / "out.pt", "cpu", weights_only=False)["model_state"]
        assert found["lstm.weight_hh_l1"].untyped_storage().nbytes() == found["lstm.weight_hh_l1"].nbytes
        rest = [found[f"lstm.{one}"] for one in trained if one != "weight_hh_l1"]
        assert len({one.untyped_storage().data_ptr() for one in rest}) == 1
        self.assert_runs_the_same({one: found[f"lstm.{one}"] for one in trained}, trained)

    def test_live_the_lstm_goes_on_with_what_it_holds(self, trained):
        lstm = nn.LSTM(40, 256, 3)
        lstm.load_state_dict(trained, strict=True)
        with weightedit.open(lstm) as doc:
            doc.apply("tie", "bias_hh_l0", to="bias_ih_l0", accept="all")
            assert lstm.bias_hh_l0 is lstm.bias_ih_l0
            assert len(list(lstm.parameters())) == 11
            changed = {**trained, "bias_hh_l0": trained["bias_ih_l0"]}
            self.assert_runs_the_same(changed, dict(lstm.state_dict()))
            doc.go_to(0)
        self.assert_runs_the_same(trained, dict(lstm.state_dict()))

    def test_a_state_dict_in_memory_is_taken_apart_and_stays_what_it_was(self, trained):
        """Untied, each weight has memory of its own; a write into one no longer lies in the others' buffer."""
        before = {name: tensor.clone() for name, tensor in trained.items()}
        with weightedit.open(trained) as doc:
            assert {info.storage_group for info in doc.tensors.values()} == {"S1"}
            doc.apply("untie", "*")
            assert {info.storage_group for info in doc.tensors.values()} == {None}
            assert len({tensor.untyped_storage().data_ptr() for tensor in trained.values()}) == len(trained)
        self.assert_runs_the_same(trained, before)

    def assert_runs_the_same(self, first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
        given = torch.randn(3, 1, 40, generator=torch.Generator().manual_seed(2))
        results = []
        for weights in (first, second):
            lstm = nn.LSTM(40, 256, 3)
            lstm.load_state_dict(weights, strict=True)
            with torch.no_grad():
                results.append(lstm(given)[0])
        assert oracle.same_bits(*results)
