"""Objects of a pickle that stay data: class name, arguments and state are kept, nothing is imported or called."""

from __future__ import annotations

from typing import Any


class GlobalName:
    """A class or function a pickle names, such as `argparse.Namespace`; only its name, never the thing itself."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __repr__(self) -> str:
        return f"{self.module}.{self.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GlobalName) and (self.module, self.name) == (other.module, other.name)

    def __hash__(self) -> int:
        return hash((self.module, self.name))


class Placeholder:
    """An object that a pickle builds by code we do not run.

    Attributes
    ----------
    type
        What the pickle would have called.
    how
        `reduce` (called with args), `newobj` (made without `__init__`), `newobj_ex`, or `call` (the first of args,
        itself a placeholder, called with the rest).
    args, kwargs
        What it would have been called with.
    state
        What BUILD would have given it, or `None`; `has_state` says whether there was a BUILD.
    items, pairs
        What would have been appended to it, or set in it, in order.
    """

    __slots__ = ("args", "has_state", "how", "items", "kwargs", "pairs", "state", "type")

    def __init__(self, type: GlobalName, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None,
                 how: str = "reduce") -> None:  # fmt: skip
        self.type = type
        self.args = args
        self.kwargs = kwargs
        self.how = how
        self.state: Any = None
        self.has_state = False
        self.items: list[Any] = []
        self.pairs: list[tuple[Any, Any]] = []

    @property
    def attributes(self) -> dict[Any, Any]:
        """The object's `__dict__` as far as its state gives one."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
            state = state[0]
        return state if isinstance(state, dict) else {}

    @property
    def is_module(self) -> bool:
        """Whether it looks like a pickled `nn.Module`: its parameters, buffers and modules are dicts."""
        attributes = self.attributes
        return isinstance(attributes.get("_modules"), dict) and isinstance(attributes.get("_parameters"), dict)

    def __repr__(self) -> str:
        return f"<{self.type!r}>"
