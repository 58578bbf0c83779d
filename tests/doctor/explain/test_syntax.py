"""Code that Python does not read is shown at its caret, where Python has it; other texts are not taken for code."""

from __future__ import annotations

import ast
import bisect
import colorsys
import fnmatch
import heapq
import random
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import pytest

from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import Caret

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    \"\"\"A net that does little, whatever may be said of it.\"\"\"

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 5)  # what it is

    def forward(self, x):
        if x.dim() == 1:
            x = x.unsqueeze(0)
        return self.fc(x)
"""


def error_of(code: str) -> SyntaxError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        return error
    return None


def python_says(code: str) -> SyntaxError:
    error = error_of(code)
    assert error is not None
    return error


BROKEN = [
    (NET.replace("nn.Linear(10, 5)", "nn.Linear(10, 5"), "syntax", "The bracket `(` is opened here and not closed."),
    (NET.replace("def forward(self, x):", "def forward(self, x)"), "syntax", "A `:` is missing here."),
    (NET.replace("x.dim() == 1", "x.dim() = 1"), "syntax", ""),
    (NET.replace("return self.fc(x)", "return self.fc(x))"), "syntax", "There is a `)` too many here."),
    (NET.replace("nn.Linear(10, 5)", "nn.Linear(10 5)"), "syntax", "Two things stand side by side"),
    (NET.replace("    def forward", "   def forward"), "indentation", "another number of spaces"),
    (NET.replace("            x = x", "        x = x"), "indentation", "A block that is set in is missing after 'if'"),
    (NET.replace("        return", "\t\treturn"), "tabs", "set in by tabs here and by spaces there"),
    (NET.replace("import torch\n", "import torch\n    x = 1\n"), "indentation", "nothing before it begins a block"),
    ("def f(x)\n    return x", "syntax", "A `:` is missing here."),
    ("x = (1,\ny = 2", "syntax", "The bracket `(` is opened here and not closed."),
    ('print "hello"', "syntax", "`print` is called without brackets, as in Python 2."),
    ("if x = 3:\n    pass", "syntax", "A single `=` stands where a comparison is meant."),
    ("x = 'abc", "syntax", "A text begins here and does not end on this line."),
    ("x = “abc”", "syntax", "`“` is no character of Python."),
    ("f(a) = 3\n", "syntax", "Something is assigned to function call"),
    ("def f():\n    pass\nreturn = 3", "syntax", ""),
    ("x = 08", "syntax", "A number begins with 0."),
    ("f(x=1, 2)", "syntax", "An argument without a name comes after one with a name."),
    ("def f(x):\n", "indentation", "A block that is set in is missing"),
    ("x = [1, 2)\n", "syntax", "`[` was opened and is closed by `)`."),
    ("x = f'{a b}'\ny = 1", "syntax", ""),
    ("class A\n    pass", "syntax", "A `:` is missing here."),
    ("while True\n    break", "syntax", "A `:` is missing here."),
    ("@decorator\ndef f(x):\nreturn 1", "indentation", "A block that is set in is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "kind", "says"), BROKEN)
def test_a_snippet_is_shown_where_python_stops_reading(code, kind, says):
    found, expected = explain(code), python_says(code)
    assert found.kind == kind
    assert says in found.message
    assert found.caret is not None
    assert found.caret.line == expected.lineno
    assert found.caret.text == code.split("\n")[expected.lineno - 1].replace("\t", " ")
    if "f'" not in code:  # whose place Pythons give differently
        assert found.caret.column == max(1, expected.offset)
    assert found.torch_says == f"{type(expected).__name__}: {expected.msg}"
    assert found.message.startswith(f"Line {found.caret.line}, column {found.caret.column}: ")


def test_the_caret_points_into_an_f_string():
    caret = explain("y = 1\nx = f'{a b}'").caret
    assert caret is not None
    assert caret.text[caret.column - 1] in "ab"


def test_the_caret_stands_below_its_place():
    assert Caret(3, 5, "x = (1,").shown == "x = (1,\n    ^"
    assert Caret(1, 2, "\tx").shown == " x\n ^"


@pytest.mark.parametrize("code", [
    NET, "x = 1", "!pip install torch\nimport torch\n", "%matplotlib inline\nimport torch\nx = torch.zeros(3)",
    ">>> import torch\n>>> x = torch.zeros(3)\n>>> x\ntensor([0., 0., 0.])", "```python\nimport torch\n```",
    "assert x, 'a text with many words in it'\nx = 1", "x = '\\d'  # an escape that Python warns of\n",
])  # fmt: skip
def test_code_that_parses_is_no_message(code):
    found = explain(code)
    assert found.kind == "unknown"
    assert found.message == "This is code that parses; there is no error message in it."


def test_code_that_was_typed_at_a_prompt_is_read_without_it():
    found = explain(">>> def f(x)\n...     return x\n  File '<stdin>'\n")
    assert (found.kind, found.caret) == ("syntax", Caret(1, 9, "def f(x)"))


@pytest.mark.parametrize("text", [
    "hello world", "My model does not train, what should I do (see below)?", "if you want: try this",
    "train(model, loader) does not work for me", "loss = 0.5 acc = 0.9 and so on", "import duties rise",
    "class struggle: a history", "key = value with spaces in it\nother = 3", "[section]\nkey = some value",
    "x=$(ls)\necho $x", "return of the king", "const x = 3;", "int main() { return 0; }", "SELECT * FROM x WHERE y = 3",
    "for (int i = 0; i < 3; i++) {", "function f(x) { return x }", "lr: 0.1\nname: my run", "pip install torch",
    "foo() got an unexpected keyword argument 'x'", "Epoch 1/10, loss=0.53, acc=0.9", "python train.py --lr 0.1",
    "{'a': 1, 'b'", "class Missing", "print money", "@john", "while True",
    "The value = 3 of the thing", "print of the year 2003", "set -e\nif [ $x ]; then\n  echo hi\nfi",
    "ValueError: x = (", "KeyError: 'foo'", "#include <stdio.h>\nint main(void) { printf(\"x\"); }", "def", "(", ")",
])  # fmt: skip
def test_what_is_no_python_is_not_taken_for_it(text):
    found = explain(text)
    assert (found.kind, found.caret) == ("unknown", None)


# ---------------------------------------------------------------- what Python prints


@pytest.mark.parametrize(("code", "kind"), [(code, kind) for code, kind, _ in BROKEN[:14]])
def test_what_python_prints_is_shown_at_the_same_place(code, kind, tmp_path):
    (tmp_path / "net.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(tmp_path / "net.py")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    found, expected = explain(done.stderr), python_says(code)
    assert found.kind == kind
    assert found.frame is not None
    assert found.frame.file == str(tmp_path / "net.py")
    assert found.caret is not None
    assert found.caret.line == expected.lineno
    line = code.split("\n")[expected.lineno - 1]
    assert found.caret.text == line.strip()
    if "^" in done.stderr:
        at = max(1, expected.offset) - (len(line) - len(line.lstrip()))
        assert found.caret.column == min(max(1, at), len(line.strip()) + 1)
    assert found.message.partition(": ")[2] == explain(code).message.partition(": ")[2] or kind != "syntax"


def test_an_error_of_an_imported_file_is_shown_with_it():
    text = textwrap.dedent("""\
        Traceback (most recent call last):
          File "/home/me/train.py", line 1, in <module>
            import net
          File "/home/me/net.py", line 3
            def f(x)
                    ^
        SyntaxError: expected ':'
        """)
    found = explain(text)
    assert (found.kind, found.caret) == ("syntax", Caret(3, 9, "def f(x)"))
    assert found.frame is not None
    assert (found.frame.file, found.frame.line) == ("/home/me/net.py", 3)


def test_an_error_in_a_cell_is_shown():
    found = explain("  Cell In[4], line 2\n    x = (1,\n        ^\nSyntaxError: '(' was never closed\n")
    assert found.caret == Caret(2, 5, "x = (1,")
    assert found.frame is not None
    assert found.frame.file == "cell 4"


@pytest.mark.parametrize("text", ["SyntaxError: invalid syntax", "SyntaxError: something that is new in Python 4"])
def test_an_error_without_its_line_has_no_caret(text):
    found = explain(text)
    assert (found.kind, found.caret) == ("syntax", None)


# ---------------------------------------------------------------- whatever the code


@pytest.mark.parametrize("code", [
    "x = " + "(" * 300, "x = " + "-" * 40_000 + "1", "x = " + "[" * 150 + "]" * 150, "x = a" + ".a" * 9_000,
    "x = " + "not " * 9_000 + "a", "x = '" + "a" * 60_000, "x = 1" * 20_000, "x = \ud800", "x = 1\x00",
    "x = " + "9" * 9_000,
    "x = " + "lambda: " * 900 + "1", "def f():\n" + "".join(" " * at + "if x:\n" for at in range(1, 120)),
    "x = 1\n" * 8_000 + "y = (", "x = " + "f(" * 90 + ")" * 90, "x = a" + "**a" * 5_000,
])  # fmt: skip
def test_code_without_end_is_read_or_let_go(code):
    found = explain(code)
    assert found.kind in ("unknown", "syntax", "indentation")
    assert (found.caret is None) == (found.kind == "unknown")


def test_real_modules_with_one_sign_missing():
    """Every place that is shown is Python's own, and nothing else is ever said of code but that it does not parse."""
    chosen = random.Random(0)
    shown = 0
    for module in (bisect, colorsys, fnmatch, heapq, textwrap):
        code = Path(module.__file__).read_text(encoding="utf-8")
        assert "parses" in explain(code).message
        places = [at for at, sign in enumerate(code) if sign in "()[]:'\"=,"]
        for at in chosen.sample(places, 12):
            broken = code[:at] + code[at + 1 :]
            found, error = explain(broken), error_of(broken)
            if error is None or not found.is_known:
                assert (found.kind, found.caret) == ("unknown", None)
            else:
                shown += 1
                assert found.caret is not None
                assert found.caret.line == error.lineno
                assert 1 <= found.caret.column <= len(found.caret.text) + 1
    assert shown >= 25
