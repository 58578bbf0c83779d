"""A program that ends with data of its own on the clipboard ends in peace, and the text stays."""

from __future__ import annotations

import os
import subprocess
import sys

ENDS = """
import atexit
from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QApplication
app = QApplication([])
atexit.register(lambda: print(app.clipboard().mimeData().formats(), app.clipboard().text()))
from weightedit.ui.paste.clipboard import put
for text in ("first", "second"):
    mime = QMimeData()
    mime.setText(text)
    mime.setData("application/x-weightedit-tensor", b"{}")
    put(mime)
print(app.clipboard().mimeData().formats())
"""


def test_the_process_survives_its_end():
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()
    assert "application/x-weightedit-tensor" in before
    assert after.endswith(" second")
    assert "x-weightedit" not in after
