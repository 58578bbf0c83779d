"""A folder of transformers is brought as from_pretrained would: its class, its dtype, its own code, what it ties."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import weightedit
from weightedit.doctor.bringing.model_reference import parse_reference
from weightedit.doctor.inside.bring import bring, converts

SMALL: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
                         "vocab_size": 20}  # fmt: skip
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
LLAMA = {**SMALL, **TOKENS, "num_key_value_heads": 1}
MODELS = {
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA)),
    "gpt2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_layer=2, n_embd=16, n_head=2, vocab_size=20, n_positions=8, **TOKENS)),
    "bert": lambda: transformers.BertForMaskedLM(transformers.BertConfig(**SMALL, max_position_embeddings=8)),
}  # fmt: skip
OWN = """
import torch
from transformers import PretrainedConfig, PreTrainedModel

class TinyConfig(PretrainedConfig):
    model_type = "tiny-of-its-own"

    def __init__(self, width=3, **rest):
        super().__init__(**rest)
        self.width = width

class TinyModel(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        self.fc = torch.nn.Linear(config.width, 2)
        self.post_init()

    def forward(self, x):
        return self.fc(x)
"""


@pytest.mark.parametrize("name", MODELS)
def test_what_save_pretrained_wrote_is_healthy(name, tmp_path):
    """Tied names that it left out are no more than worth knowing: from_pretrained takes the folder as it is."""
    MODELS[name]().save_pretrained(tmp_path)
    _, said = type(MODELS[name]()).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(said[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    found = weightedit.check(tmp_path / "model.safetensors", tmp_path, "input_ids: int64[2,6]", device="fake")
    assert found["ok"], found["findings"]
    assert {(one["kind"], one["level"]) for one in found["findings"]} <= {("tied", "notice")}
    assert bool(found["findings"]) == (name != "llama")
    assert all(one["message"].endswith("from_pretrained ties them again") for one in found["findings"])
    assert found["trace"][0]["outputs"][0]["shape"] == [2, 6, 20]
    said = [note.partition(" whether ")[0] for note in found["notes"]]
    asks = "It was run without values, though only they tell"
    assert said == [asks] * (name == "bert")  # which has two types of tokens, and six tokens


def test_a_model_has_the_dtype_that_its_config_says(tmp_path):
    MODELS["llama"]().to(torch.bfloat16).save_pretrained(tmp_path)
    made = bring(parse_reference(str(tmp_path), tmp_path))
    assert type(made) is transformers.LlamaForCausalLM
    loaded = transformers.LlamaForCausalLM.from_pretrained(tmp_path, dtype="auto")
    assert {name: tensor.dtype for name, tensor in made.state_dict().items()} == {
        name: tensor.dtype for name, tensor in loaded.state_dict().items()}  # fmt: skip
    assert made.lm_head.weight.dtype is torch.bfloat16


@pytest.mark.parametrize("named", ["pipeline", "AutoTokenizer", "LlamaConfig", "LlamaOfSomebodyForCausalLM", ""])
def test_what_is_no_class_of_models_is_made_by_its_model_type(named, tmp_path):
    """The name comes from a file: only a class of models is called by it."""
    config = transformers.LlamaConfig(**LLAMA).to_dict()
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": [named]}), encoding="utf-8")
    made = bring(parse_reference(str(tmp_path), tmp_path))
    assert type(made).__name__ == ("LlamaForCausalLM" if named.endswith("LM") else "LlamaModel")


def test_only_some_models_change_tensors_as_they_load():
    mixtral = transformers.MixtralForCausalLM(transformers.MixtralConfig(**LLAMA, num_local_experts=2))
    assert not any(converts(make()) for make in MODELS.values())
    assert not converts(torch.nn.Linear(1, 1))
    if tuple(map(int, transformers.__version__.split(".")[:1])) >= (5,):
        assert converts(mixtral)


def own(folder: Path, modeling: str = "modeling_tiny") -> Path:
    """A folder with code of its own, and a tokenizer's, which does not run."""
    (folder / "modeling_tiny.py").write_text(OWN, encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "tiny-of-its-own", "architectures": ["TinyModel"], "width": 5, "auto_map": {
            "AutoConfig": f"{modeling}.TinyConfig", "AutoModel": f"{modeling}.TinyModel",
            "AutoTokenizer": ["tokenization_tiny.TinyTokenizer", None]}}), encoding="utf-8")  # fmt: skip
    return folder


def test_code_of_the_folder_is_said_before_it_runs(tmp_path):
    reference = parse_reference(str(own(tmp_path)), tmp_path)
    assert (reference.own_code, reference.hub_code) == (("modeling_tiny.py",), ())
    assert "Its config asks for code of the folder's own, which runs: modeling_tiny.py." in \
        reference.what_runs(tmp_path)  # fmt: skip
    plain = tmp_path / "plain"
    MODELS["llama"]().save_pretrained(plain)
    assert not any("asks for code" in line for line in parse_reference(str(plain), tmp_path).what_runs(tmp_path))


def test_code_that_would_be_downloaded_is_said_to_be(tmp_path):
    reference = parse_reference(str(own(tmp_path, "some.body/tiny--modeling_tiny")), tmp_path)
    assert (reference.own_code, reference.hub_code) == ((), ("some.body/tiny/modeling_tiny.py",))
    assert "Its config asks for code of the Hugging Face hub, which is downloaded and runs: " \
        "some.body/tiny/modeling_tiny.py." in reference.what_runs(tmp_path)  # fmt: skip


def test_code_of_the_folder_makes_the_model(tmp_path, monkeypatch):
    """transformers copies such code to a cache of its own, and imports it from there."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "tiny"
    folder.mkdir()
    made = bring(parse_reference(str(own(folder)), tmp_path))
    assert (type(made).__name__, made.fc.in_features) == ("TinyModel", 5)
    assert made(torch.ones(1, 5)).shape == (1, 2)
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        del sys.modules[name]
