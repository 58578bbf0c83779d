"""The tiles of one tensor: which there are, which of them are dead, and where the keyboard is among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from weightedit.core.looking.tile_layout import default_tiling, head_tiling, likely_heads, wrapped
from weightedit.core.looking.tile_reading import dead_groups, dead_tiles, tile_peaks
from weightedit.core.looking.tiling import Tiling
from weightedit.core.region import Box
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.values.selecting import LONGEST_LIST
from weightedit.core.words.numbers import count_text
from weightedit.ui.plots.tile_marks import TileGrid
from weightedit.ui.tasks import TaskProgress, Tasks

NAMED = 6
"""Dead tiles that are named; of more of them the first."""


class Tiles(QObject):
    """How a tensor is laid out in tiles while that is on.

    Attributes
    ----------
    tiling
        None while the tensor is shown slice by slice.
    dead
        (group, tile) of each dead tile, in order; None until they are known.

    Signals
    -------
    laid_out
        Tiles are on, off, or others.
    found
        The dead tiles are known.
    """

    laid_out = Signal()
    found = Signal()

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._pinned: PinnedTensor | None = None
        self._name = ""
        self._chosen: Tiling | None = None
        self._room = (480.0, 560.0)
        self.tiling: Tiling | None = None
        self.dead: list[tuple[int, int]] | None = None

    @property
    def _group(self) -> str:
        return f"tiles {id(self)}"

    # ---- which tiles

    @property
    def can_be(self) -> bool:
        """Whether the tensor has dimensions enough for tiles."""
        return self._pinned is not None and len(self._pinned.spec.shape) > 1 and self._pinned.spec.numel > 0

    def show_pinned(self, pinned: PinnedTensor, name: str) -> None:
        """Take another state of the tensor; tiles stay where the shape does."""
        same = self._pinned is not None and self._pinned.spec.shape == pinned.spec.shape
        self._pinned, self._name = pinned, name
        if not same:
            self._chosen = None
            if self.tiling is not None:
                self._lay_out(self._default())
        elif self.tiling is not None:
            self._look_for_dead()

    def _default(self) -> Tiling | None:
        assert self._pinned is not None
        shape = self._pinned.spec.shape
        if len(shape) == 2:
            return head_tiling(shape, likely_heads(shape[0]))
        return default_tiling(shape, self._name)

    def turn(self, on: bool) -> None:
        """Show tiles, or slices."""
        if on and self.tiling is None and self.can_be:
            self._lay_out(self._chosen or self._default())
        elif not on and self.tiling is not None:
            self._lay_out(None)

    def choose(self, tiling: Tiling) -> None:
        """Lay the tensor out in other tiles."""
        self._lay_out(tiling)

    def fit(self, height: float, width: float) -> bool:
        """Lay groups out anew for a room of another size; returns whether that changes anything."""
        self._room = height, width
        if self.tiling is None or wrapped(self.tiling, height, width) == self.tiling:
            return False
        self._lay_out(self.tiling)
        return True

    def _lay_out(self, tiling: Tiling | None) -> None:
        self.tiling = None if tiling is None else wrapped(tiling, *self._room)
        self._chosen = self.tiling or self._chosen
        self.dead = None
        self.laid_out.emit()
        self._look_for_dead()

    # ---- dead tiles

    def _look_for_dead(self) -> None:
        pinned, tiling = self._pinned, self.tiling
        if pinned is None or tiling is None:
            self._tasks.cancel_group(self._group)
            return

        def work(progress: TaskProgress) -> list[tuple[int, int]]:
            return dead_tiles(tiling, tile_peaks(pinned, tiling, progress))

        def done(found: list[tuple[int, int]]) -> None:
            self.dead = found
            self.found.emit()

        self._tasks.start("Dead tiles", work, on_result=done, on_error=lambda _: None, group=self._group)

    def cancel(self) -> None:
        """Stop looking."""
        self._tasks.cancel_group(self._group)

    def sentence(self) -> str:
        """Return what is said of dead tiles: `3 dead: out 7, 12, 40`."""
        tiling = self.tiling
        if tiling is None:
            return ""
        if self.dead is None:
            return "Looking for dead tiles"
        whole = dead_groups(tiling, self.dead)
        gone = set(whole)
        single = [tile for tile in self.dead if tile[0] not in gone]
        parts = []
        if whole:
            named = ", ".join(map(str, whole[:NAMED])) + (" …" if len(whole) > NAMED else "")
            parts.append(f"{count_text(len(whole))} dead: {tiling.words[0]} {named}")
        if single:
            first = "" if len(single) > 1 or whole else f": {tiling.name(*single[0])}"
            kind = "tile" if len(single) == 1 else "tiles"
            parts.append(f"{count_text(len(single))} dead {kind}{' more' if whole else ''}{first}")
        return ", ".join(parts) or "No dead tiles"

    def next_dead(self, step: int, after: tuple[int, int] | None) -> tuple[int, int] | None:
        """Return the dead tile after (or before) another, around the end."""
        dead = self.dead
        if not dead:
            return None
        if after is None:
            return dead[0] if step > 0 else dead[-1]
        later = [tile for tile in dead if (tile > after if step > 0 else tile < after)]
        return (later or dead)[0 if step > 0 else -1]

    def dead_boxes(self) -> list[Box]:
        """Return boxes that hold every dead tile, a list of indices for whole groups."""
        tiling, dead = self.tiling, self.dead
        if tiling is None or not dead:
            return []
        whole = dead_groups(tiling, dead)
        gone = set(whole)
        boxes = [tiling.region(range(group, group + 1), range(tile, tile + 1)) for group, tile in dead
                 if group not in gone]  # fmt: skip
        everything = range(tiling.in_group)
        if tiling.heads or len(whole) == 1:
            return [tiling.region(range(group, group + 1), everything) for group in whole] + boxes
        for start in range(0, len(whole), LONGEST_LIST):
            one = tiling.region(range(1), everything)
            axes = tuple(tuple(whole[start : start + LONGEST_LIST]) if dim == tiling.down else axis
                         for dim, axis in enumerate(one.axes))  # fmt: skip
            boxes.append(Box(axes, tuple(dim for dim in one.dropped if dim != tiling.down)))
        return boxes

    # ---- how they are drawn

    def grid(self) -> TileGrid | None:
        """Return where the picture falls into tiles, and what they are called."""
        tiling = self.tiling
        if tiling is None:
            return None
        (height, width), (first, second), per_line = tiling.tile, tiling.words, tiling.per_line
        dead = [(group // per_line, group % per_line * tiling.in_group + tile) for group, tile in self.dead or ()]
        row_label, column_label = _named(first, per_line), None
        label_width = width * tiling.in_group if per_line > 1 else width
        if tiling.lines == 1:
            row_label, column_label = None, _named(first)
        elif per_line > 1:
            column_label = _named("+")
        elif tiling.across is not None:
            column_label = _named(second)
        return TileGrid(height, width, tiling.in_group if per_line > 1 else 1, row_label, column_label, label_width,
                        tiling.names, np.array(dead, np.int64).reshape(-1, 2))  # fmt: skip


def _named(word: str, step: int = 1) -> Callable[[int], str] | None:
    return lambda at: f"{word}{at}" if word == "+" else f"{word} {at * step}"


def with_dims(tiling: Tiling, **chosen: int | None) -> Tiling:
    """Return tiles with another dimension as `down`, `across`, `rows_dim` or `columns_dim`.

    Where the chosen dimension had another of these roles, that role gets the dimension which is given up.
    """
    roles = {name: getattr(tiling, name) for name in ("down", "across", "rows_dim", "columns_dim")}
    for role, dim in chosen.items():
        other = next((name for name, held in roles.items() if held == dim and name != role and dim is not None), None)
        if other is not None:
            roles[other] = roles[role]
        roles[role] = dim
    if roles["down"] is None:
        return tiling
    used = set(roles.values())
    fixed = {dim: tiling.fixed.get(dim, 0) for dim in range(len(tiling.shape)) if dim not in used}
    words = (_word(tiling, "down", roles["down"], tiling.words[0]),
             _word(tiling, "across", roles["across"], tiling.words[1]))  # fmt: skip
    return replace(tiling, **roles, fixed=fixed, words=words)


def _word(tiling: Tiling, role: str, dim: int | None, word: str) -> str:
    """Return what an index of a dimension in a role is called; the word stays with its dimension."""
    if dim is None:
        return ""
    return word if word and getattr(tiling, role) == dim else f"dim {dim}"
