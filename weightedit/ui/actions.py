"""What can be done, as data: menus, keys, tooltips and the keys sheet are made from these lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

MENUS = ("File", "Edit", "View", "Operations", "Help")
NEEDS = {
    "document": "Needs an open file",
    "saveable": "Needs an edit that is not saved",
    "tensor": "Needs a tensor that is shown",
    "undo": "Needs an edit to take back",
    "redo": "Needs an edit that was undone",
    "selected": "Needs a tensor selected in the tree",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    Attributes
    ----------
    id
        What handlers and tests call it.
    title
        As in the menu: a verb and its object.
    keys
        Shortcuts, the first of which is shown.
    menu
        The menu it stands in; empty for none.
    needs
        A key of `NEEDS` without which it is off.
    scope
        Where its keys work: the whole `window`, the `tree`, or the `work` area of tensors and edits.
    rule
        Whether a line parts it from what stands above.
    """

    id: str
    title: str
    keys: tuple[str, ...] = ()
    menu: str = ""
    needs: str = ""
    scope: str = "window"
    rule: bool = False


ACTIONS = (
    Action("open-file", "Open file…", ("Ctrl+O",), "File"),
    Action("open-folder", "Open folder…", (), "File"),
    Action("open-demo", "Open the demo checkpoint", (), "File"),
    Action("save", "Save", ("Ctrl+S",), "File", "saveable", rule=True),
    Action("export", "Export…", ("Ctrl+Shift+S",), "File", "document"),
    Action("close-tab", "Close tab", ("Ctrl+W",), "File", "tensor", rule=True),
    Action("close-file", "Close file", (), "File", "document"),
    Action("quit", "Quit", ("Ctrl+Q",), "File", rule=True),
    Action("undo", "Undo", ("Ctrl+Z",), "Edit", "undo"),
    Action("redo", "Redo", ("Ctrl+Shift+Z",), "Edit", "redo"),
    Action("apply", "Apply the edit", ("Ctrl+Return", "Ctrl+Enter"), "Edit", "tensor", rule=True),
    Action("leave", "Leave preview, clear selection", ("Esc",), "Edit", "tensor", "work"),
    Action("region", "Type a region", ("Ctrl+G",), "Edit", "tensor", rule=True),
    Action("select-all", "Select the whole tensor", ("Ctrl+A",), "Edit", "tensor", "work"),
    Action("copy", "Copy cells", ("Ctrl+C",), "Edit", "tensor", "work"),
    Action("paste", "Paste cells", ("Ctrl+V",), "Edit", "tensor", "work"),
    Action("copy-pytorch", "Copy as PyTorch", ("Ctrl+Shift+C",), "Edit", "tensor"),
    Action("rename", "Rename tensor…", ("F2",), "Edit", "selected", "tree", rule=True),
    Action("heatmap", "Heatmap", ("Ctrl+1",), "View", "tensor"),
    Action("values", "Values", ("Ctrl+2",), "View", "tensor"),
    Action("zoom-in", "Zoom in", ("+", "="), "View", "tensor", "work", rule=True),
    Action("zoom-out", "Zoom out", ("-",), "View", "tensor", "work"),
    Action("fit", "Show the whole tensor", ("0",), "View", "tensor", "work"),
    Action("next-nonfinite", "Next NaN or Inf", ("N",), "View", "tensor", "work", rule=True),
    Action("previous-nonfinite", "Previous NaN or Inf", ("Shift+N",), "View", "tensor", "work"),
    Action("filter", "Filter the tree", ("Ctrl+F",), "View", "document", rule=True),
    Action("tree", "Show or hide the tree", ("Ctrl+B",), "View", "document"),
    Action("inspector", "Show or hide the inspector", ("Ctrl+I",), "View", "document"),
    Action("next-tab", "Next tab", ("Ctrl+Tab",), "View", "tensor"),
    Action("theme", "Dark or light", ("Ctrl+Shift+L",), "View", rule=True),
    Action("keys", "Keys", ("F1",), "Help"),
)
OPERATION_KEYS = {"cast": ("Ctrl+Shift+T",)}
"""Keys of operations; the menu itself is made from the operations a document offers."""


