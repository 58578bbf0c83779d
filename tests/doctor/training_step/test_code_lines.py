"""The line of code that a finding of a loss proposes is run as it stands: torch takes it, and the values are those that
belong together."""

from __future__ import annotations

import re
import warnings

import pytest
import torch
from torch import nn

from tests.doctor.training_step.steps import above_notice, findings

WRITES = re.compile(r"(loss\(.*?\))(?= or |, or | where |[.;]|$)")


class Gives(nn.Module):
    """A model whose output has a shape."""

    def __init__(self, *shape, dtype=torch.float32):
        super().__init__()
        torch.manual_seed(0)
        self.out = nn.Parameter(torch.randn(shape, dtype=dtype))

    def forward(self, x):
        return self.out * 1


def lines_of(output, target, loss):
    """The lines that the first finding proposes, and the loss that torch computes of each."""
    model = Gives(*output)
    found = above_notice(findings(model, torch.zeros(1), target, loss))[0]
    lines = WRITES.findall(found.message.partition("write ")[2])
    chosen = getattr(nn, loss)()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = [eval(line, {"torch": torch, "loss": chosen, "output": model.out, "target": target}) for line in lines]
    return lines, made, model.out.detach()


def tokens(*shape, below=4):
    torch.manual_seed(1)
    return torch.randint(0, below, shape)


@pytest.mark.parametrize(("output", "target", "lines"), [
    ((1, 16, 512), (1, 16), ["loss(output.flatten(0, 1), target.flatten())", "loss(output.transpose(1, 2), target)"]),
    ((2, 6, 7, 4), (2, 6, 7), ["loss(output.flatten(0, 2), target.flatten())", "loss(output.movedim(-1, 1), target)"]),
    ((2, 16, 4), (32,), ["loss(output.flatten(0, 1), target)"]),
    ((32, 4), (2, 16), ["loss(output, target.flatten())"]),
    ((5, 4), (5, 1), ["loss(output, target.squeeze(1))"]),
])  # fmt: skip
@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "NLLLoss"])
def test_classes_of_sequences(output, target, lines, loss):
    given = tokens(*target)
    found, made, out = lines_of(output, given, loss)
    assert found == lines
    right = getattr(nn, loss)()(out.reshape(-1, out.shape[-1]), given.reshape(-1))
    for value in made:
        torch.testing.assert_close(value.detach(), right)


def test_one_hot_targets_and_classes_of_another_dtype():
    classes = tokens(5)
    for target in (nn.functional.one_hot(classes, 4), classes.float(), classes.int()):
        lines, made, out = lines_of((5, 4), target, "CrossEntropyLoss")
        assert lines
        for value in made:
            torch.testing.assert_close(value.detach(), nn.functional.cross_entropy(out, classes))


@pytest.mark.parametrize(("output", "target", "lines"), [
    ((5, 1), (5,), ["loss(output, target.unsqueeze(1))", "loss(output.squeeze(1), target)"]),
    ((5,), (5, 1), ["loss(output, target.squeeze(1))", "loss(output.unsqueeze(1), target)"]),
    ((5, 1, 8), (5, 8), ["loss(output, target.unsqueeze(1))", "loss(output.squeeze(1), target)"]),
    ((5, 2, 2), (5, 4), ["loss(output, target.reshape(output.shape))"]),
])  # fmt: skip
@pytest.mark.parametrize("loss", ["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss"])
def test_values_in_another_shape(output, target, lines, loss):
    torch.manual_seed(1)
    given = torch.rand(target)
    found, made, out = lines_of(output, given, loss)
    assert found == lines
    right = getattr(nn, loss)()(out.flatten(), given.flatten())
    for value in made:
        torch.testing.assert_close(value.detach(), right)


def test_a_target_of_whole_numbers_for_probabilities():
    lines, made, _ = lines_of((5, 1), torch.ones(5, 1, dtype=torch.int64), "BCEWithLogitsLoss")
    assert lines == ["loss(output, target.float())"]
    assert made[0].isfinite()


def test_no_line_is_written_where_the_shapes_do_not_tell():
    for output, target in (((5, 3), (5, 2)), ((5, 4), (4, 5))):
        assert lines_of(output, torch.rand(target), "MSELoss")[0] == []
    assert lines_of((2, 5, 4), tokens(2, 3), "CrossEntropyLoss")[0] == []
