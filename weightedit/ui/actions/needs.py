"""What an action may need: the sentence that says so, and how to see whether it is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from weightedit.core.live.facts import registration
from weightedit.ui.actions.action import Reach


@dataclass(frozen=True, slots=True)
class Need:
    """One thing without which an action is off.

    Attributes
    ----------
    says
        What is missing, as a tooltip and the palette say it.
    holds
        Whether it is there.
    """

    says: str
    holds: Callable[[Reach], bool]


def _has_document(at: Reach) -> bool:
    return at.window.current is not None


def _has_work(at: Reach) -> bool:
    return _has_document(at) and at.window.workbench is not None


def _has_tensor(at: Reach) -> bool:
    return at.window.workbench is not None and at.window.workbench.current() is not None


def _is_unregistered(at: Reach) -> bool:
    work = at.window.workbench
    page = None if work is None else work.page
    return page is not None and registration(page.slot) == "not registered"


def _has_form(at: Reach) -> bool:
    work = at.window.workbench
    return _has_tensor(at) or (work is not None and not work.is_empty)


def _has_closed(at: Reach) -> bool:
    shown = {found.real_path for found in at.window.documents.all}
    return any(file.path not in shown for file in at.window.recents.files)


def _has_any_tensor(at: Reach) -> bool:
    return _has_tensor(at) or at.window.tree.tree.is_picked("tensor")


def _may_be_module(at: Reach) -> bool:
    if not _has_document(at):
        return False
    from weightedit.doctor.trusted_file.runnable import may_run

    return may_run(at.document.document)


def _has_gpu() -> bool:
    """Whether torch, once it is there, has a GPU; the window does not import it to know."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "cuda") and bool(torch.cuda.is_available())


NEEDS = {
    "live": Need("Needs a live module or objects in memory", lambda at: _has_document(at) and
                 at.document.document.is_live),
    "unregistered": Need("Needs a tensor that a live module has as a plain attribute", _is_unregistered),
    "document": Need("Needs an open file", _has_document),
    "work": Need("Needs an open file", _has_work),
    "saveable": Need(
        "Needs an edit that is not saved", lambda at: _has_document(at) and at.document.document.is_modified
    ),
    "patchable": Need("Needs an edit of a file that is not saved", lambda at: _has_document(at) and
                      at.document.document.is_modified and at.document.document.path is not None),
    "tensor": Need("Needs a tensor that is shown", _has_tensor),
    "undo": Need("Needs an edit to take back", lambda at: _has_document(at) and at.document.document.can_undo),
    "redo": Need("Needs an edit that was undone", lambda at: _has_document(at) and at.document.document.can_redo),
    "snapshot": Need("Needs a snapshot", lambda at: _has_work(at) and bool(at.document.document.snapshots)),
    "snapshot-of-tensor": Need("Needs a snapshot, and a tensor that is shown or a row selected in the tree",
                               lambda at: _has_work(at) and bool(at.document.document.snapshots) and
                               (_has_any_tensor(at) or at.window.tree.tree.is_picked("group"))),
    "tab": Need("Needs an open tab", _has_form),
    "entry": Need("Needs a row selected in the tree", lambda at: at.window.tree.tree.is_picked("entry")),
    "entry-or-group": Need("Needs a row selected in the tree",
                           lambda at: at.window.tree.tree.is_picked("group")),
    "value": Need("Needs a value that can be typed, selected in the tree",
                  lambda at: at.window.tree.tree.value_can_be_typed()),
    "selected": Need("Needs a tensor selected in the tree", lambda at: at.window.tree.tree.is_picked("tensor")),
    "several": Need("Needs two or more tensors selected in the tree",
                    lambda at: at.window.tree.tree.has_several_tensors()),
    "any-tensor": Need("Needs a tensor that is shown, or selected in the tree",
                       _has_any_tensor),
    "gpu": Need("Needs a GPU that torch can use, and a tensor that is shown or selected in the tree",
                lambda at: _has_any_tensor(at) and _has_gpu()),
    "module": Need("Needs one open file with a pickled module or a TorchScript archive",
                   _may_be_module),
    "unsaved": Need("Needs unsaved edits of a run that ended without closing",
                    lambda at: bool(at.window.files.recovering.offers)),
    "changed-file": Need("Needs an open file that another program changed",
                         lambda at: _has_document(at) and at.window.files.lost.is_changed(at.document)),
    "faults": Need("Needs an unexpected error in this run", lambda at: bool(at.window.faults.all)),
    "recent": Need("Needs a recent file", lambda at: bool(at.window.recents.files)),
    "closed": Need("Needs a recent file that is not open", _has_closed),
}


def is_there(need: str, at: Reach) -> bool:
    """Return whether what an action needs is there; an empty need always is."""
    return not need or NEEDS[need].holds(at)
