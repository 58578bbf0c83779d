"""A model's code by reference: `package.module:factory`, `file.py:Class(arguments)`, or a Hugging Face folder."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal

from weightedit.core.errors import WeightEditError
from weightedit.core.words.paths import reason
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.code_found import CONFIG, searched, spec_of_package

LARGEST = 4 << 20
NOTHING: Mapping[str, ModelReference] = MappingProxyType({})
HOW = "Name it as package.module:factory, as file.py:Class or file.py:Class(3, width=64), or give a folder with a " \
      "config.json of transformers."  # fmt: skip
DEEPEST = 8
"""Configs within configs that are looked through."""
_RELATIVE = re.compile(r"^\s*(?:from|import)\s+\.([\w.]+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_CALL = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\s*(?P<call>\(.*\))?\s*", re.DOTALL)


class ReferenceWrong(WeightEditError):
    """A reference to a model does not read, or there is nothing where it points to."""


@dataclass(frozen=True, slots=True)
class ModelReference:
    """What code makes the model.

    Attributes
    ----------
    kind
        `file`, `package` or `folder` (of Hugging Face).
    where
        The path of the file or folder, absolute; or the dotted name of the Python module.
    name
        Of the class, factory or module in it; for a folder the class that its config names, or empty.
    args, kwargs
        Plain values it is called with.
    is_called
        Whether arguments were written, also none: `make()`.
    own_code
        Python files of a Hugging Face folder that its config asks for, and those of it that they import.
    hub_code
        Those of other repositories of the Hugging Face hub, `somebody/model/modeling_model.py`; and repositories of
        kernels, `somebody/kernel`.
    """

    kind: Literal["file", "package", "folder"]
    where: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    is_called: bool = False
    own_code: tuple[str, ...] = ()
    hub_code: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind == "folder":
            return self.where
        return f"{self.where}:{self._call}"

    @property
    def _call(self) -> str:
        given = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs)]
        return f"{self.name}({', '.join(given)})" if self.is_called else self.name

    def what_runs(self, folder: Path, beside: Mapping[str, ModelReference] = NOTHING) -> tuple[str, ...]:
        """Say what running it means, one sentence each; nothing is imported to find out.

        Parameters
        ----------
        folder
            Where it runs, and where a package is looked for before what is installed.
        beside
            Other code that runs with it, by what it does: `gives the loss`.
        """
        paths = searched([self, *beside.values()], folder)
        others = (sentence for does, other in beside.items() for sentence in other._runs(paths, does))
        return (*self._runs(paths, "makes the model"), *others,
                "It runs as you, with all that it imports, in a process of its own that can read, change and send what "
                "you can.")  # fmt: skip

    def _runs(self, paths: Sequence[str], does: str) -> list[str]:
        call = visible(self._call, 200)
        if self.kind == "file":
            said = [f"The file {visible(self.where)} runs, and {call} in it {does}."]
        elif self.kind == "package":
            said = [f"Python imports {visible(self.where)} from {_origin(self.where, paths)}, and {call} in it "
                    f"{does}."]  # fmt: skip
        else:
            made = f"its class {visible(self.name)}" if self.name else "the class that its model type names"
            said = [f"transformers makes {made} from {visible(self.where)}/{CONFIG}, without its weights."]
            said += [f"Its config asks for code of the folder's own, which runs: {visible(name)}."
                     for name in self.own_code]  # fmt: skip
            said += [f"Its config asks for code of the Hugging Face hub, which is downloaded and runs: {visible(name)}."
                     for name in self.hub_code]  # fmt: skip
        return said


def parse_reference(text: str, folder: Path) -> ModelReference:
    """Read a reference to a model.

    Parameters
    ----------
    text
        As a person wrote it.
    folder
        What relative paths are relative to.

    Raises
    ------
    ReferenceWrong
        If it does not read, or there is no such file or folder.
    """
    text = text.strip()
    path = folder / Path(text).expanduser()
    if text and path.name == CONFIG and path.is_file():
        path = path.parent
    if text and path.is_dir():
        return _folder(path)
    where, name, args, kwargs, is_called = _parts(text)
    if where.endswith(".py"):
        path = folder / Path(where).expanduser()
        if not path.is_file():
            raise ReferenceWrong(f"There is no file {visible(str(path))} to take {visible(name)} from; nothing was "
                                 "run.")  # fmt: skip
        return ModelReference("file", _whole(path), name, args, kwargs, is_called)
    if not _NAME.fullmatch(where):
        raise ReferenceWrong(f"{visible(text, 200)!r} names no model: {visible(where, 100)!r} is neither a file of "
                             f"Python nor a package. {HOW}")  # fmt: skip
    return ModelReference("package", where, name, args, kwargs, is_called)


def _whole(path: Path) -> str:
    """Return the absolute path without `.` and `..`, which a person would have to take out to see what runs."""
    plain = Path(os.path.normpath(path.absolute()))
    return str(plain if plain.exists() and plain.samefile(path) else path.resolve())  # after a link `..` is another one


def _parts(text: str) -> tuple[str, str, tuple[Any, ...], tuple[tuple[str, Any], ...], bool]:
    """Part `where:name(arguments)`; the colon of a Windows drive and those in the arguments are none."""
    head = text.partition("(")[0]
    where, colon, name = head.rpartition(":")
    call = _CALL.fullmatch(name + text[len(head) :])
    if not colon or not where or call is None:
        raise ReferenceWrong(f"{visible(text, 200)!r} names no model. {HOW}")
    args, kwargs = _arguments(call["call"] or "()", text)
    return where, call["name"], args, kwargs, call["call"] is not None


def _arguments(call: str, text: str) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
    """Read plain values; nothing is evaluated."""
    wrong = ReferenceWrong(f"The arguments {visible(call, 200)} in {visible(text, 200)!r} are not plain values: "
                           "numbers, texts, True, False, None, and lists, tuples and dicts of them.")  # fmt: skip
    try:
        node = ast.parse(f"f{call}", mode="eval").body
        if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
            raise wrong
        args = tuple(ast.literal_eval(one) for one in node.args)
        return args, tuple((str(one.arg), ast.literal_eval(one.value)) for one in node.keywords)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise wrong from None


def _folder(path: Path) -> ModelReference:
    config = path / CONFIG
    try:
        with config.open("rb") as file:
            found = json.loads(file.read(LARGEST))
    except FileNotFoundError:
        raise ReferenceWrong(f"{visible(str(path))} has no {CONFIG}, which says what model it is. {HOW}") from None
    except (OSError, ValueError, RecursionError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is no JSON"
        raise ReferenceWrong(f"{visible(str(config))} does not read: {why}.") from None
    if not isinstance(found, dict):
        raise ReferenceWrong(f"{visible(str(config))} is no config of a model: it holds no names.")
    named = found.get("architectures")
    name = named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""
    if not name and not isinstance(found.get("model_type"), str):
        raise ReferenceWrong(f"{visible(str(config))} names neither architectures nor a model_type, so it says of no "
                             "class that makes the model.")  # fmt: skip
    own, hub = _code(found.get("auto_map"))
    return ModelReference("folder", _whole(path), name, own_code=_with_imports(own, path),
                          hub_code=tuple(sorted({*hub, *_kernels(found)})))  # fmt: skip


def _code(mapped: Any) -> tuple[set[str], set[str]]:
    """Return the files of Python that a config names for its model: of its folder, and of repositories of the hub."""
    own: set[str] = set()
    hub: set[str] = set()
    for auto, named in mapped.items() if isinstance(mapped, dict) else ():
        if isinstance(named, str) and (auto == "AutoConfig" or auto.startswith("AutoModel")):
            repository, _, place = named.rpartition("--")
            file = place.partition(".")[0] + ".py"
            (hub if repository else own).add(f"{repository}/{file}" if repository else file)
    return own, hub


def _with_imports(own: set[str], folder: Path) -> tuple[str, ...]:
    """Return files of a folder with those of it that they import, `from .layers import Layer`, and so on."""
    found, new = set(own), list(own)
    while new:
        importing = new.pop()
        try:
            with (folder / importing).open("rb") as file:
                text = file.read(LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        for name in _RELATIVE.findall(text):
            file_name = (PurePosixPath(importing).parent / f"{name}.py").as_posix()  # beside the one that imports it
            if file_name not in found and (folder / file_name).is_file():
                found.add(file_name)
                new.append(file_name)
    return tuple(sorted(found))


def _kernels(config: Any, depth: int = 0) -> set[str]:
    """Return the repositories of the hub whose code a config names for its attention, also in the configs within it."""
    found: set[str] = set()
    for key, value in config.items() if isinstance(config, dict) and depth < DEEPEST else ():
        if str(key).endswith("_implementation"):
            values = value.values() if isinstance(value, dict) else [value]
            found |= {one for one in values if isinstance(one, str) and "/" in one}
        elif isinstance(value, dict):
            found |= _kernels(value, depth + 1)
    return found


def _origin(package: str, paths: Sequence[str]) -> str:
    """Return where Python would find a package, as far as that can be told without importing it."""
    found = spec_of_package(package.partition(".")[0], paths)
    if found is None:
        return f"{visible(paths[-1])} or what is installed, where it was not found" if paths else "nowhere known"
    places = list(found.submodule_search_locations or [])
    return visible(found.origin or (places[0] if places else "what is installed"))
