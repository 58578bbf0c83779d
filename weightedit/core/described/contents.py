"""Walking what a checkpoint or live object holds: slots and values in order, each with its path and name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Protocol

from weightedit.core.described.entry_list import Entries, EntryList, LazyEntries
from weightedit.core.described.pickled_numpy import array_text, scalar_text
from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.described.slot_list import DictSlots, SlotList, Slots, TableSlots
from weightedit.core.described.tensor_dict import TensorDict
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.core.slots import Entry, HeldTensor, Slot
from weightedit.core.words.visible import visible

MOST_AGAIN = 20_000
"""A container met again is shown again only while fewer entries than this were made."""
MOST_VALUES = 200_000
"""Plain values are shown one by one only up to this many entries."""
MOST_AGAIN_AT_ALL = 200_000
"""Entries that are an object met before: two bytes of a pickle name one once more, and an entry takes 500."""
MOST_ENTRIES = 1_500_000
"""Tensors, values and containers a document may hold, but for the plain values that are not shown one by one."""
FEW_VALUES = 64
"""A container of so few shows the plain values beside its tensors too, up to half of all entries there may be."""
MOST_CONTAINERS = 300_000
"""Containers a document may hold; each takes memory and time of its own."""
MOST_NAMING = 256 << 20
"""Bytes that names and paths may take: each entry repeats all keys above it, and one key can have megabytes."""
DEEPEST = 2_000
"""Containers in one another; a name at such a depth has as many parts."""
LONGEST_TEXT = 200
LONGEST_REPR = 4_000
"""Characters of a text whose characters are all escapes."""
_SHORT_BITS = 256
"""Of whole numbers whose digits are no long text."""
_DEFERRED = attrgetter("is_deferred")

Item = tuple[Any, Any, Any, tuple[Any, ...]]
"""(owner, key, value, path): one thing inside a container."""
Expanded = tuple[str, str, Iterable[Item]]
Expand = Callable[[Any, tuple[Any, ...]], Expanded | None]
"""Returns (kind, text, items) of a container, or None for anything else."""


_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})


class TooMuch(WeightEditError):
    """A file or object holds more than can be listed; the message goes on after its name."""


class Inventory(Protocol):
    """What is in a checkpoint or live object, in order: all entries, and the slots among them."""

    @property
    def entries(self) -> Entries:
        """Tensors, values and containers."""
        ...

    @property
    def slots(self) -> Slots:
        """The places of tensors."""
        ...


def check_count(count: int) -> None:
    """Raise `TooMuch` for more entries than a document may hold."""
    if count > MOST_ENTRIES:
        raise TooMuch(f"holds more than {MOST_ENTRIES:,} tensors and values")


class Flat:
    """What is in a flat checkpoint: tensors by name, of which nothing is made until someone looks."""

    def __init__(self, root: dict[str, HeldTensor]) -> None:
        check_count(len(root))
        self.slots = TableSlots(root) if isinstance(root, TensorDict) and root.table is not None else DictSlots(root)
        self.entries = LazyEntries(self.slots)


class Walked:
    """What a walk found, in order: all entries, and the slots among them.

    Parameters
    ----------
    root
        A container, or a single tensor.
    expand
        Says what is inside a container.
    held_by
        Returns the tensor a leaf is, or None for a value.
    ask
        Called about every thousand entries; what it raises ends the walk.

    Raises
    ------
    TooMuch
        If containers are nested too deep, or too many, or the names of what is in them too long all together.
    """

    def __init__(self, root: Any, expand: Expand, held_by: Callable[[Any], HeldTensor | None],
                 ask: Ask = unasked) -> None:  # fmt: skip
        self.entries = EntryList()
        self.slots = SlotList()
        self._expand = expand
        self._held_by = held_by
        self._ask = ask
        self._names: dict[str, int] = {}
        self._naming = 0
        self._open: set[int] = set()
        self._met: set[int] = set()
        self._leaves: set[int] = set()
        self._again = 0
        self._walk(root)

    def _walk(self, root: Any) -> None:
        """Visit everything without recursion: 1,000 levels and cycles are everyday cases."""
        holder = [root]
        first = self._visit((holder, 0, root, ()))
        if first is not None and self.entries[0].kind != "tensor":
            self.entries.clear()  # the root itself has no name and is not shown
        stack = [(first, id(root))] if first is not None else []
        while stack:
            items, identity = stack[-1]
            item = next(items, None)
            if item is None:
                stack.pop()
                self._open.discard(identity)
                continue
            inside = self._visit(item)
            if inside is not None:
                stack.append((inside, id(item[2])))
                if len(stack) > DEEPEST:
                    raise TooMuch(f"nests lists, dicts or objects more than {DEEPEST:,} deep")

    def _visit(self, item: Item) -> Iterator[Item] | None:
        owner, key, value, path = item
        if not len(self.entries) % OFTEN:  # each visit adds one
            self._ask()
            check_count(len(self.entries))
        name = dotted(path)
        if len(path) > 1:  # else it is the key itself
            self._naming += (len(name) if name.isascii() else 4 * len(name)) + 8 * len(path)
            if self._naming > MOST_NAMING:
                raise TooMuch(f"has keys so long, or so deep in one another, that the names of what is below them take "
                          f"more than {MOST_NAMING >> 20} MiB")  # fmt: skip
        if type(value) in _PLAIN:  # most of what is no tensor, so neither is asked about it
            self.entries.append(Entry(path, name, "value", owner=owner, key=key, value=value, text=brief(value)))
            return None
        held = self._held_by(value)
        if held is not None:
            self._meet(value, self._leaves)
            name = self._unique(name)
            slot = Slot(owner, key, path, name, held)
            self.slots.append(slot)
            self.entries.append(Entry(path, name, "tensor", owner=owner, key=key, slot=slot))
            return None
        expanded = self._expand(value, path)
        if expanded is None:
            self._meet(value, self._leaves)
            self.entries.append(Entry(path, name, "value", owner=owner, key=key, value=value, text=brief(value)))
            return None
        kind, text, items = expanded
        if id(value) in self._open or (len(self.entries) > MOST_AGAIN and id(value) in self._met):
            text = f"the same {kind} as above"
            self._meet(value, self._met)
            self.entries.append(Entry(path, name, "value", owner=owner, key=key, value=value, text=text))
            return None
        self._meet(value, self._met)
        if len(self._met) > MOST_CONTAINERS:
            raise TooMuch(f"holds more than {MOST_CONTAINERS:,} lists, dicts or objects")
        if _length(value) > MOST_VALUES - len(self.entries):
            items, text = self._without_plain(value, path, items, text)
        self.entries.append(Entry(path, name, kind, owner=owner, key=key, value=value, text=text))
        self._open.add(id(value))
        return iter(items)

    def _meet(self, value: Any, met: set[int]) -> None:
        """Take note of what may be met again, which few things are."""
        if id(value) in met:
            self._again += 1
            if self._again > MOST_AGAIN_AT_ALL:
                raise TooMuch(f"holds what it holds elsewhere more than {MOST_AGAIN_AT_ALL:,} times over")
        met.add(id(value))

    def _without_plain(self, value: Any, path: tuple[Any, ...], items: Iterable[Item],
                       text: str) -> tuple[Iterable[Item], str]:  # fmt: skip
        """Return what is inside a container that is too much but its plain values, and its text, which says so.

        An optimizer keeps a step beside the moments of each parameter: dicts of a few things, among them tensors, stay
        as they are.
        """
        is_short = _length(value) <= FEW_VALUES and len(self.entries) < MOST_ENTRIES // 2
        everything = items
        if isinstance(value, list | tuple):
            places = [index for index, kind in enumerate(map(type, value)) if kind not in _PLAIN]
            items = ((value, index, value[index], (*path, index)) for index in places)
            bare = not places
        elif isinstance(value, dict):
            pairs = [(key, item) for key, item in value.items() if type(item) not in _PLAIN]
            items = ((value, key, item, (*path, key)) for key, item in pairs)
            bare = not pairs
        else:
            items, bare = self._sifted(items), False
        if is_short and not bare:
            return everything, text
        return items, f"{text}, {'' if bare else 'plain values '}not shown one by one"

    def _sifted(self, items: Iterable[Item]) -> Iterator[Item]:
        for number, item in enumerate(items):
            if not number % OFTEN:
                self._ask()
            if type(item[2]) not in _PLAIN:
                yield item

    def _unique(self, name: str) -> str:
        """Return the name, or with ` #2` and so on where one like it was there before."""
        if name not in self._names:
            self._names[name] = 1
            return name
        count = self._names.get(name, 0) + 1
        self._names[name] = count
        candidate = name if count == 1 else f"{name} #{count}"
        while count > 1 and candidate in self._names:
            count += 1
            candidate = f"{name} #{count}"
        self._names.setdefault(candidate, 1)
        return candidate


def _length(value: Any) -> int:
    """Return how many things a container holds, as far as it costs nothing to say."""
    if isinstance(value, Placeholder):
        return len(value.attributes) + len(value.args) + len(value.items) + len(value.pairs)
    return len(value) if isinstance(value, (list, tuple, dict)) else 0


def file_inventory(root: Any, ask: Ask = unasked) -> Inventory:
    """Return everything in the root of a checkpoint, whose tensors are `HeldTensor` leaves; `ask` may end the walk."""
    return Flat(root) if _is_flat(root, ask) else walked(root, ask)


def _is_flat(root: Any, ask: Ask) -> bool:
    """Whether a checkpoint is a dict of tensors under texts, each alone in its storage, and nobody looked at them."""
    if isinstance(root, TensorDict) or not isinstance(root, dict) or not root:
        return isinstance(root, TensorDict) and root.table is not None
    ask()
    if set(map(type, root)) != {str} or not all(issubclass(kind, HeldTensor) for kind in set(map(type, root.values()))):
        return False
    ask()
    if len(set(map(id, root.values()))) < len(root):
        return False
    ask()
    return all(map(_DEFERRED, root.values()))


def walked(root: Any, ask: Ask = unasked) -> Walked:
    """Return the same with all slots and entries made; for a document that was changed."""
    return Walked(root, expand_plain, lambda value: value if isinstance(value, HeldTensor) else None, ask)


def dotted(path: tuple[Any, ...]) -> str:
    """Join a path's keys by dots, as the names of a state_dict are."""
    if len(path) == 1 and isinstance(path[0], str):
        return path[0]
    return ".".join([key if type(key) is str else key_text(key) for key in path])


