"""What a check says of itself: healthy means that it really ran, and whatever was not looked at is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import weightedit
from weightedit.checking import capturing
from weightedit.core.edit import Edit
from weightedit.core.errors import WeightEditError
from weightedit.doctor.capture_check import RunStopped
from weightedit.doctor.checkup import Asked
from weightedit.doctor.finding import Finding, Mend


class Coded(nn.Module):
    """A layer, and code after it."""

    def __init__(self, code):
        super().__init__()
        self.fc, self.code = nn.Linear(4, 4), code

    def forward(self, x):
        return self.code(self.fc(x))


# ---- without values

def test_a_live_model_on_meta_runs_by_its_shapes():
    """As models too large for memory are made; with values it cannot."""
    model = nn.Sequential(nn.Linear(4, 3, device="meta"), nn.BatchNorm1d(3, device="meta"))
    found = weightedit.check(model, model, "float32[2,4]")
    assert (found["ok"], found["ran"], found["device"]) == (True, True, "fake")
    assert not weightedit.check(model, model, "float32[2,5]")["ok"]
    assert all(tensor.is_meta for tensor in model.state_dict().values())


def test_code_that_raises_only_without_values_is_doubted_there_and_healthy_with_them():
    model = Coded(lambda x: torch.from_numpy(np.sqrt(np.abs(x.numpy()))))
    found = weightedit.check(model, model, "float32[2,4]", device="fake")
    assert (found["ok"], [one["kind"] for one in found["findings"]]) == (False, ["error"])
    assert found["findings"][0]["message"].endswith(
        " Tensors have no values here, which alone may be why; run it on cpu to tell.")  # fmt: skip
    assert weightedit.check(model, model, "float32[2,4]")["ok"]


def test_what_raises_with_values_too_is_not_doubted():
    model = Coded(lambda x: {}["gone"])
    for device in ("auto", "cpu"):
        (found,) = weightedit.check(model, model, "float32[2,4]", device=device)["findings"]
        assert "KeyError: 'gone'" in found["message"]
        assert "no values" not in found["message"]


@pytest.mark.parametrize("code", [lambda x: x if x.sum() > 0 else -x, lambda x: x[x > 0], lambda x: x.tolist()])
def test_a_run_that_stopped_for_want_of_values_is_not_healthy(code):
    model = Coded(code)
    found = weightedit.check(model, model, "float32[2,4]", device="fake")
    assert (found["ok"], found["ran"]) == (False, False)
    assert [(one["kind"], one["level"]) for one in found["findings"]] == [("needs-values", "warning")]
    found = weightedit.check(model, model, "float32[2,4]", device="cpu")
    assert (found["ok"], found["ran"], found["device"]) == (True, True, "cpu")


def test_indices_that_nobody_looked_at_are_said():
    model = nn.Embedding(10, 4)
    found = weightedit.check(model, model, torch.tensor([[3, 12]]), device="fake")
    assert found["notes"] == ["It was run without values, though only they tell whether each index has a row in its "
                              "embedding: a run on cpu tells."]  # fmt: skip
    assert weightedit.check(model, model, "int64[2,3]", device="fake")["notes"] == []


def test_a_step_is_not_taken_where_no_values_were_asked_for():
    """It would take the memory that the device fake is asked for to save; `auto` takes it on the CPU."""
    model = nn.Linear(4, 1)
    found = weightedit.check(model, model, "float32[2,4]", loss="mean", device="fake")
    assert [(one["kind"], one["level"]) for one in found["findings"]] == [("not-trained", "warning")]
    assert "the device fake has none" in found["findings"][0]["message"]
    assert (found["ok"], found["training"], found["device"]) == (False, None, "fake")
    assert weightedit.check(model, model, "float32[2,4]", loss="mean")["ok"]


@pytest.mark.parametrize("name", ["0.weight", "1.running_var"])
def test_a_training_step_finds_the_tensor_that_holds_nan_first(name):
    """That of a statistic leaves the loss finite, as a normalization does not use it while it trains."""
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    with torch.no_grad():
        model.state_dict()[name].view(-1)[1] = torch.nan
    assert weightedit.check(model, model, torch.randn(5, 4))["ok"], "shapes alone do not tell"
    found = weightedit.check(model, model, torch.randn(5, 4), loss="sum")["findings"][0]
    assert (found["kind"], found["tensor"], found["level"]) == ("non-finite", name, "warning")
    assert found["message"].startswith(f"{name} holds 1 NaN among its {model.state_dict()[name].numel()} values")
    assert found["mend"]["operation"] == "replace_nonfinite"
    twice = weightedit.check(model, model, torch.randn(5, 4), loss="sum", device="cpu")["findings"]
    assert [one["tensor"] for one in twice if one["kind"] == "non-finite"] == [name], "told once, of run and step"


def test_a_check_without_inputs_says_that_nothing_ran():
    found = weightedit.check(nn.Linear(4, 2).state_dict(), nn.Linear(4, 2))
    assert (found["ok"], found["ran"], found["trace"]) == (True, False, [])
    assert found["notes"] == ["No input was given, so the model was made and not run."]


# ---- training

def test_the_training_of_the_json_is_what_torch_computes():
    """The loss, the norm of the gradient and what plain SGD changes."""
    torch.manual_seed(0)
    model, x, y = nn.Linear(3, 2), torch.randn(5, 3), torch.randn(5, 2)
    twin = nn.Linear(3, 2)
    twin.load_state_dict(model.state_dict())
    loss = nn.functional.mse_loss(twin(x), y)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(twin.parameters(), 1e9)
    step = weightedit.check(model, model, x, target=y, loss="mse_loss")["training"]
    assert step["done"] == ["forward", "loss", "backward", "optimizer", "step"]
    assert step["loss"] == {"name": "mse_loss", "value": pytest.approx(loss.item())}
    assert step["gradient_norm"] == pytest.approx(norm.item(), rel=1e-5)
    (rate,) = step["optimizer"]["lr"]
    assert step["changed"] == {name: pytest.approx(rate * one.grad.norm().item(), rel=1e-2)
                               for name, one in twin.named_parameters()}  # fmt: skip


def test_what_json_has_no_number_for_is_text():
    model = Coded(lambda x: x * float("nan"))
    step = weightedit.check(model, model, "float32[2,4]", loss="mean")["training"]
    assert (step["loss"]["value"], step["gradient_norm"]) == ("nan", "nan")


@pytest.mark.parametrize(("given", "says"), [({"target": "float32[2]"}, "Target has no effect"),
                                             ({"optimizer": torch.optim.SGD}, "Optimizer has no effect")])  # fmt: skip
def test_what_has_no_effect_is_said(given, says):
    model = nn.Linear(4, 2)
    (note,) = weightedit.check(model, model, "float32[2,4]", **given)["notes"]
    assert note == f"{says} without a loss, data, or train."


def test_data_beside_an_input_is_looked_through_once_and_said():
    model, data = nn.Linear(4, 2), TensorDataset(torch.zeros(6, 4).double(), torch.zeros(6, 2))
    found = weightedit.check(model, model, "float32[3,4]", target="float32[3,2]", loss="mse_loss", data=data)
    assert [one["kind"] for one in found["findings"] if one["level"] != "notice"] == ["fits"]
    assert found["notes"] == ["The training step was taken with the input that was given; the data was looked through "
                              "beside it."]  # fmt: skip


def test_how_much_of_the_data_was_looked_at_is_said():
    model, data = nn.Linear(4, 2), TensorDataset(torch.zeros(1_200, 4), torch.zeros(1_200, 2))
    found = weightedit.check(model, model, loss="mse_loss", data=data)
    assert found["notes"] == ["The data was looked at up to sample 1,000 of 1,200: that is as many as are looked at."]


def test_of_an_iterator_one_batch_is_taken_and_that_is_said():
    """A generator does not start again: what comes after the first batch is still the person's."""
    model, rows = nn.Linear(4, 2), iter([(torch.zeros(3, 4), torch.zeros(3, 2)), (torch.zeros(3, 5), torch.zeros(3, 2)),
                                         (torch.ones(3, 4), torch.zeros(3, 2))])  # fmt: skip
    found = weightedit.check(model, model, loss="mse_loss", data=rows, device="cpu")
    assert (found["ok"], found["training"]["done"][-1]) == (True, "step")
    assert found["notes"] == ["The data is an iterator, which does not start again: only its first batch was taken "
                              "from it."]  # fmt: skip
    assert [tuple(x.shape) for x, _ in rows] == [(3, 5), (3, 4)]


