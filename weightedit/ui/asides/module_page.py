"""Running one trusted file as a module: what it names, the press that trusts its content, and what it became."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.numbers import count_text, shape_text
from weightedit.core.words.visible import visible
from weightedit.doctor.trusted_file.runnable import WARNING, Compared, Runnable, RunnableModule, looked_at, run_module
from weightedit.doctor.trusted_file.trusted import Trusted
from weightedit.ui.asides.aside import AsidePage
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.tasks import TaskProgress
from weightedit.ui.widgets.pieces import icon_button, label
from weightedit.ui.widgets.plain import BREAK, breaking

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

FEW = 60
"""Names, modules and tensors that are listed."""
LASTS = ("Trusting lasts until it is forgotten, here or by weightedit module --revoke; content that differs in a byte "
         "is asked about anew.")  # fmt: skip
TRUST, RUN = "Trust this file and run it", "Run it as a module"


class ModulePage(AsidePage):
    """What the file of the current document is as a module; nothing of it runs before the button is pressed."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("Run as a module", "Load a trusted file in a process of its own and see what it becomes.")
        self._window = window
        self.opened: OpenDocument | None = None
        self.found: Runnable | None = None
        self.ran: RunnableModule | None = None
        self.is_trusted = False
        self._body = QWidget()
        self._column = QVBoxLayout(self._body)
        self._column.setContentsMargins(0, 12, 0, 12)
        self._column.setSpacing(10)
        self.run = QPushButton(TRUST)
        self.run.setProperty("kind", "warning")
        self.run.clicked.connect(self._run)
        self.forget = QPushButton("Forget this trust")
        self.forget.clicked.connect(self._forget)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.run)
        row.addWidget(self.forget)
        row.addStretch(1)
        self._buttons = QWidget()
        self._buttons.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        self.add(self._body)
        self.add(self._buttons)
        window.documents.removed.connect(self._removed)

    def begin(self) -> None:
        """Look at the current document, with the focus away from what would run it."""
        super().begin()
        self.opened, self.found, self.ran = self._window.current, None, None
        self.is_trusted = False
        self._clear("Hashing the file…")
        opened = self.opened
        if opened is None:
            return

        def work(progress: TaskProgress) -> tuple[Runnable, bool]:
            found = looked_at(opened.document, progress)
            return found, Trusted().is_trusted(found.sha256)

        self._window.tasks.start(f"Hashing {opened.title}", work, on_result=self._ask, on_error=self._fail,
                                 on_cancelled=lambda: self._clear("It was stopped."), group="module")  # fmt: skip

    def _removed(self, opened: OpenDocument) -> None:
        if opened is self.opened:
            self.opened = self.found = self.ran = None
            if self._window.aside.is_open("module"):
                self.left.emit()

    # ---- what is asked

    def _ask(self, result: tuple[Runnable, bool]) -> None:
        self.found, self.is_trusted = found, _ = result
        self._clear()
        grid = self._grid()
        self._row(grid, "File", visible(str(found.path)), copy=str(found.path))
        self._row(grid, "SHA-256", breaking(found.sha256, _in_groups), copy=found.sha256)
        self._row(grid, "Would be imported and may run", _lines(found.named) or "no class or function")
        self._row(grid, "Only make tensors and containers", _lines(found.known) or "none")
        if found.is_script:
            self._row(grid, "Program", "a TorchScript archive: torch would run the program in it")
        says = "Its content is trusted" if self.is_trusted else "Its content is not trusted; nothing of it was run"
        self._column.addWidget(Notice("notice" if self.is_trusted else "warning", says, f"{WARNING} {LASTS}"))
        self._show_buttons(RUN if self.is_trusted else TRUST)

    def _run(self) -> None:
        """Trust the content that was hashed, and run it."""
        opened, found = self.opened, self.found
        if opened is None or found is None:
            return

        taken: list[bool] = []

        def work(progress: TaskProgress) -> RunnableModule:
            if not Trusted().is_trusted(found.sha256):
                Trusted().trust(found.sha256, found.path.absolute())
            taken.append(True)
            return run_module(opened.document, found.sha256, progress=progress)

        def failed(error: Exception) -> None:
            self.is_trusted = bool(taken)
            self._fail(error)

        def stopped() -> None:
            self.is_trusted = bool(taken)
            self._clear("It was stopped.")
            self._show_buttons("")

        self._clear("Running in a process of its own…")
        self._window.tasks.start(f"Running {opened.title} as a module", work, on_result=self._show,
                                 on_error=failed, on_cancelled=stopped, group="module")  # fmt: skip

    def _forget(self) -> None:
        found = self.found
        if found is not None:
            self._window.tasks.start("Forgetting a trust", lambda _: Trusted().revoke(found.sha256),
                                     on_result=lambda _: self.begin(), on_error=self._fail, group="module")  # fmt: skip

    # ---- what came of it

    def _show(self, ran: RunnableModule) -> None:
        self.ran, self.is_trusted, report = ran, True, ran.report
        self._clear()
        grid = self._grid()
        for one in report.modules:
            self._row(grid, f"Class of {visible(one.prefix, 120)}" if one.prefix else "Class", one.class_name)
            self._row(grid, "Called as", one.forward or "–")
            self._row(grid, "Modules in it", _lines(tuple(f"{visible(name)}: {visible(kind)}"
                                                          for name, kind in one.modules[1:])) or "none")  # fmt: skip
        if not report.modules:
            self._row(grid, "Class", f"no module: a {visible(report.type_name)}")
        verdicts = Counter(one.verdict for one in ran.compared)
        said = ", ".join(f"{count_text(count)} {verdict}" for verdict, count in verdicts.most_common()) or "no tensors"
        self._row(grid, "Tensors beside the file", said)
        others = tuple(_beside(one) for one in ran.compared if one.verdict != "same")
        if others:
            self._row(grid, "Which differ", _lines(others))
        imported = tuple(name for name in report.imported if name.partition(".")[0] != "torch")
        self._row(grid, "It imported beside torch", _lines(imported) or "nothing")
        if report.output.strip():
            self._row(grid, "It printed", f"{count_text(report.output_nbytes)} bytes\n{report.output.strip()[:2000]}")
        self._show_buttons("Run it again")

    def _fail(self, error: Exception) -> None:
        """Say in the page what is wrong; a file that changed is looked at anew by opening it again."""
        self._clear()
        self._column.addWidget(Notice("refusal", str(error)))
        self._show_buttons("")

    # ---- pieces

    def _clear(self, says: str = "") -> None:
        while (item := self._column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons.hide()
        if says:
            self._column.addWidget(label(says, "secondary"))

    def _grid(self) -> QGridLayout:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        self._column.addWidget(box)
        return grid

    def _row(self, grid: QGridLayout, name: str, text: str, copy: str = "") -> QLabel:
        row, said = grid.rowCount(), wrapping(text)
        title = label(name, "secondary")
        title.setWordWrap(True)
        title.setFixedWidth(190)
        grid.addWidget(title, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(said, row, 1, Qt.AlignmentFlag.AlignTop)
        if copy:  # the first lines at the height of the button's middle
            for one in (title, said):
                one.setContentsMargins(0, 3, 0, 0)
            button = icon_button("copy", f"Copy {name}", 22, 14)
            button.clicked.connect(lambda: QGuiApplication.clipboard().setText(copy))
            grid.addWidget(button, row, 2, Qt.AlignmentFlag.AlignTop)
        return said

    def _show_buttons(self, run: str) -> None:
        self.run.setText(run)
        self.run.setVisible(bool(run))
        self.forget.setVisible(self.is_trusted)
        self._buttons.show()


def _in_groups(digits: str) -> str:
    """Let a hash go on in the next line where the column is narrower."""
    return re.sub(".{16}", f"\\g<0>{BREAK}", digits)


def _beside(one: Compared) -> str:
    return f"{visible(one.name)}: {one.verdict}" + ("" if one.run is None else f", {shape_text(one.run.shape)}")


def _lines(names: tuple[str, ...]) -> str:
    rest = len(names) - FEW
    return "\n".join([*names[:FEW], *([f"and {count_text(rest)} more"] if rest > 0 else [])])
