"""Whatever the window shows that is no literal goes through `ui/widgets/plain.py`, so that no name is read as markup or
a key.

Qt reads labels and tooltips as rich text where they look like it, and `&` on buttons, in menus and on tabs as a key.
"""

from __future__ import annotations

import ast

import pytest

from tests.lint.sources import trees

HOME = "ui/widgets/plain.py"
WRAPPED = {
    "setToolTip": ("tip", -1), "setStatusTip": ("tip", -1), "setWhatsThis": ("tip", -1), "setTabToolTip": ("tip", 1),
    "showText": ("tip", 1), "setAccessibleName": ("aloud", 0), "setAccessibleDescription": ("aloud", 0),
    "setWindowTitle": ("title_text", 0), "QListWidgetItem": ("row_text", 0), "QStandardItem": ("row_text", 0),
    "setItemText": ("row_text", 1), "QPushButton": ("plain", 0), "QCheckBox": ("plain", 0),
    "QRadioButton": ("plain", 0), "setTabText": ("plain", 1), "QGroupBox": ("plain", 0),
    "QPlainTextEdit": ("lines_text", 0), "setPlainText": ("lines_text", 0),
}  # fmt: skip
"""What shows a text, the function of ui/widgets/plain.py that the text goes through, and where it stands among
arguments."""
MENUS = {"addAction", "addMenu"}
LABELS = {"QLabel", "QTextBrowser", "QMessageBox", "QErrorMessage", "QWhatsThis"}
"""Widgets that read markup by themselves; ui/widgets/plain.py has the label, and errors stand in the window."""
MARKUP = {"setHtml", "insertHtml", "appendHtml", "setMarkdown", "setRichText"}
OWN_TEXT = {"ui/asides/help_page.py", "ui/asides/about.py", "ui/asides/keys_sheet.py"}
"""Pages of our own words, with markup in them."""
PICTURES = {"IconLabel", "LogoLabel"}
"""Labels that show a picture and no text."""
DECLARED = {"ui/shell/menus.py", "ui/actions/bound.py"}
"""Menus made of declared actions, whose letters `lettered` marks; actions of files escape their names themselves."""
OURS = {"tip", "lines_text", "aloud", "row_text", "plain", "title_text", "count_text", "shape_text", "bytes_text",
        "icon"}  # fmt: skip


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_safe(node: ast.expr) -> bool:
    """Whether a text is of literals, constants, numbers and what ui/widgets/plain.py made."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name | ast.Attribute):
        return (node.id if isinstance(node, ast.Name) else node.attr).isupper()
    if isinstance(node, ast.Subscript):
        return is_safe(node.value)
    if isinstance(node, ast.IfExp):
        return is_safe(node.body) and is_safe(node.orelse)
    if isinstance(node, ast.BoolOp):
        return all(map(is_safe, node.values))
    if isinstance(node, ast.JoinedStr):
        return all(isinstance(part, ast.Constant) or is_safe(part.value) for part in node.values)
    if isinstance(node, ast.Call):
        return called(node) in OURS or (called(node) == "strip" and is_safe(node.func.value))
    return False


def of_tooltips(tree: ast.Module) -> set[ast.Return]:
    """The returns of models for the tooltips of rows."""
    tests = (node for node in ast.walk(tree) if isinstance(node, ast.If) and "ToolTipRole" in ast.unparse(node.test))
    return {inner for node in tests for statement in node.body for inner in ast.walk(statement)
            if isinstance(inner, ast.Return)}  # fmt: skip


def offences(file: str, tree: ast.Module) -> list[str]:
    """Say where a text of one file is shown that Qt may read as more than text."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name not in PICTURES:
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)} & LABELS
            found += [f"{file}:{node.lineno} {node.name} is a {base}: take Label of {HOME}" for base in bases]
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        if isinstance(owner, ast.Name) and owner.id in LABELS and file not in OWN_TEXT:
            found.append(f"{file}:{node.lineno} makes a {owner.id}: take Label of {HOME}, or errors_view.py")
        if name in MARKUP and file not in OWN_TEXT:
            found.append(f"{file}:{node.lineno} calls {name}: show plain text")
        if name in WRAPPED and node.args:
            through, place = WRAPPED[name]
            texts = node.args[place : place + 1 or None]
            if name.startswith("Q"):  # QPushButton(parent), QPushButton(icon, text)
                texts = [one for one in texts if not (isinstance(one, ast.Name) and one.id in ("parent", "self"))]
            found += [f"{file}:{node.lineno} {name}({ast.unparse(one)[:50]}) goes through {through}(…) of {HOME}"
                      for one in texts if not is_safe(one)]  # fmt: skip
        if name in MENUS and file not in DECLARED and node.args and isinstance(node.args[0], ast.JoinedStr):
            text = ast.unparse(node.args[0])[:50]
            found += [] if is_safe(node.args[0]) else [f"{file}:{node.lineno} {name}({text}) goes through plain(…)"]
    found += [f"{file}:{node.lineno} the tooltip of a row, {ast.unparse(node.value)[:50]}, goes through tip(…)"
              for node in of_tooltips(tree) if node.value is not None and not is_safe(node.value)]  # fmt: skip
    return found


def test_every_text_is_shown_as_text():
    found = [one for file, tree in trees().items() if file.startswith("ui/") and file != HOME
             for one in offences(file, tree)]  # fmt: skip
    assert not found, "names out of files would be read as markup or keys:\n" + "\n".join(found)


@pytest.mark.parametrize("line", [
    "QLabel(name)", "class Mine(QLabel): pass", "label.setToolTip(name)", "label.setToolTip(f'{name} is open')",
    "button = QPushButton(f'Close {name}')", "menu.addAction(f'Close {name}', call)", "QMessageBox.warning(a, b, c)",
    "label.setAccessibleName(name)", "self.setWindowTitle(f'{name}[*]')", "text.setHtml('<b>' + name)",
    "QToolTip.showText(place, name, self)", "item = QListWidgetItem(name)",
    "if role == Qt.ItemDataRole.ToolTipRole:\n    return name",
])  # fmt: skip
def test_the_lint_finds(line):
    tree = ast.parse(f"def f():\n    {line.replace(chr(10), chr(10) + '    ')}" if "return" in line else line)
    assert offences("ui/anywhere.py", tree), line


@pytest.mark.parametrize("line", [
    "label.setToolTip('Close')", "label.setToolTip(tip(name))", "QPushButton(plain(name), parent)",
    "QPushButton(parent)",
    "menu.addAction(f'Close {plain(name)}')", "label.setToolTip(OFF if off else '')", "QPushButton('A' if b else SAVE)",
    "label.setToolTip(f'{count_text(3)} bytes')", "Label(name)",
])  # fmt: skip
def test_the_lint_lets_go(line):
    assert not offences("ui/anywhere.py", ast.parse(line)), line
