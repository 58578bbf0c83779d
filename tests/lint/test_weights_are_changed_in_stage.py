"""`stage` is the only place where torch tensors are changed (design, section 2 B).

`.data =`, plain attribute assignment and in-place arithmetic on a parameter are what PyTorch lets go by silently, so
they are banned by name everywhere else in the package.
"""

from __future__ import annotations

import ast
import re

import pytest

from tests.lint.sources import nodes

STAGE = "core/stage.py"
# Where slots are bound to tensors: `put`, and the attributes of live modules such as in_features; where a document of
# a file turns to the one it saved: its own storages and steps, none of which is a tensor of torch; and where a model
# that the doctor runs, which is a copy of nobody's, is given the weights of a checkpoint.
BINDING = {"core/stage.py", "core/live/objects.py", "core/slots.py", "core/writing/turning.py", "doctor/inside/put.py"}
# Functions that copy out of a tensor into memory of their caller's, or make an empty tensor a view to be read, and so
# change no tensor of a document.
READING = {("core/live/objects.py", "read_into"), ("core/looking/on_device.py", "_values"),
           ("doctor/inside/put.py", "_of_file")}  # fmt: skip
NOT_TORCH = {"bool_", "str_", "bytes_", "ix_", "raise_"}  # of numpy and Qt
PARAMETER_NAMES = {"weight", "bias", "param"}
TENSOR_NAMES = PARAMETER_NAMES | {"parameter", "tensor"}
PARAMETER_TYPES = {"Parameter", "UninitializedParameter", "Buffer"}


def stores(node: ast.AST) -> list[ast.expr]:
    """What a statement assigns to or deletes, tuples taken apart."""
    if isinstance(node, ast.Assign | ast.Delete):
        targets = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
        targets = [node.target]
    else:
        return []
    flat = []
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Tuple | ast.List):
            targets += target.elts
        elif isinstance(target, ast.Starred):
            targets.append(target.value)
        else:
            flat.append(target)
    return flat


def name_of(node: ast.expr) -> str:
    """The last name of `a.b.c[0]`, which is `c`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def offences(file: str, node: ast.AST) -> list[str]:
    """Say what a node does that only `stage` may do."""
    found = []
    for target in stores(node):
        attribute = target.attr if isinstance(target, ast.Attribute) else ""
        if attribute == "data":
            found.append("assigns to .data")
        if attribute in PARAMETER_NAMES and file not in BINDING:
            found.append(f"assigns to the attribute .{attribute}")
        value = getattr(node, "value", None)
        if attribute and isinstance(value, ast.Call) and name_of(value.func) in PARAMETER_TYPES and file not in BINDING:
            found.append("assigns a Parameter to an attribute")
        if isinstance(node, ast.AugAssign) and name_of(target) in TENSOR_NAMES and file != STAGE:
            found.append(f"changes {name_of(target)} in place")
    if isinstance(node, ast.Call):
        called = name_of(node.func)
        if isinstance(node.func, ast.Attribute) and re.fullmatch(r"[a-z]\w*[^_]_", called):
            if called == "requires_grad_" and file.startswith("core/"):
                pass  # a flag, not a value
            elif called not in NOT_TORCH and file != STAGE:
                found.append(f"calls the in-place .{called}()")
        if called in ("setattr", "__setattr__") and file not in BINDING:
            constant = node.args[-2] if len(node.args) > 1 else None
            if isinstance(node.func, ast.Name) or getattr(constant, "value", None) in PARAMETER_NAMES | {"data"}:
                found.append(f"calls {called}")
    return found


def reading_lines() -> set[tuple[str, int]]:
    """The lines of the functions in READING."""
    functions = [(file, node) for file, node in nodes() if (file, getattr(node, "name", "")) in READING]
    return {(file, line) for file, node in functions for line in range(node.lineno, node.end_lineno + 1)}


def test_only_stage_changes_tensors():
    exempt = reading_lines()
    found = [
        f"weightedit/{file}:{node.lineno} {what}"
        for file, node in nodes()
        for what in offences(file, node)
        if (file, node.lineno) not in exempt
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "p.data = x",
        "p.data += 1",
        "m.sub.weight.data, y = 1, 2",
        "module.weight = tensor",
        "self.q_proj.anything = nn.Parameter(x)",
        "tensor += 1",
        "weight[0] *= 2",
        "tensor.mul_(2)",
        "view[region].copy_(values)",
        "nn.init.zeros_(x)",
        "t.index_put_((i,), v)",
        "t.requires_grad_(True)",
        "setattr(module, name, tensor)",
    ],
)
def test_the_lint_finds(line):
    assert any(offences("ui/anywhere.py", node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["self._tensor = x", "np.bool_(1)", "count += 1", "super().__init__()", "data = 1", "m._f()"]
)
def test_the_lint_lets_go(line):
    assert not any(offences("ui/anywhere.py", node) for node in ast.walk(ast.parse(line)))


def test_stage_may():
    assert not any(offences(STAGE, node) for node in ast.walk(ast.parse("target[region].copy_(values)")))
    assert any(offences(STAGE, node) for node in ast.walk(ast.parse("target.data = values")))
