"""Parts of a pass that threads work on side by side: order, progress, cancel, errors, the same result."""

import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import weightedit
from tests.core.test_statistics import pin
from weightedit.core.errors import Cancelled, SourceChanged
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView, reduce
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import statistics
from weightedit.core.values import passes
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor


def pinned(tensor: torch.Tensor) -> PinnedTensor:
    """Return a tensor as documents pin it, which several threads may read."""
    one = pin(tensor)
    return PinnedTensor("w", one.spec, one.content)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that tensors of a test have many, and three threads for them."""
    monkeypatch.setattr(passes, "PART", 4096)
    monkeypatch.setattr(passes, "most_threads", lambda: 3)


def test_results_come_in_the_order_of_the_parts() -> None:
    """And all threads take part: the first waits for the others here."""
    barrier = threading.Barrier(3, timeout=20)

    def work(part: int, progress: Progress) -> tuple[int, int]:
        if part < 3:
            barrier.wait()
        progress.advance(part)
        return part, threading.get_ident()

    steps: list[tuple[str, int, int]] = []
    progress = Progress(lambda *step: steps.append(step))
    progress.begin("Heatmap", 45)
    found = passes.each_part(range(10), work, progress, 3)
    assert [part for part, _ in found] == list(range(10))
    assert len({thread for _, thread in found}) == 3
    assert steps[-1] == ("Heatmap", 45, 45)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_stops_all_threads(threads: int) -> None:
    """What another program did to a file ends the pass at once, as that error."""
    begun: list[int] = []

    def work(part: int, progress: Progress) -> None:
        begun.append(part)
        if part == 2:
            raise SourceChanged("w.safetensors was cut short")
        for _ in range(2000):
            progress.advance(0)
            time.sleep(0.001 if part > 2 else 0)

    with pytest.raises(SourceChanged, match="was cut short"):
        passes.each_part(range(50), work, None, threads)
    assert len(begun) < 10
    assert threading.active_count() == len(threading.enumerate())


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("work", [statistics, lambda p, progress: reduce(
    p, SliceView(0, 1), range(300), range(200), 30, 20, progress)], ids=["statistics", "heatmap"])  # fmt: skip
def test_cancel_stops_a_pass_of_several_threads(work: object) -> None:
    """And the threads it had are gone when it says so."""
    stop = threading.Event()

    def report(label: str, done: int, total: int) -> None:
        if done:
            stop.set()

    before = threading.active_count()
    with pytest.raises(Cancelled):
        work(pinned(torch.randn(300, 200)), progress=Progress(report, stop))  # type: ignore[operator]
    assert threading.active_count() == before


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.int64, torch.uint8])
def test_several_threads_find_what_one_does(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, sums included: how a pass is cut does not depend on who works on it."""
    tensor = (torch.randn(311, 203) * 50).abs().to(dtype)
    many, one = pinned(tensor), pin(tensor)
    assert passes.readers_of(many) == passes.readers_of(PinnedRegion(many, Box.whole((311, 203)))) == 3
    assert passes.readers_of(one) == 1
    args = (SliceView(0, 1), range(5, 311), range(3, 200), 41, 29)
    first = reduce(many, *args, nbytes=700)
    with monkeypatch.context() as patched:
        patched.setattr(passes, "most_threads", lambda: 1)
        second = reduce(many, *args, nbytes=700)
    for name in ("low", "high", "mean", "rms", "nan", "row_rms", "column_rms"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    found, other = statistics(many, nbytes=700), statistics(one, nbytes=700)
    for name in ("count", "minimum", "maximum", "mean", "std", "l2", "zeros"):
        assert getattr(found, name) == getattr(other, name), name


@pytest.mark.usefixtures("small_parts")
def test_threads_read_by_the_handle_where_that_was_asked(tmp_path: Path) -> None:
    """A file that was deleted can still be read through its handle, by each thread of a pass."""
    save_file({"w": torch.ones(300, 200)}, tmp_path / "m.safetensors")
    with weightedit.open(tmp_path / "m.safetensors") as document:
        held = PinnedTensor.of(document.slots[0])
        (tmp_path / "m.safetensors").unlink()
        with pytest.raises(SourceChanged):
            statistics(held)
        from weightedit.core.source import through_handles

        with through_handles(document.files):
            assert statistics(held).count == 60_000


@pytest.mark.parametrize("stride", [(200, 1), (1, 300)])
def test_parts_cover_a_box_once(stride: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut along the dimension that reaches furthest, lists of indices too."""
    spec = TensorSpec("float32", (300, 200), stride, 0)
    box = Box((tuple(range(0, 300, 2)), range(3, 200)))
    monkeypatch.setattr(passes, "PART", 9000)
    found = passes.parts_of(spec, box)
    seen = np.zeros((300, 200), int)
    for part in found:
        seen[np.ix_(np.array(part.axes[0]), np.array(part.axes[1]))] += 1
    expected = np.zeros((300, 200), int)
    expected[np.ix_(np.array(box.axes[0]), np.array(box.axes[1]))] = 1
    assert np.array_equal(seen, expected)
    dim = 0 if stride[0] > 1 else 1
    assert all(first.axes[dim][-1] < second.axes[dim][0] for first, second in pairwise(found))
    assert len(found) == 150 * 197 * 4 // 9000
