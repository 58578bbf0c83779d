"""What the actions of the doctor are seen to do."""

from __future__ import annotations

from PySide6.QtTest import QTest

from tests.ui.palette_rows import Desk, row


@row("doctor")
def _doctor(desk: Desk) -> None:
    desk.do()
    assert desk.window.aside.is_open("doctor")
    assert desk.window.rail.doctor.isChecked()
    assert not desk.window.tree.isVisible()


@row("run-doctor")
def _run_doctor(desk: Desk) -> None:
    """Nothing runs before it is said what will, and agreed to."""
    marker = desk.path.with_name("ran")
    code = desk.path.with_name("net.py")
    code.write_text(f"open({str(marker)!r}, 'w').close()\n", encoding="utf-8")
    desk.do("doctor")
    room = desk.window.aside.current
    room.head.model.setCurrentText(f"{code}:Net")
    desk.do()
    desk.wait()
    assert room.told.question is not None
    assert not marker.exists()


@row("model-code")
def _model_code(desk: Desk) -> None:
    code = desk.path.with_name("net.py")
    code.write_text("class Net(Module):\n    pass\n", encoding="utf-8")
    desk.monkeypatch.setattr("weightedit.ui.doctor.browsing.ask_model_code", lambda *_: str(code))
    desk.do()
    desk.wait()
    assert desk.window.aside.current.head.model_text == f"{code}:Net"


@row("explain")
def _explain(desk: Desk) -> None:
    desk.do()
    page = desk.window.aside.current
    QTest.keyClicks(page.text, "RuntimeError: mat1 and mat2 shapes cannot be multiplied (5x8 and 10x1)")
    desk.qtbot.waitUntil(lambda: page.found is not None and page.found.kind == "matrix-product")


@row("errors-help")
def _errors_help(desk: Desk) -> None:
    desk.do()
    assert desk.window.aside.is_open("errors")
    page = desk.window.aside.current
    desk.wait()
    QTest.keyClicks(page.search, "mat1 and mat2")
    assert "mat1 and mat2 shapes cannot be multiplied" in page.text.toPlainText()
