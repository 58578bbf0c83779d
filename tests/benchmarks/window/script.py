"""The window on a 6 GB checkpoint: open, filter, show 1 GB, zoom to one cell, edit a row, undo, redo, save."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

from tests.benchmarks.window.driven import CTRL, SHIFT, Driven, Step, Until

EMBEDDING = "model.embed_tokens.weight"


def idle(at: Driven) -> Iterator[Until]:
    """Do nothing for two seconds: what everything else is measured against."""
    at.step("idle")
    yield at.first(lambda: True)
    yield at.pause(2.0)


def open_file(at: Driven, path: Path) -> Iterator[Until]:
    """Open a file; its names are the first thing seen, the first tensor's picture the last."""
    at.step("open")
    at.window.open([str(path)])
    yield at.first(lambda: at.tree.rows.rowCount() > 0 and at.tree.isVisible(), at.tree.viewport())
    yield at.final(lambda: at.page is not None and at.heatmap.reduced is not None, at.heatmap_viewport())


def filter_names(at: Driven, text: str) -> Iterator[Until]:
    """Ctrl+F and a pattern, letter by letter, then Esc."""
    at.step(f"filter {text}")
    at.key(Qt.Key.Key_F, CTRL)
    field = at.window.tree.filter
    before = at.window.tree.count.text()
    yield from at.letters(text, field)
    yield at.first(lambda: at.window.tree.count.text() != before, at.tree.viewport())
    yield at.final(lambda: " of " in at.window.tree.count.text(), at.tree.viewport())
    at.step("filter cleared")
    at.key(Qt.Key.Key_Escape, on=field)
    yield at.first(lambda: " of " not in at.window.tree.count.text(), at.tree.viewport())
    yield at.final(lambda: True)


def go_to(at: Driven, typed: str, name: str, step: str) -> Iterator[Until]:
    """Ctrl+P, part of a name, Enter; then its picture."""
    at.step(f"find {name} by Ctrl+P")
    at.key(Qt.Key.Key_P, CTRL)
    yield from at.letters(typed, at.window.search.field)
    yield at.first(lambda: any(getattr(one, "key", "").startswith(f"tensor:{name}")
                               for one in at.window.search.model.lines))  # fmt: skip
    yield at.final(lambda: True)
    if not name:
        at.key(Qt.Key.Key_Escape, on=at.window.search.field)
        return
    at.step(step)
    at.key(Qt.Key.Key_Return, on=at.window.search.field)
    yield Until(lambda: at.page is not None and at.page.name == name)
    yield at.first(lambda: at.heatmap.reduced is not None, at.heatmap_viewport())
    yield at.final(lambda: True, at.heatmap_viewport())


def zoom_to_a_cell(at: Driven) -> Iterator[Until]:
    """Turn the wheel over one place until four cells are left, one notch each 30 ms."""
    at.step("zoom to one cell")
    size = at.heatmap.graphics.viewport().size()
    place = QPointF(size.width() * 0.55, size.height() * 0.5)
    yield at.first(lambda: True)
    while len(at.heatmap.visible()[0]) > 5:
        at.wheel(place, 1)
        yield at.pause(0.03)
    yield at.final(lambda: at.heatmap.reduced is not None and at.heatmap.reduced.rows == at.heatmap.visible()[0],
                   at.heatmap_viewport())  # fmt: skip
    at.step("zoom out again")
    at.key(Qt.Key.Key_0, on=at.heatmap)
    yield at.first(lambda: at.heatmap.canvas.shows_all, at.heatmap_viewport())
    yield at.final(lambda: at.heatmap.reduced.rows == at.heatmap.visible()[0], at.heatmap_viewport())


