"""The levels and colour map of a map of losses: logarithmic, relative or absolute."""

from __future__ import annotations

from weightedit.core.losing.loss_map import Measure
from weightedit.core.statistics import Statistics
from weightedit.ui.plots.levels import LOSSES, Levels, loss_levels
from weightedit.ui.tensor_page.leveling import Leveling


class LossLeveling(Leveling):
    """Levels and map of the losses of one edit; its choices are those of `LOSSES`."""

    def __init__(self, maps: dict[str, str]) -> None:
        super().__init__(maps)
        self.levels = loss_levels("relative", None)

    @property
    def measure(self) -> Measure:
        """Which losses are to be shown."""
        return "absolute" if self._choice == "absolute" else "relative"

    @property
    def kind(self) -> str:
        """Losses have a map of their own."""
        return "loss"

    @property
    def choices(self) -> list[str]:
        """The levels that losses can have."""
        return list(LOSSES)

    def show_statistics(self, found: Statistics | None) -> None:
        """Take the statistics of the losses that are shown, or that they are others now."""
        self.statistics = found
        self.settle()

    def settle(self) -> None:
        """Work the levels out anew."""
        self.levels = self._by_hand or loss_levels(self._choice or "relative", self.statistics)

    @property
    def fits(self) -> bool:
        """Levels wait for the statistics, or need none."""
        return False

    def offered(self) -> dict[str, Levels]:
        """Return the levels a person can choose between."""
        return {choice: loss_levels(choice, self.statistics) for choice in LOSSES}
