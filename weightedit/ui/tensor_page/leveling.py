"""Which levels and which colour map a heatmap has: the kind of values decides, until a person chooses."""

from __future__ import annotations

from weightedit.core.statistics import Statistics
from weightedit.ui.plots.colormaps import DEFAULT_MAPS, FIXED, NAMES
from weightedit.ui.plots.levels import SCALED, Levels, choices_of, kind_of, levels_of


class Leveling:
    """Levels and map of one tensor.

    Attributes
    ----------
    levels
        In use.
    statistics
        Of the whole tensor; None until they are known.
    is_phase
        Whether the phase of complex values is shown instead of their magnitude.
    tiled
        Whether tiles are shown, which may have a scale each.
    maps
        The map of each kind of values, shared by all tensors.
    """

    def __init__(self, maps: dict[str, str]) -> None:
        self.maps = maps
        self.levels = Levels(-1.0, 1.0)
        self.statistics: Statistics | None = None
        self.is_phase = False
        self.tiled = False
        self._own_kind = "signed"
        self._choice = ""
        self._by_hand: Levels | None = None

    def forget(self) -> None:
        """Begin with a tensor of another dtype."""
        self.statistics, self._by_hand, self._choice, self.is_phase = None, None, "", False

    def take(self, family: str, dtype: str, found: Statistics) -> None:
        """Take the statistics of what is shown."""
        self.statistics = found
        self._own_kind = kind_of(family, dtype, found)
        self.settle()

    @property
    def kind(self) -> str:
        """The kind of values a map is chosen for."""
        return "phase" if self.is_phase else self._own_kind

    @property
    def map_name(self) -> str:
        """The colour map of this kind of values."""
        return self.maps.get(self.kind, DEFAULT_MAPS[self.kind])

    @property
    def map_choices(self) -> tuple[str, ...]:
        """The maps this kind of values can have."""
        return FIXED.get(self.kind, NAMES)

    @property
    def choices(self) -> list[str]:
        """The levels this kind of values can have."""
        return choices_of(self.kind, self.tiled)

    @property
    def scaled(self) -> str:
        """What is divided by its largest magnitude: `row`, `tile` or nothing."""
        return self.levels.source if self.levels.source in SCALED else ""

    def choose(self, choice: str) -> None:
        """Use other levels, or the kind's own; one that does not fit is left out."""
        if not choice or choice in self.choices:
            self._choice, self._by_hand = choice, None
        self.settle()

    def drag(self, levels: Levels) -> None:
        """Use levels that were set by hand."""
        self._by_hand = self.levels = levels

    def settle(self) -> None:
        """Work the levels out anew."""
        if self._by_hand is not None and not self.is_phase:
            self.levels = self._by_hand
        elif self.statistics is not None:
            choice = self._choice if self._choice in self.choices else ""
            self.levels = levels_of(self.kind, self.statistics, choice)

    @property
    def fits(self) -> bool:
        """Whether levels are those that fit a picture: until statistics are there."""
        return self.statistics is None and self._by_hand is None

    def offered(self) -> dict[str, Levels]:
        """Return the levels a person can choose between."""
        found = self.statistics
        if found is None:
            return {self.levels.source: self.levels}
        return {choice: levels_of(self.kind, found, choice) for choice in self.choices}
