"""Which classes and functions of a Python file may make a model, told by reading it; nothing is run."""

from __future__ import annotations

import ast
from pathlib import Path

from weightedit.core.words.paths import reason
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.model_reference import LARGEST, ReferenceWrong

BASES = ("Module", "Model", "Sequential", "ModuleList", "ModuleDict")
"""How the last part of a base class ends that is a module of torch, or of a library above it."""


def names_found(file: Path) -> tuple[str, ...]:
    """Return what may make a model: classes of modules, else functions and other classes.

    Parameters
    ----------
    file
        Of Python.

    Returns
    -------
    Names, the likeliest first: a class that no other one of the file is made of, and of those the last.

    Raises
    ------
    ReferenceWrong
        If the file does not read as Python, or has nothing of the kind.
    """
    tree = _read(file)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    modules = [name for name in classes if _is_module(name, classes, set())]
    parts = {name for outer, node in classes.items() for name in _named_in(node) if name != outer}
    modules.reverse()
    found = sorted(modules, key=lambda name: name in parts)
    if not found:
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        found = [name for name in (*functions, *classes) if not name.startswith("_")]
    if not found:
        raise ReferenceWrong(f"{visible(str(file))} has no class and no function that could make a model.")
    return tuple(found)


def _read(file: Path) -> ast.Module:
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise ReferenceWrong(f"{visible(str(file))} is larger than {LARGEST:,} bytes, which no code of a model is.")
        return ast.parse(text)
    except OSError as error:
        raise ReferenceWrong(f"{visible(str(file))} does not read: {reason(error)}.") from None
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise ReferenceWrong(f"{visible(str(file))} does not read as Python{where}: {visible(str(error.msg))}.") \
            from None  # fmt: skip
    except (ValueError, MemoryError, RecursionError):
        raise ReferenceWrong(f"{visible(str(file))} does not read as Python.") from None


def _is_module(name: str, classes: dict[str, ast.ClassDef], seen: set[str]) -> bool:
    """Whether a class is of modules, by its bases and those of them that are in the file."""
    if name not in classes or name in seen:
        return False
    seen.add(name)
    bases = [_last_part(base) for base in classes[name].bases]
    return any(_is_module(base, classes, seen) if base in classes else base.endswith(BASES) for base in bases)


def _last_part(base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        return _last_part(base.value)
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def _named_in(node: ast.ClassDef) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
