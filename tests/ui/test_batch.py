"""Edits of many tensors by mouse and keyboard, on files, against torch."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QPushButton, QWidget

from weightedit.assembly import open_document
from weightedit.core.batches.batch import BatchRow
from weightedit.resources import resource
from weightedit.ui.actions import ACTIONS
from weightedit.ui.batch.model import BatchModel, Column
from weightedit.ui.batch.nothing import NothingYet

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
INDEX = "layers.2.mlp.index"


def state_dict():
    torch.manual_seed(9)
    found = {}
    for layer in range(4):
        found[f"layers.{layer}.mlp.up.weight"] = torch.randn(12, 10)
        found[f"layers.{layer}.mlp.down.weight"] = torch.randn(10, 12)
        found[f"layers.{layer}.attn.weight"] = torch.randn(6, 6)
    found[INDEX] = torch.arange(1, 8)
    return found


class Many:
    """A window on a checkpoint, and the edit of many that is open in it."""

    def __init__(self, qtbot, window):
        self.qtbot, self.window = qtbot, window
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)

    @property
    def page(self):
        return self.window.workbench.batches.page

    @property
    def document(self):
        return self.window.current.document

    def wait(self):
        """Wait until every row is known."""
        QTest.qWait(1)
        self.qtbot.waitUntil(lambda: not self.window.tasks.active and (self.page is None or not (
            self.page.is_waiting or self.page.run.is_running)), timeout=20_000)  # fmt: skip
        QApplication.processEvents()

    def start(self, pattern="", operation="", **fields):
        """Open it by its keys, and fill the form by typing."""
        QTest.keyClick(self.window, Qt.Key.Key_B, CTRL | SHIFT)
        form = self.page.form
        if operation:
            QTest.keyClicks(form.operations, operation)
            assert form.operation.name == operation
        if pattern:
            self.type(form.pattern.edit, pattern)
        for made in form.fields:
            if made.declared.name in fields:
                if isinstance(made.focusProxy(), QComboBox):
                    QTest.keyClicks(made.focusProxy(), fields[made.declared.name])
                else:
                    self.type(made.edit, fields[made.declared.name])
        self.wait()
        return self.page

    def type(self, field, text):
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, text)

    def press(self, button):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.wait()

    def tick(self, name):
        """Press the box of a row."""
        table = self.page.table
        index = table.model().index(self.page.model.place_of(name), Column.TICK)
        table.scrollTo(index)
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
                         table.visualRect(index).center())  # fmt: skip
        self.wait()

    def key(self, widget, key, modifiers=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(widget, key, modifiers)
        self.wait()

    def row(self, name) -> BatchRow:
        return next(row for row in self.page.model.rows if row.name == name)

    def link(self, text):
        return next(link for link in self.page.cards.findChildren(QPushButton) if link.text() == text)

    def segment(self, name):
        self.press(self.page.segments.buttons[name])
        model = self.page.model
        return [model.row(at).name for at in range(model.rowCount())]


@pytest.fixture
def many(qtbot, open_window, tmp_path):
    torch.save(state_dict(), tmp_path / "net.pt")
    made = Many(qtbot, open_window(tmp_path / "net.pt", real=True))
    made.wait()
    return made


def test_very_many_rows_are_worked_out_once_a_person_wants_them(many, monkeypatch):
    """A million rows took 3.4 GB before anything was said."""
    monkeypatch.setattr("weightedit.ui.batch.run.MANY", 5)
    page = many.start("*.mlp.*", "clamp", min="-0.5", max="0.5")
    assert not page.model.rows
    assert page.form.pattern.note.text() == "9 tensors"
    assert page.nothing.title.text() == "9 tensors are meant"
    assert not page.footer.apply_button.isEnabled()
    many.press(page.nothing.go_on)
    assert len(page.model.rows) == 9
    many.tick("layers.0.mlp.up.weight")  # of the same tensors it is not asked again
    assert page.footer.apply_button.text() == "Apply to 7 tensors"
    many.type(page.form.pattern.edit, "*.up.*")
    many.wait()
    assert len(page.model.rows) == 4
    many.type(page.form.pattern.edit, "*")
    many.wait()
    assert page.nothing.go_on.isVisible()


def test_the_whole_job(many):
    """Clamp on a glob; one row is unticked, the integer one taken in; one step, one Ctrl+Z."""
    before = state_dict()
    page = many.start("*.mlp.*", "clamp", min="-0.5", max="0.5")
    names = [name for name in before if ".mlp." in name]
    assert [row.name for row in page.model.rows] == names
    assert page.form.pattern.note.text() == "9 tensors"
    assert many.row(INDEX).state == "left"
    assert "is left out: it is int64" in page.cards.cards[0].title.text()
    assert page.footer.apply_button.text() == "Apply to 8 tensors"
    many.tick("layers.0.mlp.up.weight")
    assert page.footer.apply_button.text() == "Apply to 7 tensors"
    page.table.clearSelection()
    many.press(many.link("Include it"))
    assert many.row(INDEX).state == "in"
    assert page.footer.apply_button.text().startswith("Apply to 8 tensors")
    many.key(many.window, Qt.Key.Key_Return, CTRL)
    for name, tensor in before.items():
        changed = ".mlp." in name and name != "layers.0.mlp.up.weight"
        wanted = tensor.clamp(-0.5, 0.5).to(tensor.dtype) if changed else tensor
        assert torch.equal(many.document.read(name), wanted), name
    assert len(many.document.history) == 1
    assert page.footer.undo_button.isVisible()
    assert not page.footer.apply_button.isEnabled()
    many.key(many.window, Qt.Key.Key_Z, CTRL)
    assert all(torch.equal(many.document.read(name), tensor) for name, tensor in before.items())
    assert page.footer.apply_button.isEnabled()


def test_what_the_table_says_is_what_torch_says(many):
    page = many.start("*.up.*", "scale", factor="3")
    before = state_dict()
    for at in range(page.model.rowCount()):
        texts = [page.model.data(page.model.index(at, column)) for column in Column]
        tensor = before[texts[Column.TENSOR]]
        assert texts[Column.SHAPE] == "12 × 10"
        assert texts[Column.BEFORE] == f"±{tensor.abs().max().item():.4g}"
        assert texts[Column.AFTER] == f"±{(tensor * 3).abs().max().item():.4g}"
        assert texts[Column.CHANGES] == "120"
        assert texts[Column.HAZARDS] == "none"
    assert page.footer.tensors.text() == "4 tensors"
    assert page.footer.rest.text() == "480 values  ·  480 change"


def test_rows_by_keyboard(many):
    """Space ticks what is selected, Enter opens the tensor, Ctrl+C copies rows, Tab gets to all of it."""
    page = many.start("*.up.*", "scale", factor="3")
    page.table.setFocus()
    many.key(page.table, Qt.Key.Key_Home, CTRL)
    many.key(page.table, Qt.Key.Key_Down, SHIFT)
    many.key(page.table, Qt.Key.Key_Space)
    states = [row.state for row in page.model.rows]
    assert sorted(states) == ["in", "in", "left", "left"]
    many.key(page.table, Qt.Key.Key_C, CTRL)
    assert QApplication.clipboard().text().count("\n") == 2
    many.key(page.table, Qt.Key.Key_Space)
    assert [row.state for row in page.model.rows] == ["in"] * 4
    name = page.table.current.name
    many.key(page.table, Qt.Key.Key_Return)
    assert many.window.workbench.page.name == name
    many.key(many.window, Qt.Key.Key_Tab, CTRL)
    assert many.page is page


def test_segments_and_orders(many):
    page = many.start("*", "scale", factor="1e39")
    assert page.segments.buttons["All"].text() == "All 13"
    assert many.segment("Left out") == [INDEX]
    assert len(many.segment("Hazards")) == 13  # the integers among them, were they not left
    assert len(many.segment("Changed")) == 12
    many.segment("All")
    page.sorts.setCurrentText("Size")
    first = page.model.row(0)
    assert first.before.nbytes == max(row.before.nbytes for row in page.model.rows)
    page.sorts.setCurrentText("Name")
    assert page.model.row(0).name == "layers.0.attn.weight"


def test_a_warning_is_named_by_the_button_and_answered_by_pressing_it(many):
    page = many.start("*.weight", "scale", factor="1e39")
    button = page.footer.apply_button
    count = sum(int(((tensor * 1e39).isinf()).sum()) for name, tensor in state_dict().items() if "weight" in name)
    assert button.text() == f"Apply to 12 tensors with {count:,} Inf"
    assert button.property("kind") == "warning"
    many.press(button)
    assert torch.equal(many.document.read("layers.0.attn.weight"), state_dict()["layers.0.attn.weight"] * 1e39)
    assert many.document.history.steps[0].edit.accepted == ("overflow",)


def test_one_that_is_refused_keeps_apply_off_until_it_is_unticked(many):
    page = many.start("layers.2.*", "transpose")
    assert many.row(INDEX).state == "refused"
    assert many.row("layers.2.attn.weight").measured is not None
    assert not page.footer.apply_button.isEnabled()
    assert "1 row refused" in page.footer.apply_button.toolTip()
    many.tick(INDEX)
    assert page.footer.apply_button.text() == "Apply to 3 tensors"
    many.press(page.footer.apply_button)
    assert torch.equal(many.document.read("layers.2.mlp.up.weight"), state_dict()["layers.2.mlp.up.weight"].T)


def test_a_pattern_that_means_nothing_offers_what_was_meant(many):
    page = many.start("*.mpl.*", "scale", factor="2")
    assert page.form.pattern.note.text() == "Nothing matches *.mpl.*"
    assert page.stack.currentWidget() is page.nothing
    assert page.form.pattern.meant.text() == "Did you mean *.mlp.*?"
    many.press(page.form.pattern.meant)
    assert len(page.model.rows) == 9


def test_what_is_missing_is_said_and_nothing_is_worked_out(many):
    page = many.start("*.mlp.*", "scale")
    assert page.nothing.title.text() == "Factor is missing"
    assert not page.footer.apply_button.isEnabled()
    many.type(page.form.fields[0].edit, "half")
    assert not page.footer.apply_button.isEnabled()
    many.type(page.form.fields[0].edit, "0.5")
    many.wait()
    assert page.footer.apply_button.isEnabled()


def test_a_later_change_makes_earlier_rows_stale(many):
    """Rows of the first factor never stand under the second, however fast one types."""
    page = many.start("*.up.*", "scale", factor="3")
    field = page.form.fields[0].edit
    many.type(field, "5")
    page.start()
    many.type(field, "7")
    assert not page.footer.apply_button.isEnabled()
    many.wait()
    tensor = state_dict()["layers.0.mlp.up.weight"] * 7
    assert many.row("layers.0.mlp.up.weight").measured.after.maximum == pytest.approx(tensor.max().item())


def test_names_of_many_by_groups(many):
    page = many.start(r"re:layers\.(\d)\.mlp\.(up|down)\.weight", "rename", to=r"blocks.\1.\2")
    assert not page.table.isColumnHidden(Column.AFTER)
    assert page.table.isColumnHidden(Column.BEFORE)
    assert page.model.data(page.model.index(0, Column.AFTER)) == "blocks.0.up"
    many.press(page.footer.apply_button)
    assert "blocks.3.down" in many.document.tensors
    assert len(many.document.history) == 1


def test_saved_as_a_recipe_it_replays_elsewhere(many, tmp_path, monkeypatch):
    page = many.start("*.mlp.*", "clamp", min="-0.5", max="0.5")
    monkeypatch.setattr("weightedit.ui.recipe.recipes.ask_recipe_destination", lambda *_: str(tmp_path / "fix.json"))
    many.press(page.footer.save_button)
    other = {"x.mlp.w": torch.full((3,), 2.0), "x.mlp.count": torch.tensor(4)}
    torch.save(other, tmp_path / "other.pt")
    from weightedit.core.recipe import Recipe

    with open_document(tmp_path / "other.pt") as document:
        Recipe.load(tmp_path / "fix.json").apply(document)
        assert document.read("x.mlp.w").tolist() == [0.5, 0.5, 0.5]
        assert document.read("x.mlp.count").item() == 4


def test_from_the_tree_and_from_the_edit_panel(many):
    """A group of the tree fills the pattern in; the edit panel offers the group, and all tensors like the shown one."""
    tree = many.window.tree.tree
    assert tree.select_group(many.window.current, "layers.1")
    many.wait()
    many.window.show_tensor(many.window.current, "layers.1.attn.weight")
    many.wait()
    assert tree.select_group(many.window.current, "layers.1")
    many.wait()
    form = many.window.workbench.edit_panel.form
    texts = [form.target.itemText(at) for at in range(form.target.count())]
    assert texts[-2:] == ["layers.1.* (3)", "Pattern… (4 like this)"]
    many.window.workbench.choose_operation("scale")
    many.type(form.fields[0].edit, "2")
    QTest.keyClicks(form.target, "Pattern")
    form.target.activated.emit(form.target.currentIndex())
    many.wait()
    assert many.page.form.pattern.targets == ("layers.*.attn.weight",)
    assert many.page.footer.apply_button.text() == "Apply to 4 tensors"
    many.press(many.page.footer.cancel_button)
    assert many.page is None
    assert tree.select_group(many.window.current, "layers.1")
    page = many.start()
    assert page.form.pattern.targets == ("layers.1.*",)


def test_the_edit_panel_edits_a_group(many):
    many.window.show_tensor(many.window.current, "layers.0.attn.weight")
    tree = many.window.tree.tree
    tree.select_group(many.window.current, "layers.1")
    many.wait()
    panel = many.window.workbench.edit_panel
    many.window.workbench.choose_operation("scale")
    many.type(panel.form.fields[0].edit, "2")
    place = next(at for at in range(panel.form.target.count()) if "layers.1.*" in panel.form.target.itemText(at))
    panel.form.target.setCurrentIndex(place)
    panel.form.target.activated.emit(place)
    many.qtbot.waitUntil(lambda: panel.apply_button.isEnabled())
    many.key(many.window, Qt.Key.Key_Return, CTRL)
    before = state_dict()
    for name, tensor in before.items():
        factor = 2 if name.startswith("layers.1.") else 1
        assert torch.equal(many.document.read(name), tensor * factor)


def test_tabs_hold_both_kinds(many, tmp_path):
    """Ctrl+Tab goes through them, Ctrl+W closes either, and closing the document closes all."""
    page = many.start("*.mlp.*", "scale", factor="2")
    tabs = many.window.workbench.tabs
    assert [type(one).__name__ for one in tabs.every] == ["TensorPage", "BatchPage"]
    assert tabs.strip.tabText(1) == "Batch: scale on *.mlp.*"
    assert not many.window.workbench.edit_panel.isVisible()
    many.key(many.window, Qt.Key.Key_Tab, CTRL)
    assert many.window.workbench.edit_panel.isVisible()
    many.key(many.window, Qt.Key.Key_Tab, CTRL)
    assert many.page is page
    many.key(many.window, Qt.Key.Key_W, CTRL)
    assert len(tabs) == 1
    many.start("*", "flip")
    many.window.close_document(many.window.current)
    many.wait()
    assert len(tabs) == 0


def test_an_edit_elsewhere_is_followed(many):
    page = many.start("*.up.*", "clamp", min="-0.5", max="0.5")
    with many.qtbot.waitSignal(many.window.documents.changed):
        many.document.apply("fill", "layers.0.mlp.up.weight", value=0.25)
    many.wait()
    assert many.row("layers.0.mlp.up.weight").changed == 0
    assert many.row("layers.1.mlp.up.weight").changed > 0
    assert page.footer.apply_button.isEnabled()


def test_stopping_the_preview_keeps_apply_off(many, monkeypatch):
    """Cancelled from the status bar, it can be gone on with; until then nothing can be applied."""
    from weightedit.ui.batch import run

    page = many.start("*.up.*", "scale", factor="3")
    real = run.batch_of

    def endless(document, declared, edit, progress, known):
        while True:
            progress.advance(0)

    monkeypatch.setattr(run, "batch_of", endless)
    many.type(page.form.fields[0].edit, "4")
    page.start()
    many.window.tasks.active[0].cancel()
    many.qtbot.waitUntil(page.footer.again_button.isVisible)
    assert not page.footer.apply_button.isEnabled()
    monkeypatch.setattr(run, "batch_of", real)
    many.press(page.footer.again_button)
    assert page.footer.apply_button.text() == "Apply to 4 tensors"


def test_a_tie_that_would_be_parted_is_left_by_a_link(qtbot, open_window, tmp_path):
    """Where one of two names of a tensor is unticked both are; where a pattern names one, the way out is a link."""
    tensor = torch.randn(4, 4)
    torch.save({"a.w": tensor, "b.w": torch.randn(4, 4), "head": tensor}, tmp_path / "tied.pt")
    many = Many(qtbot, open_window(tmp_path / "tied.pt", real=True))
    page = many.start("*", "scale", factor="2")
    assert many.row("head").state == "tied"
    many.tick("head")
    assert [row.state for row in page.model.rows] == ["left", "in", "left"]
    many.press(page.footer.apply_button)
    assert torch.equal(many.document.read("a.w"), tensor)
    assert not torch.equal(many.document.read("b.w"), torch.load(tmp_path / "tied.pt")["b.w"])


def test_a_low_page_keeps_its_rows(many):
    page = many.start("*.mlp.*", "clamp", min="-0.5", max="0.5")
    assert not page.cards.cards[0].body.isHidden()
    many.window.resize(1024, 640)
    many.qtbot.waitUntil(lambda: page.height() < 620)
    QApplication.processEvents()
    assert page.cards.cards[0].body.isHidden()
    assert page.cards.cards[0].toolTip()
    assert page.table.viewport().height() > 4 * 30
    button = page.footer.apply_button
    assert button.width() >= button.sizeHint().width()


def test_everything_has_a_name_for_screen_readers(many):
    page = many.start("*.mlp.*", "clamp", min="-0.5")
    form = page.form
    controls = (page.table, form.operations, form.pattern.edit, form.region, page.sorts)
    names = {control.accessibleName() for control in controls}
    assert names == {"Tensors of the edit", "Operation", "Tensors", "Region", "Sort"}
    index = page.model.index(0, Column.TICK)
    assert page.model.data(index, Qt.ItemDataRole.AccessibleTextRole) == "layers.0.mlp.up.weight, in"


def assert_same(found, wanted):
    """Compare to the bit; the demo has NaN."""
    torch.testing.assert_close(found, wanted, rtol=0, atol=0, equal_nan=True)


def test_on_a_real_checkpoint(qtbot, open_window, tmp_path, real_checkpoint):
    """On LSTM weights that are views of one flat storage: each view is a row, and what it changes besides is said."""
    import shutil

    shutil.copy(real_checkpoint("resemblyzer/pretrained.pt"), tmp_path / "real.pt")
    many = Many(qtbot, open_window(tmp_path / "real.pt", real=True))
    before = torch.load(tmp_path / "real.pt", weights_only=False, map_location="cpu")["model_state"]
    page = many.start("model_state.lstm.weight*", "scale", factor="0.5")
    assert len(page.model.rows) == 6
    assert page.model.tally.total.changed == sum(
        int((tensor * 0.5 != tensor).sum()) for name, tensor in before.items() if name.startswith("lstm.weight"))
    many.press(page.footer.apply_button)
    for name, tensor in before.items():
        assert torch.equal(many.document.read(f"model_state.{name}"),
                           tensor * 0.5 if name.startswith("lstm.weight") else tensor)


def test_the_demo_and_its_undo(qtbot, open_window, tmp_path):
    """On the demo checkpoint: prune every weight, compared with torch by values, and taken back to the byte."""
    import shutil

    shutil.copy(resource("demo", "digits.pt"), tmp_path / "digits.pt")
    before = {}
    with open_document(tmp_path / "digits.pt") as document:
        before = {name: document.read(name) for name in document.tensors}
    many = Many(qtbot, open_window(tmp_path / "digits.pt", real=True))
    page = many.start("*.weight", "zero_small", threshold="0.05")
    many.press(page.footer.apply_button)
    for name, tensor in before.items():
        if name.endswith(".weight") and tensor.is_floating_point():
            assert_same(many.document.read(name), torch.where(tensor.abs() < 0.05, 0.0, tensor))
    many.press(page.footer.undo_button)
    for name, tensor in before.items():
        assert_same(many.document.read(name), tensor)


def test_model(qtmodeltester, qtbot):
    """Rows come, are filtered, sorted and replaced while the model tester looks."""
    model = BatchModel()
    qtmodeltester.check(model)
    rows = [BatchRow(f"t{number}", "left" if number % 3 else "in", "x", names=(f"t{number}",)) for number in range(50)]
    model.set_rows(rows, True)
    model.show_segment("Left out")
    assert model.rowCount() == 33
    model.sort_by("Name")
    model.update(rows[:7])
    model.settle()
    model.show_segment("All")
    model.set_rows(rows[:5], False)
    assert model.rowCount() == 5
    with qtbot.waitSignal(model.ticked):
        model.setData(model.index(0, Column.TICK), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    model.set_rows([], True)


def test_the_action_is_off_without_a_file(open_window):
    window = open_window()
    assert next(action for action in ACTIONS if action.id == "edit-many").keys == ("Ctrl+Shift+B",)
    assert not window.actions_of["edit-many"].isEnabled()


def test_a_cast_keeps_its_page_where_it_is_undone(many):
    """A rebind makes the tree's rows anew; the row selected in it is nobody's new choice."""
    assert many.window.tree.tree.selected_tensors(), "the tensor that was shown first"
    page = many.start("*.mlp.up.weight", "cast", dtype="bfloat16")
    many.key(QApplication.focusWidget(), Qt.Key.Key_Return, CTRL)
    assert many.page is page
    assert page.footer.tensors.text().startswith("Applied cast")
    assert page.footer.save_button.isVisible()
    names = [row.name for row in page.model.rows]
    assert {many.document.find(name).spec.dtype for name in names} == {"bfloat16"}
    many.press(page.footer.undo_button)
    assert many.page is page
    assert {many.document.find(name).spec.dtype for name in names} == {"float32"}
    assert page.table.hasFocus(), "the keys stay on the page, and not on the window's Undo"


def test_what_is_refused_is_left_out_by_its_card(many):
    """Apply is off until then, and the way on is not in a tooltip alone."""
    page = many.start("*", "transpose")
    assert many.row(INDEX).state == "refused"
    assert page.footer.apply_button.text() == "Apply to 13 tensors"
    assert not page.footer.apply_button.isEnabled()
    many.press(many.link("Leave it out"))
    assert page.footer.apply_button.text().startswith("Apply to 12 tensors")
    many.key(many.window, Qt.Key.Key_Return, CTRL)
    before = state_dict()
    for name, tensor in before.items():
        assert torch.equal(many.document.read(name), tensor.T if tensor.dim() == 2 else tensor), name


def test_a_card_leads_to_its_cells(many):
    """The values that overflow are selected in a tab of their own; the edit of many stays open."""
    page = many.start("layers.0.attn.weight", "scale", factor="1e39")
    many.press(many.link("Show cells"))
    shown = many.window.workbench.page
    assert shown.name == "layers.0.attn.weight"
    row, column = map(int, shown.selection.region.strip("[]").split(","))
    value = float(state_dict()["layers.0.attn.weight"][row, column])
    assert torch.tensor(value * 1e39).isinf()
    assert page in many.window.workbench.tabs.every


@pytest.mark.parametrize(("kind", "level", "title", "count", "short"), [
    ("precision-loss", "notice", "Precision loss: 64 of 64 values are rounded, 100.00 %", 64, "64 rounded"),
    ("underflow", "warning", "Underflow: 2 become 0", 2, "2 become 0"),
    ("overflow", "notice", "3 past the range are clamped to ±65,504", 3, "3 clamped"),
    ("truncation", "warning", "Truncation: 8 values are cut to int8", 8, "8 cut"),
    ("non-finite", "notice", "7 NaN stay NaN", 7, "7 NaN stay NaN"),
])  # fmt: skip
def test_chips_say_a_hazard_in_a_few_words(kind: str, level: str, title: str, count: int, short: str) -> None:
    from weightedit.core.hazards import Hazard
    from weightedit.ui.batch.texts import short_title

    assert short_title(Hazard(kind, level, title, "", ("w",), count)) == short


def test_names_are_cut_at_their_dots(qtbot) -> None:
    from PySide6.QtGui import QFontMetrics

    from weightedit.ui.theme import ui_font
    from weightedit.ui.widgets.elided import name_that_fits

    metrics, name = QFontMetrics(ui_font(12)), "model.layers.4.mlp.down_proj"
    for part in ("…layers.4.mlp.down_proj", "…mlp.down_proj", "…down_proj"):
        assert name_that_fits(metrics, name, metrics.horizontalAdvance(part)) == part
    assert name_that_fits(metrics, name, 500) == name
    assert name_that_fits(metrics, "down_proj", 40).endswith("…")


def test_what_the_edit_panel_left_blank_stays_blank_here(many):
    """Rows come at the end where no index is given; the form of many takes its own default."""
    work = many.window.workbench
    many.window.show_tensor(many.window.current, "layers.1.attn.weight")
    many.wait()
    work.choose_operation("insert_rows")
    form = work.edit_panel.form
    seed = form.seed
    assert seed.isVisible()
    method = next(made for made in form.fields if made.declared.name == "method").combo
    QTest.keyClicks(method, "zeros")
    assert method.currentData() == "zeros"
    assert not seed.isVisible(), "nothing in zeros is random"
    place = next(at for at in range(form.target.count()) if form.target.itemText(at).startswith("Pattern"))
    form.target.setCurrentIndex(place)
    form.target.activated.emit(place)
    many.wait()
    page = many.page
    assert page.form.fields[0].edit.text() == ""
    assert page.form.wanted().arguments["index"] is None
    assert page.footer.apply_button.isEnabled()
    many.press(page.footer.apply_button)
    assert tuple(many.document.read("layers.3.attn.weight").shape) == (7, 6)


def test_what_goes_along_is_asked_where_a_tensor_is_tied_or_trained(many):
    """An optimizer's state may start anew, for all the tensors at once; without one nothing is asked."""
    assert many.start("*.up.*", "cast", dtype="float64").form.along.isHidden()
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    many.window.documents.open_object(net, optimizer, "net")
    many.qtbot.waitUntil(lambda: many.document.origin.optimizer is optimizer)
    many.wait()
    along = many.start("*.weight", "cast", dtype="float64").form.along
    assert along.moments_choice.isVisible()
    assert not along.tied_choice.isVisible()
    QTest.keyClicks(along.moments_choice, "Starts")
    along.moments_choice.activated.emit(along.moments_choice.currentIndex())
    many.wait()
    many.press(many.page.footer.apply_button)
    assert net[0].weight.dtype == torch.float64
    assert not optimizer.state.get(net[0].weight)
    assert optimizer.state[net[0].bias]


def test_without_room_the_words_stand_without_their_icon(qtbot):
    """At the smallest window, below an error, icon and title would be drawn over each other."""
    around = QWidget()
    qtbot.addWidget(around)
    nothing = NothingYet(around)
    nothing.say_refused()
    around.resize(500, 200)
    with qtbot.waitExposed(around):
        around.show()
    for height, has_icon in ((200, True), (96, False), (200, True)):
        nothing.resize(500, height)
        QApplication.processEvents()
        assert nothing.icon.isVisible() is has_icon
        assert nothing.title.height() >= nothing.title.sizeHint().height()
