"""Catches work on files and tensors that the window does in its own thread, where it would hold up every key press."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
    "asides/about.py versions": "versions of packages, once when their page is asked for",
    "errors/hooks.py log_start": "the program's own log, begun before the window is shown",
    "running/memory.py memory_in_use": "two lines of /proc, which no disk holds",
    "inspector/where_it_is.py device_facts": "a line of /proc, which no disk holds",
    "widgets/icons.py logo": "a drawing of the program, 1 kB, once",
    "widgets/icons.py _drawing": "a drawing of the program, 1 kB, once each",
    "theme.py style_sheet": "the program's own style sheet, when a theme is turned on",
    "theme.py apply": "the program's own style sheet, when a theme is turned on",
    "plots/colormaps.py table": "a colour map of the program, some kB, once each",
    "documents.py close_all": "the window is being closed, and nothing can be pressed any more",
    "edit_panel/tensor_field.py _is_file": "one stat of a path that a person types, so that its field can say so",
    "edit_panel/text_field.py _check": "one value, rounded as it is typed",
    "values/delegate.py _note": "one value, rounded as it is typed",
    "preferences.py settle": "the window is being closed, and nothing can be pressed any more",
    "errors/hooks.py hook": "the program has failed, and writes down where before anything else can go wrong",
    "errors/hooks.py handler": "the program has failed, and writes down where before anything else can go wrong",
    "errors/faults.py take": "the program has failed, and writes down where before anything else can go wrong",
    "errors/faults.py of": "the program has failed, and says where",
    "errors/faults.py _show": "the program has failed, and says where",
    "errors/errors_view.py details": "the program has failed, and says where",
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
    "weightedit.core.undo.sealed": ("Sealed.read_into",),
    "weightedit.core.writing.alone": ("RegionBytes.read_into",),
    "weightedit.core.values.quantized": ("QuantizedBytes.read_into",),
    "weightedit.core.values.pinned": ("PinnedTensor.read", "PinnedTensor.chunks"),
    "weightedit.core.document": ("Document.read", "Document.apply", "Document.undo", "Document.redo", "Document.save",
                                 "Document.export", "Document.preflight", "Document.close"),
    "weightedit.core.files.file_system": ("FileSystem.*",),
    "weightedit.core.live.objects": ("*.read_into",),
    "weightedit.core.live.moments": ("*.read_into",),
}  # fmt: skip
"""Methods through which every byte of a tensor, and every byte of a file that is written, goes."""
FUNCTIONS = {
    "weightedit.core.reduction": ("reduce", "preview"),
    "weightedit.core.statistics": ("statistics",),
    "weightedit.core.described.outline": ("matching", "suggestion"),
    "weightedit.core.losing.nonfinite": ("next_place",),
    "weightedit.ui.plots.colormaps": ("picture",),
    "weightedit.core.stage": ("tensor_from", "raw_bytes", "copy_out", "staged", "write_live", "fill_live",
                              "moved_storage"),
}
"""Functions that go over a whole tensor, or over every name of a document."""
LARGE = 1 << 16
"""Elements from which on arithmetic takes longer than may be noticed."""
NUMPY = ("sum", "prod", "min", "max", "amin", "amax", "mean", "std", "var", "median", "quantile", "percentile",
         "histogram", "bincount", "unique", "sort", "argsort", "cumsum", "count_nonzero", "nanmin", "nanmax",
         "searchsorted", "fromfile", "load", "save")  # fmt: skip
"""Functions of numpy that go over an array or read a file; methods of arrays cannot be watched, of tensors they are."""
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


def _watch_numpy() -> None:
    """Watch functions of numpy on large arrays, once it was imported."""
    numpy = sys.modules.get("numpy")
    for name in NUMPY if numpy is not None and hasattr(numpy, "searchsorted") else ():
        function = getattr(numpy, name)
        if not hasattr(function, "watched"):

            @functools.wraps(function)
            def call(*given: Any, function: Any = function, name: str = name, **named: Any) -> Any:
                if guard.is_on and (not given or getattr(given[0], "size", LARGE) >= LARGE):
                    guard.look(f"numpy.{name}")
                return function(*given, **named)

            call.watched = True  # type: ignore[attr-defined]
            setattr(numpy, name, call)


def _tensors_watched() -> AbstractContextManager[object]:
    """Return what sees every function and method of torch that is called on a large tensor in this thread."""
    torch = sys.modules.get("torch")
    overrides = sys.modules.get("torch.overrides")
    if torch is None or overrides is None:
        return nullcontext()

    class Seen(overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
            if guard.is_on:
                large = (one for one in given if isinstance(one, torch.Tensor) and one.numel() >= LARGE)
                if next(large, None) is not None and function.__name__ not in GLANCES:
                    guard.look(f"torch.{function.__name__}")
            return function(*given, **(named or {}))

    return Seen()


GLANCES = frozenset({"__get__", "numel", "size", "dim", "stride", "storage_offset", "data_ptr", "view", "reshape",
                     "detach", "untyped_storage", "element_size", "is_contiguous", "__getitem__", "numpy", "type",
                     "is_floating_point", "is_complex", "_version", "__repr__", "__hash__"})  # fmt: skip
"""What asks a tensor about itself, or makes another view of it."""


@contextmanager
def watched() -> Iterator[Guard]:
    """Look at what the window does meanwhile."""
    install()
    _watch_numpy()
    guard.found.clear()
    with _tensors_watched():
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
