"""Every hazard the package makes is of a registered kind and of a level that the registry allows it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import pytest

from tests.lint.sources import trees
from weightedit.core.hazard_kinds import KINDS
from weightedit.core.hazards import LEVELS


@dataclass(frozen=True)
class Maker:
    """A function that makes a hazard: where its kind and its level stand among its arguments."""

    kind: tuple[int | None, str, str | None]  # position, keyword, default
    level: tuple[int | None, str, str | None]


BASE = {
    "Hazard": Maker((0, "kind", None), (1, "level", None)),
    "refusal": Maker((0, "kind", None), (None, "", "refusal")),
}


@dataclass(frozen=True)
class Made:
    """One hazard in the source: where, and the literal kinds and levels; None stands for what is no literal."""

    where: str
    kinds: tuple[str | None, ...]
    levels: tuple[str | None, ...]


def argument(call: ast.Call, place: tuple[int | None, str, str | None]) -> ast.expr | str | None:
    position, keyword, default = place
    found = next((one.value for one in call.keywords if one.arg == keyword), None)
    if found is None and position is not None and position < len(call.args):
        found = call.args[position]
    return default if found is None else found


def literals(node: ast.expr | str | None, function: ast.FunctionDef | None) -> tuple[str | None, ...]:
    """The texts an expression may be: a literal, either branch of a choice, or what a name is assigned here."""
    if node is None or isinstance(node, str):
        return (node,)
    if isinstance(node, ast.Constant):
        return (str(node.value),)
    if isinstance(node, ast.IfExp):
        return literals(node.body, function) + literals(node.orelse, function)
    if isinstance(node, ast.Name) and function is not None:
        values = [one.value for one in ast.walk(function) if isinstance(one, ast.Assign | ast.AnnAssign)
                  and any(isinstance(name, ast.Name) and name.id == node.id for name in
                          (one.targets if isinstance(one, ast.Assign) else [one.target]))]  # fmt: skip
        if values:
            return tuple(text for value in values for text in literals(value, function))
    return (None,)


def parameter(function: ast.FunctionDef, node: ast.expr | str | None) -> tuple[int | None, str, str | None] | None:
    """Where a name stands among a function's parameters."""
    if not isinstance(node, ast.Name):
        return None
    plain = [one.arg for one in function.args.args]
    keywords = [one.arg for one in function.args.kwonlyargs]
    if node.id in plain:
        place = plain.index(node.id)
        from_end = place - len(plain) + len(function.args.defaults)
        default = function.args.defaults[from_end] if from_end >= 0 else None
        text = default.value if isinstance(default, ast.Constant) else None
        return place - (plain[:1] == ["self"]), node.id, text
    if node.id in keywords:
        default = function.args.kw_defaults[keywords.index(node.id)]
        return None, node.id, default.value if isinstance(default, ast.Constant) else None
    return None


def key(file: str, name: str) -> str:
    """A function of one file alone is known by both."""
    return f"{file} {name}" if name.startswith("_") else name


def calls(makers: dict[str, Maker]):
    """Each call of a maker, with the innermost function it stands in."""
    for file, tree in trees().items():
        inside: dict[ast.AST, ast.FunctionDef] = {}
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            inside |= dict.fromkeys(ast.walk(function), function)  # the inner ones come later
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if key(file, name) in makers:
                    yield file, node, makers[key(file, name)], inside.get(node)


def found() -> list[Made]:
    """Every hazard of the package, through the functions that make one of a kind they are given."""
    makers = dict(BASE)
    while True:
        made, more = [], {}
        for file, call, maker, function in calls(makers):
            kind, level = argument(call, maker.kind), argument(call, maker.level)
            name = "" if function is None else key(file, function.name)
            if function is not None and name not in makers:
                passed = [parameter(function, one) for one in (kind, level)]
                if any(passed):
                    fixed = [(None, "", literals(one, function)[0]) for one in (kind, level)]
                    more[name] = Maker(passed[0] or fixed[0], passed[1] or fixed[1])
                    continue
            if name not in makers:
                made.append(Made(f"weightedit/{file}:{call.lineno}", literals(kind, function),
                                 literals(level, function)))  # fmt: skip
        if not more:
            return made
        makers |= more


MADE = found()


def test_hazards_are_found_in_the_source():
    assert len(MADE) > 100
    assert {"overflow", "unties", "values-dropped"} <= {kind for one in MADE for kind in one.kinds}


def test_every_hazard_is_of_a_registered_kind():
    unknown = [f"{one.where} makes {kind!r}" for one in MADE for kind in one.kinds if kind not in KINDS]
    assert not unknown, "register in weightedit/core/hazard_kinds, as a literal: " + "; ".join(unknown)


def test_every_hazard_has_a_level_its_kind_may_have():
    wrong = [f"{one.where}: {kind} as {level}" for one in MADE for kind in one.kinds for level in one.levels
             if kind in KINDS and level not in KINDS[kind].levels]  # fmt: skip
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_every_registered_level_is_one(kind):
    assert set(KINDS[kind].levels) <= set(LEVELS)
