"""A tensor taken as an argument has every bit of the one it was taken from, and the hash a recipe checks."""

from __future__ import annotations

import pytest
import torch

from weightedit import Recipe
from weightedit.assembly import open_document
from weightedit.core.edits.taking import taken
from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress

NAN_WITH_PAYLOAD = torch.tensor([0x7FC12345, 0x80000000 - 2**32, 1], dtype=torch.int32).view(torch.float32)


@pytest.mark.parametrize(
    "tensor",
    [NAN_WITH_PAYLOAD, torch.arange(24, dtype=torch.bfloat16).reshape(4, 6).t(), torch.tensor(3 - 2j),
     torch.zeros(0, 3), torch.tensor([True, False]), torch.randn(5, 7).to(torch.float8_e4m3fn),
     torch.arange(6.0).expand(3, 6)],
)  # fmt: skip
def test_every_bit_is_taken(tmp_path, tensor):
    torch.save({"a": tensor}, tmp_path / "one.pt")
    torch.save({"b": torch.zeros(1)}, tmp_path / "two.pt")
    with open_document(tmp_path / "one.pt") as one, open_document(tmp_path / "two.pt") as two:
        value = taken(one.pin("a"), two.spill, Progress())
        expected = one.read("a", raw=True)
        one.close()
        assert bytes(value.data) == bytes(expected.numpy())
        two.apply("replace", "b", source=value, accept={"emptied"})
        assert bytes(two.read("b", raw=True).numpy()) == bytes(expected.numpy())
        assert two.tensors["b"].dtype == tensor.dtype
        assert tuple(two.tensors["b"].shape) == tuple(tensor.shape)
        two.recipe.save(tmp_path / "fix.json")
        two.undo()
        Recipe.load(tmp_path / "fix.json").apply(two)  # checks the hash
        assert bytes(two.read("b", raw=True).numpy()) == bytes(expected.numpy())


def test_taking_can_be_stopped(tmp_path):
    class Stop:
        def is_set(self) -> bool:
            return True

    torch.save({"a": torch.zeros(4)}, tmp_path / "one.pt")
    with open_document(tmp_path / "one.pt") as one, pytest.raises(Cancelled):
        taken(one.pin("a"), one.spill, Progress(None, Stop()))


def test_a_tensor_of_another_file_is_set_into_a_region(tmp_path):
    torch.save({"row": torch.arange(4.0)}, tmp_path / "row.pt")
    torch.save({"a": torch.zeros(3, 4)}, tmp_path / "net.pt")
    with open_document(tmp_path / "net.pt") as document:
        document.apply("set", "a", region="[1, :]", values=(str(tmp_path / "row.pt"), "row"))
        assert torch.equal(document.read("a")[1], torch.arange(4.0))
        assert torch.equal(document.read("a")[0], torch.zeros(4))


def test_a_file_written_anew_is_taken_as_it_is_now(tmp_path):
    source = tmp_path / "part.pt"
    torch.save({"x": torch.ones(3)}, source)
    torch.save({"a": torch.zeros(3)}, tmp_path / "net.pt")
    with open_document(tmp_path / "net.pt") as document:
        document.apply("replace", "a", source=(str(source), "x"))
        torch.save({"x": torch.full((5,), 2.0)}, tmp_path / "other.pt")
        (tmp_path / "other.pt").replace(source)
        document.apply("replace", "a", source=(str(source), "x"))
        assert torch.equal(document.read("a"), torch.full((5,), 2.0))
        document.undo()
        assert torch.equal(document.read("a"), torch.ones(3))
