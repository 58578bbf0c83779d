"""A window on a module that is trained in the same process: what is shown, asked and kept, by mouse and keyboard."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox
from torch import nn

from tests.operations.oracle import same_bits
from tests.ui.conftest import wait_ready
from weightedit.core.live import facts
from weightedit.ui.files.export_dialog import ExportDialog
from weightedit.ui.live.live_watching import OutsideNotice

CTRL = Qt.KeyboardModifier.ControlModifier


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.head = nn.Linear(3, 5)
        self.register_buffer("seen", torch.zeros(3), persistent=False)
        self.temperature = torch.ones(2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(inputs))


@pytest.fixture
def live(qtbot, open_window):
    """A window on a classifier with Adam after one training step."""
    torch.manual_seed(0)
    net = Classifier()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

    def train() -> None:
        optimizer.zero_grad()
        net(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()

    train()
    window = open_window(real=True)
    made = SimpleNamespace(net=net, optimizer=optimizer, train=train, window=window, qtbot=qtbot)
    made.wait = lambda: (QTest.qWait(1), qtbot.waitUntil(lambda: is_quiet(window), timeout=20_000))
    made.look = lambda: (window.live.look(), made.wait())
    window.documents.open_object(net, optimizer, "net")
    qtbot.waitUntil(lambda: window.current is not None, timeout=20_000)
    wait_ready(qtbot, window)
    made.look()
    return made


def is_quiet(window):
    panel = window.workbench.edit_panel
    return not window.tasks.active and not panel._pause.isActive()


def show(live, name):
    live.window.show_tensor(live.window.current, name)
    live.wait()


def press(live, key, modifiers=Qt.KeyboardModifier.NoModifier, widget=None):
    QTest.keyClick(widget or live.window, key, modifiers)
    live.wait()


def choose(live, operation, *texts):
    """Choose an operation and type its arguments into the form."""
    form = live.window.workbench.edit_panel.form
    live.window.workbench.choose_operation(operation)
    live.wait()
    for field, text in zip(form.fields, texts, strict=False):
        if hasattr(field, "edit"):
            field.edit.setFocus()
            field.edit.selectAll()
            QTest.keyClicks(field.edit, text)
        else:
            pick(field.combo, text)
    live.wait()
    return form


def pick(combo: QComboBox, text):
    """Choose an entry of a list by its arrow keys."""
    combo.setFocus()
    for _ in range(combo.count()):
        QTest.keyClick(combo, Qt.Key.Key_Up)
    while combo.currentText() != text:
        before = combo.currentIndex()
        QTest.keyClick(combo, Qt.Key.Key_Down)
        assert combo.currentIndex() != before, combo.currentText()


def row(live, name):
    """What a row of the tree shows: its name, and what stands beside it."""
    from weightedit.ui.tree.row_texts import detail

    rows = live.window.tree.tree.rows
    node = rows.node(rows.find(live.window.current, name))
    return node.label, detail(node), node.parent


def test_training_between_edits_is_shown_and_said(live):
    show(live, "head.weight")
    page, inspector = live.window.workbench.page, live.window.workbench.inspector
    before = page.heatmap_pane.heatmap.reduced.extreme.copy()
    assert inspector.live.values["Other code"].isHidden()
    live.train()
    live.look()
    assert live.window.status.message.text().startswith("Other code changed the values of 4 tensors, such as body.")
    shown = page.heatmap_pane.heatmap.reduced.extreme
    assert (shown != before).any()
    assert same_bits(torch.tensor(shown, dtype=torch.float32), live.net.head.weight.detach())
    mean = float(live.net.head.weight.detach().double().mean())
    assert inspector.statistics.values["mean"].toolTip().endswith(repr(mean))
    assert inspector.live.values["Other code"].text().startswith("changed it, ")
    assert not live.window.current.document.is_modified
    assert live.window.windowTitle() == "Classifier[*] — weightedit"


def test_the_window_looks_by_itself(live):
    show(live, "head.weight")
    version = live.window.current.document.version
    live.train()
    live.qtbot.waitUntil(lambda: live.window.current.document.version > version, timeout=10_000)
    live.wait()


def test_undo_asks_in_the_window_before_it_writes_over_a_training_step(live, capsys):
    show(live, "head.weight")
    before = live.net.head.weight.detach().clone()
    choose(live, "scale", "3")
    press(live, Qt.Key.Key_Return, CTRL)
    assert same_bits(live.net.head.weight.detach(), before * 3)
    live.train()
    live.look()
    trained = live.net.head.weight.detach().clone()
    press(live, Qt.Key.Key_Z, CTRL)
    card = live.window.workbench.questions.card
    assert card.title.text() == "Undo loses 15 values that other code wrote"
    assert card.body.text().startswith("head.weight changed after scale × 3. Undo puts the values before the edit")
    assert "accept" not in card.body.text()
    assert same_bits(live.net.head.weight.detach(), trained)
    assert not live.window.errors.cards
    assert not capsys.readouterr().err, "a question is no error"
    assert card.agree_button.text() == "Undo and lose 15 values"
    QTest.mouseClick(card.agree_button, Qt.MouseButton.LeftButton)
    live.wait()
    assert same_bits(live.net.head.weight.detach(), before)
    shown = live.window.workbench.page.heatmap_pane.heatmap.reduced.extreme
    assert same_bits(torch.tensor(shown, dtype=torch.float32), before)


def ask(live):
    """Scale the head, let other code add to two of its values, and press Ctrl+Z."""
    show(live, "head.weight")
    choose(live, "scale", "3")
    press(live, Qt.Key.Key_Return, CTRL)
    live.net.head.weight.detach()[0, :2].add_(1)
    live.window.workbench.page.heatmap_pane.heatmap.setFocus()
    before = QApplication.focusWidget()
    press(live, Qt.Key.Key_Z, CTRL)
    card = live.window.workbench.questions.card
    assert card.title.text() == "Undo loses 2 values that other code wrote"
    assert QApplication.focusWidget() is card.keep_button
    return card, before


def test_the_question_is_left_by_esc_and_the_keys_are_where_they_were(live):
    live.window.activateWindow()
    _, before = ask(live)
    values = live.net.head.weight.detach().clone()
    press(live, Qt.Key.Key_Escape, widget=QApplication.focusWidget())
    assert live.window.workbench.questions.card is None
    assert QApplication.focusWidget() is before
    assert same_bits(live.net.head.weight.detach(), values)
    assert live.window.current.document.history.position == 1


def test_the_question_goes_with_the_next_edit_so_that_it_can_undo_no_other(live):
    """What it asked about is no longer the last edit; pressing on would take back one nobody asked about."""
    live.window.activateWindow()
    ask(live)
    show(live, "body.weight")
    choose(live, "fill", "7")
    press(live, Qt.Key.Key_Return, CTRL)
    live.net.body.weight.detach().add_(5)
    live.look()
    assert live.window.workbench.questions.card is None
    assert live.net.body.weight.detach().unique().tolist() == [12.0]
    assert live.window.current.document.history.position == 2


def test_the_question_goes_with_its_document(live):
    ask(live)
    live.window.documents.close(live.window.current)
    live.qtbot.waitUntil(lambda: not len(live.window.documents), timeout=20_000)
    assert live.window.workbench.questions.card is None
    assert not live.window.workbench.questions._strip.isVisible()


def test_the_history_panel_asks_the_same_and_once(live):
    live.window.activateWindow()
    first, _ = ask(live)
    live.window.workbench.undo()
    live.wait()
    second = live.window.workbench.questions.card
    assert second is not first
    assert [one for one in live.window.findChildren(type(second)) if one.isVisible()] == [second]


def test_rows_come_into_a_classifier_and_training_goes_on(live):
    """The module's out_features, the optimizer's moments and the next step follow; the form asks about the moments."""
    show(live, "head.weight")
    form = choose(live, "insert_rows")
    assert form.along.moments_choice.isVisibleTo(form)
    assert not form.along.tied_choice.isVisibleTo(form)
    press(live, Qt.Key.Key_Return, CTRL)
    show(live, "head.bias")
    choose(live, "insert_rows")
    method = next(field for field in form.fields if field.declared.name == "method")
    method.combo.setFocus()
    QTest.keyClicks(method.combo, "zeros")
    live.wait()
    press(live, Qt.Key.Key_Return, CTRL)
    assert not live.window.errors.cards, live.window.errors.cards[0].title.text()
    assert tuple(live.net.head.weight.shape) == (6, 3)
    assert live.net.head.out_features == 6
    state = live.optimizer.state[live.net.head.weight]
    assert tuple(state["exp_avg"].shape) == tuple(state["exp_avg_sq"].shape) == (6, 3)
    assert row(live, "head.weight")[2].entry.text == "Linear(3, 6)"
    before = live.net.head.weight.detach().clone()
    live.window.close()
    live.train()
    assert bool((live.net.head.weight.detach() != before)[:5].all())


def test_moments_are_dropped_where_that_is_chosen(live):
    show(live, "head.weight")
    form = choose(live, "transpose")
    pick(form.along.moments_choice, "Starts anew")
    live.wait()
    assert form.request().moments == "drop"
    panel = live.window.workbench.edit_panel
    assert "optimizer-state-shape" in {hazard.kind for hazard in panel.hazards.hazards}
    press(live, Qt.Key.Key_Return, CTRL)
    assert tuple(live.net.head.weight.shape) == (3, 5)
    assert not live.optimizer.state.get(live.net.head.weight)


def test_a_tied_slot_is_untied_by_the_form(qtbot, open_window):
    net = nn.ModuleDict({"embed": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    net["head"].weight = net["embed"].weight
    window = open_window(real=True)
    window.documents.open_object(net, None, "net")
    qtbot.waitUntil(lambda: window.current is not None, timeout=20_000)
    live = SimpleNamespace(window=window, wait=lambda: (QTest.qWait(1), qtbot.waitUntil(lambda: is_quiet(window))))
    show(live, "head.weight")
    inspector = window.workbench.inspector.live
    assert inspector.values["Also at"].text() == "embed.weight"
    form = choose(live, "cast", "float64")
    assert form.along.tied_label.text() == "Tied slot"
    pick(form.along.tied_choice, "Stay; untie this one")
    live.wait()
    press(live, Qt.Key.Key_Return, CTRL)
    assert net["head"].weight.dtype == torch.float64
    assert net["embed"].weight.dtype == torch.float32


def test_what_running_code_knows_is_shown(live):
    hook = live.net.head.weight.register_hook(lambda grad: None)
    live.net.head.register_forward_hook(lambda *_: None)
    show(live, "head.weight")
    section = live.window.workbench.inspector.live
    shown = dict(line.split(": ", 1) for line in section.text().splitlines())
    assert shown == {
        "Registered": "parameter", "Module": "Linear(in_features=3, out_features=5, bias=True)",
        "grad": "5 x 3 · float32", "Leaf": "yes", "Hooks": "1 on the tensor, 1 on Linear",
        "Optimizer": "Adam, group 0, lr 0.01", "State": "step 1, exp_avg 5 x 3, exp_avg_sq 5 x 3",
    }  # fmt: skip
    assert "betas: (0.9, 0.999)" in section.values["Optimizer"].toolTip()
    QTest.mouseClick(section.norm_button, Qt.MouseButton.LeftButton)
    live.wait()
    norm = float(live.net.head.weight.grad.norm())
    assert float(section.remarks["grad"].text().removeprefix("L2 ")) == pytest.approx(norm, rel=1e-3)
    hook.remove()
    assert (row(live, "temperature")[1], row(live, "seen")[1]) == ("unregistered", "not persistent")
    assert row(live, "body.weight")[2].entry.text == "Linear(4, 3)"
    show(live, "temperature")
    assert section.values["Registered"].text() == "not registered"
    assert "state_dict() leaves it out" in section.values["Registered"].toolTip()


def test_other_tensors_in_the_slots_are_told_and_looked_at_again(live):
    show(live, "head.weight")
    choose(live, "scale", "2")
    press(live, Qt.Key.Key_Return, CTRL)
    live.net.head.weight = nn.Parameter(torch.ones(2, 3))
    live.net.head.extra = nn.Parameter(torch.ones(1))
    live.look()
    (notice,) = live.window.findChildren(OutsideNotice)
    assert notice.title.text() == "Classifier: Other code changed 2 places"
    assert notice.body.text().startswith("head.weight is another object now. head.extra is new.")
    QTest.mouseClick(notice.keep_button, Qt.MouseButton.LeftButton)
    live.look()
    assert not live.window.files.strip.notices  # not now
    del live.net.body.bias
    live.look()
    (notice,) = live.window.files.strip.notices
    notice.look_button.setFocus()
    press(live, Qt.Key.Key_Space, widget=notice.look_button)
    assert not live.window.files.strip.notices
    page = live.window.workbench.page
    assert (page.name, page.slot.spec.shape) == ("head.weight", (2, 3))
    document = live.window.current.document
    assert "head.extra" in document.tensors
    assert "body.bias" not in document.tensors
    assert document.can_undo


def test_an_attribute_is_registered_from_the_palette_of_a_row(live):
    show(live, "temperature")
    live.window.actions_of["register"].trigger()
    live.wait()
    press(live, Qt.Key.Key_Return, CTRL)
    assert isinstance(live.net.temperature, nn.Parameter)
    assert row(live, "temperature")[1] == ""


def test_an_export_counts_what_the_state_dict_has(live, tmp_path, monkeypatch):
    """Save has no file to save to, so it exports; what no state_dict has is said, and is not in the file."""
    show(live, "head.weight")
    choose(live, "scale", "2")
    press(live, Qt.Key.Key_Return, CTRL)
    live.window.actions_of["save"].trigger()
    (dialog,) = live.window.findChildren(ExportDialog)
    dialog.path.setText(str(tmp_path / "out.pt"))
    live.wait()
    live.qtbot.waitUntil(lambda: dialog.export.isEnabled())
    assert dialog.export.text() == "Export 4 tensors with the loss"
    QTest.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    live.wait()
    saved = torch.load(tmp_path / "out.pt")
    assert list(saved) == list(live.net.state_dict())
    assert same_bits(saved["head.weight"], live.net.head.weight.detach())


@pytest.mark.parametrize(("module", "said"), [
    (nn.Linear(3, 2), "Linear(3, 2)"),
    (nn.Conv2d(3, 4, 5, bias=False), "Conv2d(3, 4, kernel_size=(5, 5), stride=(1, 1), bias=False)"),
    (nn.Sequential(), "Sequential"),
    (type("Odd", (nn.Module,), {"extra_repr": lambda self: 1 / 0})(), "Odd"),
], ids=["linear", "conv", "container", "odd"])  # fmt: skip
def test_modules_say_what_they_are(module, said):
    assert facts.short_module_text(module) == said
