"""Edits where a condition holds: against torch with a boolean mask, on files and live tensors."""

import pytest
import torch

import weightedit
from tests.operations.oracle import same_bits
from weightedit.core.errors import EditRefused
from weightedit.core.pages.as_pytorch import as_pytorch
from weightedit.core.storage import Patched


def weights(dtype=torch.float32):
    torch.manual_seed(0)
    values = torch.randn(300, 260)
    values[5, 7], values[200, 1] = float("nan"), float("inf")
    return values.to(dtype)


CONDITIONS = {
    "where abs(w) > 2": (slice(None), lambda w: w.abs() > 2),
    "where isnan(w)": (slice(None), lambda w: w.isnan()),
    "[10:200, ::3] where w < 0": ((slice(10, 200), slice(None, None, 3)), lambda w: w < 0),
    "[7, :] where w > 0.5": (slice(7, 8), lambda w: w > 0.5),
    "where w > 'other'": (slice(None), lambda w: w > torch.linspace(-1, 1, 260)),
    "where w > 1000": (slice(None), lambda w: w > 1000),
}


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("region", CONDITIONS)
def test_only_the_cells_that_meet_it_change(tmp_path, region, dtype, live):
    state = {"w": weights(dtype), "other": torch.linspace(-1, 1, 260)}
    torch.save(state, tmp_path / "a.pt")
    index, condition = CONDITIONS[region]
    wanted = weights(dtype)
    part = wanted[index]
    part.copy_(torch.where(condition(part.float()), (part.float() * 0.5).to(dtype), part))
    with weightedit.open(state if live else tmp_path / "a.pt") as document:
        document.apply("scale", "w", region=region, factor=0.5)
        assert same_bits(document.read("w"), wanted)
        if live:
            assert same_bits(state["w"], wanted)
        document.undo()
        assert same_bits(document.read("w"), weights(dtype))
        document.redo()
        assert same_bits(document.read("w"), wanted)


def test_preview_and_hazards_speak_of_these_cells_alone(tmp_path):
    torch.save({"w": weights(torch.float16)}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        shown = document.preview("scale", "w", region="where abs(w) > 3", factor=60000.0)
        count = int((weights(torch.float16).abs() > 3).sum())
        assert shown.total == count
        overflow = next(hazard for hazard in shown.hazards if hazard.kind == "overflow")
        assert overflow.count == count - 1  # one is inf already
        after = torch.from_numpy(shown.after.read(shown.after.box).copy())
        mask = weights(torch.float16).abs() > 3
        assert same_bits(after[~mask], weights(torch.float16)[~mask])


def test_only_their_bytes_are_remembered(tmp_path):
    torch.save({"w": weights()}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        document.apply("fill", "w", region="where abs(w) > 3.5", value=0)
        count = int((weights().abs() > 3.5).sum())
        content = document.slot("w").storage.content
        assert isinstance(content, Patched)
        assert content.patches.nbytes == 4 * count
        assert document.history.nbytes < 4 * count + 100 * count


def test_the_copied_code_does_the_same(tmp_path):
    torch.save({"w": weights(), "other": torch.linspace(-1, 1, 260)}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        for region in CONDITIONS:
            edit = document.apply("scale", "w", region=region, factor=2)
            document.undo()
            found = torch.load(tmp_path / "a.pt")
            exec(as_pytorch(document, edit), {"checkpoint": found})
            document.redo()
            assert same_bits(found["w"], document.read("w")), region
            document.undo()


@pytest.mark.parametrize(("operation", "region", "arguments", "says"), [
    ("fill", "where w >", {"value": 0}, "column"),
    ("fill", "where 'nothing' > 1", {"value": 0}, "nothing"),
    ("fill", "[0:400] where w > 1", {"value": 0}, "does not fit"),
    ("fill", "where w + 1", {"value": 0}, "condition"),
    ("slice", "where w > 1", {}, "takes no condition"),
])  # fmt: skip
def test_a_condition_that_cannot_be_worked_out_is_refused(tmp_path, operation, region, arguments, says):
    torch.save({"w": weights()}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        with pytest.raises(EditRefused, match=says):
            document.apply(operation, "w", region=region, **arguments)
        assert not document.is_modified
