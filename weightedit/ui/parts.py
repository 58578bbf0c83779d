"""The panels of the area of tensors, and what they share: made one after the other, for each takes its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from weightedit.ui.edit_panel.panel import EditPanel
from weightedit.ui.history.history_panel import HistoryPanel
from weightedit.ui.inspector.inspector import Inspector
from weightedit.ui.plots.colormaps import NAMES, table
from weightedit.ui.running.in_steps import polished
from weightedit.ui.settings import Settings
from weightedit.ui.tabs.tensor_tabs import TensorTabs
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.theme import theme


class Parts(NamedTuple):
    """What an area of tensors is put together from."""

    facts: Facts
    edit_panel: EditPanel
    inspector: Inspector
    history: HistoryPanel


def make_parts(tasks: Tasks, settings: Settings) -> Iterator[Parts | None]:
    """Make them in steps; they come last."""
    facts = Facts(tasks)
    edit_panel = EditPanel(tasks)
    yield None
    inspector = Inspector(tasks, settings, facts.results)
    yield None
    yield Parts(facts, edit_panel, inspector, HistoryPanel())


def make_ahead(work: QWidget, tabs: TensorTabs, parts: Sequence[QWidget],
               has_time: Callable[[], bool]) -> Iterator[None]:  # fmt: skip
    """Make and style what the first tensor needs, in steps, and draw it once where nobody waits for a file.

    A first drawing takes three times as long as the next: fonts are looked up and icons drawn then. Some colour maps
    are read from files of pyqtgraph's.

    Parameters
    ----------
    work, tabs, parts
        The area of tensors, its tabs, and what stands beside them.
    has_time
        Asked before each drawing.
    """
    yield from polished(work)
    for name in NAMES:
        table(name, theme.name)
        yield
    yield from tabs.make_ahead()
    for part in (*parts, *tabs.made_ahead):
        if has_time() and isValid(part):
            part.grab()
            yield
