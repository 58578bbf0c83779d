"""Unknown says unknown: other texts, other libraries, messages with other words; and nothing makes it raise or slow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.doctor.explain.provoking import bare_of
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import Explained
from weightedit.doctor.explain.kinds import KINDS, kinds
from weightedit.doctor.facts import TensorFacts

NAMES = {kind.name for kind in kinds()} | {"unknown"}
TENSORS = (TensorFacts("a", (5, 10), "float32"), TensorFacts("b", (8, 3, 3, 3), "float16", "parameter"),
           TensorFacts("module.c", (), "int64"))  # fmt: skip


def check(found: Explained) -> None:
    """Whatever the text, what comes out is well formed."""
    assert found.kind in NAMES
    assert found.title
    assert found.message
    assert len(found.tensors) == min(found.tensor_count, 20)
    assert set(found.tensors) <= {one.name for one in TENSORS}
    assert len(found.message) < 5_000
    for text in (found.title, found.message, found.torch_says, *found.causes):
        assert text.isprintable()
    if found.caret is not None:
        assert 1 <= found.caret.column <= len(found.caret.text) + 1
        assert found.caret.line >= 1
    if not found.is_known:
        assert (found.tensors, found.mends, found.causes, found.torch_says, found.caret) == ((), (), (), "", None)
    json.dumps(found.to_json())


# ---------------------------------------------------------------- any text


@given(st.text(max_size=400))
@example("")
@example("\x00")
@example("\ud800")
@example("Traceback (most recent call last):")
@example("RuntimeError: ")
@example("SyntaxError: ")
@example('  File "x", line 999999999\nSyntaxError: a')
@settings(max_examples=300)
def test_any_text_is_unknown_or_well_formed(text):
    check(explain(text, TENSORS))


SIGNS = st.sampled_from([
    *(kind.sample for kind in KINDS), "\n", ": ", "RuntimeError: ", "Traceback (most recent call last):\n",
    "    x = 1\n",
    '  File "x.py", line 3, in f\n', "\x1b[31m", "SyntaxError: ", "^", "[", "]", "(", "99999999999999999999999", "-1",
    "torch.Size([", "'", '"', " ", "cuda:0", ">>> ", "\t",
])  # fmt: skip


@given(st.lists(st.one_of(SIGNS, st.text(max_size=5)), max_size=12).map("".join))
@settings(max_examples=300)
def test_pieces_of_messages_in_any_order_are_well_formed(text):
    check(explain(text, TENSORS))


@given(st.sampled_from(KINDS), st.data())
@settings(max_examples=400)
def test_a_damaged_message_is_unknown_or_well_formed(kind, data):
    text = kind.sample
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(at, min(len(text), at + 20)))
        text = text[:at] + data.draw(st.text(max_size=6)) + text[stop:]
    check(explain(text, TENSORS))


WORDS = st.sampled_from([word for kind in KINDS for word in re.findall(r"[A-Za-z]+", kind.sample)])


@given(st.lists(WORDS, min_size=1, max_size=30).map(" ".join))
@settings(max_examples=300)
def test_the_words_of_messages_in_any_order_are_no_message(text):
    assert explain(text, TENSORS).kind == "unknown"


@given(st.lists(st.from_regex(r"[A-Za-z]{2,9}", fullmatch=True), min_size=2, max_size=40).map(" ".join))
def test_prose_is_unknown(text):
    assert explain(text, TENSORS).kind == "unknown"


# ---------------------------------------------------------------- other words


def test_a_message_whose_numbers_are_words_is_unknown():
    """Where a number is, a word makes it another message, or one that torch itself says without the number."""
    unknown = 0
    for kind in KINDS:
        changed = re.sub(r"(?<![\w.])\d+(?![\w.])", "some", kind.sample)
        found = explain(changed, TENSORS)
        if changed == kind.sample or not explain(kind.sample).is_known:
            continue
        unknown += not found.is_known
        if found.is_known:
            assert re.match(kind.pattern, changed)
            assert "some" not in found.message
            assert not found.tensors
    assert unknown >= 80


@pytest.mark.parametrize("text", [
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (axb and cxd)",
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    "RuntimeError: mat1 and mat2 shapes can be multiplied (2x7 and 10x5)",
    "RuntimeError: matrices 1 and 2 cannot be multiplied (2x7 and 10x5)",
    "RuntimeError: Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 1, 8, 8] to have three channels, "
    "but got "
    "one channels instead",
    "RuntimeError: The size of tensor a must match the size of tensor b",
    "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, here and there!",
    "ValueError: Expected input batch_size (many) to match target batch_size (few).",
    "size mismatch for fc: somewhere", "Missing key(s) in state_dict: none", "Target ten is out of bounds.",
    'raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5)")',
    "# RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5)",
    "I read that mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5) when a layer is too small",
    "see the issue: mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5)",
    "KeyError: 101", "EOFError", "EOFError: ", "OSError: [Errno 22] Invalid argument",
    "ValueError: negative seek value -3",
])  # fmt: skip
def test_what_only_looks_like_a_message_is_unknown(text):
    assert explain(text, TENSORS).kind == "unknown"


# ---------------------------------------------------------------- other libraries


def numpy_says() -> list[str]:
    import numpy as np

    rows = np.zeros((3, 4))
    fails = [
        lambda: rows @ np.zeros((3, 4)), lambda: rows + np.zeros(3), lambda: rows.reshape(5, 5), lambda: rows[7],
        lambda: rows[0, 0, 0], lambda: rows[[True, False]], lambda: np.concatenate([rows, np.zeros(3)]),
        lambda: np.stack([np.zeros(2), np.zeros(3)]), lambda: np.array("a", dtype=float), lambda: bool(rows),
        lambda: float(rows), lambda: rows.foo, lambda: np.linalg.inv(np.zeros((3, 3))), lambda: np.zeros(-1),
        lambda: np.array([[1, 2], [3]]), lambda: rows.transpose(0, 1, 2), lambda: rows.__setitem__(0, np.zeros(7)),
        lambda: np.einsum("ij,jk->ik", rows, rows), lambda: len(np.float64(1)), lambda: np.load("/nowhere/at-all"),
        lambda: rows.sum(axis=5), lambda: np.split(rows, 5), lambda: np.broadcast_to(rows, (3, 5)),
        lambda: np.linalg.cholesky(-np.eye(2)), lambda: np.zeros(3, dtype="banana"), lambda: [1][np.array([0, 1])],
    ]  # fmt: skip
    return [bare_of(one) for one in fails]


def python_says() -> list[str]:
    fails = [
        lambda: {}["a"], lambda: [][3], lambda: 1 / 0, lambda: int("a"), lambda: None.shape, lambda: (1, 2).shape,
        lambda: Path("/nowhere/at-all").read_text(), lambda: "a" + 1, lambda: print(banana=1), lambda: next(iter([])),

        lambda: len(3), lambda: {}.cuda(), lambda: json.loads("{"), lambda: "".join([1]), lambda: iter(3),
        lambda: exec_of("a, b = 1, 2, 3"), lambda: exec_of("undefined"), lambda: re.compile("("),
    lambda: b"\xff".decode(),
        lambda: sorted([1, "a"]), lambda: float("x"), lambda: [].foo, lambda: json.foo, lambda: (lambda x: x)(),
    ]  # fmt: skip
    return [bare_of(one) for one in fails]


def exec_of(code: str) -> None:
    exec(code, {})


OTHERS = [
    "ValueError: cannot reindex on an axis with duplicate labels",
    "KeyError: \"['label'] not in index\"", "KeyError: \"None of [Index(['a'], dtype='object')] are in the [columns]\"",
    "ValueError: Length of values (3) does not match length of index (4)",
    "AttributeError: 'DataFrame' object has no attribute 'append'",
    "AttributeError: 'Series' object has no attribute 'iteritems'",
    "pandas.errors.ParserError: Error tokenizing data. C error: Expected 3 fields in line 4, saw 5",
    "ValueError: The truth value of a DataFrame is ambiguous. Use a.empty, a.bool(), a.item(), a.any() or a.all().",
    "TypeError: Found dtype int64 but expected float32",
    "pandera.errors.SchemaError: expected series to have type int64",
    "requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=80): Max retries exceeded with "
    "url: /",
    "requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://example.org/model.pt",
    "requests.exceptions.Timeout: HTTPSConnectionPool(host='example.org', port=443): Read timed out. (read timeout=10)",
    "ValueError: Found input variables with inconsistent numbers of samples: [10, 12]",
    "sklearn.exceptions.NotFittedError: This StandardScaler instance is not fitted yet.",
    "ValueError: Input contains NaN, infinity or a value too large for dtype('float32').",
    "tensorflow.python.framework.errors_impl.InvalidArgumentError: Matrix size-incompatible: In[0]: [2,7], In[1]: "
    "[10,5]",
    "ValueError: Input 0 of layer \"dense\" is incompatible with the layer: expected axis -1 of input shape to have "
    "value "
    "10, but received input with shape (2, 7)",
    "TypeError: dot_general requires contracting dimensions to have the same shape, got (7,) and (10,).",
    "cv2.error: OpenCV(4.8.0) error: (-215:Assertion failed) !_src.empty() in function 'cvtColor'",
    "PIL.UnidentifiedImageError: cannot identify image file 'a.jpg'",
    "OSError: Can't load tokenizer for 'bert'. If you were trying to load it from a hub, make sure you have internet.",
    "sqlite3.OperationalError: no such table: runs", "ImportError: cannot import name 'x' from 'y' (/a/y.py)",
    "OSError: Cannot save file into a non-existent directory: 'out'",
    "FileExistsError: Parent directory out does not exist",
    "TypeError: run() missing 1 required positional argument: 'x'",
    "TypeError: f() got an unexpected keyword argument 'x'",
    "AttributeError: 'NoneType' object has no attribute 'group'",
    "AttributeError: module 'torch' has no attribute 'foo'",
    "error: subprocess-exited-with-error", "Segmentation fault (core dumped)", "Killed", "fatal: not a git repository",
    "npm ERR! code ENOENT", "java.lang.NullPointerException",
    "panic: runtime error: index out of range [5] with length 3",
    "std::out_of_range: vector::_M_range_check: __n (which is 5) >= this->size() (which is 3)",
]  # fmt: skip


@pytest.mark.parametrize("text", [*OTHERS, *numpy_says(), *python_says()])
def test_messages_of_others_are_unknown(text):
    found = explain(text, TENSORS)
    assert found.kind == "unknown", found.message
    check(found)
    inside = f'Traceback (most recent call last):\n  File "/a/b.py", line 3, in f\n    g()\n{text}\n'
    assert explain(inside, TENSORS).kind == "unknown"


def test_an_attribute_of_a_class_of_ones_own_is_not_a_modules():
    text = ('Traceback (most recent call last):\n  File "/a/b.py", line 3, in f\n    trainer.fit()\n'
            "AttributeError: 'Trainer' object has no attribute 'fit'\n")  # fmt: skip
    assert explain(text).kind == "unknown"
    module = text.replace("AttributeError", '  File "/x/torch/nn/modules/module.py", line 9, in __getattr__\n'
                                            "    raise AttributeError(\nAttributeError", 1)  # fmt: skip
    assert explain(module).kind == "attribute"


def test_what_is_not_known_is_said_plainly():
    """Whoever pasted a whole message is not asked for more of it."""
    whole = explain('Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nRuntimeError: my own\n')
    assert (whole.kind, whole.message) == ("unknown", "This message is not one of those that are explained here.")
    assert "paste" not in whole.why
    assert whole.frame is not None
    for text in ("something is wrong", 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\n'):
        found = explain(text)
        assert found.message == "No message that is explained here is in this text."
        assert "paste that line too" in found.why
    assert explain(" \n").message == "There is no text to explain."


# ---------------------------------------------------------------- time and imports


LONG = [
    "a" * 1_000_000, "\n" * 1_000_000, " " * 1_000_000, "(" * 1_000_000, "[rank0]: " * 110_000, "> " * 500_000,
    "2024-05-01 12:00:00 " * 50_000, "E   " * 250_000, "RuntimeError: " * 70_000, "\x1b[" * 500_000, "x = '" * 200_000,
    'File "a", line 1\n' * 60_000, '  File "a", line 1, in f\n    x\n' * 40_000, "----> 1 x\n" * 100_000,
    "Traceback (most recent call last):\n" * 28_000, "Cell In[1], line 1\n" * 50_000, "a.py:1: " * 120_000,
    "size mismatch for a: " * 47_000, 'Missing key(s) in state_dict: "a", ' * 28_000, "KeyError: \n" * 90_000,
    "Unexpected key(s) in state_dict: " * 30_000, 'Missing key(s) in state_dict: "' + "a" * 900_000,
    "\n".join(kind.sample[:-3] for kind in KINDS) * 30, "CUDA error: device-side assert triggered Assertion `" * 20_000,
    "Given groups=1, weight of size [" + "1, " * 300_000, "SyntaxError: \n" * 70_000,
    'File "a", line 1, in f x() ' * 40_000, "Traceback (most recent call last):\\n" * 27_000,
    'Traceback (most recent call last): File "a", line 1, in f x() RuntimeError: ' * 13_000,
    'File "a", line 1, in f x() ' + "a." * 500_000, 'File "a", line 1, in f x() ' + "^" * 1_000_000,
    'File "a", line 1, in f x() ' + " ^" * 500_000,
    "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading them "
    "again: [{" + "'a', " * 190_000, "'a' object has no attribute 'b'\n" * 30_000,
]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", LONG, ids=lambda text: repr(text[:24]))
def test_a_megabyte_of_anything_is_read(text):
    """What takes longer the faster the text grows would take minutes here, and ends by its time limit."""
    check(explain(text, TENSORS))


def test_neither_torch_nor_numpy_is_imported():
    code = ("import sys\nfrom weightedit.doctor.explain.explain import explain\n"
            "from weightedit.doctor.facts import TensorFacts\n"
            "text = 'size mismatch for w: copying a param with shape torch.Size([4, 10]) from checkpoint, the shape "
    "in '\\\n"
            "       'current model is torch.Size([5, 10]).'\n"
            "found = explain(text, (TensorFacts('w', (4, 10), 'float32'),))\n"
            "assert found.mends, found\n"
            "print([name for name in ('torch', 'numpy', 'PySide6') if name in sys.modules])\n")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.strip() == "[]", done.stderr
