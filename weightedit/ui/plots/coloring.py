"""Pictures in colours, made off the GUI thread where they are large: with the values, or later for other levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightedit.core.looking.pixels import Reduced
from weightedit.ui.plots.colormaps import picture
from weightedit.ui.plots.levels import Levels

Array = np.ndarray[Any, Any]
AT_ONCE = 1 << 16
"""Pixels that are coloured in a millisecond."""
Later = Callable[[Callable[[], "Colored"], Callable[["Colored"], None]], object]
"""Does work in the background and gives what came of it to the other function, on the GUI thread."""


@dataclass(frozen=True)
class Look:
    """How values become colours.

    Attributes
    ----------
    levels
        None to take those that fit the values.
    map_name, theme
        The colour map, and the theme that it follows.
    """

    levels: Levels | None
    map_name: str
    theme: str

    def of(self, reduced: Reduced) -> Colored:
        """Colour a reduced slice."""
        levels = self.levels or fitted(reduced)
        colors = picture(reduced, levels, self.map_name, self.theme) if reduced.height and reduced.width else None
        return Colored(reduced, self, levels, colors)


@dataclass(frozen=True)
class Colored:
    """A reduced slice and its picture.

    Attributes
    ----------
    asked
        By which it was coloured.
    levels
        Those that were asked for, or that fit.
    colors
        `(height, width, 4)` uint8 RGBA; None where there is no pixel.
    """

    reduced: Reduced
    asked: Look
    levels: Levels
    colors: Array | None

    def is_in(self, levels: Levels, map_name: str, theme: str) -> bool:
        """Whether these are its colours."""
        return (self.levels, self.asked.map_name, self.asked.theme) == (levels, map_name, theme)


def fitted(reduced: Reduced) -> Levels:
    """Return levels around 0 that reach to the largest magnitude of a picture."""
    sizes = np.abs(reduced.extreme)
    end = float(np.nanmax(sizes)) if np.isfinite(sizes).any() else 1.0
    return Levels(-(end or 1.0), end or 1.0)


class Coloring:
    """Colours what a heatmap shows: small pictures at once, large ones in the background, one after another.

    Parameters
    ----------
    show
        Given each picture, on the GUI thread.

    Attributes
    ----------
    later
        What does the work of a large one; None colours it at once too.
    """

    def __init__(self, show: Callable[[Colored], None]) -> None:
        self._show = show
        self.later: Later | None = None
        self._wanted: tuple[Reduced, Look] | None = None
        self._runs = False

    def take(self, colored: Colored) -> None:
        """Show a picture that came with its values."""
        self._wanted = None
        self._show(colored)

    def ask(self, reduced: Reduced, look: Look) -> None:
        """Show values in these colours, as soon as they are made; what was asked for before is not."""
        if self.later is None or reduced.height * reduced.width <= AT_ONCE:
            self.take(look.of(reduced))
            return
        self._wanted = reduced, look
        self._go_on()

    def _go_on(self) -> None:
        """Begin with what is wanted now, unless another picture is being made: its turn comes after that."""
        if self._wanted is not None and not self._runs and self.later is not None:
            reduced, look = self._wanted
            self._runs = True
            self.later(lambda: look.of(reduced), self._made)

    def _made(self, colored: Colored) -> None:
        self._runs = False
        wanted = self._wanted
        if wanted is None:
            return
        if wanted[0] is colored.reduced:
            if wanted[1] == colored.asked:
                self._wanted = None
            self._show(colored)
        self._go_on()

