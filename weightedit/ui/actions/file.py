"""Actions on files: open, save, export, close."""

from __future__ import annotations

from weightedit.resources import resource
from weightedit.ui.actions.action import Action, Reach
from weightedit.ui.file_dialogs import ask_files, ask_folder


def open_file(at: Reach) -> None:
    """Ask for files and open them."""
    if paths := ask_files(at.window, at.window.settings):
        at.window.open(paths)


def open_folder(at: Reach) -> None:
    """Ask for a folder of shards and open it."""
    if path := ask_folder(at.window, at.window.settings):
        at.window.open([path])


ACTIONS = (
    Action("open-file", "Open file…", open_file, "Open checkpoints beside those that are open.", ("Ctrl+O",), "File"),
    Action("open-folder", "Open folder…", open_folder, "Open a folder of shards as one checkpoint.", (), "File"),
    Action("open-demo", "Open the demo checkpoint", lambda at: at.window.open([str(resource("demo", "digits.pt"))]),
           "Open the small network that comes with weightedit.", (), "File"),
    Action("save", "Save", lambda at: at.window.filing.save(at.document),
           "Replace the document's own file and read it back.", ("Ctrl+S",), "File", "saveable", rule=True),
    Action("export", "Export…", lambda at: at.window.filing.export(at.document),
           "Write another file, in this or another format.", ("Ctrl+Shift+S",), "File", "document"),
    Action("close-tab", "Close tab", lambda at: at.work.tabs.close_current(),
           "Close the tab of the tensor that is shown.", ("Ctrl+W",), "File", "tensor", rule=True),
    Action("close-file", "Close file", lambda at: at.window.close_document(at.document),
           "Close the document; asks about edits that are not saved.", (), "File", "document"),
    Action("quit", "Quit", lambda at: at.window.close(),
           "Close the window; asks about edits that are not saved.", ("Ctrl+Q",), "File", rule=True),
)  # fmt: skip
