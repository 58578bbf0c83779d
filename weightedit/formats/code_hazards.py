"""Says of a pickle that is to be written which code loading it would run: it is kept as it was, and not run here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weightedit.core.described.placeholder import GlobalName
from weightedit.core.hazards import Hazard
from weightedit.core.source import SourceFile
from weightedit.core.words.paths import some
from weightedit.formats.pickle_walk import named
from weightedit.formats.protocol import Contents

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_EVERYDAY = {
    "argparse": {"Namespace"}, "types": {"SimpleNamespace"}, "collections": {"defaultdict", "deque", "Counter"},
    "builtins": {"object", "int", "float", "bool", "str", "bytes", "list", "dict", "tuple"},
    "__builtin__": {"object", "int", "long", "float", "bool", "str", "unicode", "list", "dict", "tuple"},
    "pathlib": {"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"},
    "datetime": {"datetime", "date", "time", "timedelta", "timezone"}, "decimal": {"Decimal"}, "uuid": {"UUID"},
    "fractions": {"Fraction"}, "numpy": {"dtype", "ndarray"}, "torch": {"device", "Generator"},
    "torch.torch_version": {"TorchVersion"},
    **{module: {"scalar", "_reconstruct", "_frombuffer"} for module in _NUMPY},
}  # fmt: skip
"""What honest checkpoints hold beside tensors; to make one of these does nothing else."""
_OWN_CLASSES = ("torch.nn.modules.", "torch.optim.", "numpy.dtypes")
_SCRIPT = "__torch__"
"""Under which TorchScript names what its own archive defines, and Python has no module."""


def code_hazards(contents: Contents) -> list[Hazard]:
    """Return a notice of what a pickle of these contents names and loading would import and call.

    What an opened file names is among it where that is written again, since a call whose result was thrown away leaves
    no trace in the contents, and values alone are changed in the old pickle.
    """
    found = named(contents.root)
    file = getattr(contents.origin, "file", None)
    if file is not None:
        found |= _not_known(file)
    names = _code(found)
    if not names:
        return []
    what, were, them = ("class or function", "it was", "it") if len(names) == 1 else \
        ("classes or functions", "they were", "them")  # fmt: skip
    return [Hazard(
        "names-code", "notice", f"Loading it may run {len(names):,} {what}",
        f"{some(names)}: kept as {were}, and not run by weightedit; code that loads the file with weights_only=False "
        f"will run {them}. An export to safetensors leaves {them} behind.", count=len(names))]  # fmt: skip


def code_named(files: Sequence[SourceFile]) -> tuple[str, ...]:
    """Return the classes and functions that opened files name and that loading them would import and may run.

    They are those that `code_hazards` tells of where such a file is written again, as it was read.
    """
    return tuple(_code({one for file in files for one in _not_known(file)}))


def _not_known(file: SourceFile) -> set[GlobalName]:
    return {GlobalName(*name) for name, known in file.named.items() if not known}


def _code(found: Iterable[GlobalName]) -> list[str]:
    return sorted(f"{one.module}.{one.name}" for one in found if not _is_everyday(one))


def _is_everyday(one: GlobalName) -> bool:
    if one.name in _EVERYDAY.get(one.module, ()) or one.module.partition(".")[0] == _SCRIPT:
        return True
    # A dot would lead to what such a module imports, and its functions are not all harmless.
    return one.module.startswith(_OWN_CLASSES) and one.name[:1].isupper() and one.name.isidentifier()
