"""The last step of reading a pickle: stand-in classes become names, recording objects become placeholders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from weightedit.core.described.contents import key_text
from weightedit.core.described.placeholder import Placeholder
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.formats.pickle_budget import Unreadable
from weightedit.formats.pickle_values import Made, OrderedState, PickledTensor, SizeValue

DEEPEST_TUPLE = 500
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


def settle(root: Any, ask: Ask = unasked) -> Any:
    """Return `root` with every stand-in, wherever it is nested, replaced; containers are changed in place.

    `ask` is called about every thousand containers, and what it raises ends the walk.
    """
    return _Settling().settle(root, ask)


class _Settling:
    """One walk over everything reachable, without recursion but for tuples inside tuples."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}
        self._tuples: dict[int, tuple[Any, Any]] = {}
        self._stack: list[Any] = []

    def settle(self, root: Any, ask: Ask) -> Any:
        result = self._value(root)
        turn = 0
        while self._stack:
            turn += 1
            if not turn % OFTEN:
                ask()
            self._inside(self._stack.pop())
        return result

    def _value(self, value: Any, depth: int = 0) -> Any:
        """Return what takes the place of a value; containers are visited later."""
        if isinstance(value, Made):
            return value.global_name
        if isinstance(value, tuple) and value:
            return self._tuple(value, depth)
        if isinstance(value, frozenset) and value:
            return frozenset(self._value(item, depth + 1) for item in value)
        if isinstance(value, dict | list | set | Placeholder | PickledTensor) and id(value) not in self._seen:
            self._seen[id(value)] = value
            self._stack.append(value)
        return value

    def _tuple(self, value: tuple[Any, ...], depth: int) -> tuple[Any, ...]:
        if depth > DEEPEST_TUPLE:
            raise Unreadable(f"it nests tuples more than {DEEPEST_TUPLE} deep")
        known = self._tuples.get(id(value))
        if known is None:
            items = [self._value(item, depth + 1) for item in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            settled = value if same else SizeValue(items) if isinstance(value, SizeValue) else tuple(items)
            known = self._tuples[id(value)] = (value, settled)
        return known[1]

    def _inside(self, value: Any) -> None:
        if isinstance(value, list):
            if _PLAIN.issuperset(map(type, value)):  # a list of millions of numbers, without a step of ours for each
                return
            value[:] = [self._value(item) for item in value]
        elif isinstance(value, dict):
            self._dict(value)
        elif isinstance(value, set):
            items = [self._value(item) for item in value]
            value.clear()
            value.update(items)
        elif isinstance(value, Placeholder):
            self._placeholder(value)
        elif value.extras is not None:
            extras = value.extras
            extras.hooks, extras.metadata = self._value(extras.hooks), self._value(extras.metadata)
            extras.state, extras.quantizer = self._value(extras.state), self._value(extras.quantizer)

    def _dict(self, value: dict[Any, Any]) -> None:
        keys = {key: self._value(key) for key in value if not isinstance(key, str | int)}
        if any(new is not old for old, new in keys.items()):
            items = list(value.items())
            value.clear()
            value.update((keys.get(key, key), item) for key, item in items)
        for key, item in value.items():
            settled = self._value(item)
            if settled is not item:
                value[key] = settled
        if isinstance(value, OrderedState) and value.state is not None:
            value.state = self._value(value.state)

    def _placeholder(self, value: Placeholder) -> None:
        if type(value) is not Placeholder:
            value.__class__ = Placeholder
        value.args = self._value(value.args)
        value.kwargs = self._value(value.kwargs)
        value.state = self._value(value.state)
        value.items = [self._value(item) for item in value.items]
        value.pairs = [(self._value(key), self._value(item)) for key, item in value.pairs]


def path_to(root: Any, target: Any) -> str:
    """Return the dotted name of `target` inside `root`, for messages; empty where it is the root itself."""
    stack: list[_Step] = [_Step(root, "", None)]
    seen: set[int] = set()
    while stack:
        step = stack.pop()
        if step.value is target:
            return ".".join(reversed([*step.names()]))
        if id(step.value) not in seen:
            seen.add(id(step.value))
            stack += [_Step(item, key, step) for key, item in _children(step.value)]
    return ""


class _Step(NamedTuple):
    """One thing on the way, and where it was found: a list of all names at each would be as long as all is deep."""

    value: Any
    key: Any
    before: _Step | None

    def names(self) -> Iterator[str]:
        step: _Step | None = self
        while step is not None and step.before is not None:
            yield key_text(step.key)
            step = step.before


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif isinstance(value, Placeholder):
        yield from ((key, getattr(value, key)) for key in ("args", "state", "items", "pairs"))