def key_text(key: Any) -> str:
    """Return the part of a name that a key or an index is."""
    if type(key) is int and key.bit_length() < _SHORT_BITS:
        return str(key)
    return key if isinstance(key, str) else _printed(key, str)


def _printed(value: Any, how: Callable[[Any], str]) -> str:
    """Return what Python prints; it refuses whole numbers of more than 4,300 digits, and what is nested too deeply."""
    try:
        return how(value)
    except (ValueError, RecursionError):
        if isinstance(value, int):
            return f"<a whole number of {value.bit_length():,} bits>"
        return f"<a {type(value).__name__} too large to print>"


def kind_of(value: Any) -> str:
    """Say in words what kind of value something is that is no tensor, with its article."""
    kinds = {bool: "True or False", int: "a whole number", float: "a number", complex: "a complex number",
             str: "a text", list: "a list", tuple: "a tuple", type(None): "None"}  # fmt: skip
    return "a dict" if isinstance(value, dict) else kinds.get(type(value), f"a {type(value).__name__}")


def brief(value: Any) -> str:
    """Return a short text of a value that is no tensor."""
    if value is None or type(value) in (bool, float) or (type(value) is int and value.bit_length() < _SHORT_BITS):
        return repr(value)  # most of them: digits, which need no look
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return visible(f"{value[:LONGEST_TEXT]!r}… ({len(value):,} characters)", LONGEST_REPR)
    if isinstance(value, bytes | bytearray):
        return f"{len(value):,} bytes"
    text = scalar_text(value) or _printed(value, repr)
    if len(text) > LONGEST_TEXT and not isinstance(value, Placeholder | GlobalName | str):
        return visible(f"{text[:LONGEST_TEXT]}…", LONGEST_REPR)
    return visible(text, LONGEST_REPR)


