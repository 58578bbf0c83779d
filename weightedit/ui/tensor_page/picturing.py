"""What a heatmap asks for, in one frozen request, and the picture made of it in a worker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weightedit.core.looking.phase import reduce_phase
from weightedit.core.looking.pixels import Reduced
from weightedit.core.looking.pyramid import Pyramid
from weightedit.core.looking.scaling import row_scale, tile_scale
from weightedit.core.looking.tile_reading import reduce_tiles
from weightedit.core.looking.tiling import Tiling
from weightedit.core.progress import Progress
from weightedit.core.reduction import Scale, SliceView, preview, reduce
from weightedit.core.statistics import Pinned
from weightedit.core.values.pinned import PinnedTensor

PREVIEW_FROM = 1 << 20
"""Values from which on a sample is shown first."""


@dataclass(frozen=True)
class Wanted:
    """A picture.

    Attributes
    ----------
    pinned
        The state to read.
    view
        The slice, or the tiles.
    rows, columns
        The part of it.
    height, width
        Pixels.
    scaled
        `row` or `tile` where each is divided by its largest magnitude.
    is_phase
        Whether the phase of complex values is shown.
    kept
        What keeps blocks of what was seen; None where nothing is kept.
    """

    pinned: Pinned
    view: SliceView | Tiling
    rows: range
    columns: range
    height: int
    width: int
    scaled: str = ""
    is_phase: bool = False
    kept: Pyramid | None = None

    @property
    def has_preview(self) -> bool:
        """Whether a sample is worth showing first."""
        if not self._is_plain or len(self.rows) * len(self.columns) < PREVIEW_FROM:
            return False
        return not (self.kept is not None and isinstance(self.pinned, PinnedTensor) and isinstance(self.view, SliceView)
                    and self.kept.has(self.pinned, self.view, self.rows, self.columns, self.height, self.width))

    @property
    def _is_plain(self) -> bool:
        return isinstance(self.view, SliceView) and not self.scaled and not self.is_phase

    def sampled(self, progress: Progress) -> Reduced:
        """Make a picture of some of the values."""
        assert isinstance(self.view, SliceView)
        return preview(self.pinned, self.view, self.rows, self.columns, self.height, self.width)

    def made(self, progress: Progress) -> Reduced:
        """Make the picture of every value under it, reading what is not kept."""
        if self._is_plain and self.kept is not None and isinstance(self.pinned, PinnedTensor):
            assert isinstance(self.view, SliceView)
            return self.kept.reduce(self.pinned, self.view, self.rows, self.columns, self.height, self.width, progress)
        scale = self._scale(progress)

        def reduced(source: Pinned, progress: Progress | None) -> Reduced:
            if isinstance(self.view, Tiling):
                return reduce_tiles(source, self.view, self.rows, self.columns, self.height, self.width, progress,
                                    scale=scale)  # fmt: skip
            return reduce(source, self.view, self.rows, self.columns, self.height, self.width, progress, scale=scale)

        return reduce_phase(self.pinned, reduced, progress) if self.is_phase else reduced(self.pinned, progress)

    def _scale(self, progress: Progress) -> Scale | None:
        if self.is_phase or not self.scaled:
            return None
        if self.scaled == "tile" and isinstance(self.view, Tiling):
            return tile_scale(self.pinned, self.view, self.rows, self.columns, progress)
        return row_scale(self.pinned, self.view, self.rows, progress)

    def whole(self) -> Wanted:
        """Return the request for the whole slice, one pixel for each value."""
        rows, columns = self.view.size if isinstance(self.view, Tiling) else self.view.size(self.pinned.spec.shape)
        return replace(self, rows=range(rows), columns=range(columns), height=rows, width=columns, kept=None)
