"""Writing one tensor, a region of it, or its picture to a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.core.errors import WeightEditError
from weightedit.core.words.numbers import bytes_text, shape_text
from weightedit.ui.errors.answers import writing
from weightedit.ui.files.export_sheet import Formats
from weightedit.ui.files.export_tensor_dialog import SCREEN, ExportTensorDialog
from weightedit.ui.files.file_dialogs import FOLDER
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from weightedit.core.writing.saving import Saved
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.tensor_page.page import TensorPage
    from weightedit.ui.window import MainWindow


class TensorExporting(QObject):
    """Asks, and writes as a task."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window

    def ask(self, found: OpenDocument, name: str) -> ExportTensorDialog | None:
        """Show a tensor, and ask how to export it or the region that is selected in it."""
        window = self._window
        window.show_tensor(found, name)
        page = None if window.workbench is None else window.workbench.page
        if page is None or page.document is not found.document or page.name != name:
            return None
        dialog = ExportTensorDialog(page, self._folder(found), Formats.known(), window.tasks, window)
        dialog.chosen.connect(lambda path, region, dtype: self.write(found, name, path, region, dtype))
        dialog.pictured.connect(lambda path, look, picked: self.draw(page, path, look, picked))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _folder(self, found: OpenDocument) -> Path:
        path = found.document.path
        return Path(self._window.settings.text(FOLDER) or Path.cwd()) if path is None else path.absolute().parent

    def write(self, found: OpenDocument, name: str, path: str, region: str | None, dtype: str | None) -> None:
        """Write values."""

        def work(progress: TaskProgress) -> Saved:
            return found.document.export_tensor(name, path, region, dtype=dtype, progress=progress.report,
                                                cancel=progress.cancel)  # fmt: skip

        about, window = writing(found, path), self._window

        def done(result: Saved) -> None:
            window.errors.answer(about)
            what = name if region is None else f"{name} {region}"
            window.status.say(f"Exported {what} to {result.path.name} and read it back, {bytes_text(result.nbytes)}.")

        window.tasks.start(f"Exporting {name}", work, on_result=done,
                           on_error=lambda error: window.show_error(error, f"Exporting {name}", about))  # fmt: skip

    def draw(self, page: TensorPage, path: str, look: str, picked: bool) -> None:
        """Write a picture: a pixel for each value of the slice or the picked cells, or what is on screen."""
        pane, cells = page.heatmap_pane, page.selection.cells()
        shot = pane.picture() if look == SCREEN else None
        make = None if look == SCREEN else pane.pixels()

        def work(progress: TaskProgress) -> QImage:
            if shot is not None:
                image = shot
            else:
                assert make is not None
                image = make(progress)
                if picked and cells is not None:
                    rows, columns = cells
                    image = image.copy(columns.start, rows.start, len(columns), len(rows))
            part = Path(path).with_name(f".{Path(path).name}.part")
            if not image.save(str(part), "PNG"):  # type: ignore[call-overload]
                raise WeightEditError(f"{Path(path).name} cannot be written; nothing was changed.")
            part.replace(path)
            return image

        def done(image: QImage) -> None:
            size = shape_text((image.height(), image.width()))
            self._window.status.say(f"Exported the picture of {page.name} to {Path(path).name}, {size} pixels.")

        self._window.tasks.start(f"Drawing {page.name}", work, on_result=done)
