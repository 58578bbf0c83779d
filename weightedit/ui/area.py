"""What the window asks of the area of tensors: tabs, pages, edit panel, inspector and history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from weightedit.core.document import Document


class Area(Protocol):
    """The area of tensors, made after the first paint as `weightedit.ui.workbench.Workbench(tasks, settings)`."""

    @property
    def current_changed(self) -> Any:
        """Signal: another tab is shown, or none."""
        ...

    @property
    def status(self) -> Any:
        """Signal (text): a sentence for the status bar."""
        ...

    def set_document(self, document: Document | None) -> None:
        """Make a document the current one: inspector, history and edit panel follow it."""
        ...

    def forget(self, document: Document) -> None:
        """Close every tab of a document that is being closed."""
        ...

    def open_tensor(self, document: Document, name: str) -> None:
        """Show a tensor in a tab."""
        ...

    def current(self) -> tuple[Document, str] | None:
        """Return the tensor that is shown."""
        ...

    def how_shown(self) -> str:
        """Return how it is shown: `as a heatmap`, `as values`."""
        ...

    def set_view(self, name: str) -> None:
        """Show the tensor as `heatmap` or `values`."""
        ...

    def set_device(self, name: str) -> None:
        """Compute previews and edits on this device from now on."""
        ...

    def set_selected(self, document: Document, names: list[str]) -> None:
        """Offer the tensors selected in the tree as a target of edits."""
        ...

    def choose_operation(self, name: str) -> None:
        """Pick an operation in the edit panel and go to its form."""
        ...

    def apply(self) -> None:
        """Apply the edit that the form describes."""
        ...

    def leave(self) -> None:
        """Leave the preview; without one, clear the selection."""
        ...

    def focus_region(self) -> None:
        """Go to the field that takes a region."""
        ...

    def select_all(self) -> None:
        """Select the whole tensor."""
        ...

    def copy(self) -> None:
        """Copy the selected cells as text."""
        ...

    def paste(self) -> None:
        """Take cells from the clipboard as an edit of the selected ones."""
        ...

    def copy_as_pytorch(self) -> None:
        """Copy the edit as lines of PyTorch."""
        ...

    def zoom_in(self) -> None:
        """Show fewer cells, larger."""
        ...

    def zoom_out(self) -> None:
        """Show more cells, smaller."""
        ...

    def fit(self) -> None:
        """Show the whole tensor."""
        ...

    def next_nonfinite(self) -> None:
        """Go to the next NaN or Inf."""
        ...

    def previous_nonfinite(self) -> None:
        """Go to the previous NaN or Inf."""
        ...

    def next_tab(self) -> None:
        """Show the next tab."""
        ...

    def close_tab(self) -> None:
        """Close the tab that is shown."""
        ...

    def toggle_inspector(self) -> None:
        """Show or hide inspector and history."""
        ...

    def set_drawer(self, on: bool) -> None:
        """Keep the inspector out of sight until it is asked for, where there is little room."""
        ...
