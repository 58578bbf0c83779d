"""A training step leaves the document as it is unless asked; asked, the weights after it are edits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.edit import Edit
from weightedit.core.errors import WeightEditError

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm = nn.Embedding(9, 4), nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 9, bias=False)
        self.head.weight = self.embed.weight
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, ids):
        return self.head(self.norm(self.embed(ids)))
"""


def step_of(found):
    (one,) = [finding for finding in found["findings"] if finding["kind"] == "step"]
    assert one["level"] == "notice"
    return one


def taken(document, step):
    (mend,) = step["mends"]
    with document.grouped(mend["title"]):
        for edit in mend["edits"]:
            document.apply(Edit.from_json(edit, {}), accept="all")


def test_a_step_on_a_live_module_is_taken_as_torch_takes_it(tmp_path):
    torch.manual_seed(0)
    model, x, y = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), torch.randn(5, 4), torch.randn(5, 2)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    with weightedit.open(model) as document:
        found = weightedit.check(document, model, x, target=y, loss="mse_loss",
                                 optimizer=lambda its: torch.optim.SGD(its.parameters(), lr=0.5),
                                 step_to=tmp_path / "step.pt")  # fmt: skip
        assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
        assert not document.is_modified
        taken(document, step_of(found))
        after = {name: one.clone() for name, one in model.state_dict().items()}
        document.undo()
        assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
    for name, one in model.state_dict().items():
        torch.testing.assert_close(after[name], one)
        assert not torch.equal(after[name], before[name])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_of_named_code_what_is_tied_is_taken_once_and_what_stays_is_left(tmp_path, dtype):
    """Of a half checkpoint the weights after the step are float32, and taking them says what rounds."""
    (tmp_path / "net.py").write_text(CODE, encoding="utf-8")
    made = {}
    exec(CODE, made)
    state = {name: one.to(getattr(torch, dtype)) if one.is_floating_point() else one
             for name, one in made["Net"]().state_dict().items()}  # fmt: skip
    torch.save(state, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        found = weightedit.check(document, f"{tmp_path}/net.py:Net", "int64[6]<9", target="int64[6]<9",
                                 loss="cross_entropy", step_to=tmp_path / "step.pt")  # fmt: skip
        step = step_of(found)
        wanted = torch.load(tmp_path / "step.pt")
        assert "frozen" not in wanted
        assert {"embed.weight", "norm.weight", "norm.running_mean", "norm.num_batches_tracked"} <= set(wanted)
        targets = [edit["targets"] for edit in step["mends"][0]["edits"]]
        assert ["embed.weight"] in targets
        assert ["head.weight"] not in targets or dtype == "float16"  # `.half()` of two names made two tensors of one
        taken(document, step)
        document.undo()
        assert not document.is_modified
        document.redo()
        document.export(tmp_path / "after.pt")
    after = torch.load(tmp_path / "after.pt")
    for name, one in wanted.items():
        assert torch.equal(after[name], one.to(after[name].dtype)), name
    assert torch.equal(after["frozen"], state["frozen"])


def test_nothing_is_written_over_and_nothing_without_a_step(tmp_path):
    model, there = nn.Linear(3, 2), tmp_path / "there.pt"
    there.write_bytes(b"x")
    with pytest.raises(WeightEditError, match="is there already; name a new file"):
        weightedit.check(model, model, "float32[4,3]", target="float32[4,2]", loss="mse_loss", step_to=there)
    with pytest.raises(WeightEditError, match="and none is asked for"):
        weightedit.check(model, model, "float32[4,3]", step_to=tmp_path / "new.pt")
    found = weightedit.check(model, model, "float32[4,3]", target="float32[5,2]", loss="mse_loss",
                             step_to=tmp_path / "new.pt")  # fmt: skip
    assert [one for one in found["findings"] if one["kind"] == "step"] == []
    assert there.read_bytes() == b"x"
    assert sorted(tmp_path.iterdir()) == [there]


def test_files_beside_it_and_one_of_its_name_that_came_meanwhile_are_left_alone(tmp_path):
    beside, path = tmp_path / "step.pt.part", tmp_path / "step.pt"
    beside.write_bytes(b"mine")

    class Late(nn.Linear):
        def forward(self, x):
            path.write_bytes(b"somebody else's")
            return super().forward(x)

    model = Late(3, 2)
    with pytest.raises(WeightEditError, match=r"step\.pt was not written with the weights after the step: "):
        weightedit.check(model, model, "float32[4,3]", target="float32[4,2]", loss="mse_loss", step_to=path)
    assert path.read_bytes() == b"somebody else's"
    assert beside.read_bytes() == b"mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["step.pt", "step.pt.part"]
