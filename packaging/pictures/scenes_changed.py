"""Scenes of a file that another program changed while it was open: what is said, shown and still exported."""

from __future__ import annotations

import os
from pathlib import Path

from shooting import Shooting

from weightedit.ui.files.export_dialog import ExportDialog


def lost(at: Shooting, files: Path) -> None:
    """Cut a file short while its heatmap is shown, and show what is said and still exported."""
    at.open(files / "digits.pt", "model.encoder.project.weight")
    at.apply("fill", Value="1")
    names = [name for name, info in at.window.current.document.tensors.items() if len(info.shape) == 2]
    os.truncate(files / "digits.pt", 4096)
    at.window.show_tensor(at.window.current, names[-1])
    at.window.files.watching.look()
    at.rest(lambda: bool(at.window.files.strip.notices) and at.window.workbench.page.nothing is not None)
    at.take("changed-lost-values")
    at.window.files.strip.notices[0].export_button.click()
    at.rest()
    at.take("changed-export-readable")
    dialog = at.window.findChild(ExportDialog)
    dialog.path.setText(str(files / "digits-what-is-left.pt"))
    at.rest(dialog.export.isEnabled)
    dialog.export.click()
    at.take("changed-exported")


SCENES = {"changed": lost}
