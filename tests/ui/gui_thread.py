"""Catches work on files and tensors that the window does in its own thread, where it would hold up every key press."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
UI, TESTS = str(ROOT / "weightedit" / "ui") + os.sep, str(ROOT / "tests") + os.sep

AUDITED = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate",
           "os.link", "os.symlink", "shutil.rmtree", "shutil.copyfile", "shutil.move", "subprocess.Popen",
           "socket.connect"}  # fmt: skip

IMPORTS = ("frozen importlib", "_pytest", "shibokensupport")
"""Who reads modules: Python; in tests pytest, which rewrites their asserts; PySide, which looks for what they use."""
ALLOWED = {
    "actions/file.py <lambda>": "where the demo lies in the program's own folder",
    "about.py versions": "versions of packages, once when their page is asked for",
    "hooks.py log_start": "the program's own log, begun before the window is shown",
    "memory.py memory_in_use": "two lines of /proc, which no disk holds",
    "inspector/where_it_is.py device_facts": "a line of /proc, which no disk holds",
    "icons.py logo": "a drawing of the program, 1 kB, once",
    "icons.py _drawing": "a drawing of the program, 1 kB, once each",
    "theme.py style_sheet": "the program's own style sheet, when a theme is turned on",
    "theme.py apply": "the program's own style sheet, when a theme is turned on",
    "plots/colormaps.py table": "a colour map of the program, some kB, once each",
    "documents.py close_all": "the window is being closed, and nothing can be pressed any more",
    "edit_panel/tensor_field.py _is_file": "one stat of a path that a person types, so that its field can say so",
    "edit_panel/text_field.py _check": "one value, rounded as it is typed",
    "values/delegate.py _note": "one value, rounded as it is typed",
    "preferences.py settle": "the window is being closed, and nothing can be pressed any more",
    "hooks.py hook": "the program has failed, and writes down where before anything else can go wrong",
    "hooks.py handler": "the program has failed, and writes down where before anything else can go wrong",
    "faults.py take": "the program has failed, and writes down where before anything else can go wrong",
    "faults.py of": "the program has failed, and says where",
    "faults.py _show": "the program has failed, and says where",
    "errors_view.py details": "the program has failed, and says where",
}
"""What the window does in its own thread all the same, and why."""


class Guard:
    """What the window did in its own thread, since it was told to look."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.is_on = False
        self.gui = threading.main_thread().ident

    def look(self, what: str, detail: object = "") -> None:
        """Note a piece of work if the window does it, and not a test, in the GUI thread."""
        if not self.is_on or threading.get_ident() != self.gui:
            return
        self.is_on = False
        try:
            place = _window_above(sys._getframe(2))
            if place is not None and place not in ALLOWED:
                self.found.setdefault(f"{what} by {place}", str(detail))
        finally:
            self.is_on = True


def _window_above(frame: FrameType | None) -> str | None:
    """Return the first frame outwards that is the window's; None where a test, or nobody of ours, comes first."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(TESTS) and not name.endswith("gui_thread.py"):
            return None
        if any(one in name for one in IMPORTS):
            return None
        if name.startswith(UI):
            return f"{name.removeprefix(UI)} {frame.f_code.co_name}"
        frame = frame.f_back
    return None


guard = Guard()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if guard.is_on and event in AUDITED:
        guard.look(event, arguments[0] if arguments else "")


sys.addaudithook(_audit)


def _watched(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if guard.is_on and not (what in QUICK and QUICK[what](*arguments[:1])):
            guard.look(what, arguments[0] if arguments else "")
        return function(*arguments, **named)

    return call


METHODS = {
    "weightedit.core.source": ("SourceFile.__init__", "SourceFile._read", "SourceFile.check", "SourceFile.lent"),
    "weightedit.core.storage": ("Resident.read_into", "Patched.read_into"),
    "weightedit.core.sealed": ("Sealed.read_into",),
    "weightedit.core.alone": ("RegionBytes.read_into",),
    "weightedit.core.quantized": ("QuantizedBytes.read_into",),
    "weightedit.core.pinned": ("PinnedTensor.read", "PinnedTensor.chunks"),
    "weightedit.core.document": ("Document.read", "Document.apply", "Document.undo", "Document.redo", "Document.save",
                                 "Document.export", "Document.preflight", "Document.close"),
    "weightedit.core.file_system": ("FileSystem.*",),
    "weightedit.core.live.objects": ("*.read_into",),
    "weightedit.core.live.moments": ("*.read_into",),
}  # fmt: skip
"""Methods through which every byte of a tensor, and every byte of a file that is written, goes."""
FUNCTIONS = {
    "weightedit.core.reduction": ("reduce", "preview"),
    "weightedit.core.statistics": ("statistics",),
    "weightedit.core.outline": ("matching", "suggestion"),
    "weightedit.core.nonfinite": ("next_place",),
    "weightedit.ui.plots.colormaps": ("picture",),
    "weightedit.core.stage": ("tensor_from", "raw_bytes", "copy_out", "staged", "write_live", "fill_live",
                              "moved_storage"),
}
"""Functions that go over a whole tensor, or over every name of a document."""
_scanned: set[str] = set()
_wrapped: dict[Any, Any] = {}


def _is_small(reduced: Any) -> bool:
    """Whether a picture is coloured in a millisecond."""
    return bool(reduced.low.size <= 1 << 16)


QUICK: dict[str, Callable[..., bool]] = {"ui.plots.colormaps.picture": _is_small}
"""What may be done in the GUI thread where it is this little."""


def install() -> None:
    """Watch what has been imported since the last time."""
    for name in ("stat", "lstat"):
        if not hasattr(getattr(os, name), "__wrapped__"):
            setattr(os, name, _watched(getattr(os, name), f"os.{name}"))
    for name in [name for name in sys.modules if name.startswith("weightedit.") and name not in _scanned]:
        module = sys.modules[name]
        for function in _named(module, FUNCTIONS.get(name, ())):
            _wrapped[function] = _watched(function, f"{name.removeprefix('weightedit.')}.{function.__name__}")
        for text in METHODS.get(name, ()):
            _watch_methods(module, *text.split("."))
        _scanned.add(name)
    if _wrapped:
        for name in _scanned:
            spaces = vars(sys.modules[name]) if name in sys.modules else {}
            for attribute, value in list(spaces.items()):
                if isinstance(value, FunctionType) and value in _wrapped:
                    spaces[attribute] = _wrapped[value]


def _named(module: Any, names: tuple[str, ...]) -> list[Any]:
    own = {name: value for name, value in vars(module).items()
           if isinstance(value, FunctionType) and value.__module__ == module.__name__}  # fmt: skip
    if names == ("*",):
        return [value for name, value in own.items() if not name.startswith("_")]
    return [own[name] for name in names if name in own]


def _watch_methods(module: Any, owner: str, method: str) -> None:
    classes = [value for value in vars(module).values() if isinstance(value, type) and
               value.__module__ == module.__name__ and owner in ("*", value.__name__)]  # fmt: skip
    for found in classes:
        methods = [name for name in vars(found) if not name.startswith("_")] if method == "*" else [method]
        for name in methods:
            if isinstance(function := vars(found).get(name), FunctionType):
                setattr(found, name, _watched(function, f"{found.__name__}.{name}"))


@contextmanager
def watched() -> Iterator[Guard]:
    """Look at what the window does meanwhile."""
    install()
    guard.found.clear()
    guard.is_on = True
    try:
        yield guard
    finally:
        guard.is_on = False


def in_a_worker(work: Callable[[], T]) -> T:
    """Do work in a thread of its own, as a task would, and return what came of it."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]
