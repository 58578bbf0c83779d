"""The export dialog of one tensor: whole or the selected region, as values of a dtype, or as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QComboBox, QWidget

from weightedit.core.errors import RegionError
from weightedit.core.files.same_file import same_file
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.region import parse_region
from weightedit.core.words.numbers import bytes_text, count_text, shape_text
from weightedit.ui.files.export_sheet import ExportSheet, Formats, replaces
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.widgets.plain import row_text

if TYPE_CHECKING:
    from weightedit.ui.tensor_page.page import TensorPage

PICTURE = "picture"
PICTURES = (".png",)
CELLS, SCREEN = "cells", "screen"
WIDER = ("float32", "float64", "complex64", "complex128", "int64")
"""Dtypes that are offered in place of one that a format lacks."""
NAME_CHARACTERS = "._-+=,[]() "


def file_name(tensor: str, region: str | None) -> str:
    """Return a file's name for a tensor or a region of it, of characters that every system takes."""
    text = tensor if region is None else f"{tensor}{region.replace(':', '-').replace(' ', '')}"
    return "".join(one if one.isalnum() or one in NAME_CHARACTERS else "_" for one in text)[:150] or "tensor"


class ExportTensorDialog(ExportSheet):
    """Asks how to write one tensor.

    Parameters
    ----------
    page
        Shows the tensor, and has the selection and the look of its heatmap.
    folder
        Where the file is proposed.
    formats
        What can be written, beside pictures.

    Signals
    -------
    chosen
        (path, region or None, dtype or None): write the values.
    pictured
        (path, `cells` for one pixel per value or `screen`, whether the picked cells alone): draw.
    """

    chosen = Signal(object, object, object)
    pictured = Signal(object, str, bool)

    def __init__(self, page: TensorPage, folder: Path, formats: Formats, tasks: Tasks,
                 parent: QWidget | None = None) -> None:  # fmt: skip
        region = plain_region(page)
        start = folder / f"{file_name(page.name, region)}.npy"
        super().__init__(f"Export {page.name}", str(start), tasks, parent)
        self._page, self._formats = page, formats
        self.part, self.dtype, self.look = QComboBox(), QComboBox(), QComboBox()
        shape, dtype = page.slot.spec.shape, page.slot.spec.dtype
        if region is not None:
            chosen = shape_text(parse_region(region, shape).result_shape)
            self.part.addItem(row_text(f"{region} · {chosen}"), region)
        self.part.addItem(f"Whole tensor · {shape_text(shape)}", None)
        from weightedit.core.writing.alone import holds

        self.dtype.addItem(row_text(f"{dtype}, as it is"), None)
        for name in WIDER:
            if name != dtype and holds(name, dtype):
                self.dtype.addItem(row_text(name), name)
        self.look.addItem("One pixel for each value", CELLS)
        self.look.addItem("As on screen, with axes and colours", SCREEN)
        for text, field in (("What", self.part), ("dtype", self.dtype), ("Picture", self.look)):
            self.add_choice(text, field)
            field.currentIndexChanged.connect(self.check)
        self._dtype_chosen = False
        self.dtype.activated.connect(self._choose_dtype)
        self.show_choices()
        self.check()

    @property
    def is_picture(self) -> bool:
        """Whether a picture is written."""
        return self.path.text().lower().strip().endswith(PICTURES)

    def show_choices(self) -> None:
        """Ask about the dtype of values, or the look of a picture."""
        self.show_choice(self.dtype, not self.is_picture and self.dtype.count() > 1)
        self.show_choice(self.look, self.is_picture)

    def hazards_of(self, path: Path) -> Callable[[TaskProgress], list[Hazard]]:
        """Ask what the format cannot hold."""
        document, name = self._page.document, self._page.name
        region, dtype = self.part.currentData(), None if self.dtype.isHidden() else self.dtype.currentData()
        present = self._page.slot.spec.dtype
        picture = self._picture_problem() if self.is_picture else None

        def ask(progress: TaskProgress) -> list[Hazard]:
            if same_file(path, [file.path for file in document.files]):
                return [refusal("argument", f"{path.name} is the file that is open", "Export to another name.")]
            found = replaces(path, None)
            if picture is not None:
                return [*picture, *found]
            if dtype is not None:
                found.append(Hazard("dtype", "notice", f"Written as {dtype}", f"It holds every value of {present}."))
            return [*document.export_tensor_hazards(name, path, region, dtype=dtype), *found]

        return ask

    def _choose_dtype(self) -> None:
        self._dtype_chosen = True

    def say(self, hazards: list[Hazard]) -> None:
        """Take a wider dtype where the format lacks the present one, unless the person chose it; then say so."""
        refused = any(hazard.level == "refusal" and "no dtype" in hazard.title for hazard in hazards)
        if refused and not self._dtype_chosen and self.dtype.currentIndex() == 0 and self.dtype.count() > 1:
            self.dtype.setCurrentIndex(1)
            return
        super().say(hazards)

    def _picture_problem(self) -> list[Hazard]:
        """Return what keeps the slice from being drawn pixel by pixel."""
        if self.look.currentData() == SCREEN:
            return []
        try:
            self._page.heatmap_pane.pixels()
        except ValueError as error:
            return [refusal("unsupported", str(error).rstrip("."), "Take it as on screen.")]
        whole = self._page.slot.spec.shape
        sliced = len(whole) > 2 and self.part.currentData() is None
        return [Hazard("slice", "notice", "The slice that is shown is drawn", "")] if sliced else []

    def verb(self, warned: list[Hazard]) -> str:
        """Return what is written, with its size where that is known."""
        if self.is_picture:
            return "Export the picture"
        spec = self._page.slot.spec
        region = self.part.currentData()
        values = spec.numel if region is None else parse_region(region, spec.shape).numel
        size = bytes_text(values * spec.type.itemsize)
        return f"Export {count_text(values)} {'value' if values == 1 else 'values'}, {size}"

    def go(self) -> None:
        """Export as chosen."""
        if self.is_picture:
            self.pictured.emit(str(self.target), self.look.currentData(), self.part.currentData() is not None)
        else:
            dtype = None if self.dtype.isHidden() else self.dtype.currentData()
            self.chosen.emit(str(self.target), self.part.currentData(), dtype)
        self.accept()

    def sizeHint(self) -> QSize:
        """Leave the height to what is said."""
        return QSize(self.width(), super().sizeHint().height())


def plain_region(page: TensorPage) -> str | None:
    """Return the selected region where it is one rectangle and not a condition."""
    region = page.selection.region
    if not isinstance(region, str):
        return None
    try:
        box = parse_region(region, page.slot.spec.shape)
    except RegionError:
        return None
    return None if box.is_whole(page.slot.spec.shape) else region
