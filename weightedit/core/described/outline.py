"""The tree a document is shown as: containers, dotted names split into groups, sizes; filled where someone looks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice

from weightedit.core.described.collector import collector_paused
from weightedit.core.described.contents import key_text
from weightedit.core.described.entry_list import by_columns
from weightedit.core.progress import Ask, Progress, unasked
from weightedit.core.slots import Entry
from weightedit.core.spec import TensorSpec

MOST_CHILDREN = 5_000
"""A level with more rows than this is cut into ranges."""
RANGE = 1_000
"""Rows in one such range."""
SMALL = 1_000
"""A node with fewer entries than this is filled or measured at once, in a few milliseconds."""
PREPARED = 4_000_000
"""How many entries `prepare` looks at before it leaves the rest to the moment someone expands it."""

_BLOCK = 1 << 16
"""Places that are gone through at once, in a millisecond or two."""

_Row = tuple[str, int, list[int] | None]
"""(label, entry, None) of a leaf or container; (label, -1, entries) of a group."""


class Node:
    """One row of the tree.

    Attributes
    ----------
    label
        The part of the name that the rows above do not say.
    kind
        `tensor`, `value`, a container's kind, `group` for a dotted prefix, `range` for a piece of a long level, `root`.
    entry
        What the row stands for; None for groups and ranges.
    parent, row
        Where it is.
    tensors
        How many tensors it is or holds.
    nbytes
        Bytes of its tensors, each shared byte once; None until somebody measured it.
    """

    __slots__ = ("children", "entry", "kind", "label", "members", "nbytes", "offset", "parent", "pending", "row",
                 "tensors")  # fmt: skip

    def __init__(self, label: str, kind: str, entry: Entry | None, parent: Node | None, row: int) -> None:
        self.label = label
        self.kind = kind
        self.entry = entry
        self.parent = parent
        self.row = row
        self.tensors = 0
        self.nbytes: int | None = None
        self.members: Sequence[int] = ()
        self.offset = 0
        self.children: list[Node] | None = None
        self.pending: list[_Row] | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether nothing can be below it."""
        return self.kind in ("tensor", "value")

    @property
    def identity(self) -> tuple[str, ...]:
        """What names it among all rows of its document, also after the tree was made anew."""
        labels: list[str] = []
        node: Node | None = self
        while node is not None and node.kind != "root":
            labels.append(f"{'.' if node.kind == 'group' else '/'}{node.label}")
            node = node.parent
        return tuple(reversed(labels))


