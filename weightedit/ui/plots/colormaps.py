"""Colour maps of the heatmap: ours, which follow the theme, and the ones people know from elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyqtgraph as pg

from weightedit.core.looking.pixels import Reduced
from weightedit.ui.plots.levels import Levels
from weightedit.ui.tokens import TOKENS

Array = np.ndarray[Any, Any]
STEPS = 512
_STOPS = {
    "Tide": {
        "dark": "0 #9BDCFF, .18 #3E9BE0, .38 #1D4670, .5 #101418, .62 #6B3415, .82 #E27A26, 1 #FFD79A",
        "light": "0 #0A2F66, .18 #2468B4, .38 #9CC4E8, .5 #F8F8F6, .62 #F3BE93, .82 #CF5F14, 1 #6E2400",
    },
    "Dusk": {
        "dark": "0 #101418, .25 #23365C, .5 #6A4A8C, .75 #D9687A, 1 #FFE3A3",
        "light": "0 #FAFAF7, .25 #E7CFA6, .5 #D08A6E, .75 #8A4477, 1 #261C4D",
    },
}
_CYCLE = {
    "dark": "0 #101418, .25 #3E9BE0, .5 #F2F0EA, .75 #E27A26, 1 #101418",
    "light": "0 #F8F8F6, .25 #2468B4, .5 #101418, .75 #CF5F14, 1 #F8F8F6",
}
_NAMED = {"viridis": "viridis", "cividis": "cividis", "magma": "magma", "grey": "CET-L1", "CET-CBD1": "CET-CBD1",
          "CET-CBL2": "CET-CBL2"}  # fmt: skip
NAMES = (*_STOPS, *_NAMED)
"""The maps a person can choose."""
TWO = "two colours"
"""The map of bool tensors."""
CYCLE = "cycle"
"""The map of phases, whose ends are one colour: the page at ±π, blue at −π/2, bright at 0, orange at π/2."""
FIXED = {"bool": (TWO,), "phase": (CYCLE,)}
"""Kinds of values that have a map of their own and no choice."""


@cache
def table(name: str, theme: str) -> Array:
    """Return a map as `(STEPS, 4)` uint8 RGBA in one theme."""
    at = np.linspace(0, 1, STEPS)
    if name == TWO:
        ends = [_rgb(TOKENS[theme]["text3"]), _rgb(TOKENS[theme]["accent"])]
        colors = np.where(at[:, None] < 0.5, *ends)
    elif name in _STOPS or name == CYCLE:
        stops = [stop.split() for stop in (_CYCLE if name == CYCLE else _STOPS[name])[theme].split(",")]
        places = [float(stop[0]) for stop in stops]
        parts = np.array([_rgb(stop[1]) for stop in stops])
        colors = np.stack([np.interp(at, places, parts[:, channel]) for channel in range(3)], 1)
    else:
        colors = pg.colormap.get(_NAMED[name]).map(at, mode=pg.ColorMap.FLOAT)[:, :3] * 255
    alpha = np.full((STEPS, 1), 255.0)
    return np.concatenate([np.rint(colors), alpha], 1).astype(np.uint8)


def _rgb(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


DEFAULT_MAPS = {"signed": "Tide", "magnitude": "Dusk", "integer": "viridis", "bool": TWO, "phase": CYCLE,
                "loss": "Dusk"}  # fmt: skip
"""The map of each kind of values; a person may choose another, except for bool and phase."""


def colored(values: Array, levels: Levels, colors: Array) -> Array:
    """Return `(height, width, 4)` uint8 RGBA; NaN is transparent, values past the levels take the end colour."""
    with np.errstate(all="ignore"):
        at = levels.share(values) * STEPS
        place = np.fmin(np.fmax(at, 0.0, out=at), STEPS - 1.0, out=at).astype(np.uint16)  # NaN becomes 0
    picture = np.ascontiguousarray(colors).view(np.uint32)[place, 0]  # four bytes at a time
    nothing = np.isnan(values)
    if nothing.any():
        picture[nothing] = 0
    return picture[..., None].view(np.uint8)


def picture(reduced: Reduced, levels: Levels, name: str, theme: str) -> Array:
    """Return a reduced slice in colours; pixels without a finite value take the colour of what they have most of."""
    outlier = 2 * max(abs(levels.low), abs(levels.high))
    shown = colored(reduced.typical(outlier), levels, table(name, theme))
    nothing = np.isnan(reduced.low)
    if nothing.any():
        counts = np.stack([reduced.nan, reduced.posinf, reduced.neginf])
        odd = np.array([[*_rgb(TOKENS[theme][token]), 255] for token in ("nan", "posinf", "neginf")], np.uint8)
        some = nothing & (counts.sum(axis=0) > 0)
        shown[some] = odd[counts.argmax(axis=0)[some]]
    return shown
