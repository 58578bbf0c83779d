"""Sizes of the groups that are in sight, added up in the background, all that a paint asks for in one task."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer

from weightedit.core.described.outline import Node, Outline
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tree.model import TreeModel


class Sizes(QObject):
    """Measures what the rows of a tree ask for.

    Parameters
    ----------
    rows
        The tree's model, which is told what came of it.
    tasks
        Where it is done.
    """

    def __init__(self, rows: TreeModel, tasks: Tasks) -> None:
        super().__init__(rows)
        self._rows, self._tasks = rows, tasks
        self._wanted: list[tuple[Outline, Node]] = []
        self._soon = QTimer(self)  # a row asks while it is painted; a task shows itself, which is not for that moment
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._measure)
        rows.sizes_wanted.connect(self._want, Qt.ConnectionType.DirectConnection)

    def _want(self, outline: Outline, node: Node) -> None:
        self._wanted.append((outline, node))
        self._soon.start()

    def _measure(self) -> None:
        wanted, self._wanted = self._wanted, []
        nodes = [node for _, node in wanted]

        def work(progress: TaskProgress) -> None:
            for outline, node in wanted:
                outline.measure(node, progress)

        def done(_: None) -> None:
            for node in nodes:
                self._rows.measured(node)

        self._tasks.start("Sizes", work, on_result=done, quiet=True)
