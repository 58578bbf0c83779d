"""The grammar reads what people type as Python would, and refuses everything else in one sentence with its column."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightedit.core.errors import ExpressionError
from weightedit.search.constants import ConstantError, combine
from weightedit.search.expression import parse


def refused(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert str(caught.value).endswith((".", "?"))
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("w +", 3, "something is missing"),
        ("", 0, "empty"),
        ("   ", 3, "empty"),
        ("w w", 2, "operator is missing"),
        ("2 w", 2, "write * to multiply"),
        ("(w", 0, "not closed"),
        ("w)", 1, "never opened"),
        ("mean(w", 4, "not closed"),
        ("mean()", 0, "it was given 0"),
        ("mean(w,)", 7, "argument of mean is missing"),
        ("sqrt(w, 1)", 8, "takes 1 argument"),
        ("clamp(w, 1)", 0, "takes 3 arguments"),
        ("sqrt", 0, "write sqrt(x)"),
        ("sqrt w", 0, "write sqrt(x)"),
        ("meen(w)", 0, "did you mean mean?"),
        ("w = 3", 2, "write == to compare"),
        ("w[0]", 1, "by the region"),
        ("w.sum()", 1, "by a dot"),
        ("layers.0.bias", 6, "quotes"),
        ("0 < w < 1", 6, "(0 < w) and (w < 1)"),
        ("w > 1 & w < 2", 6, "parentheses"),
        ("~3 == w", 0, "parentheses"),
        ("not 3", 4, "w != 0"),
        ("w > 0 and 1 + w", 12, "takes conditions"),
        ("where(w + 1, 1, 2)", 8, "condition first"),
        ("mean(w, 0.5)", 8, "whole numbers as dimensions"),
        ("min(w, 1.5)", 7, "minimum(a, b)"),
        ("mean(w, (0, 1))", 10, "without parentheses"),
        ("mean(3)", 5, "one number"),
        ("quantile(w, 2)", 12, "from 0 to 1"),
        ("quantile(w, w)", 12, "from 0 to 1"),
        ("'x", 0, "not closed"),
        ("w - ''", 4, "missing between the quotes"),
        ("1e999", 0, "inf"),
        ("99999999999999999999", 0, "64 bits"),
        ("w * 10**10**10", 6, "64 bits"),
        ("w + 1 // 0", 6, "divided by 0"),
        ("w × 2", 2, "write *"),
        ("w − 2", 2, "write -"),
        ("w ≤ 2", 2, "write <="),
        ("ｗ * 2", 0, "has no meaning"),
        ("w ^ 2", 2, "write **"),
        ("!w", 0, "write not"),
        ("w if w else 0", 2, "operator is missing"),
        ("lambda: 1", 6, "no slices"),
        ("and w", 0, "missing before and"),
        ("1_000", 1, "between digits"),
        ("1.2.3", 3, "cannot follow a number"),
    ],
)
def test_an_error_points_at_its_column_and_says_what_to_do(text, column, says):
    error = refused(text)
    assert error.column == column
    assert says in str(error)
    assert error.text == text
    assert f"column {column + 1 if text.strip() else 1}:" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "w.numpy().tofile('x')", "().__class__", "eval('1')", "open('/etc/passwd')", "w.__class__",
        "[w for w in w]", "{w: 1}", "f'{w}'", "w; w", "w\n= 3", "(lambda: w)()", "`w`", "$w", "\x00",
        "w if True else w",
        "mean(w, dim=0)", "mean(*w)", "@w", "'a'.b", "\\u0077", "exec('x')", "torch.mean(w)", "😀", "w\u202e + 1",
        "''''",
    ],
)  # fmt: skip
def test_nothing_but_the_grammar_is_read(text):
    refused(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("w" + " + w" * 700, "2,000"),
        ("(" * 900 + "w" + ")" * 900, "64 levels"),
        ("-" * 1500 + "w", "64 levels"),
        ("w ** " * 300 + "w", "64 levels"),
        ("abs(" * 300 + "w" + ")" * 300, "64 levels"),
        ("not " * 400 + "w", "64 levels"),
        (" + ".join(["w"] * 80), "64 levels"),
        ("(" + ") + (".join(["w + w + w + w + w + w + w + w"] * 32) + ")", "256 parts"),
        (" + ".join(f"mean(w * {n})" for n in range(17)), "functions of many values"),
        ("1" * 50, "40"),
        ("w ** 9 ** 9 ** 9", "64 bits"),
    ],
)
def test_cost_is_bounded_before_anything_is_worked_out(text, says):
    start = time.perf_counter()
    assert says in str(refused(text))
    assert time.perf_counter() - start < 1


def test_sixteen_functions_of_many_values_are_allowed_and_equal_ones_count_once():
    assert parse(" + ".join(f"mean(w * {n})" for n in range(16))).looks_around
    assert parse(" + ".join("mean(w)" for _ in range(40))).looks_around


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("w", False), ("w > 0", True), ("'m'", False), ("~'m'", True), ("isnan(w) or w > 1", True), ("abs(w)", False),
        ("any(w > 0)", True), ("where(w > 0, true, false)", True), ("where(w > 0, 1, 0)", False), ("true", True),
        ("max(w > 0, 0)", True), ("outliers(w, 3)", True), ("count(w)", False),
    ],
)  # fmt: skip
def test_what_is_a_condition(text, kind):
    assert parse(text).is_condition is kind


def test_names_come_in_order_each_once_with_quotes_undone():
    found = parse(r"""'b.c' + "a" * mean('b.c') - 'it\'s' + "a\\b" """)
    assert found.names == ("b.c", "a", "it's", "a\\b")


@pytest.mark.parametrize("text", ["-w ** 2", "2 ** -w", "w ** 2 ** 3", "w - 1 - 2", "w / 2 * 3", "w // 2 % 3",
                                  "not w > 1", "-w * 2", "w > 1 or w < 0 and w != -1", "w + 1 > 2 - 1", "--w",
                                  "(w > 1) & (w < 2) | (w == 0)", "~(w > 1)", "(w - 1) ** 2", "w - (1 - 2)",
                                  "-(w - 1)", "2 * (w + 1)"])  # fmt: skip
def test_operators_bind_as_in_python(text):
    """The printed code, read by Python, has the tree that Python reads out of the text."""
    code = parse(text).to_pytorch("w", {})
    typed = text.replace("not ", "~").replace("~w > 1", "~(w > 1)").replace(" or ", " | ").replace(" and ", " & ")
    if "or" in text:
        typed = "(w > 1) | ((w < 0) & (w != -1))"
    assert ast.dump(ast.parse(code, mode="eval")) == ast.dump(ast.parse(typed, mode="eval"))


NUMBERS = st.one_of(st.integers(-10, 10), st.integers(-(2**63), 2**64 - 1),
                    st.floats(), st.sampled_from([0.0, -0.0, float("inf")]))  # fmt: skip


@given(st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), NUMBERS, NUMBERS)
@settings(max_examples=300, deadline=None)
def test_numbers_combine_as_python_does_where_it_gives_a_number(op, first, second):
    if op == "**" and isinstance(first, int) and isinstance(second, int) and abs(second) > 100:
        return
    try:
        expected = eval(f"first {op} second", {"first": first, "second": second})
    except (ZeroDivisionError, OverflowError):
        expected = None
    try:
        found = combine(op, first, second)
    except ConstantError:
        assert isinstance(first, int)
        assert isinstance(second, int)
        assert expected is None or not -(2**63) <= expected < 2**64
        return
    if expected is None or isinstance(expected, complex | float):
        assert isinstance(found, float)
    if isinstance(expected, int) or (isinstance(expected, float) and abs(first) < 2**60 and abs(second) < 2**60):
        assert found == expected or found != found


@given(st.text(alphabet="w1.0+-*/()<>=&|~%, 'abenmsqrtno", max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text_reads_or_is_refused_in_words(text):
    column = 0
    try:
        parse(text)
    except ExpressionError as error:
        column = error.column
    assert 0 <= column <= len(text)
