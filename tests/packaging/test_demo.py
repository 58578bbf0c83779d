"""The demo checkpoint is what README and make_demo.py promise."""

from __future__ import annotations

import torch

from weightedit.resources import resource

DEMO = resource("demo", "digits.pt")


def test_demo_is_a_small_trained_checkpoint():
    demo = torch.load(DEMO, weights_only=True)
    assert DEMO.stat().st_size < 500_000
    assert list(demo) == ["model", "optimizer", "epoch", "accuracy", "classes"]
    assert demo["accuracy"] > 0.95
    assert demo["classes"] == list("0123456789")
    assert demo["model"]["encoder.norm1.num_batches_tracked"].dtype == torch.int64
    steps = {state["step"].item() for state in demo["optimizer"]["state"].values()}
    assert steps == {demo["model"]["encoder.norm1.num_batches_tracked"].item()}


def test_demo_has_a_tied_pair():
    model = torch.load(DEMO, weights_only=True)["model"]
    assert model["head.weight"].data_ptr() == model["label_embedding.weight"].data_ptr()


def test_demo_is_damaged_where_its_script_says():
    model = torch.load(DEMO, weights_only=True)["model"]
    assert model["encoder.project.weight"].isnan().sum() == 7
    assert model["encoder.project.weight"].shape == (96, 256)
    assert model["encoder.norm2.running_var"].isinf().nonzero().tolist() == [[3]]
    assert (model["encoder.conv2.weight"].flatten(1).abs().sum(1) == 0).nonzero().tolist() == [[11]]
    loudness = model["decoder.weight"].norm(dim=1)
    assert loudness.argmax() == 27
    assert loudness[27] > 10 * loudness.median()
    damaged = {"encoder.project.weight", "encoder.norm2.running_var"}
    assert all(torch.isfinite(tensor).all() for name, tensor in model.items() if name not in damaged)
