"""The pictures of resources/screenshots, which README and docs show: the demo checkpoint, in states worth showing."""

from __future__ import annotations

import shutil
from pathlib import Path

import checkpoints
from shooting import Shooting

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "resources" / "screenshots"
DEMO = ROOT / "resources" / "demo" / "digits.pt"
WEIGHT = "model.encoder.project.weight"


def take(folder: Path) -> None:
    """Take the small set; `folder` holds what is opened meanwhile."""
    demo = folder / "digits.pt"
    shutil.copy(DEMO, demo)
    settings = folder / "settings.ini"
    start = Shooting("light", settings, PICTURES)
    start.take("start-light")
    start.close()
    for theme in ("dark", "light"):
        main = Shooting(theme, settings, PICTURES)
        main.open(demo, WEIGHT)
        main.region("[16:48, 64:160]")
        main.operation("scale", Factor="0.25")
        main.take(f"main-{theme}")
        if theme == "light":
            main.do("histogram")
            main.take("histogram-light")
            main.do("heatmap")
            main.apply()
            main.show("model.head.weight")
            main.region("[2:6, 16:64]")
            main.operation("scale", Factor="2")
            main.take("tied-light")
        else:
            main.window.search.open()
            main.window.search.field.setText("wei")
            main.take("palette-dark")
            main.window.search.close_palette()
            main.show("model.decoder.weight")
            main.operation("cast", **{"To dtype": "float8_e4m3fn"})
            main.take("cast-dark")
            main.open(checkpoints.vision(folder / "vision.pt"), "state_dict.conv1.weight")
            if main.page.heatmap_pane.tiling is None:
                main.do("tiles")
            main.do("select-dead")
            main.operation("initialize", Method="kaiming_normal", Seed="11")
            main.take("tiles-dark")
        main.close()
