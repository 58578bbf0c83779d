"""Real architectures are traced without values as they really run: the same calls, shapes and dtypes in one order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import nn

import weightedit
from weightedit.doctor import check
from weightedit.doctor.inside.bring import without_memory
from weightedit.doctor.inside.trace import trace
from weightedit.doctor.inside.without_values import fake_mode, faked
from weightedit.doctor.shape_trace.trace import Trace

SMALL: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
WORDS: dict[str, Any] = {"vocab_size": 20, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
IMAGE = (2, 3, 16, 16)


def of(name: str, **config: Any) -> Callable[[], nn.Module]:
    """What makes a model of transformers by the name of its class, `Config` in the place of what follows `For`."""
    kind = getattr(transformers, name)
    return lambda: kind(kind.config_class(**config)).eval()


def words(**named: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {name: torch.arange(torch.Size(shape).numel()).reshape(shape) % 20 for name, shape in named.items()}


def mixtral() -> nn.Module:
    return of("MixtralForCausalLM", **SMALL, **WORDS, num_key_value_heads=1, num_local_experts=2)()


IDS = words(input_ids=(2, 6))
MODELS: dict[str, tuple[Callable[[], nn.Module], dict[str, torch.Tensor]]] = {
    "gpt2": (of("GPT2LMHeadModel", **WORDS, n_positions=8, n_embd=16, n_layer=2, n_head=2), IDS),
    "bert": (of("BertForMaskedLM", **SMALL, vocab_size=20, max_position_embeddings=8), IDS),
    "llama": (of("LlamaForCausalLM", **SMALL, **WORDS, num_key_value_heads=1), IDS),
    "gemma2": (of("Gemma2ForCausalLM", **SMALL, **WORDS, num_key_value_heads=1, head_dim=8), IDS),
    "mamba": (of("MambaForCausalLM", **WORDS, hidden_size=16, state_size=4, num_hidden_layers=2), IDS),
    "deberta": (of("DebertaV2Model", **SMALL, vocab_size=20, max_position_embeddings=8, relative_attention=True,
                   pos_att_type=["p2c", "c2p"], position_buckets=4), IDS),
    "t5": (of("T5ForConditionalGeneration", vocab_size=20, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2,
              decoder_start_token_id=0), words(input_ids=(2, 6), decoder_input_ids=(2, 3))),
    "whisper": (of("WhisperForConditionalGeneration", **WORDS, decoder_start_token_id=1, num_mel_bins=8, d_model=16,
                   encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=24, decoder_layers=2,
                   decoder_attention_heads=2, decoder_ffn_dim=24, max_source_positions=10, max_target_positions=8),
                {"input_features": torch.ones(2, 8, 20), **words(decoder_input_ids=(2, 3))}),
    "clip": (of("CLIPModel", text_config={**SMALL, **WORDS, "max_position_embeddings": 8},
                vision_config={**SMALL, "image_size": 16, "patch_size": 8}, projection_dim=8),
             {"pixel_values": torch.ones(IMAGE), **IDS}),
    "vit": (of("ViTForImageClassification", **SMALL, image_size=16, patch_size=8), {"pixel_values": torch.ones(IMAGE)}),
    "swin": (of("SwinForImageClassification", image_size=16, patch_size=2, embed_dim=8, depths=[1, 2],
                num_heads=[1, 2], window_size=4), {"pixel_values": torch.ones(IMAGE)}),
    "resnet": (of("ResNetForImageClassification", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2]),
               {"pixel_values": torch.ones(IMAGE)}),
}  # fmt: skip


def without_values(make: Callable[[], nn.Module], inputs: dict[str, torch.Tensor], *, copies: bool) -> Trace:
    """A trace of a model that is copied without values, or that never had any."""
    fake = fake_mode()
    if copies:
        model = faked(make(), fake)
    else:
        with without_memory(fake):
            model = make()
    with fake:
        empty = {name: torch.empty(value.shape, dtype=value.dtype) for name, value in inputs.items()}
    return trace(model, (), empty, device="fake", fake=fake)


@pytest.mark.parametrize("name", MODELS)
def test_a_trace_without_values_is_that_of_the_real_run(name):
    make, inputs = MODELS[name]
    model, made, count = make(), [], 0

    def left(module: str, output: object) -> None:
        nonlocal count
        count += 1
        if isinstance(output, torch.Tensor):
            made.append((module, tuple(output.shape), str(output.dtype).removeprefix("torch.")))

    for place, one in model.named_modules():
        one.register_forward_hook(lambda module, args, output, place=place: left(place, output))
    real = trace(model, (), inputs, device="cpu")
    assert real.failure is None
    assert len(real.calls) == count > 10
    assert sorted(made) == sorted((call.module, one.shape, one.dtype) for call in real.calls for one in call.outputs
                                  if not one.place)  # fmt: skip
    for copies in (True, False):
        found = without_values(make, inputs, copies=copies)
        assert found.failure is None, found.failure
        assert found.calls == real.calls


def test_a_model_made_without_memory_allocates_no_weights():
    """Truncated normal values, which torch draws until all are within their ends, need no values either."""
    fake, init, drawing = fake_mode(), nn.init.trunc_normal_, torch.nn.init._no_grad_trunc_normal_
    with without_memory(fake):
        layer = nn.Linear(1 << 20, 1 << 20, dtype=torch.bfloat16)  # 2 TB
        assert nn.init.trunc_normal_(layer.weight, std=0.02) is layer.weight
    assert (layer.weight.shape, layer.weight.untyped_storage().device.type) == ((1 << 20, 1 << 20), "meta")
    assert (nn.init.trunc_normal_, torch.nn.init._no_grad_trunc_normal_) == (init, drawing)
    drawn = nn.init.trunc_normal_(torch.zeros(1000))
    assert -2 <= drawn.min() < -1
    assert 1 < drawn.max() <= 2


def test_what_only_fake_tensors_refuse_is_run_on_the_cpu(monkeypatch):
    """torch multiplies experts of float32 on a CPU, and not without values; with too many weights that is said."""
    model = mixtral()
    found = without_values(mixtral, IDS, copies=True)
    if found.failure is None:
        pytest.skip("fake tensors take what multiplies experts here")
    assert (found.failure.module, found.failure.needs_values) == ("model.layers.0.mlp.experts", False)
    real = trace(mixtral(), (), IDS, device="cpu")
    ran = weightedit.check(model, model, dict(IDS))
    assert (ran["ok"], ran["findings"]) == (True, [])
    assert ran["notes"] == ["It was run on the CPU, with values: model.layers.0.mlp.experts stops "
                            "without them."]
    assert [{key: value for key, value in call.items() if key not in ("seconds", "bytes")} for call in ran["trace"]] \
        == [call.to_json() for call in real.calls]  # fmt: skip
    assert all(call["seconds"] >= 0 for call in ran["trace"])
    fake = weightedit.check(model, model, dict(IDS), device="fake")
    assert [one["module"] for one in fake["findings"]] == ["model.layers.0.mlp.experts"]
    monkeypatch.setattr(check, "LARGEST", 10_000)
    large = weightedit.check(model, model, dict(IDS))
    assert large["findings"] == fake["findings"]
    assert "27.7 kB of weights are more than the 10.0 kB" in large["notes"][0]
