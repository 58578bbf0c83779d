"""What a preview computes in the background: hazards, counts, pictures and statistics before and after."""

from __future__ import annotations

from dataclasses import dataclass

from weightedit.core.document import Document
from weightedit.core.edits.preview import Preview
from weightedit.core.looking.pixels import Reduced
from weightedit.core.losing.loss_map import loss_map
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView, preview, reduce
from weightedit.core.statistics import Statistics, statistics
from weightedit.core.values.pinned import Readable
from weightedit.core.words.numbers import count_text
from weightedit.ui.edit_panel.form import Request
from weightedit.ui.tasks import TaskProgress

MOST_MEASURED = 1 << 26
"""Values up to which a preview looks at all of them for its picture; above, a sample is drawn."""
HEIGHT, WIDTH = 70, 120


@dataclass(frozen=True)
class Shown:
    """A preview with what is drawn of it; pictures and statistics are None where there is nothing to draw."""

    request: Request
    preview: Preview
    before: Reduced | None = None
    after: Reduced | None = None
    before_statistics: Statistics | None = None
    after_statistics: Statistics | None = None

    @property
    def is_cast(self) -> bool:
        """Whether the values stay in their places and are stored in another dtype."""
        return loss_map(self.preview) is not None

    @property
    def name(self) -> str:
        """The tensor that before and after are of, as it was opened where that is it."""
        names = self.preview.shown
        return self.request.name if self.request.name in names else names[0] if names else ""

    @property
    def scope(self) -> str:
        """How much of the edit before and after are of: `1 of 9 tensors`, or nothing where they are of all of it."""
        return f"1 of {count_text(len(self.preview.losses))} tensors" if len(self.preview.losses) > 1 else ""


def make_preview(document: Document, request: Request, view: SliceView, progress: TaskProgress) -> Shown:
    """Work out what an edit would do; raises `EditRefused` where that cannot be worked out at all."""
    found = document.preview(request.operation, list(request.targets), look_at=request.name,
                             progress=progress.report, cancel=progress.cancel, **request.options)  # fmt: skip
    operation = document.operations[request.operation]
    refused = any(hazard.level == "refusal" for hazard in found.hazards)
    if refused or found.before is None or found.after is None:
        return Shown(request, found)
    if operation.effect not in ("write", "rebind", "share") or not found.before.spec.numel:
        return Shown(request, found)
    known = found.statistics
    before = _picture(found.before, view, known[0], progress)
    after = _picture(found.after, view, known[1], progress)
    return Shown(request, found, before[0], after[0], before[1], after[1])


def _picture(readable: Readable, view: SliceView, known: Statistics | None,
             progress: Progress) -> tuple[Reduced | None, Statistics | None]:  # fmt: skip
    spec = readable.spec
    if not spec.numel:
        return None, None
    shown = _view_of(spec.shape, view)
    rows, columns = (range(size) for size in shown.size(spec.shape))
    if spec.numel > MOST_MEASURED:
        return preview(readable, shown, rows, columns, HEIGHT, WIDTH), known
    return (reduce(readable, shown, rows, columns, HEIGHT, WIDTH),
            known or statistics(readable, progress=progress))  # fmt: skip


def _view_of(shape: tuple[int, ...], view: SliceView) -> SliceView:
    """Look at a region, or a tensor of another shape, as the page looks at the tensor."""
    dims = {dim for dim in (view.rows_dim, view.columns_dim) if dim is not None} | set(view.fixed)
    if dims != set(range(len(shape))):
        return SliceView.of(shape)
    fixed = {dim: at if at < shape[dim] else 0 for dim, at in view.fixed.items()}
    return SliceView(view.rows_dim, view.columns_dim, fixed)
