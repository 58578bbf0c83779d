"""What a pickle may cost: how much may be made of so many bytes, and what may be a key.

A few bytes of a pickle can name one object again and again. Hashing a tuple walks through everything in it as often
as it is named, in C, where nothing can stop it; so what is to be a key, or in a set, is measured first.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from weightedit.core.described.contents import kind_of
from weightedit.core.progress import Ask, unasked

FREE_STEPS = 2_000_000
"""Steps any pickle may take: about a second."""
STEPS_PER_BYTE = 8
"""Further steps for each byte: an honest pickle takes less than one to hash or copy what its bytes describe."""
_UNASKED = 1 << 16
"""Steps between two questions whether to stop."""
LARGEST_KEY = 1_000
"""Parts of one key, counted as often as they are named; it is hashed again for everything under it."""
DEEPEST_KEY = 50
_FEW = 64
"""Keys that are put into a dict between two looks at how long that takes."""
_NS, _NS_PER_KEY = 2_000_000_000, 2_000
"""Nanoseconds of this thread that telling keys apart may take in all, and further ones for each key: they take 100."""
_LONG_NS = 1_000_000
"""Nanoseconds for these few after which it is asked whether to stop."""
_SMALL = 1 << 60
"""Whole numbers below have hashes of their own; larger ones can be chosen to share theirs."""
_PLAIN = frozenset({str, bytes, bool, type(None)})
"""Hashed with a secret of the process, or so few that nothing can be chosen."""


class Unreadable(pickle.UnpicklingError):
    """What is wrong with a pickle, in our words."""


class Budget:
    """Counts what is made of a pickle, and calls `ask` in between."""

    def __init__(self, ask: Ask = unasked) -> None:
        self._ask = ask
        self._left = FREE_STEPS
        self._unasked = _UNASKED
        self._ns = _NS
        self._hashes: dict[int, tuple[Any, Counter[int]]] = {}  # by the container, which is kept so that its id is

    def begin(self, nbytes: int) -> None:
        """Allow what a pickle of so many bytes may take."""
        self._left = FREE_STEPS + STEPS_PER_BYTE * nbytes

    def spend(self, steps: int) -> None:
        """Take so many steps: objects copied, or eight bytes each.

        Raises
        ------
        Unreadable
            If a pickle of that length has no use for so many.
        """
        self._left -= steps
        if self._left < 0:
            raise Unreadable("it names a few large objects again and again, without end to put together")
        self._unasked -= steps
        if self._unasked < 0:
            self._ask()
            self._unasked = _UNASKED

    def admit(self, keys: Sequence[Any], into: object) -> None:
        """Check that what is to be put into a dict or set can be hashed, and told from others, in little time.

        Raises
        ------
        Unreadable
            If a key is too large, or the keys share their hashes.
        """
        kinds = set(map(type, keys))
        if kinds <= _PLAIN:
            return
        if int in kinds and kinds <= {int, *_PLAIN}:
            keys = [key for key in keys if type(key) is int]
            if max(keys) < _SMALL and min(keys) > -_SMALL:
                return
        _, hashes = self._hashes.setdefault(id(into), (into, Counter()))
        for key in keys:
            parts = _parts(key)
            hashed = hash(key)
            hashes[hashed] += 1
            self.spend(parts * hashes[hashed])


    def fill(self, put: Callable[[Any], object], keys: Sequence[Any], values: Sequence[Any] | None = None) -> None:
        """Put admitted keys into a set, or into a dict with their values, `put` being its `update`.

        Whole numbers, and what is made of them, can be chosen so that each is compared with almost all before it,
        though no two share a hash; one call for many of them could then not be ended.

        Raises
        ------
        Unreadable
            If it takes far longer than for any others.
        """
        step = len(keys) if _PLAIN.issuperset(map(type, keys)) else _FEW
        for start in range(0, len(keys), step or 1):
            part = keys[start : start + step]
            begun = time.thread_time_ns()
            put(part if values is None else zip(part, values[start : start + step], strict=True))
            taken = time.thread_time_ns() - begun
            self._ns = min(_NS, self._ns - taken + _NS_PER_KEY * len(part))
            if self._ns < 0:
                raise Unreadable("it has keys that are chosen to be told apart slowly")
            if taken > _LONG_NS:
                self._ask()


def _parts(key: Any) -> int:
    """Count what a key is made of, each part as often as it is named."""
    count = 0
    level: list[Any] = [key]
    for _ in range(DEEPEST_KEY):
        inside: list[Any] = []
        for part in level:
            count += 1
            if isinstance(part, tuple | frozenset):
                count += len(part)
                if count <= LARGEST_KEY:
                    inside += part
            elif type(part) is int:
                count += part.bit_length() >> 9
            if count > LARGEST_KEY:
                raise Unreadable(f"it has a key of more than {LARGEST_KEY:,} parts")
        if not inside:
            return count
        level = inside
    raise Unreadable(f"it has a key nested more than {DEEPEST_KEY} deep")


class Putting:
    """Does what the opcodes do that put things into dicts and sets, after asking a budget.

    Parameters
    ----------
    budget
        Of the pickle.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def put(self, payload: Any, how: object) -> Any:
        """Do it; what `payload` is, `pickle_scan.PUTTING` says.

        A pickle can name such an id itself. Then its payload may be anything, also a range, which has no end to go
        through.
        """
        items = payload[1] if how in (1, 4) and type(payload) is tuple and len(payload) == 2 else payload
        if type(items) is not tuple or (how in (1, 4) and items is payload):
            raise Unreadable("a persistent id is not one of torch's storages")
        if how == 1:
            return self._pairs(payload[0], items[::2], items[1::2])
        if how == 2:
            return self._pairs(payload[0], payload[1:2], payload[2:3])
        if how == 3:
            return self._pairs({}, payload[::2], payload[1::2])
        if how == 4:
            return self._items(*payload)
        if how == 5:
            self._budget.admit(payload, payload)
            found: set[Any] = set()
            self._budget.fill(found.update, payload)
            return frozenset(found)
        raise Unreadable("a persistent id is not one of torch's storages")

    def _pairs(self, into: Any, keys: Sequence[Any], values: Sequence[Any]) -> Any:
        if len(keys) != len(values):
            raise Unreadable("it has a dict with a key and no value")
        if not isinstance(into, dict) and not hasattr(type(into), "put_pairs"):
            raise Unreadable(f"it sets an item of {kind_of(into)}, which has none")
        if keys:
            self._budget.admit(keys, into)
        if isinstance(into, dict):
            self._budget.fill(into.update, keys, values)
        else:
            into.put_pairs(zip(keys, values, strict=True))
        return into

    def _items(self, into: Any, items: Sequence[Any]) -> Any:
        if type(into) is set:
            self._budget.admit(items, into)
            self._budget.fill(into.update, items)
        elif hasattr(type(into), "put_items"):
            into.put_items(items)
        else:
            raise Unreadable(f"it adds to {kind_of(into)}, which is no set")
        return into
