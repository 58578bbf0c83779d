"""Scenes of files that change: of one cut short by another program while it was open, and of patches in place."""

from __future__ import annotations

import os
from pathlib import Path

from shooting import Shooting

from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.files.patch_dialog import PatchDialog


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


def patched(at: Shooting, files: Path) -> None:
    """Show what is said before a patch in place: of a file, of one with two names, and where it cannot be done."""
    two = files / "two-names.pt"
    two.write_bytes((files / "digits.pt").read_bytes())
    (files / "second-name.pt").hardlink_to(two)
    for path, name in ((files / "digits.pt", "patch"), (two, "patch-two-names")):
        at.open(path, "model.encoder.project.weight")
        at.apply("scale", Factor="0.25")
        asked(at, name)
    at.apply("cast", **{"To dtype": "float64"})
    asked(at, "patch-refused")


def asked(at: Shooting, name: str) -> None:
    """Take the question, and leave it."""
    at.do("patch")
    at.take(name)
    next(one for one in at.window.findChildren(PatchDialog) if one.isVisible()).reject()
    at.rest()


SCENES = {"changed": lost, "patch": patched}
