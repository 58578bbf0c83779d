"""Singular values and ranks against torch.linalg, for slices and tensors of every kind."""

import math
import threading

import numpy as np
import pytest
import torch

from tests.core.test_statistics import pin
from weightedit.core.errors import Cancelled
from weightedit.core.looking import spectrum as room
from weightedit.core.looking.spectrum import Matrix, NoSpectrum, Spectrum, spectrum
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView


def of(tensor: torch.Tensor) -> Spectrum:
    return spectrum(pin(tensor), Matrix.of_tensor(tuple(tensor.shape)))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "int8", "int64",
                                   "bool", "complex64", "complex128"])  # fmt: skip
def test_values_are_those_of_torch(dtype: str) -> None:
    kind = getattr(torch, dtype)
    wide = torch.randn(20, 31, dtype=torch.complex128 if kind.is_complex else torch.float64) * 3
    tensor = wide.to(kind)
    exact = tensor.to(torch.complex128 if kind.is_complex else torch.float64)
    assert of(tensor).values == pytest.approx(torch.linalg.svdvals(exact).numpy(), rel=1e-12)


@pytest.mark.parametrize("shape", [(700, 12), (12, 700), (9, 5, 7, 6), (150, 3, 2), (3, 40, 50), (50,), ()])
def test_long_matrices_in_blocks_have_the_same_values(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The QR of block after block keeps them, small ones too."""
    monkeypatch.setattr(room, "BLOCK", 60)
    tensor = torch.randn(shape, dtype=torch.float64)
    if tensor.ndim > 1:
        tensor[..., 0] = tensor[..., 1] * (1 + 1e-9)
    flat = tensor.reshape(1, -1) if tensor.ndim < 2 else tensor.flatten(1)
    expected = torch.linalg.svdvals(flat).numpy()
    assert of(tensor).values == pytest.approx(expected, rel=1e-9, abs=1e-14 * expected[0])


def test_a_slice_of_more_dimensions_either_way_round() -> None:
    tensor = torch.randn(4, 9, 5, 20, dtype=torch.float64)
    for view in (SliceView(1, 3, {0: 2, 2: 4}), SliceView(3, 1, {0: 2, 2: 4})):
        found = spectrum(pin(tensor), Matrix.of_slice((4, 9, 5, 20), view))
        assert found.values == pytest.approx(torch.linalg.svdvals(tensor[2, :, 4]).numpy())


def test_any_stride() -> None:
    tensor = torch.randn(60, 50).t()[::2, 3:]
    assert of(tensor).values == pytest.approx(torch.linalg.svdvals(tensor.double()).numpy())


def test_ranks_and_condition_are_those_of_torch() -> None:
    tensor = torch.randn(40, 7, dtype=torch.float64) @ torch.randn(7, 30, dtype=torch.float64)
    found = of(tensor)
    assert found.rank == torch.linalg.matrix_rank(tensor) == 7
    single = of(tensor.float())
    assert single.rank == torch.linalg.matrix_rank(tensor.float()) == 7
    full = torch.randn(12, 12, dtype=torch.float64)
    assert of(full).condition == pytest.approx(torch.linalg.cond(full).item())
    assert of(full).stable_rank == pytest.approx(
        (torch.linalg.matrix_norm(full) ** 2 / torch.linalg.matrix_norm(full, 2) ** 2).item()
    )


def test_effective_rank_is_the_exponential_of_the_entropy() -> None:
    assert of(torch.eye(16)).effective_rank == pytest.approx(16)
    assert of(torch.ones(8, 8)).effective_rank == pytest.approx(1)
    values = torch.tensor([4.0, 2.0, 1.0, 1.0])
    shares = values / values.sum()
    expected = torch.distributions.Categorical(shares).entropy().exp().item()
    assert of(torch.diag(values)).effective_rank == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("share", room.ENERGIES)
def test_the_rank_that_holds_a_share_of_the_energy_does_and_one_less_does_not(share: float) -> None:
    tensor = torch.randn(30, 40, dtype=torch.float64)
    u, s, v = torch.linalg.svd(tensor, full_matrices=False)
    rank = of(tensor).rank_holding(share)

    def kept(rank: int) -> float:
        norm = torch.linalg.matrix_norm
        return float(norm(u[:, :rank] * s[:rank] @ v[:rank]) ** 2 / norm(tensor) ** 2)

    assert kept(rank) >= share > kept(rank - 1)


def test_a_matrix_of_zeros() -> None:
    found = of(torch.zeros(4, 5))
    assert (found.rank, found.effective_rank, found.stable_rank, found.rank_holding(0.9)) == (0, 0.0, 0.0, 0)
    assert math.isinf(found.condition)


def test_huge_and_tiny_values_have_an_energy() -> None:
    found = of(torch.diag(torch.tensor([4e300, 1e300, 1e-300], dtype=torch.float64)))
    assert found.rank_holding(0.9) == 1
    assert found.stable_rank == pytest.approx(1 + 1 / 16)
    assert np.isfinite(found.energy).all()


@pytest.mark.parametrize(("tensor", "sentence"), [
    (torch.tensor([[1.0, float("nan")]]), "NaN or Inf"), (torch.tensor([[1.0], [float("inf")]]), "NaN or Inf"),
    (torch.empty(0, 5), "0 × 5"), (torch.zeros(1, 1).expand(4097, 4097), "4097 × 4097.*up to 4,096"),
    (torch.zeros(1).expand(1 << 27), "67,108,864 values")])  # fmt: skip
def test_what_has_none_says_why(tensor: torch.Tensor, sentence: str) -> None:
    with pytest.raises(NoSpectrum, match=sentence):
        of(tensor)


def test_cancelling_stops_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BLOCK", 60)
    stop = threading.Event()

    def report(_: str, done: int, total: int) -> None:
        if done:
            stop.set()

    with pytest.raises(Cancelled):
        spectrum(pin(torch.randn(700, 12)), Matrix(700, 12), Progress(report, stop))
