"""The right panel over history: *Inspect* and *Place in file*."""

from __future__ import annotations

from itertools import islice

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.described.contents import brief
from weightedit.core.document import Document
from weightedit.core.looking.results import Results
from weightedit.core.slots import Slot
from weightedit.core.statistics import Statistics
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.numbers import bytes_text, count_text, shape_text, statistic_text
from weightedit.core.words.visible import visible
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.inspector.live_section import LiveSection
from weightedit.ui.inspector.quantiles import QuantilesSection
from weightedit.ui.inspector.rows import Columns, Facts, Pairs, Wrapped
from weightedit.ui.inspector.storage_section import StorageSection, tuple_text
from weightedit.ui.inspector.where import Where
from weightedit.ui.inspector.where_it_is import device_facts
from weightedit.ui.settings import Settings
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.header import Segments

TENSOR = ("Kind", "Shape", "dtype", "Size", "Device", "Stride", "requires_grad")
PAIRS = (("min", "max"), ("mean", "std"), ("zeros", "NaN"), ("+Inf", "−Inf"), ("L2 norm", "99.9 % |x|"))
MOST_METADATA = 200
"""Entries of the file's metadata that are listed."""
PREVIEW = ("dtype", "Shape", "Size", "Device", "min", "max", "mean", "std", "zeros", "NaN", "Inf", "L2 norm")