def expand_plain(value: Any, path: tuple[Any, ...]) -> Expanded | None:
    """Say what is inside a dict, list, tuple or placeholder."""
    if isinstance(value, dict):
        kind = "dict"
        word = "entry" if len(value) == 1 else "entries"
        name = "OrderedDict" if isinstance(value, OrderedDict) else "dict"
        return kind, f"{name}, {len(value):,} {word}", ((value, key, item, (*path, key)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        text = f"{kind} of {len(value):,}"
        return kind, text, ((value, index, item, (*path, index)) for index, item in enumerate(value))
    if isinstance(value, Placeholder) and scalar_text(value) is None:
        return _expand_placeholder(value, path)
    return None


def _expand_placeholder(value: Placeholder, path: tuple[Any, ...]) -> Expanded | None:
    if value.is_module:
        return "module", visible(repr(value.type)), _module_items(value, path)
    return "object", visible(array_text(value) or repr(value.type)), _object_items(value, path)


def _object_items(value: Placeholder, path: tuple[Any, ...]) -> Iterator[Item]:
    """Yield what is known of an object: its attributes or state, what it was called with, what was put into it."""
    attributes = value.attributes
    for key, item in attributes.items():
        yield attributes, key, item, (*path, key)
    if value.has_state and not attributes and value.state is not None:
        yield value, "state", value.state, (*path, "state")
    for index, item in enumerate(value.args):
        yield value.args, index, item, (*path, index)
    for index, item in enumerate(value.items):
        yield value.items, index, item, (*path, index)
    for key, item in value.pairs:
        yield value, key, item, (*path, key)


def _module_items(value: Placeholder, path: tuple[Any, ...]) -> Iterator[Item]:
    """Yield what a pickled module holds under the names its state_dict would have, then its other attributes."""
    attributes = value.attributes
    inner = ("_parameters", "_buffers", "_modules")
    for part in inner:
        owner = attributes.get(part)
        if isinstance(owner, dict):
            for key, item in owner.items():
                if item is not None:
                    yield owner, key, item, (*path, key)
    for key, item in attributes.items():
        if key not in inner and not (str(key).startswith("_") and not item):
            yield attributes, key, item, (*path, key)