class Outline:
    """The display tree of a document's entries.

    Making one takes a pass over the entries, so it is made in a worker; expanding a node later takes a pass over
    what is in that node only.

    Parameters
    ----------
    entries
        In file order: a container, then what is in it.
    keep
        Indices of the leaves to show; None shows all.
    """

    def __init__(self, entries: Sequence[Entry], keep: Iterable[int] | None = None) -> None:
        self.entries = by_columns(entries)
        self._keys = self.entries.keys
        self._ends = self.entries.ends
        self._kept = None if keep is None else _set_of(keep)
        self._before, self._kept_before = self._scan()
        self.root = Node("", "root", None, None, 0)
        self.root.members = self._direct(0, len(entries))
        self.root.tensors = self._before[-1]

    def _scan(self) -> tuple[Sequence[int], Sequence[int]]:
        """For each entry, and after the last: the shown tensors and leaves before it."""
        entries, kept = self.entries, self._kept
        if kept is None and entries.is_flat:
            return range(len(entries) + 1), range(len(entries) + 1)
        shown = entries.leaves if kept is None else kept if entries.is_flat else kept.intersection(entries.leaves)
        marks = bytearray(len(entries))
        for index in shown:
            marks[index] = 1
        leaves = _counts_before(marks)
        if entries.is_flat:
            return leaves, leaves
        for index in shown:
            marks[index] = entries.is_tensor(index)
        return _counts_before(marks), leaves

    def _direct(self, start: int, stop: int) -> Sequence[int]:
        """Return what is directly in a container."""
        if self.entries.is_flat:
            return range(start, stop)
        found = []
        while start < stop:
            found.append(start)
            start = self._ends[start]
        return found

    def _is_kept(self, index: int) -> bool:
        """Whether a leaf, or anything in a container, is shown."""
        return self._kept is None or self._kept_before[self._ends[index]] > self._kept_before[index]

    @property
    def is_filtered(self) -> bool:
        """Whether only some of the entries are shown."""
        return self._kept is not None

    @property
    def tensors(self) -> int:
        """How many tensors are shown."""
        return self.root.tensors

    @property
    def leaves(self) -> int:
        """How many tensors and values are shown."""
        return self._kept_before[-1]

    def prepare(self, progress: Progress | None = None) -> None:
        """Fill the large levels, in a worker, so that expanding any node later takes no time to speak of."""
        work = 0
        queue = [self.root]
        with collector_paused():  # a look through a million rows would hold up every other thread for half a second
            while queue and work < PREPARED:
                node = queue.pop()
                if node.children is None and _is_large(node):
                    work += len(node.members)
                    queue += [child for child in self.children(node) if not child.is_leaf]
                    if progress is not None:
                        progress.advance(0)

    def children(self, node: Node) -> list[Node]:
        """Return the rows in a node, made when they are first asked for."""
        if node.children is None:
            rows = node.pending if node.pending is not None else self._rows(node)
            node.pending = None
            node.children = self._ranges(node, rows) if len(rows) > MOST_CHILDREN else \
                [self._node(node, number, row) for number, row in enumerate(rows)]  # fmt: skip
        return node.children

    def _rows(self, node: Node) -> list[_Row]:
        """Split the keys in a node at their next dot; what shares the part before it becomes a group."""
        groups: dict[str, list[int]] = {}
        rows: list[_Row] = []
        offset = node.offset
        keys = self._keys
        for index in node.members:
            key = keys[index]
            if not isinstance(key, str):
                rows.append((key_text(key), index, None))
                continue
            dot = key.find(".", offset)
            if dot < 0:
                rows.append((key[offset:], index, None))
            elif (part := key[offset:dot]) in groups:
                groups[part].append(index)
            else:
                groups[part] = [index]
                rows.append((part, -1, groups[part]))
        rows = [self._alone(row, offset) for row in rows]
        if self._kept is not None:  # only now, so that a filter leaves rows as they were cut
            rows = [row for row in rows if any(map(self._is_kept, row[2] or (row[1],)))]
        if groups and all(label.isdecimal() for label, _, _ in rows):
            rows.sort(key=lambda row: int(row[0]))
        return rows

    def _alone(self, row: _Row, offset: int) -> _Row:
        """Write a group of one thing as that thing: `norm.weight` is one row."""
        _, _, members = row
        if members is None or len(members) > 1:
            return row
        return key_text(self._keys[members[0]])[offset:], members[0], None

    def _node(self, parent: Node, number: int, row: _Row) -> Node:
        label, index, members = row
        if members is not None:
            node = Node(label, "group", None, parent, number)
            node.members = members
            node.offset = self._offset_in(parent) + len(label) + 1
            node.tensors = self._tensors_in_all(members)
            return node
        entry = self.entries[index]
        node = Node(label, entry.kind, entry, parent, number)
        node.tensors = self._tensors_in(index)
        if entry.kind in ("tensor", "value"):
            node.members = [index]
        else:
            node.members = self._direct(index + 1, self._ends[index])
        return node

    def _offset_in(self, parent: Node) -> int:
        while parent.kind == "range" and parent.parent is not None:
            parent = parent.parent
        return parent.offset

    def _tensors_in(self, index: int) -> int:
        return self._before[self._ends[index]] - self._before[index]

    def _tensors_in_all(self, members: Sequence[int]) -> int:
        if self._kept is None and self.entries.is_flat:
            return len(members)
        return sum(self._tensors_in(member) for member in members)

    def _ranges(self, parent: Node, rows: list[_Row]) -> list[Node]:
        """Cut a long level into ranges, so that no level is too long to lay out."""
        made = []
        for number, start in enumerate(range(0, len(rows), RANGE)):
            part = rows[start : start + RANGE]
            node = Node(f"{part[0][0]} … {part[-1][0]}", "range", None, parent, number)
            node.pending = part
            node.members = [member for _, index, members in part for member in (members or [index])]
            node.tensors = self._tensors_in_all(node.members)
            made.append(node)
        return made

    def prefix(self, node: Node) -> str:
        """Return the dotted name that everything in a group begins with, such as `model.stem`."""
        entry = self.entries[node.members[0]]
        return entry.name[: len(entry.name) - len(key_text(entry.path[-1])) + node.offset - 1]

    def first(self) -> str | None:
        """Return the name of the first tensor that is shown."""
        shown = (index for index in self.entries.leaves if self.entries.is_tensor(index) and self._shows(index))
        first = next(shown, None)
        return None if first is None else self.entries[first].name

    def position(self, name: str) -> int | None:
        """Return the place of a tensor among the entries; None if it is not shown."""
        found = self.entries.position(name)
        return found if found is not None and self._shows(found) else None

    def _shows(self, leaf: int) -> bool:
        return self._kept is None or leaf in self._kept

    def child_with(self, node: Node, position: int) -> Node | None:
        """Return the row in a node that is or holds the entry at `position`."""
        for child in self.children(node):
            if child.entry is not None and self.entries[position] is child.entry:
                return child
            if not child.is_leaf and any(member <= position < self._ends[member] for member in child.members):
                return child
        return None

    def count(self, node: Node) -> int | None:
        """Return how many rows a numbered level has, such as the 32 of `layers`; None for other nodes."""
        if node.is_leaf or node.kind == "range" or (node.children is None and len(node.members) >= SMALL):
            return None
        children = self.children(node)
        if len(children) < 2 or not all(child.label.isdecimal() for child in children):
            return None
        return len(children)

    def is_state_dict(self, node: Node) -> bool:
        """Whether a dict's keys are dotted names, as those of a state_dict are."""
        if node.children is None and len(node.members) >= SMALL:
            return False
        return any(child.kind == "group" for child in self.children(node))

    # ---- sizes

    def _tensor_places(self, node: Node) -> Iterator[int]:
        if self.entries.is_flat:
            yield from node.members if self._kept is None else filter(self._kept.__contains__, node.members)
            return
        for member in node.members:
            for index in range(member, self._ends[member]):
                if self.entries.is_tensor(index) and self._shows(index):
                    yield index

    def tensor_names(self, node: Node) -> list[str]:
        """Return the names of the tensors that a row shows, its own or those below it."""
        return list(map(self.entries.name, self._tensor_places(node)))

    def nbytes(self, node: Node) -> int | None:
        """Return the bytes in a node, measured now if that takes no time; None if it needs `measure` in a worker."""
        if node.nbytes is None and node.tensors < SMALL and len(node.members) < SMALL:
            self.measure(node)
        return node.nbytes

    def measure(self, node: Node, progress: Progress | None = None) -> int:
        """Add up the bytes of the tensors in a node; a byte that several of them show counts once."""
        storages: dict[int, list[TensorSpec]] = {}
        held: set[int] = set()
        alone = 0
        for number, index in enumerate(self._tensor_places(node)):
            if progress is not None and number % SMALL == 0:
                progress.advance(0)
            if (nbytes := self.entries.deferred_nbytes(index)) is not None:
                alone += nbytes
                continue
            slot = self.entries[index].slot
            assert slot is not None
            if id(slot.held) not in held:
                held.add(id(slot.held))
                storages.setdefault(id(slot.storage), []).append(slot.spec)
        node.nbytes = alone + sum(_covered(specs) for specs in storages.values())
        return node.nbytes

    def let_go(self, after_you: Ask = unasked) -> None:
        """Part the rows from each other, so that they end without being looked for; nothing is shown of it any more.

        `after_you` is called between many of them: in a worker it lets the window go first.
        """
        rows, number = [self.root], 0
        while rows:
            if not number % SMALL:
                after_you()
            number += 1
            node = rows.pop()
            rows += node.children or ()
            node.children, node.pending, node.parent = None, None, None

    def forget_sizes(self, nodes: Iterable[Node]) -> set[Node]:
        """Drop the sizes of nodes and of all above them, after an edit; return those dropped."""
        dropped: set[Node] = set()
        for start in nodes:
            node: Node | None = start
            while node is not None and node not in dropped:
                node.nbytes = None
                dropped.add(node)
                node = node.parent
        return dropped


def _set_of(places: Iterable[int]) -> set[int]:
    """Make a set of a million places, block by block: other threads wait for each."""
    found, rest = set[int](), iter(places)
    while block := tuple(islice(rest, _BLOCK)):
        found.update(block)
    return found


def _counts_before(marks: bytearray) -> Sequence[int]:
    """Return for each place, and after the last, how many of the places before it are marked."""
    before = array("Q", (0,))
    for start in range(0, len(marks), _BLOCK):
        counts = accumulate(marks[start : start + _BLOCK], initial=before.pop())
        before.extend(counts)
    return before


def _is_large(node: Node) -> bool:
    """Whether filling a node would hold a window up; a range is cut already, and only what is in it may be large."""
    if node.pending is not None:
        return any(members is not None and len(members) >= SMALL for _, _, members in node.pending)
    return len(node.members) >= SMALL


def _covered(specs: list[TensorSpec]) -> int:
    """Bytes of one storage that these tensors show."""
    if len(specs) == 1:
        return specs[0].nbytes
    covered, reached = 0, 0
    for start, stop in sorted(spec.extent for spec in specs):
        covered += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return min(covered, sum(spec.nbytes for spec in specs))
