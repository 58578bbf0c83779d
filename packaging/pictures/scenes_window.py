"""Scenes of the window itself: start, palette, settings, help, dialogs, notices, errors, running tasks."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import torch
from PySide6.QtWidgets import QComboBox
from shooting import Shooting


def start(at: Shooting, files: Path) -> None:
    """Show the first page, without and with recent files, and one of them gone."""
    at.take("start")
    gone = files / "gone.pt"
    torch.save({"x": torch.zeros(3, 4)}, gone)
    for path in (gone, files / "kinds.pt", files / "digits.pt", files / "vision.pt"):
        at.open(path)
        at.do("close-file")
    gone.unlink()
    at.window.recents.look()
    at.take("start-recent")
    at.window.start.resize(at.window.start.size())
    at.window.search.open()
    at.take("palette-without-file")
    at.window.search.close_palette()


def palette(at: Shooting, files: Path) -> None:
    """Everything, actions, tensors, an action that is off, and nothing found."""
    at.open(files / "digits.pt", "model.encoder.project.weight")
    search = at.window.search
    for name, scope, text in (("all", "all", ""), ("weights", "all", "wei"), ("tensors", "tensors", ""),
                              ("tensors-typed", "tensors", "enc norm"), ("off", "all", "undo"),
                              ("nothing", "all", "zqxv"), ("settings", "settings", "")):  # fmt: skip
        search.open(scope)
        search.field.setText(text)
        at.take(f"palette-{name}")
        search.close_palette()


def pages(at: Shooting, files: Path) -> None:
    """Show settings, help on operations and hazards, versions, and the sheet of keys."""
    at.open(files / "digits.pt")
    for name in ("settings", "operations-help", "silently", "about"):
        at.do(name)
        at.take(name)
        area = getattr(at.window.aside.current, "area", None)
        if area is not None and area.verticalScrollBar().maximum() > 0:
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum() // (3 if "help" in name else 1))
            at.take(f"{name}-scrolled")
    at.window.aside.close()
    at.do("keys")
    at.take("keys")


def dialogs(at: Shooting, files: Path) -> None:
    """Export of a document and of a tensor, and the question before closing."""
    at.open(files / "digits.pt", "model.encoder.project.weight")
    at.region("[16:48, 64:160]")
    at.do("export")
    at.take("export")
    dialog = next(one for one in at.app.topLevelWidgets() if one.isVisible() and one is not at.window)
    kind = next(iter(dialog.findChildren(QComboBox)), None)
    if kind is not None:
        kind.setCurrentIndex((kind.currentIndex() + 1) % kind.count())
        kind.activated.emit(kind.currentIndex())
        at.take("export-other-format")
    dialog.close()
    at.do("export-tensor")
    at.take("export-tensor")
    next(one for one in at.app.topLevelWidgets() if one.isVisible() and one is not at.window).close()
    at.apply("scale", Factor="0.25")
    at.window.filing.before_closing(list(at.window.documents.all), lambda: None)
    at.take("close-one")
    next(one for one in at.app.topLevelWidgets() if one.isVisible() and one is not at.window).close()
    at.open(files / "vision.pt", "state_dict.fc.weight")
    at.apply("clamp", Minimum="-1", Maximum="1")
    at.apply("scale", Factor="2")
    at.window.close()
    at.take("close-two")


def notices(at: Shooting, files: Path) -> None:
    """Show a file that changed outside, errors, and running tasks."""
    at.open(files / "digits.pt", "model.encoder.project.weight")
    at.apply("scale", Factor="0.25")
    held = threading.Event()
    shown = [at.window.tasks.start("Measuring every tensor", lambda progress: held.wait(60), on_result=None),
             at.window.tasks.start("Exporting vision.pt", _work(held), on_result=None)]  # fmt: skip
    at.rest_for(1.2)
    at.write_now("tasks-running")
    held.set()
    at.rest(lambda: not any(task in at.window.tasks.active for task in shown))
    (files / "broken.pt").write_bytes((files / "vision.pt").read_bytes()[:5000])
    (files / "words.pt").write_text("not a checkpoint")
    at.window.open([str(files / "broken.pt"), str(files / "words.pt"), str(files / "not-there.pt")])
    at.take("errors")
    at.window.errors.clear()
    changed = torch.load(files / "digits.pt")
    changed["model"]["encoder.project.weight"] = torch.zeros(4, 4)
    other = files / "other.pt"
    torch.save(changed, other)
    os.replace(other, files / "digits.pt")  # noqa: PTH105
    at.window.files.watching.look()
    at.rest(lambda: bool(at.window.files.strip.notices))
    at.take("reload-notice")
    at.window.files.strip.notices[0].replay_button.click()
    at.take("reload-left-out")


def _work(held: threading.Event) -> object:
    def work(progress: object) -> None:
        progress.report("", 42, 100)
        held.wait(60)

    return work


SCENES = {"start": start, "palette": palette, "pages": pages, "dialogs": dialogs, "notices": notices}
