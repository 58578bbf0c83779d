"""Loads the libraries of torch without holding up other threads: Python's import of them keeps its lock throughout.

On Linux that is a quarter of a second in which a window handles no event. `dlopen` called as a foreign function gives
the lock up, and what is loaded once is there when torch asks for it. On Windows torch itself loads them so.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

SUFFIXES = {"linux": ".so", "darwin": ".dylib"}
GLOBAL, REST = "libtorch_global_deps", ("libtorch_cpu", "libtorch_python")
"""In the order in which torch loads them; what the first needs is there for all, as torch has it."""
OTHERWISE = "TORCH_USE_RTLD_GLOBAL"
"""With this set, torch wants all its names to be seen by all."""


def load() -> bool:
    """Load them where that helps; whatever is not as expected is left to torch, which says what is wrong.

    Returns
    -------
    bool
        Whether all of them were loaded now.
    """
    suffix = SUFFIXES.get(sys.platform)
    if suffix is None or "torch" in sys.modules or os.environ.get(OTHERWISE):
        return False
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return False
    folder = Path(found.origin).parent / "lib"
    open_library = ctypes.CDLL(None).dlopen
    open_library.argtypes, open_library.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    asked = [(GLOBAL, os.RTLD_NOW | os.RTLD_GLOBAL), *((name, os.RTLD_NOW | os.RTLD_LOCAL) for name in REST)]
    return all((folder / (name + suffix)).is_file() and open_library(os.fsencode(folder / (name + suffix)), how)
               for name, how in asked)  # fmt: skip
