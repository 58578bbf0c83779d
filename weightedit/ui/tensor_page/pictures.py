"""A heatmap as a picture to keep: as it is shown, or one pixel for each value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QImage

from weightedit.core.progress import Progress
from weightedit.core.words.numbers import count_text
from weightedit.ui.plots.colormaps import picture
from weightedit.ui.theme import theme

if TYPE_CHECKING:
    from weightedit.ui.plots.heatmap import Heatmap
    from weightedit.ui.plots.levels import Levels
    from weightedit.ui.tensor_page.picturing import Wanted

MOST_PIXELS = 16_000_000


def picture_of(heatmap: Heatmap) -> QImage:
    """Return a heatmap with axes and colour bar as it is on screen, without the card at the pointer."""
    hover, heatmap.overlay.hover = heatmap.overlay.hover, None
    try:
        return heatmap.grab().toImage()
    finally:
        heatmap.overlay.hover = hover


def pixels_of(wanted: Wanted, levels: Levels, map_name: str) -> Callable[[Progress], QImage]:
    """Return what makes the bare picture of a whole slice or table of tiles, for a worker to call.

    Raises
    ------
    ValueError
        If it has more than 16 million pixels.
    """
    if wanted.height * wanted.width > MOST_PIXELS:
        raise ValueError(f"{wanted.height} × {wanted.width} is {count_text(wanted.height * wanted.width)} pixels; "
                         f"a picture has {count_text(MOST_PIXELS)} at most.")  # fmt: skip
    shown = theme.name

    def work(progress: Progress) -> QImage:
        colors = np.ascontiguousarray(picture(wanted.made(progress), levels, map_name, shown))
        height, width = colors.shape[:2]
        return QImage(colors.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()

    return work