def move_about(at: Driven) -> Iterator[Until]:
    """Repaint without a change, pan, and zoom, each as fast as frames are painted; a quarter is in sight."""
    viewport = at.heatmap_viewport()
    assert viewport is not None
    at.watch(viewport)
    size = viewport.size()
    place = QPointF(size.width() * 0.5, size.height() * 0.5)

    def frames(name: str, change: Callable[[int], object], count: int = 150) -> Iterator[Until]:
        at.step(name)
        begun = time.perf_counter()
        for number in range(count):
            before = at.painted(viewport)
            change(number)
            yield Until(lambda before=before: at.painted(viewport) > before)  # type: ignore[misc]
        at.steps[-1].frames = count / (time.perf_counter() - begun)
        yield at.final(lambda: True)

    yield from frames("frames: repaint", lambda number: viewport.update())
    for _ in range(6):
        at.wheel(place, 1)
    yield at.pause(1.0)
    steps = at.drag(150)
    yield from frames("frames: pan", lambda number: next(steps))
    next(steps, None)
    yield from frames("frames: zoom", lambda number: at.wheel(place, 0.25 if number // 25 % 2 else -0.25))
    at.key(Qt.Key.Key_0, on=at.heatmap)
    yield at.final(lambda: True)


def edit_row(at: Driven) -> Iterator[Until]:
    """Pick a row, scale it, take it back, do it again."""
    document = at.window.current.document
    panel = at.window.workbench.edit_panel
    row = f"[{at.page.slot.spec.shape[0] // 2}, :]"
    at.step("pick a row")
    yield from at.region(row)
    yield at.first(lambda: at.page.selection.region == row)
    yield at.final(lambda: True)
    at.step("preview scale")
    yield from at.fill_form("scale", Factor="0.5")
    yield at.first(lambda: panel.shown is not None)
    yield at.final(lambda: panel.apply_button.isEnabled(), at.heatmap_viewport())
    for name, press, position in (("apply", lambda: at.key(Qt.Key.Key_Return, CTRL), 1),
                                  ("undo", lambda: at.key(Qt.Key.Key_Z, CTRL, at.heatmap), 0),
                                  ("redo", lambda: at.key(Qt.Key.Key_Z, CTRL | SHIFT, at.heatmap), 1)):
        at.step(name)
        press()
        yield at.first(lambda position=position: document.history.position == position)
        yield at.final(lambda: True, at.heatmap_viewport())


def show_views(at: Driven) -> Iterator[Until]:
    """The table of values, the histogram, and back."""
    at.step("values")
    at.key(Qt.Key.Key_2, CTRL)
    yield at.first(lambda: at.page.view_name == "values", at.page.values_pane.table.viewport())
    yield at.final(lambda: True)
    at.step("values, scrolled to the end")
    at.key(Qt.Key.Key_End, CTRL, at.page.values_pane.table)
    yield at.first(lambda: True, at.page.values_pane.table.viewport())
    yield at.final(lambda: True)
    at.step("histogram")
    at.key(Qt.Key.Key_3, CTRL)
    yield at.first(lambda: at.page.view_name == "histogram")
    yield at.final(lambda: True)
    at.step("heatmap again")
    at.key(Qt.Key.Key_1, CTRL)
    yield at.first(lambda: at.page.view_name == "heatmap", at.heatmap_viewport())
    yield at.final(lambda: True)


def export_to(at: Driven, out: Path) -> Iterator[Until]:
    """Ctrl+Shift+S, a path, Enter."""
    at.step("export")
    at.key(Qt.Key.Key_S, CTRL | SHIFT)
    yield Until(lambda: any(one.isVisible() and one is not at.window and one.findChildren(QPushButton)
                            for one in QApplication.topLevelWidgets()))  # fmt: skip
    field = at.control(QLineEdit, "File")
    field.selectAll()
    field.insert(str(out))
    yield Until(lambda: at.is_quiet() and at.button("Export").isEnabled())
    at.key(Qt.Key.Key_Return, on=field)
    yield at.first(lambda: bool(at.window.tasks.shown) or out.exists())
    yield at.final(lambda: "Exported" in at.window.status.message.text(), at.window.status)


def save(at: Driven) -> Iterator[Until]:
    """Ctrl+S."""
    at.step("save over")
    at.key(Qt.Key.Key_S, CTRL, at.heatmap)
    yield at.first(lambda: bool(at.window.tasks.active))
    yield at.final(lambda: not at.window.current.document.is_modified, at.window.status)


def patch(at: Driven) -> Iterator[Until]:
    """Take the edit back, so that the file and the document differ again; patch in place, as the dialog says."""
    at.step("patch in place")
    at.key(Qt.Key.Key_Z, CTRL, at.heatmap)
    yield Until(lambda: at.window.current.document.is_modified and at.is_quiet())
    at.window.actions_of["patch"].trigger()
    yield Until(lambda: at.has_button("Patch ") and at.button("Patch ").isEnabled())
    at.button("Patch ").click()
    yield at.first(lambda: bool(at.window.tasks.active))
    yield at.final(lambda: not at.window.current.document.is_modified, at.window.status)


def close(at: Driven) -> Iterator[Until]:
    """Ctrl+W till nothing is left, then the document."""
    at.step("close the document")
    document = at.window.current
    at.window.close_document(document)
    if document in at.window.documents.unsaved:
        yield Until(lambda: at.has_button("&Discard"))
        at.step("close the document")
        at.button("&Discard").click()
    yield at.first(lambda: len(at.window.documents) == 0)
    yield at.final(lambda: True)
    yield at.pause(1.5)


def select_everything(at: Driven) -> Iterator[Until]:
    """End, Ctrl+A, Home in the tree; then expand all below the first row."""
    at.step("tree: End")
    at.tree.setFocus()
    at.key(Qt.Key.Key_End, on=at.tree)
    yield at.first(lambda: True, at.tree.viewport())
    yield at.final(lambda: True)
    at.step("tree: select all")
    at.key(Qt.Key.Key_A, CTRL, at.tree)
    yield at.first(lambda: True, at.tree.viewport())
    yield at.final(lambda: True)
    at.step("tree: Home")
    at.key(Qt.Key.Key_Home, on=at.tree)
    yield at.first(lambda: True, at.tree.viewport())
    yield at.final(lambda: True)
    at.step("tree: expand everything")
    at.key(Qt.Key.Key_Asterisk, on=at.tree)
    yield at.first(lambda: True, at.tree.viewport())
    yield at.final(lambda: True)
    yield at.pause(0.5)
    at.step("tree: scroll")
    for _ in range(40):
        at.key(Qt.Key.Key_PageDown, on=at.tree)
        yield at.pause(0.03)
    yield at.final(lambda: True)
    at.step("tree: collapse everything")
    at.window.tree.collapse.click()
    yield at.first(lambda: True, at.tree.viewport())
    yield at.final(lambda: True)


def edit_many(at: Driven, pattern: str) -> Iterator[Until]:
    """The page that edits many tensors: its table of all targets, and its preview."""
    at.step(f"edit many: {pattern}")
    at.window.actions_of["edit-many"].trigger()
    yield Until(lambda: at.window.workbench.batches.page is not None)
    page = at.window.workbench.batches.page
    yield at.first(lambda: True, page)
    yield at.final(lambda: True)
    at.step(f"edit many: {pattern} typed")
    page.form.pattern.edit.setFocus()
    page.form.pattern.edit.selectAll()
    yield from at.letters(pattern, page.form.pattern.edit)
    yield at.first(lambda: True, page)
    yield at.final(lambda: True)
    at.step("edit many: form filled")
    page.form.choose("scale")
    field = page.form.fields[0].edit
    field.setFocus()
    field.selectAll()
    yield from at.letters("0.5", field)
    yield at.first(lambda: len(page.model.rows) > 1 if hasattr(page.model, "rows") else True)
    yield at.pause(4.0)
    at.step("edit many: scrolled to the end")
    at.key(Qt.Key.Key_End, CTRL, page.table)
    yield at.first(lambda: True, page.table.viewport())
    yield at.pause(1.0)
    at.step("edit many: closed")
    at.key(Qt.Key.Key_W, CTRL)
    yield at.final(lambda: True)


def many(path: Path) -> list[Step]:
    """Go through what very many names are asked for."""

    def person(at: Driven) -> Iterator[Until]:
        yield from idle(at)
        yield from open_file(at, path)
        yield from select_everything(at)
        yield from filter_names(at, "7")
        yield from filter_names(at, "*")
        yield from filter_names(at, "nothing_of_this")
        yield from go_to(at, "1234", "", "nothing")
        yield from edit_many(at, "*")
        yield from close(at)

    return Driven(person).run()


def whole(path: Path, out: Path | None, saves: bool) -> list[Step]:
    """Go through everything once in a window of this process."""

    def person(at: Driven) -> Iterator[Until]:
        yield from idle(at)
        yield from open_file(at, path)
        yield from filter_names(at, "*.mlp.*")
        yield from go_to(at, "embed", EMBEDDING, "show 1 GB")
        yield from zoom_to_a_cell(at)
        yield from move_about(at)
        yield from edit_row(at)
        yield from show_views(at)
        if out is not None:
            yield from export_to(at, out)
        if saves:
            yield from save(at)
            yield from patch(at)
        yield from close(at)

    return Driven(person).run()


def printed(steps: list[Step]) -> str:
    """Return a table of steps, and under it what the GUI thread did in each stall."""
    lines = [f"{'step':44} {'first ms':>9} {'final ms':>9} {'RssAnon MB':>11} {'stall ms':>9} {'frames/s':>9}"]
    for step in steps:
        lines.append(f"{step.name:44} {step.first * 1e3:9.0f} {step.final * 1e3:9.0f} {step.anonymous / 1e6:11.1f} "
                     f"{step.stall * 1e3:9.1f} {f'{step.frames:.0f}' if step.frames else '':>9}")  # fmt: skip
    for step in steps:
        for took, seen in step.stalls:
            lines.append(f"\n{step.name}: {took * 1e3:.0f} ms")
            lines += [f"    {one}" for one in seen]
    return "\n".join(lines)


def main() -> None:
    """Drive the window on a file and print what each step took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, help="export to this file; it is removed again")
    parser.add_argument("--save", action="store_true", help="save over the file, which should be a copy, then patch it")
    parser.add_argument("--many", action="store_true", help="what very many names are asked for instead")
    parser.add_argument("--idle", action="store_true", help="do nothing instead, for two seconds")
    parser.add_argument("--json", action="store_true", help="print the steps as JSON")
    chosen = parser.parse_args()
    if chosen.idle:
        steps = Driven(idle).run()
    else:
        steps = many(chosen.file) if chosen.many else whole(chosen.file, chosen.out, chosen.save)
    print(json.dumps([asdict(step) for step in steps]) if chosen.json else printed(steps))
    if chosen.out is not None:
        chosen.out.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
