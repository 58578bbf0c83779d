"""Actions on files: open, save, export, close."""

from __future__ import annotations

from weightedit.resources import resource
from weightedit.ui.actions.action import Action, Reach
from weightedit.ui.files.file_dialogs import ask_files, ask_folder


def open_file(at: Reach) -> None:
    """Ask for files and open them."""
    if paths := ask_files(at.window, at.window.settings):
        at.window.open(paths)


def open_folder(at: Reach) -> None:
    """Ask for a folder of shards and open it."""
    if path := ask_folder(at.window, at.window.settings):
        at.window.open([path])


def open_last(at: Reach) -> None:
    """Open the recent file that was opened last and is not open now."""
    shown = {found.real_path for found in at.window.documents.all}
    at.window.open([next(file.path for file in at.window.recents.files if file.path not in shown)])


def export_tensor(at: Reach) -> None:
    """Ask how to export the tensor that is meant."""
    if (meant := at.window.files.importing.target()) is not None:
        at.window.files.exporting.ask(*meant)


ACTIONS = (
    Action("open-file", "Open file…", open_file, "Open checkpoints beside those that are open.", ("Ctrl+O",), "File"),
    Action("open-folder", "Open folder…", open_folder, "Open a folder of shards as one checkpoint.", (), "File"),
    Action("open-last", "Open the last file again", open_last, "Open the recent file that was closed last.", (),
           "File/Open recent", "closed"),
    Action("clear-recent", "Clear the list of recent files", lambda at: at.window.recents.clear(),
           "Forget which files were opened.", (), "File/Open recent", "recent", rule=True),
    Action("open-demo", "Open the demo checkpoint", lambda at: at.window.open([str(resource("demo", "digits.pt"))]),
           "Open the small network that comes with weightedit.", (), "File"),
    Action("recover", "Recover unsaved edits…", lambda at: at.window.files.recovering.show_all(),
           "Show the edits that a crash left unsaved, to recover or discard them.", (), "File", "unsaved"),
    Action("save", "Save", lambda at: at.window.filing.save(at.document),
           "Replace the document's own file and read it back.", ("Ctrl+S",), "File", "saveable", rule=True),
    Action("patch", "Patch in place…", lambda at: at.window.filing.patch(at.document),
           "Write only what changed, into the file itself. It promises less than a save, and says what.", (), "File",
           "patchable"),
    Action("export", "Export…", lambda at: at.window.filing.export(at.document),
           "Write another file, in this or another format.", ("Ctrl+Shift+S",), "File", "document"),
    Action("export-readable", "Export what is still readable…",
           lambda at: at.window.filing.export(at.document, only_readable=True),
           "Write what can still be read of a file that another program changed; what cannot is left out and named.",
           (), "File", "changed-file"),
    Action("export-tensor", "Export tensor or region…", export_tensor,
           "Write one tensor, or the region selected in it, as values or as a picture.", (), "File", "any-tensor"),
    Action("replace-with-file", "Replace with a tensor of a file…",
           lambda at: at.window.files.importing.replace_with_file(),
           "Take a tensor of a file in place of this one; the edit panel shows what would change.", (), "File",
           "any-tensor"),
    Action("save-recipe", "Save the edits as a recipe…",
           lambda at: at.window.files.recipes.save(at.document.document.recipe.edits, at.document.title),
           "Write the edits made so far to a file, to be applied to another checkpoint.", (), "File", "undo",
           rule=True),
    Action("apply-recipe", "Apply a recipe…", lambda at: at.window.files.recipes.ask(at.document),
           "Show what the edits of a recipe would do here, and apply all of them or none.", (), "File", "document"),
    Action("run-module", "Run as a module…", lambda at: at.window.aside.open("module"),
           "See what the file names, and load it as a module in a process of its own once it is trusted.", (), "File",
           "module"),
    Action("close-tab", "Close tab", lambda at: at.work.tabs.close_current(),
           "Close the tab that is shown.", ("Ctrl+W",), "File", "tab", rule=True),
    Action("close-file", "Close file", lambda at: at.window.close_document(at.document),
           "Close the document; asks about edits that are not saved.", (), "File", "document"),
    Action("copy-tensor", "Copy the whole tensor", lambda at: at.window.files.importing.copy(),
           "Copy the tensor selected in the tree, every bit of it, to paste it over another one.", ("Ctrl+C",), "Edit",
           "selected", "tree", rule=True),
    Action("paste-tensor", "Paste over the tensor", lambda at: at.window.files.importing.paste(),
           "Take the copied tensor in place of the one selected in the tree; the edit panel shows what would change.",
           ("Ctrl+V",), "Edit", "selected", "tree"),
    Action("quit", "Quit", lambda at: at.window.close(),
           "Close the window; asks about edits that are not saved.", ("Ctrl+Q",), "File", rule=True),
)  # fmt: skip