class Inspector(QWidget):
    """Everything known about one tensor.

    Parameters
    ----------
    results
        What was worked out of tensors, kept by content.

    Signals
    -------
    chosen
        The name of another slot to show.
    """

    chosen = Signal(object)

    def __init__(self, tasks: Tasks, settings: Settings, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._holds_values = True
        self.tabs = Segments(("Inspect", "Place in file"))
        self.preview = Columns("Preview", PREVIEW)
        self.where = Where(tasks)
        self.facts = Facts("Tensor", TENSOR)
        self.live = LiveSection(tasks)
        self.statistics = Pairs("Statistics", PAIRS)
        self.statistics.note.setText("whole tensor")
        self.quantiles = QuantilesSection(tasks, settings, results)
        self.storage = StorageSection()
        self.place = Facts("Place in file", ("File", "Format", "State"))
        self.bytes_ = Wrapped("Bytes")
        self.metadata = Wrapped("File metadata")
        self.path = Wrapped("Path")
        self.pages = QStackedWidget()
        self.preview.hide()
        self._lay_out()
        self.storage.chosen.connect(self.chosen)
        self.tabs.chosen.connect(lambda name: self.pages.setCurrentIndex(0 if name == "Inspect" else 1))

    def _lay_out(self) -> None:
        top = QFrame()
        self.head = row = QHBoxLayout(top)
        row.setContentsMargins(12, 6, 10, 6)
        row.addWidget(self.tabs)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(top)
        column.addWidget(self.pages, 1)
        for sections in ((self.preview, self.where, self.facts, self.statistics, self.quantiles, self.live,
                          self.storage),
                         (self.path, self.place, self.bytes_, self.metadata)):  # fmt: skip
            inner = QWidget()
            inside = QVBoxLayout(inner)
            inside.setContentsMargins(0, 0, 0, 0)
            inside.setSpacing(0)
            for section in sections:
                inside.addWidget(section)
            inside.addStretch(1)
            scroll = QScrollArea()
            scroll.setWidget(inner)
            scroll.setWidgetResizable(True)
            scroll.setAccessibleName("Inspector")
            scroll.setFrameShape(QFrame.Shape.NoFrame)
            scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.pages.addWidget(scroll)

    def show_tensor(self, document: Document, slot: Slot) -> None:
        """Show what a slot holds."""
        spec = slot.spec
        self._holds_values = spec.numel > 0 and spec.encoding == "plain"
        self.facts.show_value("Kind", spec.kind)
        self.facts.show_value("Shape", shape_text(spec.shape))
        self.facts.show_value("dtype", spec.dtype, "" if spec.encoding == "plain" else spec.encoding)
        values = "1 value" if spec.numel == 1 else f"{count_text(spec.numel)} values"
        self.facts.show_value("Size", bytes_text(spec.nbytes), values, f"{count_text(spec.nbytes)} bytes")
        self.facts.show_value("Device", *device_facts(document, spec))
        order = "contiguous" if spec.is_contiguous else "not contiguous"
        self.facts.show_value("Stride", tuple_text(spec.stride), order)
        self.facts.show_value("requires_grad", str(spec.requires_grad))
        self.live.show_tensor(document, slot)
        self.storage.show_group(document, slot)
        self._show_place(document, slot)

    def _show_place(self, document: Document, slot: Slot) -> None:
        self.path.show_text(" › ".join(visible(key) if isinstance(key, str) else brief(key) for key in slot.path))
        self.place.show_value("File", document.title, tooltip=visible(str(document.path or "")))
        self.place.show_value("Format", document.format_name)
        self.place.show_value("State", "modified" if slot.is_modified else slot.storage.state)
        # where a record of a zip begins is read from the file
        self._tasks.start("Place", lambda _: document.place(slot), on_result=self.bytes_.show_text,
                          on_error=lambda error: self.bytes_.show_text(str(error)), group=f"place {id(self)}",
                          quiet=True)  # fmt: skip
        found = document.metadata
        lines = [f"{visible(key)}: {visible(value)}" for key, value in islice(found.items(), MOST_METADATA)]
        lines += [f"and {count_text(len(found) - MOST_METADATA)} more"] if len(found) > MOST_METADATA else []
        self.metadata.show_text("\n".join(lines) or "The file carries none.")

    def show_statistics(self, found: Statistics | None, pinned: PinnedTensor | None = None, *,
                        is_lost: bool = False) -> None:  # fmt: skip
        """Show statistics of a state of the tensor, or that they are on their way, or that there will be none."""
        section = self.statistics
        self.statistics.note.setText("cannot be read any more" if is_lost else "whole tensor")
        self.quantiles.show_statistics(found, pinned, is_lost=is_lost)
        if found is None:
            waiting = "–" if is_lost or not self._holds_values else "…"
            for name in section.values:
                section.show_value(name, waiting)
            return
        magnitudes = " of magnitudes" if "complex" in found.dtype else ""
        tips = {"min": f"Smallest finite value{magnitudes}", "max": f"Largest finite value{magnitudes}",
                "std": f"Of the whole population{magnitudes}, torch.std(correction=0), of finite values",
                "mean": f"Of finite values{magnitudes}", "L2 norm": "Of finite values"}  # fmt: skip
        for name, value in (("min", found.minimum), ("max", found.maximum), ("mean", found.mean), ("std", found.std),
                            ("L2 norm", found.l2)):  # fmt: skip
            exact = "" if value is None else f"{tips[name]}: {value!r}"
            section.show_value(name, statistic_text(value), tooltip=exact)
        for name, count in (("zeros", found.zeros), ("NaN", found.nan), ("+Inf", found.posinf),
                            ("−Inf", found.neginf)):  # fmt: skip
            section.show_value(name, count_text(count), "bad" if count and name != "zeros" else "")
        if found.distinct is not None:
            values = "All values are the same" if found.distinct == 1 else \
                f"Of {count_text(found.distinct)} different values in all"  # fmt: skip
            section.show_value("zeros", count_text(found.zeros), tooltip=values)
        most = found.abs_percentile()
        near = "Exact" if found.percentile_is_exact else "Within 0.8 %"
        tip = f"99.9 % of magnitudes are at most this. {near}."
        section.show_value("99.9 % |x|", statistic_text(most), tooltip=tip)

    def show_preview(self, shown: Shown | None) -> None:
        """Show before and after of an edit that is not applied."""
        rebinds = shown is not None and shown.preview.spec_before is not shown.preview.spec_after
        self.preview.setVisible(rebinds)
        self.where.show_preview(shown)
        self.facts.setVisible(not rebinds)
        self.statistics.setVisible(not rebinds)
        self.quantiles.setVisible(not rebinds)
        if shown is None or not rebinds:
            return
        before, after = shown.preview.spec_before, shown.preview.spec_after
        assert before is not None
        assert after is not None
        self.preview.note.setText(shown.scope or ("whole tensor" if shown.request.region is None else "region"))
        self.preview.name_tensor(shown.name if shown.name != shown.request.name else "")
        self.preview.show_values("dtype", before.dtype, after.dtype, "accent")
        self.preview.show_values("Shape", shape_text(before.shape), shape_text(after.shape), "accent")
        tone = "ok" if after.nbytes < before.nbytes else "warn"
        self.preview.show_values("Size", bytes_text(before.nbytes), bytes_text(after.nbytes), tone)
        self.preview.show_values("Device", before.device, after.device, "accent")
        rows_before, rows_after = _rows(shown.before_statistics), _rows(shown.after_statistics)
        for name, value in rows_before.items():
            worse = name in ("NaN", "Inf") and rows_after[name] not in ("0", value)
            self.preview.show_values(name, value, rows_after[name], "warn" if worse else "accent")


def _rows(found: Statistics | None) -> dict[str, str]:
    if found is None:
        return dict.fromkeys(PREVIEW[4:], "–")
    return {"min": statistic_text(found.minimum), "max": statistic_text(found.maximum),
            "mean": statistic_text(found.mean), "std": statistic_text(found.std), "zeros": count_text(found.zeros),
            "NaN": count_text(found.nan), "Inf": count_text(found.posinf + found.neginf),
            "L2 norm": statistic_text(found.l2)}  # fmt: skip


