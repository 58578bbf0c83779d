"""Notices what no file may bring about: code that runs, modules and addresses that are fetched, files out of place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CALLS = ("exec", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect",
          "socket.getaddrinfo", "urllib.Request", "pickle.find_class", "marshal.loads", "ctypes.dlopen", "os.startfile",
          "shutil.unpack_archive", "webbrowser.open", "code.__new__")  # fmt: skip
_OWN = ("weightedit", "tests", "numpy", "torch", "safetensors", "encodings", "ml_dtypes", "platformdirs")

_folder: str | None = None
_seen: list[str] = []
_installed = False


@contextmanager
def guarded(folder: Path) -> Iterator[list[str]]:
    """Note what happens while a file is opened; it and its folder may be written to, nothing else.

    An audit hook stays for good, so this is for processes of its own.
    """
    global _folder, _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    seen = _seen
    seen.clear()
    _folder = os.path.realpath(folder)
    try:
        yield seen
    finally:
        _folder = None


def _hook(event: str, args: tuple[object, ...]) -> None:
    if _folder is None:
        return
    if event in _CALLS:
        if not (event == "exec" and _of_a_module(args[0])) and not (event == "marshal.loads" and _importing()):
            _seen.append(f"{event} {args!r:.120}")
    elif event == "import":
        name = str(args[0])
        if name.partition(".")[0] not in _OWN and name.partition(".")[0] not in sys.stdlib_module_names:
            _seen.append(f"import {name:.80}")
    elif event == "open":
        _opened(args)


def _of_a_module(code: object) -> bool:
    """Whether code is the body of a module on disk, which an import of our own runs when it is first wanted."""
    return getattr(code, "co_name", "") == "<module>" or str(getattr(code, "co_filename", "<")).endswith(".py")


def _importing() -> bool:
    """Whether a module of our own is being imported, whose compiled form is what is read."""
    return "importlib._bootstrap" in sys._getframe(2).f_code.co_filename


def _opened(args: tuple[object, ...]) -> None:
    path, _, flags = args
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if not writes or not isinstance(path, str | bytes | os.PathLike):
        return
    real = os.path.realpath(os.fsdecode(path))
    state = os.environ.get("WEIGHTEDIT_STATE", "")
    if _folder is not None and not real.startswith((_folder, "/dev/null",
                                                    *([os.path.realpath(state)] if state else []))):
        _seen.append(f"writes {real[:120]}")


def phase(name: str) -> None:
    """Tell that what follows is not weightedit's doing; a worker looks at it."""
    for tell in tellers:
        tell(name)


tellers: list[Callable[[str], None]] = []
