"""NaN, zeros and explosions are told where they begin, not where they end up; each is really provoked."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import weightedit
from tests.doctor.training_step.steps import above_notice, findings, only, step


def net(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*(layer() for layer in layers))


def deep():
    return net(lambda: nn.Linear(4, 8), nn.ReLU, lambda: nn.Linear(8, 8), nn.ReLU, lambda: nn.Linear(8, 1))


X, Y = torch.linspace(-1, 1, 20).reshape(5, 4), torch.linspace(0, 1, 5).reshape(5, 1)


def mended(model, found, path):
    """The tensors of a file of the model after the edits of a finding's first mend."""
    save_file(model.state_dict(), path)
    with weightedit.open(path) as document:
        for edit in found.mends[0].edits:
            document.apply(edit.operation, edit.targets, **edit.arguments, accept="all")
        return {name: document.read(name) for name in document.tensors}


def test_a_weight_that_holds_nan_is_the_one_cause_that_is_told(tmp_path):
    model = deep()
    with torch.no_grad():
        model[2].weight[1, 2] = float("nan")
        model[2].bias[0] = float("inf")
    (found,) = above_notice(findings(model, X, Y))
    assert (found.kind, found.module, found.tensor, found.level) == ("non-finite", "2", "2.weight", "warning")
    assert found.message == ("2.weight and 2.bias hold 1 NaN and 1 infinite value among their 72 values, and the loss "
                             "is NaN.")  # fmt: skip
    fresh = deep()
    with torch.no_grad():
        fresh[2].weight[1, 2] = float("nan")
        fresh[2].bias[0] = float("inf")
    whole = mended(fresh, found, tmp_path / "model.safetensors")
    assert all(tensor.isfinite().all() for tensor in whole.values())
    deep().load_state_dict(whole, strict=True)


def test_nan_in_the_input_is_told_as_the_inputs():
    bad = X.clone()
    bad[0, 0] = float("nan")
    (found,) = above_notice(findings(deep(), bad, Y))
    assert found.message == "Input 0 has 1 NaN among its 20 values, and the loss is NaN."


def test_a_module_that_makes_nan_of_finite_values_is_named():
    class Root(nn.Module):
        def forward(self, x):
            return x.sqrt()

    model = net(lambda: nn.Linear(4, 8), Root, lambda: nn.Linear(8, 1))
    (found,) = above_notice(findings(model, X, Y))
    assert (found.kind, found.module) == ("non-finite", "1")
    assert "It begins in 1 (Root): what goes in is finite" in found.message


def test_a_loss_that_makes_nan_is_named():
    (found,) = above_notice(findings(deep(), X, Y, lambda output, target: (-output.square() - 1).log().mean()))
    assert "It begins in the loss itself" in found.message.replace("it begins", "It begins")


def test_a_gradient_that_is_nan_at_a_finite_loss_is_told_at_its_function():
    """sqrt of 0 is 0, and its slope is infinite: the loss looks well, and the next one is NaN."""

    class Root(nn.Module):
        def forward(self, x):
            return (x * 0).sqrt() + x

    model = net(lambda: nn.Linear(4, 8), Root, lambda: nn.Linear(8, 1))
    facts = step(model, X, Y)
    assert facts.loss.value == facts.loss.value
    (found,) = above_notice(findings(net(lambda: nn.Linear(4, 8), Root, lambda: nn.Linear(8, 1)), X, Y))
    assert (found.kind, found.module) == ("non-finite-gradient", "1")
    assert "It begins in 1 (Root), at the gradient of Sqrt." in found.message
    assert "0.weight and 0.bias" in found.message


def test_relus_that_give_only_zeros_are_told():
    model = deep()
    with torch.no_grad():
        model[2].bias.fill_(-100)
    (found,) = above_notice(findings(model, X, Y))
    assert (found.kind, found.module, found.level) == ("zero-gradient", "3", "warning")
    assert found.message == ("The gradients of 2 and 0 are all 0: 3 (ReLU) gives only 0 for this batch, and passes "
                             "nothing back.").replace("2 and 0", "0 and 2")  # fmt: skip


