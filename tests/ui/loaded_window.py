"""One window under load for F17: opens files, writes two, presses Cancel at random, and closes itself.

Arguments: seed, seconds after the first paint at which it closes, two files to export, two destinations, and the files
to open. It says in a line `closing …` what was under way.
"""

from __future__ import annotations

import random
import sys

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest

from weightedit.ui import app
from weightedit.ui.documents import OpenDocument
from weightedit.ui.window import MainWindow


def main() -> int:
    """Run it."""
    seed, after, first, second, one, two, *paths = sys.argv[1:]
    chance = random.Random(int(seed))
    exports = {first: one, second: two}

    def painted(window: MainWindow) -> None:
        def added(opened: OpenDocument) -> None:
            target = exports.pop(str(opened.document.path), None)
            if target is not None:
                window.filing.write(opened, target, None, None)

        def cancel() -> None:
            active = [task for task in window.tasks.active if not task.quiet]
            if window.status.task_cancel.isVisible():
                QTest.mouseClick(window.status.task_cancel, Qt.MouseButton.LeftButton)
            elif active:
                chance.choice(active).cancel()
            presses.start(chance.randrange(50, 900))

        def close() -> None:
            names = ", ".join(sorted({task.name.split()[0] for task in window.tasks.active}))
            print(f"closing with {len(window.documents)} open, under way: {names or 'nothing'}", flush=True)
            window.close()

        window.documents.added.connect(added)
        presses = QTimer(window)
        presses.setSingleShot(True)
        presses.timeout.connect(cancel)
        presses.start(chance.randrange(50, 900))
        QTimer.singleShot(round(float(after) * 1000), close)

    begin = MainWindow._after_first_paint

    def first_paint(window: MainWindow) -> None:
        begin(window)
        painted(window)

    MainWindow._after_first_paint = first_paint  # type: ignore[method-assign]
    return app.run(paths)


if __name__ == "__main__":
    sys.exit(main())
