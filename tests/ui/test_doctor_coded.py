"""Code in what the doctor says stands in the font of code, without marks, and can be copied line by line."""

from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from tests.ui.doctoring import LEFT, PATIENCE, has, said, shown_button, type_into
from weightedit.doctor.finding import Finding, Mend
from weightedit.ui.doctor.coded import CodedLabel, lines_of_code, uncoded
from weightedit.ui.doctor.explain_page import ExplainPage
from weightedit.ui.doctor.finding_view import FindingView
from weightedit.ui.doctor.pages import Scrolled

ADVICE = "The optimizer was given none. Write `list(model.parameters())`, or <b>`a & b`</b> of `nn.ModuleList`."


def test_marks_are_shown_as_a_font_and_never_as_markup(qtbot):
    made = CodedLabel(ADVICE)
    qtbot.addWidget(made)
    made.resize(600, 80)
    made.show()
    assert made.text() == uncoded(ADVICE) == made.accessibleName()
    assert "`" not in made.text()
    made.select_all()
    assert made.picked == made.text(), "what is copied is what it reads, the tags of a file included"


def test_lines_of_code_are_whole_and_more_than_names():
    assert lines_of_code(ADVICE, "`x.to(…)` `x.float()` `a & b`") == ("list(model.parameters())", "a & b", "x.float()")


@pytest.mark.parametrize("mends", [(), (Mend("Use it", inputs="float32[1]"),)])
def test_a_finding_that_no_edit_mends_offers_its_code_and_an_explanation(qtbot, mends):
    finding = Finding("no-parameters", "", "", ADVICE, mends, torch_says="optimizer got an empty parameter list")
    view = FindingView(finding)
    qtbot.addWidget(view)
    view.resize(700, 400)
    view.show()
    copy = next(one for one in view.findChildren(QPushButton) if one.accessibleName().startswith("Copy list("))
    QTest.keyClick(copy, Qt.Key.Key_Space)
    assert QGuiApplication.clipboard().text() == "list(model.parameters())"
    assert has(view, "Explain this message") is not mends
    if not mends:
        with qtbot.waitSignal(view.explanation_wanted) as asked:
            QTest.mouseClick(shown_button(view, "Explain this message"), LEFT)
        assert asked.args == [finding.torch_says]


def test_an_answer_of_many_findings_does_not_hold_the_window_up(qtbot):
    """The first are there at once, and the others come one by one."""
    made = []

    def make(place):
        made.append(place)
        return FindingView(Finding("missing", "", "", f"Tensor {place} is missing."))

    page = Scrolled([partial(make, place) for place in range(40)])
    assert made == [0, 1, 2]
    qtbot.addWidget(page)
    page.resize(700, 400)
    page.show()
    qtbot.waitUntil(lambda: len(made) == 40, timeout=PATIENCE)
    assert [line for line in said(page).split("\n") if line] == [f"Tensor {place} is missing" for place in range(40)]
    page.hide()


def test_a_message_that_nobody_knows_leads_nowhere(qtbot):
    view = FindingView(Finding("error", "", "", "It stops.", torch_says="RuntimeError: nothing of the kind"))
    qtbot.addWidget(view)
    view.show()
    assert not has(view, "Explain this message")


def test_explain_has_no_marks_and_copies_what_it_advises(qtbot, open_window):
    window = open_window(real=True)
    page = window.aside.open("explain")
    assert isinstance(page, ExplainPage)
    type_into(page.text, "ValueError: optimizer got an empty parameter list")
    qtbot.waitUntil(lambda: page.found is not None and page.found.is_known, timeout=PATIENCE)
    qtbot.waitUntil(lambda: "list(model.parameters())" in said(page), timeout=PATIENCE)
    assert "`" not in said(page)
    copies = {one.accessibleName(): one for one in page.findChildren(QPushButton)}
    QTest.mouseClick(copies["Copy list(model.parameters())"], LEFT)
    assert QGuiApplication.clipboard().text() == "list(model.parameters())"