def test_a_layer_of_zeros_is_worth_knowing_and_no_mistake():
    """Heads and adapters are made of zeros on purpose: their own gradient is not 0, so they leave it at once."""
    model = deep()
    with torch.no_grad():
        model[4].weight.zero_()
    found = findings(model, X, Y)
    assert above_notice(found) == []
    assert only(found, "zero-gradient").tensor == "4.weight"
    assert "4.weight is all 0 and passes nothing back" in only(found, "zero-gradient").message


def test_a_target_that_is_reached_has_no_gradient():
    model = deep()
    model.eval()
    (found,) = above_notice(findings(model, X, model(X).detach()))
    assert found.message.startswith("Every gradient is 0 at a loss of 0")


def test_gradients_too_large_for_a_step_are_told_with_their_norms():
    found = only(findings(deep(), X, Y * 1e6), "exploding")
    assert found.level == "warning"
    assert "one step at a learning rate of 1e-3 moves them by more than all that they are" in found.message
    assert found.mends == ()
    assert above_notice(findings(deep(), X, Y * 10)) == []


def test_one_value_that_outweighs_a_tensor_is_clamped_to_the_next(tmp_path):
    def broken():
        model = deep()
        with torch.no_grad():
            model[0].bias.fill_(2.0)  # every ReLU is open
            model[2].weight[3, 3] = 1e5
        return model

    found = only(findings(broken(), X, Y), "exploding")
    assert [mend.title[:14] for mend in found.mends] == ["Clamp 2.weight"]
    model = broken()
    whole = mended(model, found, tmp_path / "model.safetensors")
    others = model[2].weight.detach().flatten()
    others = torch.cat([others[:27], others[28:]])
    assert whole["2.weight"].abs().max() == others.abs().max()
    fresh = deep()
    fresh.load_state_dict(whole, strict=True)
    assert above_notice(findings(fresh, X, Y)) == []


def test_a_step_that_breaks_the_weights_is_told():
    class Leaps(torch.optim.SGD):
        def step(self, closure=None):
            with torch.no_grad():
                for one in self.param_groups[0]["params"]:
                    one.add_(float("inf"))

    (found,) = above_notice(findings(deep(), X, Y, "mse", lambda model: Leaps(model.parameters(), lr=0.1)))
    assert found.kind == "step-non-finite"
    assert "its learning rate is 0.1" in found.message


def test_a_healthy_model_has_no_finding():
    assert findings(deep(), X, Y) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.complex64])
def test_other_dtypes_are_healthy_too(dtype):
    model = net(lambda: nn.Linear(4, 8, dtype=dtype), lambda: nn.Linear(8, 1, dtype=dtype))

    def size(output, target):
        return (output - target).abs().square().mean()

    assert above_notice(findings(model, X.to(dtype), Y.to(dtype), size)) == []


def test_what_was_changed_in_place_is_told_by_function_and_module():
    class Adds(nn.Module):
        def forward(self, x):
            made = x.sigmoid()
            made += 1
            return made

    model = net(lambda: nn.Linear(4, 8), Adds, lambda: nn.Linear(8, 1))
    (found,) = findings(model, X, Y)
    assert (found.kind, found.module, found.level) == ("in-place", "1", "refusal")
    assert found.message == ("The [5, 8] that SigmoidBackward0 gave was changed in place before the backward pass. "
                             "1 (Adds) needs it as it was.").replace("SigmoidBackward0", "Sigmoid") or \
        "Sigmoid" in found.message  # fmt: skip


def test_a_graph_that_was_gone_through_is_told():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 1)
            self.kept = None

        def forward(self, x):
            made = self.inner(x)
            if self.kept is None:
                self.kept = made.exp()
                self.kept.sum().backward()
            return made + self.kept

    (found,) = findings(Keeps(), X, Y)
    assert found.kind == "second-backward"


def test_a_backward_pass_that_raises_of_its_own_is_told_with_the_module():
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            raise ValueError("no gradient here")

    class Uses(nn.Module):
        def forward(self, x):
            return Own.apply(x)

    (found,) = findings(net(lambda: nn.Linear(4, 1), Uses), X, Y)
    assert (found.kind, found.module) == ("backward", "1")
    assert "raises ValueError in 1 (Uses) at OwnBackward" in found.message
    assert "no gradient here" in found.message
