"""The pictures of resources/screenshots, which README and docs show: the demo checkpoint, in states worth showing."""

from __future__ import annotations

import shutil
from pathlib import Path

import checkpoints
import scenes_batch
import scenes_doctor
import scenes_hazards
import scenes_sharing
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
        if theme == "dark":
            _demo(main)
        main.close()
    for name, theme, take_one in (("hazards", "light", _hazards), ("batch", "light", _batch),
                                  ("storage", "dark", _storage), ("tiles", "dark", _tiles)):  # fmt: skip
        one = Shooting(theme, settings, PICTURES)
        take_one(one, folder)
        one.take(f"{name}-{theme}")
        one.close()
    doctor = Shooting("dark", settings, PICTURES)
    _doctor(doctor, folder)
    doctor.close()


def _doctor(at: Shooting, folder: Path) -> None:
    """Show the first failure of a sliced weight with what mends it, and the load report of renamed tensors."""
    code, path = scenes_doctor.made(folder)
    at.open(path)
    document = at.window.current.document
    document.apply("scale", "layers.0.mlp.up_proj.weight", factor=0.5)
    document.apply("slice", "layers.3.mlp.down_proj.weight", region="[:, 0:680]")
    scenes_doctor.run(at, f"{code}:AtlasModel", "tokens: int64[1,16]")
    at.take("doctor-dark")
    document.go_to(0)
    document.apply("rename", "re:layers.(.*)", to="module.blocks.\\1")
    document.apply("transpose", "module.blocks.1.mlp.up_proj.weight", accept="all")
    scenes_doctor.run(at, f"{code}:AtlasModel", "tokens: int64[1,16]")
    at.window.aside.current.show_part("load")
    at.rest()
    at.take("load-report-dark")


def _demo(at: Shooting) -> None:
    """Take the palette, and the loss of a cast."""
    at.window.search.open()
    at.window.search.field.setText("wei")
    at.take("palette-dark")
    at.window.search.close_palette()
    at.show("model.decoder.weight")
    at.operation("cast", **{"To dtype": "float8_e4m3fn"})
    at.take("cast-dark")


def _hazards(at: Shooting, folder: Path) -> None:
    """Show a cast with what it costs and what would avoid it."""
    at.open(scenes_hazards.stack(folder / "stack.pt"), "model.layers.4.mlp.down_proj.weight")
    at.operation("cast", **{"To dtype": "float16"})


def _batch(at: Shooting, folder: Path) -> None:
    """Show an edit of many tensors before it is applied."""
    at.open(scenes_batch.layers(folder / "atlas-7b-sft.pt"))
    at.window.tree.filter.setText("*.mlp.*")
    at.rest()
    at.do("edit-many")
    scenes_batch.fill(at, "*.mlp.*", "clamp", "-0.1", "0.1").table.setFocus()


def _storage(at: Shooting, folder: Path) -> None:
    """Show a storage that four slots share, and which of its cells an edit reaches."""
    at.open(scenes_sharing.attention(folder / "attention.pt"), f"{scenes_sharing.ATTENTION}.q_proj.weight")
    at.region("[20:60, 32:64]")
    at.operation("scale", Factor="0.5")


def _tiles(at: Shooting, folder: Path) -> None:
    """Show the kernels of a convolution, and fresh values for the dead ones alone."""
    at.open(checkpoints.vision(folder / "vision.pt"), "state_dict.conv1.weight")
    if at.page.heatmap_pane.tiling is None:
        at.do("tiles")
    at.do("select-dead")
    at.operation("initialize", Method="kaiming_normal", Seed="11")