def test_what_an_iterator_raises_is_a_finding():
    def rows():
        raise LookupError("no file of rows")
        yield

    model = nn.Linear(4, 2)
    found = weightedit.check(model, model, loss="mse_loss", data=rows())
    assert "LookupError" in found["findings"][0]["message"]
    assert not found["ok"]


def test_an_iterator_of_code_is_gone_through_once(tmp_path):
    (tmp_path / "data.py").write_text("import torch\nrows = iter([(torch.zeros(3, 4), torch.zeros(3, 2))])\n")
    model = tmp_path / "net.py"
    model.write_text("from torch import nn\nnet = lambda: nn.Linear(4, 2)\n")
    found = weightedit.check(nn.Linear(4, 2).state_dict(), f"{model}:net", loss="mse_loss",
                             data=f"{tmp_path}/data.py:rows", folder=tmp_path)  # fmt: skip
    assert (found["ok"], found["training"]["done"][-1:]) == (True, ["step"]), found["findings"]
    assert found["notes"] == ["The data is an iterator, which does not start again: only its first batch was taken "
                              "from it."]  # fmt: skip


# ---- mends

CAST = Edit("cast", ("a",), arguments={"dtype": "float32"})


@pytest.mark.parametrize(("mends", "step"), [
    ((), None),
    ((Mend("Cast a", (CAST,)), Mend("Give it x", inputs="x")), CAST),
    ((Mend("Give it x", inputs="x"), Mend("Cast a", (CAST,))), None),
    ((Mend("Undo", undo_to=1), Mend("Cast a", (CAST,))), None),
    ((Mend("Add a and fill it", (CAST, CAST)), Mend("Cast a", (CAST,))), None),
])  # fmt: skip
def test_the_mend_of_a_finding_is_the_first_of_its_mends(mends, step):
    """A script that applies it gets what is offered first, or nothing."""
    found = Finding("dtype", "", "a", "", mends).to_json()
    assert found["mend"] == (None if step is None else step.to_json())
    assert step is None or [found["mend"]] == found["mends"][0]["edits"]


