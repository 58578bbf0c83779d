"""Makes the model that a reference means: runs the person's code, as they said yes to."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import torch
from torch import nn

from weightedit.doctor.bringing.code_found import CONFIG
from weightedit.doctor.bringing.consent import changed
from weightedit.doctor.bringing.model_reference import ModelReference
from weightedit.doctor.inside.lazy import really_made

AUTOS = {
    "ForCausalLM": "AutoModelForCausalLM", "LMHeadModel": "AutoModelForCausalLM",
    "ForConditionalGeneration": "AutoModelForSeq2SeqLM", "ForSequenceClassification":
    "AutoModelForSequenceClassification", "ForTokenClassification": "AutoModelForTokenClassification",
    "ForQuestionAnswering": "AutoModelForQuestionAnswering", "ForMaskedLM": "AutoModelForMaskedLM",
    "ForImageClassification": "AutoModelForImageClassification",
}  # fmt: skip
"""What makes a model of a class that transformers does not have itself, by how its name ends."""


class NotThere(Exception):
    """The code has no such name, or what it makes is no module; says so in one sentence."""


class _Read(SourceFileLoader):
    """Loads a file of Python out of bytes that were read, whatever becomes of the file, and of what Python keeps of it.

    Parameters
    ----------
    name, path, source
        What it is called, where it is, and what was read there.
    """

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> Any:
        """Return the code of those bytes."""
        return self.source_to_code(self.source, self.path)


def resolve(reference: ModelReference, agreed: Mapping[str, str] | None = None) -> Any:
    """Import the code and return what the name in it stands for, uncalled.

    Parameters
    ----------
    reference
        The code.
    agreed
        What a file must be like to run, by its path; None for whatever it is.

    Raises
    ------
    NotThere
        If it has no such name. Whatever the code raises comes through.
    ReferenceWrong
        If the file is another one by now.
    """
    module = _module_of_file(Path(reference.where), agreed) if reference.kind == "file" else \
        importlib.import_module(reference.where)  # fmt: skip
    found: Any = module
    for part in reference.name.split("."):
        if not hasattr(found, part):
            has = [name for name, value in vars(module).items() if isinstance(value, type)
                   and issubclass(value, nn.Module) and value.__module__ == module.__name__]  # fmt: skip
            raise NotThere(f"{reference.where} has no {reference.name}"
                           f"{'; its modules are ' + ', '.join(has[:8]) if has else ''}.")  # fmt: skip
        found = getattr(found, part)
    return found


def bring(reference: ModelReference, agreed: Mapping[str, str] | None = None) -> nn.Module:
    """Make the model; the arguments are those of `resolve`.

    Raises
    ------
    NotThere
        If there is no such name, or it makes something else. Whatever the person's code raises comes through.
    """
    if reference.kind == "folder":
        return _of_transformers(reference)
    found = resolve(reference, agreed)
    if not isinstance(found, nn.Module) or reference.is_called:
        if not callable(found):
            raise NotThere(f"{reference.name} in {reference.where} is a {type(found).__name__}, which makes no model.")
        found = found(*reference.args, **dict(reference.kwargs))
    if not isinstance(found, nn.Module):
        raise NotThere(f"{reference.name} in {reference.where} made a {type(found).__name__}, and no nn.Module.")
    return found


def _module_of_file(path: Path, agreed: Mapping[str, str] | None) -> Any:
    """Run a file, once however often it is named: what a loss and a model have of one class is one class."""
    source = path.read_bytes()
    if agreed is not None and agreed.get(str(path)) != hashlib.sha256(source).hexdigest():
        raise changed(str(path))
    for known in _loaded(path):
        if known.__spec__.loader.source == source:
            return known
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"brought_{secrets.token_hex(4)}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Read(name, str(path), source))
    assert spec is not None and spec.loader is not None  # noqa: PT018  # it was given one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _loaded(path: Path) -> list[Any]:
    """Return the modules that were made of a file here."""
    loaders = ((one, getattr(getattr(one, "__spec__", None), "loader", None)) for one in list(sys.modules.values()))
    return [one for one, loader in loaders if isinstance(loader, _Read) and loader.path == str(path)]


def forget(reference: ModelReference) -> None:
    """Let a file run again where it is named again: what it made without values is of no use where these are needed."""
    for module in _loaded(Path(reference.where)) if reference.kind == "file" else ():
        sys.modules.pop(module.__name__, None)


def _of_transformers(reference: ModelReference) -> nn.Module:
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError as error:
        raise NotThere(f"{Path(reference.where) / CONFIG} is a config of transformers, which is not installed here: "
                       "pip install transformers.") from error  # fmt: skip
    trusts = bool(reference.own_code or reference.hub_code)
    config = transformers.AutoConfig.from_pretrained(reference.where, trust_remote_code=trusts)
    return _module(_maker(transformers, config, reference.name, trusts)(config), reference)


def _maker(transformers: Any, config: Any, name: str, trusts: bool) -> Callable[..., Any]:
    """Return what makes the model as `from_pretrained` would, in the dtype of its config; its own code comes first."""
    mapped = getattr(config, "auto_map", None) or {}
    own = {auto: str(where).rpartition(".")[2] for auto, where in mapped.items() if auto.startswith("AutoModel")}
    kind = None if own else getattr(transformers, name, None)
    if isinstance(kind, type) and issubclass(kind, nn.Module):
        return getattr(kind, "_from_config", kind)
    named = (auto for auto, its_name in own.items() if its_name == name)
    ending = (auto for end, auto in AUTOS.items() if name.endswith(end))
    auto = next(named, next(iter(own), next(ending, "AutoModel")))
    return partial(getattr(transformers, auto).from_config, trust_remote_code=trusts)


def converts(model: nn.Module) -> bool:
    """Whether transformers changes the tensors of a checkpoint of this model as it loads one, experts joined to one."""
    try:
        mapping = importlib.import_module("transformers.conversion_mapping")
        return bool(mapping.get_model_conversion_mapping(model, add_legacy=False))
    except (ImportError, AttributeError, TypeError):  # before transformers 5, and what is none of its models
        return False


def _module(made: Any, reference: ModelReference) -> nn.Module:
    if not isinstance(made, nn.Module):
        raise NotThere(f"transformers made a {type(made).__name__} of {reference.where}, and no nn.Module.")
    return made


@contextmanager
def without_memory(fake: Any) -> Iterator[None]:
    """Let what is made inside have no values, and `model.half()` and `trunc_normal_` work on it.

    torch changes such parameters by swapping them, which it refuses while anything refers to them weakly, as a fake
    mode does. They are replaced here instead; nobody else holds them yet. And it draws from a truncated normal
    distribution until every value is within its ends, which takes values.
    """
    known: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}
    init: Any = nn.init
    before, drawing = nn.Module._apply, init._no_grad_trunc_normal_
    nn.Module._apply = _replacing(known)  # type: ignore[method-assign]
    init._no_grad_trunc_normal_ = lambda tensor, *ends, **named: tensor
    try:
        with fake, really_made():
            yield
    finally:
        nn.Module._apply = before  # type: ignore[method-assign]
        init._no_grad_trunc_normal_ = drawing


def _replacing(known: dict[int, tuple[nn.Parameter, nn.Parameter]]) -> Callable[..., nn.Module]:
    """Return what applies a function to all tensors of a module by replacing them; tied ones stay one."""

    def apply(self: nn.Module, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> nn.Module:
        for child in self.children() if recurse else ():
            child._apply(fn)  # type: ignore[no-untyped-call]
        for name, parameter in self._parameters.items():
            if parameter is not None:
                if id(parameter) not in known:
                    with torch.no_grad():
                        made = fn(parameter)
                    trains = parameter.requires_grad and (made.is_floating_point() or made.is_complex())
                    known[id(parameter)] = (parameter, nn.Parameter(made, trains))  # kept, so that no id comes again
                self._parameters[name] = known[id(parameter)][1]
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    return apply
