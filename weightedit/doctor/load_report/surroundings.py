"""Where in the model a tensor of the checkpoint must lie, told by what is matched already around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

Pairs = Mapping[str, str]
"""Names of the checkpoint by those of the model."""
Where = Callable[[str], str]
"""Returns the innermost module of the model that a name is known to lie in; empty where nothing is known."""


def surroundings(known: Mapping[str, str]) -> tuple[Where, Where]:
    """Return where names of the model lie, and where names of the checkpoint do.

    Parameters
    ----------
    known
        Names of the checkpoint by those of the model that are matched.
    """
    votes: dict[str, Counter[str]] = {}
    ours: dict[str, str] = {}
    for name, key in known.items():
        for module, other in zip(_modules(name), _modules(key), strict=False):
            ours[module] = module
            votes.setdefault(other, Counter())[module] += 1
    theirs: dict[str, str] = {}
    for other, counted in votes.items():
        module, most = counted.most_common(1)[0]
        if 2 * most > counted.total():
            theirs[other] = module
    return lambda name: _innermost(name, ours), lambda key: _innermost(key, theirs)


def agree(one: str, other: str) -> bool:
    """Whether two places are not at odds: the same, one within the other, or one unknown."""
    return not one or not other or f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _modules(name: str) -> Iterator[str]:
    """Yield the modules that a tensor lies in, the innermost first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _innermost(name: str, known: Mapping[str, str]) -> str:
    return next((known[module] for module in _modules(name) if module in known), "")
