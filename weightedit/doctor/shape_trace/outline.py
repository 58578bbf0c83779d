"""A trace as a tree to be read from above: calls inside calls, and the modules that were never reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from weightedit.doctor.facts import ModelFacts
from weightedit.doctor.shape_trace.trace import Call, Seen, Trace


@dataclass(slots=True)
class TraceNode:
    """One row: a call of a module, or modules that no call reached.

    Attributes
    ----------
    title
        The module's name inside the one it is called in; `layers.4 … 31` for several.
    module, type
        Its whole name, and its class; `28 × DecoderLayer` for several.
    call
        The call; None for what was not reached.
    place
        Of the call in the trace; -1 for what was not reached.
    state
        `done`, `stopped`, `fails` for the innermost call that raised, `caught`, `not reached`, or `not called` where
        the run went to its end without it.
    children
        What happened inside.
    parent
        The row it is in.
    expects
        The shape that a module which was not reached would be given, as far as that is known: as one like it was, or
        what its own numbers say.
    """

    title: str
    module: str
    type: str
    call: Call | None
    place: int
    state: str
    children: list[TraceNode] = field(default_factory=list)
    parent: TraceNode | None = None
    expects: str = ""

    def walk(self) -> Iterator[TraceNode]:
        """Give this row and those inside, from above."""
        yield self
        for child in self.children:
            yield from child.walk()


def outline(trace: Trace, model: ModelFacts) -> list[TraceNode]:
    """Return the rows of a trace, the model's own call first.

    Parameters
    ----------
    trace
        The run.
    model
        The model, whose modules it may not have reached.
    """
    nodes: list[TraceNode] = []
    roots: list[TraceNode] = []
    innermost = max((place for place, call in enumerate(trace.calls) if call.state == "stopped"), default=-1)
    for place, call in enumerate(trace.calls):
        parent = nodes[call.inside] if call.inside >= 0 else None
        state = "fails" if place == innermost and trace.failure is not None else call.state
        node = TraceNode(_inside(call.module, parent) or call.type, call.module, call.type, call, place, state,
                         parent=parent)  # fmt: skip
        nodes.append(node)
        (roots if parent is None else parent.children).append(node)
    _add_unreached(nodes, model, "not called" if trace.failure is None else "not reached")
    return roots


def _inside(name: str, parent: TraceNode | None) -> str:
    prefix = f"{parent.module}." if parent is not None and parent.module else ""
    return name.removeprefix(prefix)


def _add_unreached(nodes: list[TraceNode], model: ModelFacts, state: str) -> None:
    """Put the modules that no call reached below the last call of the module they belong to, like ones as one row."""
    called = {node.module: node for node in nodes}
    expected = _Expected(nodes, model)
    has_called = {name[:end] for name in called for end in _ends(name)} | set(called)
    kept: list[tuple[TraceNode, list[tuple[str, str]]]] = []
    for module in model.modules:
        above = module.name.rpartition(".")[0]
        if module.name in has_called or (above and above not in has_called) or not module.name:
            continue
        while above not in called and above:
            above = above.rpartition(".")[0]
        holder = called.get(above)
        if holder is None:
            continue
        if kept and kept[-1][0] is holder and _is_next(kept[-1][1][-1], (module.name, module.type)):
            kept[-1][1].append((module.name, module.type))
        else:
            kept.append((holder, [(module.name, module.type)]))
    for holder, found in kept:
        first, last = found[0], found[-1]
        title = _inside(first[0], holder)
        if len(found) > 1:
            title = f"{title} … {last[0].rpartition('.')[2]}"
        kind = first[1] if len(found) == 1 else f"{len(found):,} × {first[1]}"
        holder.children.append(TraceNode(title, first[0], kind, None, -1, state, parent=holder,
                                         expects=expected.of(*first)))  # fmt: skip


class _Expected:
    """What modules that no call reached would be given: as one like it was, or by their own numbers."""

    def __init__(self, nodes: list[TraceNode], model: ModelFacts) -> None:
        self._like: dict[tuple[str, str], str] = {}
        for node in nodes:
            if node.call is not None and any(one.shape is not None for one in node.call.inputs):
                self._like.setdefault((_NUMBER.sub("#", node.module), node.type), shape_of(node.call.inputs))
        self._says = {one.name: one.says or {} for one in model.modules}
        self._weights = {one.name: one.shape for one in model.tensors}

    def of(self, name: str, kind: str) -> str:
        """Return a shape, with `…` for sizes that nobody knows; empty where nothing is known."""
        like = self._like.get((_NUMBER.sub("#", name), kind))
        if like is not None:
            return like
        says = self._says.get(name, {})
        for word, shown in _TAKES.items():
            if word in says:
                return shown.format(says[word])
        weight = self._weights.get(f"{name}.weight", ())
        return f"…, {weight[0]}" if len(weight) == 1 and "Norm" in kind and "Batch" not in kind else ""


_TAKES = {"in_features": "…, {}", "in_channels": "…, {}, …", "num_features": "…, {}, …", "normalized_shape.0": "…, {}",
          "input_size": "…, {}", "embed_dim": "…, {}", "num_channels": "…, {}, …"}  # fmt: skip
"""Which of a module's numbers is a size of its input, and where that stands."""
_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


def _ends(name: str) -> Iterator[int]:
    """Give where the names above a dotted one end."""
    return (place for place, sign in enumerate(name) if sign == ".")


def _is_next(before: tuple[str, str], found: tuple[str, str]) -> bool:
    """Whether a module is the next of a numbered list, of the same class."""
    one, two = before[0].rpartition("."), found[0].rpartition(".")
    numbered = one[2].isdigit() and two[2].isdigit() and int(two[2]) == int(one[2]) + 1
    return one[0] == two[0] and before[1] == found[1] and numbered


def shape_of(seen: tuple[Seen, ...]) -> str:
    """Return the first shape among values, `1, 16, 4096`, and how many more there are; a dash for none."""
    shapes = [one.shape for one in seen if one.shape is not None]
    if not shapes:
        return "–"
    more = f" +{len(shapes) - 1}" if len(shapes) > 1 else ""
    return (", ".join(map(str, shapes[0])) or "scalar") + more