# ---- values that are not plain

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return self.b(self.a(x))


def quantized(weight: torch.Tensor) -> torch.Tensor:
    return torch.quantize_per_tensor(weight, 0.01, 0, torch.qint8)


@pytest.mark.filterwarnings("ignore:.*quantize.*:UserWarning", "ignore:.*[Ss]parse.*:UserWarning",
                            "ignore:.*TypedStorage.*:UserWarning", "ignore:.*deprecated.*")  # fmt: skip
@pytest.mark.parametrize(("made", "kind", "mend"), [
    (quantized, "quantized (qint8)", "Dequantize a.weight to float32"),
    (torch.Tensor.to_sparse, "sparse_coo", None),
    (torch.Tensor.to_sparse_csr, "sparse_csr", None),
], ids=["quantized", "coo", "csr"])  # fmt: skip
def test_a_model_never_runs_with_its_own_values_instead_of_those_that_are_not_plain(tmp_path, made, kind, mend):
    """torch refuses to load them; a run, a step and captures are of the checkpoint's values, or there are none."""
    model = Two()
    state = {"a.weight": made(model.a.weight.detach()), "b.weight": model.b.weight.detach()}
    with pytest.raises(RuntimeError, match="copying the parameter named"):
        Two().load_state_dict(state)
    torch.save(state, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        for more, ran in (({}, True), ({"device": "cpu"}, False), ({"loss": "mean"}, True)):
            found = weightedit.check(document, Two(), "float32[2,4]", **more)
            (finding,) = found["findings"]
            assert (finding["kind"], finding["module"], finding["tensor"]) == ("encoded", "a", "a.weight")
            assert finding["message"] == f"a.weight is {kind}: a model takes plain numbers, so it cannot be given " \
                                         "its values."  # fmt: skip
            assert (found["ok"], found["ran"], found["training"]) == (False, ran, None)
            assert found["load"] == "2 names match"
            assert found["notes"]
        with pytest.raises(WeightEditError, match="a model takes plain numbers"):
            capturing(document, Two(), "float32[2,4]", Asked()).capture(["*"], tmp_path / "captured.safetensors")
        assert [one["title"] for one in finding["mends"]] == ([] if mend is None else [mend])
        if mend is not None:
            document.apply(Edit.from_json(finding["mend"], {}), accept="all")
            assert weightedit.check(document, Two(), "float32[2,4]", device="cpu", loss="mean")["ok"]


def test_a_live_module_runs_with_what_it_has():
    model = nn.Sequential(nn.Linear(4, 3, bias=False))
    model[0].weight = nn.Parameter(model[0].weight.detach().to_sparse())
    found = weightedit.check(model, model, "float32[2,4]", device="cpu")
    assert (found["ok"], found["ran"]) == (True, True)


# ---- captures

def test_a_capture_of_a_model_that_raises_is_an_error_with_the_module(tmp_path):
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(3, 2))
    with weightedit.open(model) as document:
        begun = capturing(document, model, "float32[2,6]", Asked())
        with pytest.raises(RunStopped) as raised:
            begun.capture(["*"], tmp_path / "some.safetensors")
        finding = raised.value.finding
        assert (finding.kind, finding.module, finding.part) == ("features", "2", "activations")
        assert finding.mends
        assert str(raised.value).startswith("2 expects 3 features, got 4")
        assert "What was captured until then, 4 calls of modules, is in " in str(raised.value)
        with weightedit.open(raised.value.path) as captured:
            assert captured.read("1.output").equal(model[1](model[0](captured.read("input"))))
        assert begun.capture(["*"], tmp_path / "others.safetensors", whole=False).exists()


