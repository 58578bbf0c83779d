"""What an action is, as data: menus, keys, tooltips, palette and keys sheet are all made from these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
    from weightedit.ui.tensor_page.page import TensorPage
    from weightedit.ui.window import MainWindow
    from weightedit.ui.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Reach:
    """What an action reaches from where it is pressed."""

    window: MainWindow

    @property
    def work(self) -> Workbench:
        """The area of tensors; there for every action whose need implies it (`work`, `tensor`)."""
        work = self.window.workbench
        assert work is not None
        return work

    @property
    def page(self) -> TensorPage:
        """The page that is shown; there for every action that needs `tensor`."""
        page = self.work.page
        assert page is not None
        return page

    def show_heatmap(self) -> HeatmapPane:
        """Show the heatmap of the page instead of another view, and return it."""
        if self.page.view_name != "heatmap":
            self.page.set_view("heatmap")
        return self.page.heatmap_pane

    @property
    def document(self) -> OpenDocument:
        """The current document; there for every action that needs `document`."""
        found = self.window.current
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    Attributes
    ----------
    id
        What tests and the palette's memory call it.
    title
        As in the menu: a verb and its object.
    call
        What it does, given what it reaches; called only while what it needs is there.
    help
        One sentence on what it does.
    keys
        Shortcuts, the first of which is shown.
    menu
        The menu it stands in; `View/Colour map` is a menu within one; empty for none.
    needs
        A key of `NEEDS` without which it is off.
    scope
        Where its keys work: the whole `window`, the `tree`, or the `work` area of tensors and edits.
    rule
        Whether a line parts it from what stands above.
    checked
        Whether it is on at present, for an action that turns something on and off.
    """

    id: str
    title: str
    call: Callable[[Reach], object]
    help: str
    keys: tuple[str, ...] = ()
    menu: str = ""
    needs: str = ""
    scope: str = "window"
    rule: bool = False
    checked: Callable[[Reach], bool] | None = None
