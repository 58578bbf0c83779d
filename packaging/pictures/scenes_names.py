"""A checkpoint whose file, tensors, values and metadata are called what nobody should be: all of it stands as text."""

from __future__ import annotations

from pathlib import Path

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTreeView
from shooting import Shooting

from weightedit.core.errors import CheckpointError

MARKUP = "html.<b>bold</b><img src=file:///etc/passwd>.weight"
NAMES = (MARKUP, "amp.Q&A&&more.weight", "line.new\nline\ttab.weight", "bidi.\u202etxt.exe.weight",
         "term.\x1b[31mred\x07.weight", "zero.\u200bwid\u200dth.weight", "zalgo.e" + "\u0301" * 60 + ".weight",
         "  edges  ", "long." + "abcdefghij" * 1_000_000 + ".weight", "percent.%s{}%n.weight",
         "table." + "<table><tr><td>" * 40)  # fmt: skip


def hostile(path: Path) -> Path:
    """Write it."""
    torch.manual_seed(2)
    tensors = {name: torch.randn(48, 64) for name in NAMES}
    both = torch.randn(64, 64)
    tensors["tied.<i>one</i>"], tensors["tied.Q&A\n"] = both[:40], both[20:]
    values = {"<b>note</b>": "<b>read me</b>\n\x1b[31m" + "v" * 1000, "A&B\u202e": 7}
    torch.save({**tensors, "values": values}, path)
    return path


def names(at: Shooting, files: Path) -> None:
    """Walk tree, tabs, palette, batch, history, dialogs and errors of a checkpoint with hostile names."""
    at.open(hostile(files / "A&B <b>bold<br> \u202egpj\x1b[31m.pt"), MARKUP)
    at.window.findChild(QTreeView, "tree").expandAll()
    at.take("names-markup")
    for name in NAMES[1:7]:
        at.show(name)
    at.show("tied.Q&A\n")
    at.operation("cast", **{"To dtype": "uint8"})
    at.take("names-shared-cast")
    at.show(NAMES[8])
    at.take("names-long")
    at.do("palette")
    QTest.keyClicks(at.window.search.field, "weight")
    at.take("names-palette")
    at.key(at.window.search.field, Qt.Key.Key_Escape)
    at.show(NAMES[3])
    at.apply("scale", Factor="2")
    at.show(NAMES[2])
    at.apply("scale", Factor="3")
    at.do("edit-many")
    at.take("names-batch")
    at.do("export")
    at.take("names-export")
    for dialog in at.window.findChildren(type(at.app.activeModalWidget() or at.window)):
        if dialog is not at.window:
            dialog.reject()
    at.window.show_error(CheckpointError(f"{NAMES[4]} of {NAMES[10]} is cut short. {NAMES[2]} stays as it was.",
                                         file=str(files / "a\nb")))  # fmt: skip
    at.take("names-error")


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import json; print('hello from the file')",)


def module(at: Shooting, files: Path) -> None:
    """Look at what a file names, trust it, run it, and a file that fails."""
    net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.BatchNorm1d(32))
    torch.save({"net": net, "call": _Runs(), "epoch": 3}, files / "net.pt")
    at.open(files / "net.pt")
    at.do("run-module")
    at.take("module-not-trusted")
    at.window.aside.current.run.click()
    at.rest()
    at.take("module-ran")
    at.window.aside.current.begin()
    at.take("module-trusted")
    (files / "net.pt").write_bytes((files / "net.pt").read_bytes()[:-30] + b"x" * 30)
    at.window.aside.current.run.click()
    at.rest()
    at.take("module-refused")


SCENES = {"names": names, "module": module}