def test_the_edit_after_which_a_model_raises_is_the_one_that_broke_it(tmp_path):
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    with weightedit.open(model) as document:
        document.apply("scale", "0.weight", factor=1.0)
        document.apply("slice", "2.weight", region="[:, 0:3]")
        found = capturing(document, model, "float32[2,6]", Asked()).find_break(["*"], tmp_path, weightedit.open)
        assert found is not None
        assert (found[0].position, found[1].module) == (2, "2")
        assert "raises, and gave something back before" in found[1].message


class Counting(nn.Module):
    """What it gives depends on how often it ran."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self.register_buffer("runs", torch.zeros(()), persistent=False)

    def forward(self, x):
        self.runs += 1
        return self.fc(x) * self.runs


@pytest.mark.parametrize("is_own", [True, False])
def test_no_edit_is_blamed_for_what_a_run_left_in_the_model(tmp_path, is_own):
    model = Counting()
    with weightedit.open(model if is_own else model.state_dict()) as document:
        name = "fc.weight" if "fc.weight" in document.tensors else next(iter(document.tensors))
        document.apply("scale", name, factor=1.0)
        document.apply("scale", name, factor=1.0)
        begun = capturing(document, model, "float32[2,4]", Asked())
        assert begun.find_break(["*"], tmp_path, weightedit.open) is None
        document.apply("scale", name, factor=2.0)
        found = begun.find_break(["*"], tmp_path, weightedit.open)
        assert found is not None
        assert (found[0].position, found[1].module) == (3, "fc")
    assert model.runs == 0
