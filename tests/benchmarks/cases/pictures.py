"""A matrix of 1 GB as a picture: a sample at once, then every value, while one pans and zooms; and its statistics."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks.case import Case, Clock, Contender, Goal, NotHere, Round
from tests.benchmarks.data import embedding_file

HEIGHT, WIDTH = 900, 1100
"""Pixels of a large window."""
Work = Callable[[], object]


def _timed(work: Work) -> Round:
    work()

    def run(clock: Clock) -> None:
        with clock:
            work()

    return run


def _kernels(compiled: bool) -> None:
    from weightedit.core import kernels

    if not compiled:
        kernels.prepare = lambda *args, **named: None  # type: ignore[assignment]
    elif not kernels.is_installed():
        raise NotHere("numba is not installed")
    else:
        kernels.prepare(wait=True)


def _pinned(data: Path, compiled: bool) -> Any:
    import weightedit
    from weightedit.core.values.pinned import PinnedTensor

    _kernels(compiled)
    return PinnedTensor.of(weightedit.open(data).slots[0])


def _mapped(data: Path) -> Any:
    """Return the bits of the matrix as numpy maps them."""
    import json

    import numpy as np

    with data.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        (shape,) = (record["shape"] for name, record in json.loads(file.read(length)).items() if name != "__metadata__")
    return np.memmap(data, np.uint16, "r", offset=8 + length, shape=tuple(shape))


# ---------------------------------------------------------------- ours


def preview(data: Path) -> Round:
    """Sample it."""
    from weightedit.core.reduction import SliceView
    from weightedit.core.reduction import preview as sampled

    pinned = _pinned(data, compiled=False)
    rows, columns = pinned.spec.shape
    return _timed(lambda: sampled(pinned, SliceView(0, 1), range(rows), range(columns), HEIGHT, WIDTH))


def _exact(data: Path, compiled: bool) -> Round:
    from weightedit.core.reduction import SliceView, reduce

    pinned = _pinned(data, compiled)
    rows, columns = pinned.spec.shape
    return _timed(lambda: reduce(pinned, SliceView(0, 1), range(rows), range(columns), HEIGHT, WIDTH))


def exact(data: Path) -> Round:
    """Smallest, largest, mean and root mean square of every pixel, compiled."""
    return _exact(data, compiled=True)


def exact_plain(data: Path) -> Round:
    """The same in numpy."""
    return _exact(data, compiled=False)


def _statistics(data: Path, compiled: bool) -> Round:
    from weightedit.core.looking.histogram import histograms

    pinned = _pinned(data, compiled)
    return _timed(lambda: histograms((pinned,)))


def statistics(data: Path) -> Round:
    """Everything the inspector says, and a histogram, compiled."""
    return _statistics(data, compiled=True)


def statistics_plain(data: Path) -> Round:
    """The same in numpy."""
    return _statistics(data, compiled=False)


def _pan_and_zoom(data: Path, keeps: bool) -> Round:
    from weightedit.core.looking.pyramid import Pyramid
    from weightedit.core.reduction import SliceView, reduce

    pinned = _pinned(data, compiled=True)
    rows, columns = pinned.spec.shape
    seen = []
    for step in (1, 2, 4, 8, 16, 8, 4, 2):
        height, width = rows // step, columns // step
        for shift in (0, 1, 2):
            top, left = min(shift * height // 8, rows - height), min(shift * width // 8, columns - width)
            seen.append((range(top, top + height), range(left, left + width)))

    def run(clock: Clock) -> dict[str, float]:
        before = clock.seconds
        make = Pyramid().reduce if keeps else reduce  # nothing is kept from round to round
        with clock:
            for down, across in seen:
                make(pinned, SliceView(0, 1), down, across, HEIGHT, WIDTH)
        return {"pictures/s": len(seen) / (clock.seconds - before)}

    return run


def pan_and_zoom(data: Path) -> Round:
    """Zoom in by halves and back out, panning at each step: 24 exact pictures, of what is kept as far as it goes."""
    return _pan_and_zoom(data, keeps=True)


def pan_and_zoom_anew(data: Path) -> Round:
    """The same, each picture read anew."""
    return _pan_and_zoom(data, keeps=False)


# ---------------------------------------------------------------- peers


def pyqtgraph_image(data: Path) -> Round:
    """What its image item does with the matrix as float32."""
    import os

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import numpy as np
    import pyqtgraph as pg

    app = pg.mkQApp()
    mapped = _mapped(data)

    def work() -> None:
        wide = mapped.astype(np.uint32)
        wide <<= 16
        item = pg.ImageItem(wide.view(np.float32), axisOrder="row-major", autoDownsample=True, levels=(-0.1, 0.1))
        item.render()
        app.processEvents()

    return _timed(work)


def matplotlib_sixteenth(data: Path) -> Round:
    """A picture of a sixteenth of the matrix: of all of it, it takes more memory than there is."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NotHere("matplotlib is not installed") from None
    import numpy as np

    mapped = _mapped(data)
    part = mapped[: max(1, len(mapped) // 16)]

    def work() -> None:
        figure = Figure((WIDTH / 100, HEIGHT / 100), dpi=100)
        axes = figure.add_subplot()
        axes.imshow((part.astype(np.uint32) << 16).view(np.float32), aspect="auto")
        FigureCanvasAgg(figure).draw()

    return _timed(work)


def _torch(data: Path) -> Any:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may not be written to, and is not
        return torch.from_numpy(_mapped(data)).view(torch.bfloat16)


def torch_chunks(data: Path) -> Round:
    """Smallest and largest of every pixel, by torch, in chunks."""
    import torch

    tensor = _torch(data)
    rows, columns = tensor.shape
    height, width = min(HEIGHT, rows), min(WIDTH, columns)
    edges = [columns * number // width for number in range(width + 1)]
    lengths = torch.tensor([stop - start for start, stop in pairwise(edges)])
    low, high = torch.empty(height, width), torch.empty(height, width)

    def work() -> None:
        for line in range(height):
            part = tensor[rows * line // height : rows * (line + 1) // height].float()
            low[line] = torch.segment_reduce(part.amin(0), "min", lengths=lengths)
            high[line] = torch.segment_reduce(part.amax(0), "max", lengths=lengths)

    return _timed(work)


def torch_calls(data: Path) -> Round:
    """Eight calls, as one types them."""
    import torch

    tensor = _torch(data)

    def work() -> None:
        wide = tensor.float()
        wide.min(), wide.max(), wide.mean(), wide.std()
        (wide == 0).sum(), wide.isnan().sum(), wide.isinf().sum()
        torch.histc(wide, 200, -0.2, 0.2)

    return _timed(work)


def summed(data: Path) -> Round:
    """One sum of int64 over the mapped bytes."""
    import numpy as np

    whole = _mapped(data).reshape(-1)
    return _timed(lambda: whole.view(np.int64).sum())


_LIMIT = Contender("limit: one sum over the mapped bytes", summed)
CASES = (
    Case("heatmap-preview", "first picture of a matrix of 1 GB", embedding_file,
         (Contender("weightedit", preview), Contender("pyqtgraph, float32", pyqtgraph_image, rounds=3),
          Contender("matplotlib, a sixteenth", matplotlib_sixteenth, rounds=3), _LIMIT),
         (Goal(1.0, 20.0),)),
    Case("heatmap-exact", "every value of it under 900 × 1100 pixels", embedding_file,
         (Contender("weightedit", exact), Contender("weightedit, plain", exact_plain),
          Contender("torch, chunks, ends only", torch_chunks, rounds=3), _LIMIT), (Goal(4.0, 40.0),)),
    Case("statistics", "its statistics and histogram", embedding_file,
         (Contender("weightedit", statistics), Contender("weightedit, plain", statistics_plain),
          Contender("torch, eight calls", torch_calls, rounds=3), _LIMIT),
         (Goal(8.0, 50.0), Goal(25.0, 50.0, of="weightedit, plain"))),
    Case("pan-and-zoom", "24 exact pictures, from all of it to a 256th", embedding_file,
         (Contender("weightedit", pan_and_zoom), Contender("weightedit, nothing kept", pan_and_zoom_anew), _LIMIT)),
)  # fmt: skip
