"""A card of a mend on a window: what is large, what changed since its preview, and what cannot be done."""

from __future__ import annotations

import pytest
import torch
from PySide6.QtTest import QTest

from tests.ui.doctoring import LEFT, PATIENCE, previewed, settled
from weightedit.core.edit import Edit
from weightedit.doctor.finding import Mend
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.mending import Mending


@pytest.fixture
def joined(qtbot, open_window, tmp_path):
    """A card on a window with a small file, and what was said to be done."""

    def make(mend: Mend, state: dict[str, torch.Tensor]):
        torch.save(state, tmp_path / "net.pt")
        window = open_window(tmp_path / "net.pt", real=True)
        told: list[str] = []
        mending, one = Mending(window, told.append), MendCard(mend, likely=True)
        one.setParent(window)
        one.resize(800, 300)
        one.show()
        mending.join(one, window.current.document)
        one.mending = mending  # for as long as the card
        return window, one, told

    return make


CAST = Mend("Cast a to float16", (Edit("cast", ("a",), arguments={"dtype": "float16"}),))


def test_what_is_large_is_looked_at_only_when_asked(qtbot, joined, monkeypatch):
    monkeypatch.setattr("weightedit.ui.doctor.mending.MOST_READ", 7)
    window, one, _ = joined(CAST, {"a": torch.tensor([1.0, 1e9])})
    qtbot.waitUntil(lambda: "Too large to be looked at unasked" in one.accessibleDescription(), timeout=PATIENCE)
    previewed(qtbot, one)
    assert one.button.text() == "Apply with 1 Inf"
    settled(qtbot, window)


def test_what_became_wrong_since_the_preview_is_asked_about(qtbot, joined):
    """Another edit made the values too large meanwhile: nothing is changed, and the next press is the answer."""
    window, one, told = joined(CAST, {"a": torch.tensor([1.0, 2.0])})
    document = window.current.document
    previewed(qtbot, one)
    assert one.button.text() == "Apply"
    with qtbot.waitSignal(window.documents.changed):
        document.apply("fill", "a", value=1e9)
    QTest.mouseClick(one.button, LEFT)
    qtbot.waitUntil(lambda: one.button.text() == "Apply with 2 Inf", timeout=PATIENCE)
    assert (told, document.history.position) == ([], 1)
    QTest.mouseClick(one.button, LEFT)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert str(document.tensors["a"].dtype) == "torch.float16"
    settled(qtbot, window)


def test_one_that_cannot_be_done_says_why_and_is_off(qtbot, joined):
    window, one, _ = joined(Mend("Slice b", (Edit("rename", ("a",), arguments={"to": "b"}),
                                             Edit("slice", ("b",), "[0:9]"))), {"a": torch.ones(2)})  # fmt: skip
    previewed(qtbot, one)
    assert not one.button.isEnabled()
    assert one.button.toolTip() == "It is refused, for the reason above"
    assert not window.current.document.is_modified
    settled(qtbot, window)


def test_what_changes_what_another_mend_leads_to_comes_after_it(qtbot, joined):
    """It is no refusal that its name is not there yet; once the first is done, the second is looked at anew."""
    first = Mend("Rename a", (Edit("rename", ("a",), arguments={"to": "b"}),))
    window, one, told = joined(first, {"a": torch.ones(2, 3)})
    later = MendCard(Mend("Transpose b", (Edit("transpose", ("b",), arguments={"dim0": 0, "dim1": 1}),)), likely=True,
                     is_first=False)  # fmt: skip
    later.setParent(window)
    later.show()
    one.mending.join(later, window.current.document)
    qtbot.waitUntil(lambda: "they come first" in later.accessibleDescription(), timeout=PATIENCE)
    assert later.button.isEnabled()
    previewed(qtbot, one)
    QTest.mouseClick(one.button, LEFT)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    qtbot.waitUntil(lambda: later.accessibleDescription() == "No hazard", timeout=PATIENCE)
    previewed(qtbot, later)
    QTest.mouseClick(later.button, LEFT)
    qtbot.waitUntil(lambda: len(told) == 2, timeout=PATIENCE)
    assert window.current.document.tensors["b"].shape == (3, 2)
