"""The page that describes every operation, made from the declarations, as Markdown."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from weightedit.core.edit import Edit, TensorName
from weightedit.core.operation import REQUIRED, Operation, Parameter
from weightedit.core.pages.help_chapter import HelpChapter

TITLE = "Operations"
_LOCALITY = {
    "elementwise": "each value by itself", "row": "values of the same row", "whole": "all values of the tensor",
    "several": "several tensors, or all values of one",
}  # fmt: skip
_EFFECT = {
    "write": "new values in place: shape, dtype and the object stay",
    "rebind": "another tensor in the same place",
    "restructure": "the checkpoint other names, another order or other entries",
    "flag": "the tensor another flag; no value changes",
    "share": "slots one and the same tensor, or one of their own",
}
_EXAMPLE = {
    "number": "0.5", "integer": "0", "boolean": "True", "dtype": '"float16"', "text": '"name"', "integers": "(0,)",
    "values": "1.0", "operand": "0.5", "tensor": '"other.weight"', "tensors": '["other.weight"]',
    "plain": '"text"', "expression": '"w * 2"', "device": '"cuda:0"',
}  # fmt: skip
_ROWS = '"3, 5:8"'
_TYPE = {
    "tensor": 'name, or `("file", "name")`, or values',
    "operand": "number or tensor", "tensors": "list of tensors", "integers": "whole numbers", "integer": "whole number",
    "values": 'number, list, array, tensor, name, or `("file", "name")`', "plain": "plain value",
    "expression": "formula",
}  # fmt: skip


def chapters(operations: Iterable[Operation]) -> list[HelpChapter]:
    """Return a part for each operation, group by group in the order in which they first appear."""
    made = [HelpChapter(one.name, one.title, one.group, _chapter(one)) for one in operations]
    order = list(dict.fromkeys(chapter.group for chapter in made))
    return sorted(made, key=lambda chapter: order.index(chapter.group))


def page(operations: Iterable[Operation]) -> str:
    """Return the whole page."""
    made = chapters(operations)
    lines = [f"# {TITLE}", "",
             "Made from the declarations by `packaging/dev.py docs`; every one is an undo step, a step of a recipe,",
             "a form in the window and a call of the API.", ""]  # fmt: skip
    for group in dict.fromkeys(chapter.group for chapter in made):
        lines += [f"## {group}", ""]
        for chapter in made:
            if chapter.group == group:
                lines += [f"### {chapter.title}", "", chapter.markdown, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def table(operations: Sequence[Operation]) -> str:
    """Return a line for each operation, group by group."""
    groups = dict.fromkeys(one.group for one in operations)
    lines = ["| operation | what it does |", "|---|---|"]
    for group in groups:
        lines.append(f"| **{group}** | |")
        lines += [f"| `{one.name}` | {_cell(one.summary)} |" for one in operations if one.group == group]
    return "\n".join(lines)


def _chapter(one: Operation) -> str:
    text, references = _split(one.doc)
    blocks = [f"`{one.name}`: {text}"]
    if one.parameters:
        rows = ["| argument | takes | default | meaning |", "|---|---|---|---|"]
        rows += [f"| `{parameter.name}` | {_type(parameter)} | {_default(parameter)} | {_cell(parameter.help)} |"
                 for parameter in one.parameters]  # fmt: skip
        blocks.append("\n".join(rows))
    facts = [f"Gives {_EFFECT[one.effect]}.", f"A result depends on {_LOCALITY[one.locality]}."]
    facts.append("Takes a region or a condition." if one.takes_region else "Takes whole tensors.")
    if one.subject != "tensor":
        facts = [facts[0], "Applies to any entry of the tree." if one.subject == "entry" else "Applies to a value."]
    if one.random:
        facts.append("Random: the same seed gives the same values, however the tensor is cut.")
    if isinstance(one.code, str) and one.code and "{current}" in one.code:
        facts.append(f"In PyTorch: `{one.code.format_map(_Names())}`.")
    blocks.append(" ".join(facts))
    blocks.append(f"```python\n{_call(one)}\n```")
    blocks.append(f"A step of a recipe, for `weightedit apply recipe.json SRC DST`:\n\n```json\n{_step(one)}\n```")
    if references:
        blocks.append("\n".join(["References:", "", *(f"- {line}" for line in references)]))
    return "\n\n".join(blocks)


class _Names(dict[str, str]):
    """Each field as what it stands for."""

    def __missing__(self, key: str) -> str:
        return "w" if key in ("current", "kept", "tensor") else key


def _split(doc: str) -> tuple[str, list[str]]:
    """Return what a docstring says, and its references."""
    text = inspect.cleandoc(doc)
    sections = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}$", text, flags=re.MULTILINE)
    named = dict(zip(sections[1::2], sections[2::2], strict=True))
    references: list[str] = []
    for line in (line.strip() for line in named.get("References", "").splitlines() if line.strip()):
        if references and references[-1].endswith(","):  # a reference that goes on in the next line
            references[-1] += f" {line}"
        else:
            references.append(line)
    notes = named.get("Notes", "").strip()
    return "\n\n".join(part for part in (sections[0].strip(), notes) if part), references


def _type(parameter: Parameter) -> str:
    if parameter.choices:
        return ", ".join(f"`{choice}`" for choice in parameter.choices)
    said = _TYPE.get(parameter.type, parameter.type)
    return f"{said}, or none" if parameter.optional else said


def _default(parameter: Parameter) -> str:
    return "needed" if parameter.default is REQUIRED else f"`{parameter.default!r}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _needed(one: Operation) -> dict[str, str]:
    """Return the arguments of an example as code: those without a default, else the first."""
    wanted = [found for found in one.parameters if found.default is REQUIRED] or list(one.parameters[:1])
    return {found.name: json.dumps(found.choices[0]) if found.choices else
            _ROWS if found.name == "rows" and found.type == "text" else _EXAMPLE[found.type] for found in wanted}


def _target(one: Operation) -> str:
    return "layers.0.weight" if one.effect == "restructure" else "layers.*.weight"


def _call(one: Operation) -> str:
    arguments = "".join(f", {name}={value}" for name, value in _needed(one).items())
    return f'doc.apply("{one.name}", "{_target(one)}"{arguments})'


def _step(one: Operation) -> str:
    """Return the example as a recipe stores it."""
    types = {found.name: found.type for found in one.parameters}
    given = {name: _stored(ast.literal_eval(value), types[name]) for name, value in _needed(one).items()}
    record = Edit(one.name, (_target(one),), None, given, 0 if one.random else None).to_json()
    return "{" + ",\n ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()) + "}"


def _stored(value: Any, type: str) -> Any:
    if type == "tensor":
        return TensorName(value)
    return tuple(TensorName(name) for name in value) if type == "tensors" else value