def operation_actions(operations: Iterable[tuple[str, str, str]]) -> list[Action]:
    """Make the Operations menu's actions from (name, title, summary) of each operation."""
    return [
        Action(f"operation:{name}", f"{title}…", OPERATION_KEYS.get(name, ()), "Operations", "tensor")
        for name, title, _ in operations
    ]


def lettered(titles: Iterable[str]) -> list[str]:
    """Mark in each title of one menu the letter that picks it: of a word's beginning if that is free."""
    taken: set[str] = set()
    marked = []
    for title in titles:
        places = sorted((place for place, letter in enumerate(title) if letter.isalnum()),
                        key=lambda place: place > 0 and title[place - 1] != " ")  # fmt: skip
        place = next((place for place in places if title[place].lower() not in taken), None)
        if place is None:
            marked.append(plain(title))
            continue
        taken.add(title[place].lower())
        marked.append(f"{plain(title[:place])}&{plain(title[place:])}")
    return marked


def plain(text: str) -> str:
    """Return a text, such as a file's name, as it must be given to a button or a menu to be read as it is."""
    return text.replace("&", "&&")


def key_text(keys: str) -> str:
    """Return a shortcut as this system writes it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


class Bound:
    """The actions of a window as Qt's actions.

    Parameters
    ----------
    handlers
        What each action calls, by its id.
    hosts
        The object that each scope's keys work in; `window` is the parent of all.
    """

    def __init__(self, handlers: Mapping[str, Callable[[], None]], hosts: Mapping[str, QObject]) -> None:
        self._handlers = dict(handlers)
        self._hosts = dict(hosts)
        self.declared: dict[str, Action] = {}
        self.made: dict[str, QAction] = {}
        for menu in ("", *MENUS):
            listed = [action for action in ACTIONS if action.menu == menu]
            for action, text in zip(listed, lettered(action.title for action in listed), strict=True):
                self.add(action, self._handlers[action.id], text=text)

    def __getitem__(self, name: str) -> QAction:
        return self.made[name]

    def add(self, action: Action, handler: Callable[[], None], summary: str = "", text: str = "") -> QAction:
        """Make one action; `text` is its title with the letter that picks it in its menu."""
        made = QAction(text or plain(action.title), self._hosts["window"])
        made.setObjectName(action.id)
        made.setShortcuts([QKeySequence(keys) for keys in action.keys])
        inner = Qt.ShortcutContext.WidgetWithChildrenShortcut
        made.setShortcutContext(Qt.ShortcutContext.WindowShortcut if action.scope == "window" else inner)
        made.triggered.connect(lambda _=False: handler())
        self._hosts[action.scope].addAction(made)  # type: ignore[attr-defined]
        self.declared[action.id] = action
        self.made[action.id] = made
        self._tell(made, action, summary, True)
        return made

    def remove(self, name: str) -> None:
        """Take an action away."""
        made = self.made.pop(name)
        self._hosts[self.declared.pop(name).scope].removeAction(made)  # type: ignore[attr-defined]
        made.deleteLater()

    def enable(self, given: Iterable[str]) -> None:
        """Turn actions on whose need is among `given`, the others off; a tooltip says what is missing."""
        present = set(given)
        for name, made in self.made.items():
            action = self.declared[name]
            on = not action.needs or action.needs in present
            made.setEnabled(on)
            self._tell(made, action, str(made.property("summary") or ""), on)

    def _tell(self, made: QAction, action: Action, summary: str, on: bool) -> None:
        made.setProperty("summary", summary)
        keys = f" ({key_text(action.keys[0])})" if action.keys else ""
        title = action.title.removesuffix("…")
        text = f"{title}{keys}" if not summary else f"{summary}{keys}"
        made.setToolTip(text if on else f"{text}\n{NEEDS[action.needs]}")
        made.setStatusTip(summary)
