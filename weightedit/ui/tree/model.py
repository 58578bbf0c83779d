"""The item model over outlines: rows come in batches as they are seen, and only what changed is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from weightedit.core.described.outline import Node, Outline
from weightedit.core.words.numbers import bytes_text, count_text, shape_text
from weightedit.ui.tree.row_texts import field_text, printable, slot_of, tooltip
from weightedit.ui.widgets.literals import FieldError, plain
from weightedit.ui.widgets.plain import tip

if TYPE_CHECKING:
    from weightedit.core.slots import Entry
    from weightedit.ui.documents import OpenDocument

BATCH = 256
"""Rows a level gains at a time."""
MEASURED_AT_ONCE = 64  # tensors of a group whose size is added up while its row is painted; forty are in sight
Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """What stands in each column."""

    NAME = 0
    SHAPE = 1
    DTYPE = 2
    SIZE = 3
    STORAGE = 4
    GRAD = 5


HEADERS = {Column.NAME: "Name", Column.SHAPE: "Shape", Column.DTYPE: "dtype", Column.SIZE: "Size"}


class TreeModel(QAbstractItemModel):
    """Documents as trees; one document's rows are at the top, several are one row each.

    Signals
    -------
    rename_requested
        (OpenDocument, name of an entry, new name) was typed into a row.
    group_rename_requested
        (OpenDocument, dotted prefix, new prefix) was typed into the row of a group.
    value_requested
        (OpenDocument, path of an entry, new value) was typed into the row of a value.
    sizes_wanted
        (Outline, Node) of a large group whose size somebody sees and nobody has measured.
    """

    rename_requested = Signal(object, object, object)
    group_rename_requested = Signal(object, object, object)
    value_requested = Signal(object, object, object)
    sizes_wanted = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._top = Node("", "top", None, None, 0)
        self._top.children = []
        self._shown: dict[Node, int] = {self._top: 0}
        self._numbers: dict[Node, int] = {}
        self._nodes: dict[int, Node] = {}
        self._next = 1
        self._by_name: dict[tuple[int, str], Node] = {}
        self._documents: dict[Node, OpenDocument] = {}
        self._outlines: dict[Node, Outline] = {}
        self._asked: set[Node] = set()
        self.edits_values = False
        """Whether the field of a row holds the value of its entry, or its name."""

    # ---- what is shown

    def set_roots(self, roots: Sequence[tuple[OpenDocument, Outline]]) -> None:
        """Show these documents, each by an outline, filtered or whole."""
        self.beginResetModel()
        self._shown.clear()
        self._numbers.clear()
        self._nodes.clear()
        self._by_name.clear()
        self._asked.clear()
        self._documents = {outline.root: document for document, outline in roots}
        self._outlines = {outline.root: outline for _, outline in roots}
        if len(roots) == 1:
            self._top = roots[0][1].root
            self._top.parent = None
        else:
            self._top = Node("", "top", None, None, 0)
            self._top.children = [outline.root for _, outline in roots]
            for row, (document, outline) in enumerate(roots):
                outline.root.parent, outline.root.row = self._top, row
                outline.root.label = document.title
        children = self._children(self._top)
        self._take_in(self._top, 0, min(BATCH, len(children)))
        self.endResetModel()

    def _children(self, node: Node) -> list[Node]:
        if node.kind == "top":
            return node.children or []
        return self._outlines[self.root_of(node)].children(node)

    def _take_in(self, node: Node, start: int, stop: int) -> None:
        """Give numbers to the rows that become visible; a number is never used twice."""
        document = self._documents.get(self.root_of(node))
        for child in self._children(node)[start:stop]:
            self._numbers[child] = self._next
            self._nodes[self._next] = child
            self._next += 1
            if child.kind == "tensor" and child.entry is not None:
                self._by_name[id(document), child.entry.name] = child
        self._shown[node] = stop

    def size(self, node: Node) -> int:
        """Return how many rows a level has, fetched or not; a range that nobody opened is not filled for it."""
        return len(self._children(node) if node.pending is None else node.pending)

    def root_of(self, node: Node) -> Node:
        """Return the row of the document that a row is in."""
        while node.kind != "root" and node.parent is not None:
            node = node.parent
        return node

    def node(self, index: Index) -> Node | None:
        """Return the row behind an index; None for the invisible root and for an index out of date."""
        return self._nodes.get(index.internalId()) if index.isValid() else None

    def document(self, index: Index) -> OpenDocument | None:
        """Return the document a row belongs to."""
        node = self.node(index)
        return None if node is None else self.document_of(node)

    def document_of(self, node: Node) -> OpenDocument | None:
        """Return the document a row belongs to."""
        return self._documents.get(self.root_of(node))

    def between(self, parent: Index, first: int, last: int) -> list[Node]:
        """Return rows of one level that were fetched."""
        node = self._parent_node(parent)
        return [] if node is None else self._children_shown(node)[first : last + 1]

    def outline_of(self, node: Node) -> Outline | None:
        """Return the outline a row comes from."""
        return self._outlines.get(self.root_of(node))

    def prefix(self, node: Node) -> str:
        """Return the dotted name that everything in a group begins with; nothing for other rows."""
        return self._outlines[self.root_of(node)].prefix(node) if node.kind == "group" else ""

    def depth(self, node: Node) -> int:
        """Return how many rows are above a row in its branch."""
        depth = 0
        while node.parent is not None and node.parent is not self._top:
            node = node.parent
            depth += 1
        return depth

    def index_of(self, node: Node, column: int = 0) -> QModelIndex:
        """Return the index of a row that is shown; an invalid one otherwise."""
        number = self._numbers.get(node)
        return QModelIndex() if number is None else self.createIndex(node.row, column, number)

    def key(self, node: Node) -> tuple[int, tuple[str, ...]]:
        """Return what names a row also after the rows were made anew."""
        return id(self._documents.get(self.root_of(node))), node.identity

    def find(self, document: OpenDocument, name: str) -> QModelIndex:
        """Return the index of a tensor by its full name, fetching the levels it lies in."""
        root = next((root for root, found in self._documents.items() if found is document), None)
        if root is None:
            return QModelIndex()
        known = self._by_name.get((id(document), name))
        node = known if known is not None else self._search(root, name)
        return QModelIndex() if node is None else self.index_of(node)

    def find_group(self, document: OpenDocument, prefix: str) -> QModelIndex:
        """Return the index of the row of a group by its prefix, by way of a tensor in it."""
        inside = next((entry.name for entry in document.document.entries
                       if entry.kind == "tensor" and entry.name.startswith(f"{prefix}.")), None)  # fmt: skip
        index = QModelIndex() if inside is None else self.find(document, inside)
        node = self.node(index)
        while node is not None and self.prefix(node) != prefix:
            node = node.parent
        return QModelIndex() if node is None else self.index_of(node)

    def _search(self, root: Node, name: str) -> Node | None:
        """Go down to a tensor through the rows whose entries hold it, without looking into others."""
        outline = self._outlines[root]
        target = outline.position(name)
        node: Node | None = root
        while node is not None and target is not None:
            child = outline.child_with(node, target)
            if child is None:
                return None
            while child.row >= self._shown.get(node, 0) and self._can_fetch(node):
                self._fetch(node)
            if child.is_leaf:
                return child
            node = child
        return None

    # ---- Qt's questions

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Return the index of a row that was fetched."""
        node = self._top if not parent.isValid() else self._nodes.get(parent.internalId())
        if node is None or not (0 <= row < self._shown.get(node, 0) and 0 <= column < len(Column)):
            return QModelIndex()
        return self.createIndex(row, column, self._numbers[self._children_shown(node)[row]])

    def _children_shown(self, node: Node) -> list[Node]:
        assert node.children is not None  # a row is counted only after it was made
        return node.children

    def parent(self, index: Index = QModelIndex()) -> Any:  # noqa: B008
        """Return the index of the row above in the branch."""
        if not index.isValid():
            return QModelIndex()
        node = self._nodes.get(index.internalId())
        if node is None or node.parent is None or node.parent is self._top:
            return QModelIndex()
        return self.index_of(node.parent)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many rows were fetched."""
        node = self._parent_node(parent)
        return 0 if node is None else self._shown.get(node, 0)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many columns there are."""
        return len(Column)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        """Whether a row can be expanded, fetched or not."""
        node = self._parent_node(parent)
        if node is None or node.is_leaf:
            return False
        return bool(node.members) if node.kind != "top" else bool(node.children)

    def _parent_node(self, parent: Index) -> Node | None:
        if not parent.isValid():
            return self._top
        return None if parent.column() > 0 else self._nodes.get(parent.internalId())

    def canFetchMore(self, parent: Index) -> bool:
        """Whether a level has rows that were not fetched."""
        node = self._parent_node(parent)
        return node is not None and not node.is_leaf and self._can_fetch(node)

    def _can_fetch(self, node: Node) -> bool:
        if node.children is None:
            return bool(node.members)
        return self._shown.get(node, 0) < len(node.children)

    def fetchMore(self, parent: Index) -> None:
        """Fetch the next batch of a level."""
        node = self._parent_node(parent)
        if node is not None and not node.is_leaf:
            self._fetch(node)

    def _fetch(self, node: Node) -> None:
        start = self._shown.get(node, 0)
        stop = min(start + BATCH, len(self._children(node)))
        if stop > start:
            self.beginInsertRows(QModelIndex() if node is self._top else self.index_of(node), start, stop - 1)
            self._take_in(node, start, stop)
            self.endInsertRows()

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Say that entries can be renamed and leaves have nothing below."""
        node = self.node(index)
        if node is None:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if node.is_leaf:
            flags |= Qt.ItemFlag.ItemNeverHasChildren
        if (node.entry is not None or node.kind == "group") and index.column() == Column.NAME:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's heading."""
        if orientation != Qt.Orientation.Horizontal or section not in tuple(Column):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS.get(Column(section), "")
        if role == Qt.ItemDataRole.ToolTipRole and section == Column.GRAD:
            return "∇ marks tensors with requires_grad"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            left = section in (Column.NAME, Column.DTYPE)
            side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        node = self.node(index)
        if node is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(node, Column(index.column()))
        if role == Qt.ItemDataRole.EditRole and index.column() == Column.NAME:
            return field_text(node, self.prefix(node), self.edits_values)
        if role == Qt.ItemDataRole.ToolTipRole:
            slot = slot_of(node)
            group = "" if slot is None else self._documents[self.root_of(node)].storage_group(slot) or ""
            return tip(tooltip(node, group))
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == Column.NAME:
            return f"{self.text(node, Column.NAME)}, modified" if self.is_modified(node) else None
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for a rename or another value; the row changes once the document says so."""
        node, document = self.node(index), self.document(index)
        if role != Qt.ItemDataRole.EditRole or node is None or document is None or \
                value == field_text(node, self.prefix(node), self.edits_values):  # fmt: skip
            return False
        if node.entry is None:
            if prefix := self.prefix(node):
                self.group_rename_requested.emit(document, prefix, str(value))
            return False
        if self.edits_values:
            self._ask_for_value(document, node.entry, str(value))
        else:
            self.rename_requested.emit(document, node.entry.name, str(value))
        return False

    def _ask_for_value(self, document: OpenDocument, entry: Entry, text: str) -> None:
        try:
            value = plain(text)
        except FieldError as error:
            self.value_requested.emit(document, entry.path, error)
            return
        if repr(value) != repr(entry.value):
            self.value_requested.emit(document, entry.path, value)

    # ---- what a row says

    def text(self, node: Node, column: Column) -> str:
        """Return what a row shows in a column."""
        if column == Column.NAME:
            return printable(node.label)
        slot = slot_of(node)
        if slot is None:
            if column == Column.SIZE and not node.is_leaf:
                return self._size_text(node)
            if column == Column.SHAPE and node.kind in ("group", "module"):
                count = self._outlines[self.root_of(node)].count(node)
                return "" if count is None else count_text(count)
            return ""
        if column == Column.SHAPE:
            return shape_text(slot.spec.shape)
        if column == Column.DTYPE:
            return slot.spec.type.short
        if column == Column.SIZE:
            return bytes_text(slot.spec.nbytes)
        if column == Column.GRAD:
            return "∇" if slot.spec.requires_grad else ""
        return self._documents[self.root_of(node)].storage_group(slot) or ""

    def _size_text(self, node: Node) -> str:
        if not node.tensors:
            return ""
        outline = self._outlines[self.root_of(node)]
        nbytes = outline.nbytes(node) if node.tensors < MEASURED_AT_ONCE else node.nbytes
        if nbytes is None:
            if node not in self._asked:
                self._asked.add(node)
                self.sizes_wanted.emit(outline, node)
            return "…"
        return bytes_text(nbytes)

    def is_modified(self, node: Node) -> bool:
        """Whether a tensor's row differs from the saved point."""
        slot = slot_of(node)
        return slot is not None and slot.is_modified

    # ---- what changed

    def announce(self, document: OpenDocument, names: Iterable[str]) -> None:
        """Repaint the rows of these tensors, and of the groups whose size may follow."""
        rows = [node for name in names if (node := self._by_name.get((id(document), name))) is not None]
        for node in rows:
            self._tell(node)
        outline = next((self._outlines[root] for root, found in self._documents.items() if found is document), None)
        if outline is not None:
            for node in outline.forget_sizes(row.parent for row in rows if row.parent is not None):
                self._asked.discard(node)
                self._tell(node)

    def measured(self, node: Node) -> None:
        """Repaint a group whose size is known now."""
        self._tell(node)

    def _tell(self, node: Node) -> None:
        if node in self._numbers:
            self.dataChanged.emit(self.index_of(node, 0), self.index_of(node, len(Column) - 1))
