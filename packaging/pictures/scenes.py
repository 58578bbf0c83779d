"""Every panel in every state, in scenes: each is a window with something open, of which several pictures are taken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import checkpoints
import scenes_batch
import scenes_cast
import scenes_changed
import scenes_doctor
import scenes_edit
import scenes_hazards
import scenes_live
import scenes_many
import scenes_names
import scenes_sharing
import scenes_trust
import scenes_view
import scenes_window
from shooting import SIZE, Shooting
from small_set import DEMO

Scene = Callable[[Shooting, Path], None]
SMALL = (1024, 640)
SCENES: dict[str, Scene] = {**scenes_view.SCENES, **scenes_edit.SCENES, **scenes_batch.SCENES, **scenes_cast.SCENES,
                            **scenes_sharing.SCENES, **scenes_hazards.SCENES, **scenes_live.SCENES,
                            **scenes_window.SCENES, **scenes_trust.SCENES,
                            **scenes_names.SCENES, **scenes_changed.SCENES, **scenes_many.SCENES,
                            **scenes_doctor.SCENES}
AT_SMALL_SIZE = ("batch", "casts", "hazard-cards", "live", "snapshots", "heatmap", "tiles", "forms", "pages", "start",
                 "recovery", "unexpected", "leftovers", "names", "module", "changed", "code",
                 "refusals", "many", "doctor")
"""Scenes that are taken at the smallest size of the window too."""


def take(names: Sequence[str], theme: str, holding: Path, folder: Path) -> None:
    """Take the pictures of scenes.

    Parameters
    ----------
    names
        Which scenes.
    theme
        `dark` or `light`.
    holding
        A folder for what is opened.
    folder
        Where the pictures go, as `theme/name.png` and `theme-small/name.png`.
    """
    for name in names:
        for size in (SIZE, SMALL) if name in AT_SMALL_SIZE else (SIZE,):
            files = holding / f"{theme}-{name}-{size[0]}"
            files.mkdir()
            shutil.copy(DEMO, files / "digits.pt")
            checkpoints.vision(files / "vision.pt")
            checkpoints.kinds(files / "kinds.pt")
            where = folder / (theme if size == SIZE else f"{theme}-small")
            shooting = Shooting(theme, files / "settings.ini", where, size)
            try:
                SCENES[name](shooting, files)
            finally:
                shooting.close()
