"""What the actions on files, single tensors and recipes are seen to do."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import torch
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from tests.ui.palette_rows import Desk, row
from weightedit.core.journals import recovery
from weightedit.core.journals.recovery import KeptEdit, Unfinished
from weightedit.core.recipe import Recipe
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.files.export_tensor_dialog import ExportTensorDialog
from weightedit.ui.files.patch_dialog import PatchDialog
from weightedit.ui.paste.tensor_mime import carried_by


def ask(desk: Desk, dialog: str, answer: str) -> None:
    """Answer the system's dialog that is about to be shown."""
    desk.monkeypatch.setattr(f"weightedit.ui.{dialog}", lambda *_: answer)


def in_tree(desk: Desk, name: str) -> None:
    assert desk.window.tree.tree.select(desk.window.current, name)
    desk.window.tree.tree.setFocus()
    desk.wait()


@row("open-last")
def _open_last(desk: Desk) -> None:
    desk.window.close_document(desk.window.current)
    desk.wait()
    assert desk.window.current is None
    desk.do()
    desk.wait()
    assert desk.window.current.title == "net.pt"


@row("clear-recent")
def _clear_recent(desk: Desk) -> None:
    assert [file.name for file in desk.window.recents.files] == ["net.pt"]
    desk.do()
    assert desk.window.recents.files == ()


@row("patch")
def _patch(desk: Desk) -> None:
    before, inode = torch.load(desk.path)["head.weight"], desk.path.stat().st_ino
    desk.apply(names="head.weight")
    desk.do()
    (dialog,) = desk.window.findChildren(PatchDialog)
    desk.qtbot.waitUntil(dialog.patch.isEnabled)
    dialog.patch.click()
    desk.wait()
    assert torch.equal(torch.load(desk.path)["head.weight"], before * 2)
    assert desk.path.stat().st_ino == inode
    assert not desk.document.is_modified


@row("export-tensor")
def _export_tensor(desk: Desk) -> None:
    desk.window.show_tensor(desk.window.current, "head.weight")
    desk.wait()
    desk.do()
    (dialog,) = desk.window.findChildren(ExportTensorDialog)
    desk.qtbot.waitUntil(dialog.export.isEnabled)
    dialog.export.click()
    desk.wait()
    assert np.array_equal(np.load(desk.path.with_name("head.weight.npy")), desk.values("head.weight").numpy())


@row("replace-with-file")
def _replace_with_file(desk: Desk) -> None:
    other = desk.path.with_name("bias.npy")
    np.save(other, np.arange(8, dtype=np.float32))
    desk.window.show_tensor(desk.window.current, "enc.bias")
    desk.wait()
    ask(desk, "paste.importing.ask_tensor_file", str(other))
    desk.do()
    desk.qtbot.waitUntil(desk.work.edit_panel.apply_button.isEnabled)
    desk.wait()
    desk.work.edit_panel.apply()
    desk.wait()
    assert torch.equal(desk.values("enc.bias"), torch.arange(8.0))


@row("copy-tensor")
def _copy_tensor(desk: Desk) -> None:
    in_tree(desk, "enc.weight")
    desk.do()
    desk.wait()
    found = carried_by(QGuiApplication.clipboard().mimeData())
    assert found.name == "enc.weight"
    assert found.value == bytes(desk.document.read("enc.weight", raw=True).numpy())


@row("paste-tensor")
def _paste_tensor(desk: Desk) -> None:
    in_tree(desk, "enc.weight")
    desk.do("copy-tensor")
    desk.wait()
    in_tree(desk, "head.weight")
    desk.do()
    desk.qtbot.waitUntil(desk.work.edit_panel.apply_button.isEnabled)
    assert desk.work.edit_panel.form.request().arguments == {"source": "enc.weight"}
    assert desk.page.name == "head.weight"


@row("save-recipe")
def _save_recipe(desk: Desk) -> None:
    desk.apply("scale", "enc.bias", factor=3.0)
    ask(desk, "recipe.recipes.ask_recipe_destination", str(desk.path.with_name("fix.json")))
    desk.do()
    desk.wait()
    (edit,) = Recipe.load(desk.path.with_name("fix.json")).edits
    assert (edit.operation, edit.targets, dict(edit.arguments)) == ("scale", ("enc.bias",), {"factor": 3.0})


@row("apply-recipe")
def _apply_recipe(desk: Desk) -> None:
    before = desk.values("enc.bias")
    desk.apply("scale", "enc.bias", factor=3.0)
    desk.document.recipe.save(desk.path.with_name("fix.json"))
    desk.document.undo()
    desk.wait()
    ask(desk, "recipe.recipes.ask_recipe", str(desk.path.with_name("fix.json")))
    desk.do()
    desk.qtbot.waitUntil(lambda: desk.window.files.recipes._card is not None)
    QTest.keyClick(desk.window.files.recipes._card.apply_button, " ")
    desk.wait()
    assert torch.equal(desk.values("enc.bias"), before * 3)


@row("export-readable")
def _export_readable(desk: Desk) -> None:
    """After the notice was dismissed too."""
    files = desk.window.files
    desk.path.unlink()
    files.watching._soon.setInterval(10)
    files.watching.look()
    desk.qtbot.waitUntil(lambda: files.strip.of(desk.window.current) is not None)
    files.strip.of(desk.window.current).keep_button.click()
    assert not files.strip.notices
    desk.do()
    (dialog,) = desk.window.findChildren(ExportDialog)
    assert dialog.windowTitle() == "Export what is still readable of net.pt"
    dialog.reject()
    desk.wait()


@row("recover")
def _recover(desk: Desk) -> None:
    edit = KeptEdit("Scale × 2", "enc.bias", datetime(2026, 5, 1, 10, 0))
    left = Unfinished("key", desk.path.with_name("old.pt"), "old.pt", edit.time, edit.time, (edit,), None, 800)
    desk.monkeypatch.setattr(recovery, "unfinished", lambda: [left])
    desk.window.files.recovering.look()
    desk.wait()
    (notice,) = desk.window.files.recovering.notices
    notice.later_button.click()
    assert not desk.window.files.recovering.notices
    desk.do()
    desk.wait()
    (notice,) = desk.window.files.recovering.notices
    assert notice.recover_button.hasFocus()
