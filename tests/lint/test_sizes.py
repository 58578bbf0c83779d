"""A file past 400 lines is two (design, section 7); a function past 70 is two as well."""

from __future__ import annotations

import ast

from tests.lint.sources import PACKAGE, nodes, trees


def test_files_are_at_most_400_lines():
    sizes = {name: len((PACKAGE / name).read_text(encoding="utf-8").splitlines()) for name in trees()}
    assert not {name: size for name, size in sizes.items() if size > 400}


def test_functions_are_at_most_70_lines():
    long = {
        f"{name}:{node.lineno} {node.name}": node.end_lineno - node.lineno
        for name, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno > 70
    }
    assert not long


def test_modules_start_with_a_sentence():
    missing = [name for name, tree in trees().items() if tree.body and not ast.get_docstring(tree)]
    assert not missing
