"""How one tensor is spelled in several ways: with names of wrappers in its name, and as older code calls it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

WRAPPERS = {
    "module": ("DataParallel", "DistributedDataParallel"),
    "_orig_mod": ("torch.compile",),
    "_fsdp_wrapped_module": ("FSDP",),
    "_checkpoint_wrapped_module": ("activation checkpointing",),
    "_forward_module": ("Lightning",),
}
"""Parts of names that belong to what wraps a module, and what puts them there."""
LEGACY = {
    "gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var",
    "moving_var": "running_var", "kernel": "weight", "embeddings": "weight", "embedding": "weight", "scale": "weight",
    "mean": "running_mean", "var": "running_var", "w": "weight", "b": "bias", "g": "weight", "W": "weight", "B": "bias",
}  # fmt: skip
"""Last parts of names in TensorFlow, MXNet and JAX, in code by hand, and in models converted from them."""
_PARAMETRIZED = {"original0": "{}_g", "original1": "{}_v", "original": "{}_orig", "0._u": "{}_u", "0._v": "{}_v"}
"""What torch.nn.utils.parametrizations calls what weight_norm and spectral_norm called otherwise."""


def dotted(name: str) -> str:
    """Return a name that has slashes, as TensorFlow writes it, with dots: `dense/kernel:0` is `dense.kernel`."""
    return name.removesuffix(":0").replace("/", ".") if "/" in name else name


def without_wrappers(name: str) -> str:
    """Return a name without the parts that wrappers put into it; the last part always stays."""
    if "mod" not in name:
        return name
    *parts, last = name.split(".")
    return ".".join([*(part for part in parts if part not in WRAPPERS), last])


def wrappers_in(name: str) -> list[str]:
    """Return the parts of a name that wrappers put into it, in order."""
    return [part for part in name.split(".")[:-1] if part in WRAPPERS] if "mod" in name else []


def split(name: str) -> tuple[str, str, str]:
    """Return (module, last part as it is spelled, last part as all spellings have it).

    `a.parametrizations.weight.original0` is (`a`, `parametrizations.weight.original0`, `weight_g`), `a.gamma` is
    (`a`, `gamma`, `weight`).
    """
    if "parametrizations." in name:
        head, _, rest = name.rpartition("parametrizations.")
        tensor, _, part = rest.partition(".")
        if part in _PARAMETRIZED and (not head or head.endswith(".")):
            return head[:-1], f"parametrizations.{rest}", _PARAMETRIZED[part].format(tensor)
    head, _, last = name.rpartition(".")
    return head, last, LEGACY.get(last, last)


def joined(head: str, last: str) -> str:
    """Return the name of a tensor in a module; the model itself has no name."""
    return f"{head}.{last}" if head else last


def common_spelling(name: str) -> str:
    """Return what all spellings of a name come to."""
    head, _, last = split(without_wrappers(dotted(name)))
    return joined(head, last)


def spelled(names: Iterable[str]) -> dict[str, str]:
    """Return names by what all their spellings come to; names that would be one are left as they are."""
    common = {name: common_spelling(name) for name in names}
    count = Counter(common.values())
    return {name if count[short] > 1 else short: name for name, short in common.items()}
