"""What the records of a journal amount to: the edits, which of them are undone, and what a file holds of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weightedit.core.journal import FileMark


@dataclass(slots=True, eq=False)
class Node:
    """The state of a document after one recorded edit, or the one that a journal begins at.

    Attributes
    ----------
    depth
        How many edits lead there, those of before the journal too.
    before
        The state the edit was applied to; None where a journal begins, and for what is before that.
    record
        The edit's record; None where there is no edit.
    number
        Of the record in the journal.
    digest
        The record of the bytes that the edit touched, as soon as there is one.
    """

    depth: int
    before: Node | None = None
    record: Mapping[str, Any] | None = None
    number: int = 0
    digest: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """Where a document is: on the way to `tip`, with `position` edits applied, the rest of the way undone."""

    tip: Node
    position: int


@dataclass(frozen=True, slots=True)
class Base:
    """A state that a file had: as the journal began, or as a save was about to leave it."""

    marks: tuple[FileMark, ...]
    node: Node
    position: int


@dataclass(frozen=True, slots=True)
class TakenSnapshot:
    """A snapshot that was taken: its record, the number of that, and the state it is of (None: it cannot be taken)."""

    record: Mapping[str, Any]
    number: int
    node: Node | None


@dataclass(slots=True)
class Kept:
    """The records of one journal, read in order.

    Attributes
    ----------
    header
        The first record.
    bases
        The states of the file that edits can be applied to, oldest first.
    snapshots
        In the order in which they were taken.
    is_complete
        Of a journal that a recovery writes: whether that came to its end. Then `is_whole` says whether nothing was
        left out.
    """

    header: Mapping[str, Any]
    bases: list[Base] = field(default_factory=list)
    snapshots: list[TakenSnapshot] = field(default_factory=list)
    is_complete: bool = False
    is_whole: bool = False
    _by_number: dict[int, Node] = field(default_factory=dict)
    _points: list[Point] = field(default_factory=list)
    _line: list[Node] = field(default_factory=list)
    _under: dict[tuple[int, int], Node] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Kept:
        """Read records; what comes after one that makes no sense is left alone, as after a torn one.

        Raises
        ------
        ValueError
            If there is no header, or it makes no sense.
        """
        given = iter(records)
        header = next(given, None)
        if header is None:
            raise ValueError("it holds no whole record")
        try:
            marks = tuple(map(FileMark.from_json, header["files"]))
            base = _count(header["base"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("its first record is not one of a journal") from error
        kept = cls(header)
        root = Node(base)
        kept.bases.append(Base(marks, root, base))
        kept._line = [root]
        kept._points.append(Point(root, base))
        for record in given:
            try:
                kept._take(record)
            except (KeyError, TypeError, ValueError, IndexError):
                break
        return kept

    @property
    def recovers(self) -> str | None:
        """The key of the journal that this one was made from."""
        key = self.header.get("recovers")
        return key if isinstance(key, str) else None

    @property
    def point(self) -> Point:
        """Where the document was at the end."""
        return self._points[-1]

    def _take(self, record: Mapping[str, Any]) -> None:
        what, now = record["is"], self.point
        number = len(self._points)
        if what == "edit":
            now = self._edited(record, number, now)
        elif what == "move":
            now = Point(now.tip, _count(record["to"]))
            if now.position > now.tip.depth:
                raise ValueError("a move past the last edit")
        elif what == "back":
            now = self._points[_count(record["to"])]
            self._line = way(now.tip)
        elif what == "digest":
            if (node := self._by_number.get(_count(record["edit"]))) is not None:
                node.digest = record
        elif what == "saving":
            marks = tuple(map(FileMark.from_json, record["files"]))
            self.bases.append(Base(marks, self._at(now.position), now.position))
        elif what == "snapshot":
            node = None if record.get("older") else self._at(now.position)
            self.snapshots.append(TakenSnapshot(record, number, node))
        elif what == "recovered":
            self.is_complete, self.is_whole = True, bool(record["whole"])
        self._points.append(now)

    def _edited(self, record: Mapping[str, Any], number: int, now: Point) -> Point:
        at = _count(record["at"])
        if at != now.position or not isinstance(record["edit"], dict):
            raise ValueError("an edit at another place than the document was at")
        for name in ("label", "where", "time"):
            if not isinstance(record[name], str):
                raise TypeError(f"the {name} of an edit is no text")
        before = self._at(at)
        node = Node(at + 1, before, record, number)
        kept = at + 1 - self._line[0].depth
        if kept > 0:
            self._line[kept:] = [node]
        else:
            self._line = [before, node]
        self._by_number[number] = node
        return Point(node, at + 1)

    def _at(self, position: int) -> Node:
        """Return the state on the present way, or one before the journal that nothing leads to."""
        first = self._line[0]
        if position >= first.depth:
            return self._line[position - first.depth]
        return self._under.setdefault((id(first), position), Node(position))


def way(tip: Node, since: Node | None = None) -> list[Node]:
    """Return the states from where a journal begins, or from `since`, to one, in order."""
    found = [tip]
    while found[-1] is not since and found[-1].before is not None:
        found.append(found[-1].before)
    return found[::-1]


def leads_to(start: Node, node: Node) -> bool:
    """Whether a state comes of another by edits."""
    return way(node, start)[0] is start


def edits_after(base: Base, point: Point) -> tuple[list[Node], list[Node]]:
    """Return the edits that a file in a base state lacks: those that can be applied to it, and those that cannot.

    Edits cannot be applied where what was saved had been undone before them.
    """
    line = [node for node in way(point.tip) if node.record is not None]
    if leads_to(base.node, point.tip):
        return [node for node in line if node.depth > base.node.depth], []
    in_file = set(map(id, way(base.node)))
    return [], [node for node in line if id(node) not in in_file]


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
