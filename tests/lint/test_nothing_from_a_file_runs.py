"""Nothing in the package can run, import, unpack or fetch what a file names; one module reads pickles, inertly."""

from __future__ import annotations

import ast

from tests.lint.sources import nodes, trees

READER = "formats/pickle_reader.py"
_RUNS = {"eval", "exec", "compile", "__import__", "execfile"}
_PICKLES = {"load", "loads", "Unpickler", "_Unpickler"}
_UNPACKS = {"extract", "extractall", "unpack_archive"}
_MODULES = {"marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "yaml", "urllib.request", "http.client",
            "requests", "httpx", "ftplib", "zipimport", "imp", "webbrowser", "xmlrpc"}  # fmt: skip
_LOOKED_AT = {*_RUNS, *_PICKLES, *_UNPACKS, "import_module"}
_MAY_IMPORT = {"weightedit"}
"""What `import_module` may be given: texts that begin so, never a variable alone."""
CHILD = ("doctor/trusted_file/child.py", "doctor/inside/")
"""Run in processes of their own: on one file that a person trusted by its hash, and on code that a person brings and
says yes to."""


def _called(tree_nodes):
    for name, node in tree_nodes:
        if isinstance(node, ast.Call) and not name.startswith(CHILD):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called in _LOOKED_AT:
                yield name, node, ast.unparse(function.value) if isinstance(function, ast.Attribute) else "", called


def test_nothing_evaluates_text_as_code():
    found = [(name, node.lineno, called) for name, node, owner, called in _called(nodes())
             if called in _RUNS and owner in ("", "builtins")]  # fmt: skip
    assert not found


def test_only_the_inert_reader_reads_pickles():
    found = {(name, f"{owner}.{called}") for name, node, owner, called in _called(nodes())
             if called in _PICKLES and owner in ("pickle", "_pickle", "cPickle", "torch", "torch.jit", "np", "numpy",
                                                 "joblib")}
    assert not found
    for name, node in nodes():
        if isinstance(node, ast.ClassDef) and any("Unpickler" in ast.unparse(base) or ast.unparse(base) == "base"
                                                  for base in node.bases):  # fmt: skip
            assert name == READER
            assert "find_class" in {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            assert "persistent_load" in {item.name for item in node.body if isinstance(item, ast.FunctionDef)}


def test_nothing_is_unpacked_or_fetched():
    found = [(name, node.lineno, called) for name, node, owner, called in _called(nodes()) if called in _UNPACKS]
    for name, node in nodes():
        if name.startswith(CHILD):
            continue
        if isinstance(node, ast.Import):
            found += [(name, node.lineno, alias.name) for alias in node.names if alias.name in _MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in _MODULES:
            found.append((name, node.lineno, node.module))
    assert not found


def test_modules_are_imported_by_names_of_our_own():
    found = []
    for name, node, _, called in _called(nodes()):
        if called == "import_module":
            text = ast.unparse(node.args[0])
            if not text.strip("f\"'").startswith(tuple(_MAY_IMPORT)):
                found.append((name, node.lineno, text))
    assert not found


def test_the_reader_is_where_it_is_looked_for():
    assert READER in trees()
