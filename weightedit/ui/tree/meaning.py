"""What the rows selected in the tree mean as targets of edits: names and patterns, of a million tensors too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from weightedit.core.described.outline import Node, Outline
from weightedit.core.described.targets import all_below
from weightedit.ui.tree.row_texts import slot_of

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.tasks import Tasks
    from weightedit.ui.tree.view import TreeView

NAMED_AT_ONCE = 10_000
"""Tensors whose names are listed at once; of more, in a worker."""


class Meaning:
    """What some rows of one document mean.

    A group or container stands for all tensors below it; of one that a filter shows in part, those it shows. A tensor
    within a group that is selected too counts once.

    Parameters
    ----------
    nodes
        In the order of the tree.
    outline
        That they come from.
    """

    def __init__(self, nodes: Iterable[Node], outline: Outline | None) -> None:
        nodes = list(nodes)
        self._outline = outline
        self._held = set(map(id, nodes))
        whole: dict[Node, bool] = {}
        meant = (self._level(node, whole) for node in nodes if not any(id(up) in self._held for up in _above(node)))
        self._meant = [node for node in dict.fromkeys(meant) if slot_of(node) is not None or node.tensors]

    def _level(self, node: Node, whole: dict[Node, bool]) -> Node:
        """Return the row above a range of a long level where every range of the level is selected, else the row."""
        level = node.parent
        if node.kind != "range" or level is None or not level.children or level.kind == "top":
            return node
        if level not in whole:
            whole[level] = all(id(child) in self._held for child in level.children)
        return level if whole[level] else node

    @property
    def count(self) -> int:
        """How many tensors they are."""
        return sum(1 if slot_of(node) is not None else node.tensors for node in self._meant)

    def targets(self) -> list[str]:
        """Return names, patterns of groups, and names where no pattern means just those; in a worker if very many."""
        return [target for node in self._meant for target in self._targets(node)]

    def _targets(self, node: Node) -> list[str]:
        if slot_of(node) is not None and node.entry is not None:
            return [node.entry.name]
        assert self._outline is not None
        if self._outline.is_filtered or node.kind == "range":
            return self._outline.tensor_names(node)
        below = self._outline.prefix(node) if node.kind == "group" else ""
        prefix = below if node.entry is None else node.entry.name
        return [all_below(prefix) if prefix else "*"]


def offer_selected(view: TreeView, here: OpenDocument, offer: Callable[[Document, list[str], int], None],
                   tasks: Tasks) -> None:  # fmt: skip
    """Offer the tensors selected in the tree as a target of edits, as soon as their names are known."""
    meant = view.meaning(here)
    tasks.cancel_group("selected names")
    if meant.count <= NAMED_AT_ONCE:
        offer(here.document, meant.targets(), meant.count)
    else:
        tasks.start("Selected names", lambda _: meant.targets(), group="selected names", quiet=True,
                    on_result=lambda names: offer(here.document, names, meant.count))  # fmt: skip


def _above(node: Node) -> Iterator[Node]:
    while node.parent is not None:
        node = node.parent
        yield node
