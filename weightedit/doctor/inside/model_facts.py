"""What a model's code makes, told as plain records: its modules with their sizes, its tensors with their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from weightedit.core.progress import Ask, unasked
from weightedit.doctor.facts import EXTRA_STATE, ModelFacts, ModuleFacts, TensorFacts, is_extra_state

T = TypeVar("T")
SAYS = (
    "in_features", "out_features", "in_channels", "out_channels", "groups", "num_embeddings", "embedding_dim",
    "padding_idx", "num_features", "num_channels", "num_groups", "normalized_shape", "kernel_size", "stride", "padding",
    "dilation", "hidden_size", "input_size", "num_layers", "proj_size", "embed_dim", "num_heads", "head_dim", "kdim",
    "vdim", "nf", "nx", "in1_features", "in2_features", "d_model", "nhead", "vocab_size", "num_classes", "num_labels",
)  # fmt: skip
"""Attributes that say how large something is; those of several numbers are told as `kernel_size.0`, `kernel_size.1`."""
LONGEST_TYPE = 200
"""Characters of a class's name."""
MOST_GIVEN = 1000
"""Arguments, or keys of a config."""
MOST_SIZES = 8
"""Numbers of one attribute."""
_LARGEST = 1 << 62


def model_facts(module: nn.Module, ask: Ask = unasked) -> ModelFacts:
    """Describe a model as it is now; nothing of it is changed and no value is read.

    Parameters
    ----------
    module
        On any device, `meta` among them. A parameter that has no shape yet is told as `uninitialized`.
    ask
        Called at each module and tensor; what it raises stops the looking.

    Returns
    -------
    ModelFacts
        Its tensors in the order of `state_dict()`, tied ones under each name, then the buffers that are not in it.
    """
    modules = tuple(ModuleFacts(name, type_name(one), _says(one) or None)
                    for name, one in _asking(module.named_modules(), ask))
    return ModelFacts(type_name(module), modules, tuple(_asking(_tensors(module), ask)), tuple(_extra_states(module)),
                      tuple(name for name, one in module.named_modules() if _has_loading_code(one)),
                      whole_numbers(getattr(vars(module).get("config"), "__dict__", {})))  # fmt: skip


def whole_numbers(given: Mapping[str, Any]) -> dict[str, int]:
    """Return the first whole numbers among arguments of a model, or among keys of its config."""
    found = ((str(name)[:LONGEST_TYPE], value) for name, value in given.items()
             if type(value) is int and abs(value) < _LARGEST)  # fmt: skip
    return dict(islice(found, MOST_GIVEN))


def _asking(found: Iterable[T], ask: Ask) -> Iterator[T]:
    for one in found:
        ask()
        yield one


def _extra_states(module: nn.Module) -> Iterator[str]:
    """Yield the keys that `load_state_dict` asks for: it looks whether a class has `set_extra_state` of its own."""
    for name, one in module.named_modules(remove_duplicate=False):
        if type(one).set_extra_state is not nn.Module.set_extra_state:
            yield f"{name}.{EXTRA_STATE}" if name else EXTRA_STATE


def _has_loading_code(module: nn.Module) -> bool:
    """Whether a module has code that takes other names or shapes than its own as it is loaded.

    That of torch's own layers is known: older batch norms without counters, older names of `weight_norm`, lazy layers.
    """
    hooks = (getattr(hook, "hook", hook) for hook in module._load_state_dict_pre_hooks.values())
    codes = (*hooks, type(module)._load_from_state_dict, type(module).load_state_dict)
    return any(not str(getattr(code, "__module__", "")).startswith("torch.nn.") for code in codes)


def type_name(module: nn.Module) -> str:
    """Return the name of a module's class; of a script that of the class it was made of."""
    made_of = getattr(module, "original_name", None) if isinstance(module, torch.jit.ScriptModule) else None
    return (made_of if isinstance(made_of, str) else type(module).__name__)[:LONGEST_TYPE]


def _says(module: nn.Module) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in SAYS:
        value = vars(module).get(name)  # what is set on it; a property is code of its own
        if type(value) is int:
            found[name] = value
        elif isinstance(value, tuple | list) and len(value) <= MOST_SIZES and all(type(one) is int for one in value):
            found |= {f"{name}.{place}": one for place, one in enumerate(value)}
    return {name: value for name, value in found.items() if abs(value) < _LARGEST}


def _tensors(module: nn.Module) -> Iterator[TensorFacts]:
    first: dict[int, str] = {}
    saved: dict[str, Any] = module.state_dict(keep_vars=True)
    trained = {name for name, _ in module.named_parameters(remove_duplicate=False)}  # those of a script have no class
    for name, tensor in saved.items():
        if isinstance(tensor, torch.Tensor) and not is_extra_state(name):  # which may be anything, of any shape
            same = first.setdefault(id(tensor), name)
            kind = "parameter" if name in trained or isinstance(tensor, nn.Parameter) else "buffer"
            yield _facts(name, tensor, kind, "" if same == name else same)
    for name, tensor in module.named_buffers(remove_duplicate=False):
        if name not in saved:
            yield _facts(name, tensor, "buffer", is_persistent=False)


def _facts(name: str, tensor: torch.Tensor, kind: str, same_as: str = "", is_persistent: bool = True) -> TensorFacts:
    has_shape = not is_lazy(tensor)
    return TensorFacts(name, tuple(tensor.shape) if has_shape else (), str(tensor.dtype).removeprefix("torch."),
                       kind if has_shape else "uninitialized", str(tensor.device), bool(tensor.requires_grad), same_as,
                       is_persistent)  # fmt: skip
