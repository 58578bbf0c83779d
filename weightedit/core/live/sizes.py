"""What each class of torch.nn says of its own size, worked out from the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Ask = Callable[[str], Any]
"""Returns an attribute of a module, or None."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What follows from a module's shapes.

    Attributes
    ----------
    values
        What its attributes are to say.
    shapes
        What shape its tensors are to have, those that there are.
    complaints
        What cannot be right whatever the attributes say, in sentences.
    """

    values: dict[str, Any]
    shapes: dict[str, Shape] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


Rule = Callable[[Shapes, Ask], Sizes | None]


def _wants(shape: Shape | None, dims: Sequence[int]) -> Shape | None:
    return shape if shape is not None and len(shape) in dims else None


def _linear(shapes: Shapes, ask: Ask) -> Sizes | None:
    weight = _wants(shapes.get("weight"), [2])
    if weight is None:
        return None
    return Sizes({"in_features": weight[1], "out_features": weight[0]}, {"bias": weight[:1]})


def _bilinear(shapes: Shapes, ask: Ask) -> Sizes | None:
    weight = _wants(shapes.get("weight"), [3])
    if weight is None:
        return None
    names = ("out_features", "in1_features", "in2_features")
    return Sizes(dict(zip(names, weight, strict=True)), {"bias": weight[:1]})


def _conv(shapes: Shapes, ask: Ask) -> Sizes | None:
    kernel, groups = ask("kernel_size") or (), ask("groups") or 1
    weight = _wants(shapes.get("weight"), [len(kernel) + 2])
    if weight is None:
        return None
    values: dict[str, Any] = {"out_channels": weight[0], "in_channels": weight[1] * groups, "kernel_size": weight[2:]}
    if ask("padding") == "same":
        total = [step * (size - 1) for step, size in zip(ask("dilation"), weight[2:], strict=True)]
        values["_reversed_padding_repeated_twice"] = [
            part for one in reversed(total) for part in (one // 2, one - one // 2)]
    odd = (f"{groups} groups do not divide {weight[0]} out_channels",) if weight[0] % groups else ()
    return Sizes(values, {"bias": weight[:1]}, odd)


def _conv_transpose(shapes: Shapes, ask: Ask) -> Sizes | None:
    kernel, groups = ask("kernel_size") or (), ask("groups") or 1
    weight = _wants(shapes.get("weight"), [len(kernel) + 2])
    if weight is None:
        return None
    odd = (f"{groups} groups do not divide {weight[0]} in_channels",) if weight[0] % groups else ()
    return Sizes({"in_channels": weight[0], "out_channels": weight[1] * groups, "kernel_size": weight[2:]},
                 {"bias": (weight[1] * groups,)}, odd)  # fmt: skip


def _embedding(shapes: Shapes, ask: Ask) -> Sizes | None:
    weight = _wants(shapes.get("weight"), [2])
    if weight is None:
        return None
    padding = ask("padding_idx")
    odd = (f"padding_idx stays {padding}, and there are {weight[0]} rows",) \
        if isinstance(padding, int) and padding >= weight[0] else ()  # fmt: skip
    return Sizes({"num_embeddings": weight[0], "embedding_dim": weight[1]}, {}, odd)


def _batch_norm(shapes: Shapes, ask: Ask) -> Sizes | None:
    names = ("weight", "bias", "running_mean", "running_var")
    given = [shapes[name] for name in names if name in shapes]
    if not given or len(given[0]) != 1:
        return None
    return Sizes({"num_features": given[0][0]}, dict.fromkeys(names, given[0]))


def _layer_norm(shapes: Shapes, ask: Ask) -> Sizes | None:
    weight = shapes.get("weight")
    return Sizes({"normalized_shape": weight}, {"bias": weight}) if weight else None


def _group_norm(shapes: Shapes, ask: Ask) -> Sizes | None:
    weight, groups = _wants(shapes.get("weight"), [1]), ask("num_groups") or 1
    if weight is None:
        return None
    odd = (f"{groups} groups do not divide {weight[0]} channels",) if weight[0] % groups else ()
    return Sizes({"num_channels": weight[0]}, {"bias": weight}, odd)


def _prelu(shapes: Shapes, ask: Ask) -> Sizes | None:
    weight = _wants(shapes.get("weight"), [1])
    return Sizes({"num_parameters": weight[0]}) if weight else None


def _attention(shapes: Shapes, ask: Ask) -> Sizes | None:
    fused, query = _wants(shapes.get("in_proj_weight"), [2]), _wants(shapes.get("q_proj_weight"), [2])
    base = fused or query
    if base is None:
        return None
    size, heads = base[1], ask("num_heads") or 1
    key, value = shapes.get("k_proj_weight", (0, 0)), shapes.get("v_proj_weight", (0, 0))
    kdim, vdim = (size, size) if fused else (key[-1], value[-1])
    odd = (f"num_heads {heads} does not divide embed_dim {size}",) if size % heads else ()
    return Sizes(
        {"embed_dim": size, "kdim": kdim, "vdim": vdim, "head_dim": size // heads},
        {"in_proj_weight": (3 * size, size), "q_proj_weight": (size, size), "k_proj_weight": (size, kdim),
         "v_proj_weight": (size, vdim), "in_proj_bias": (3 * size,), "bias_k": (1, 1, size), "bias_v": (1, 1, size),
         "out_proj.weight": (size, size), "out_proj.bias": (size,)}, odd)  # fmt: skip


GATES = {"LSTM": 4, "GRU": 3}


def _recurrent(shapes: Shapes, ask: Ask) -> Sizes | None:
    first = _wants(shapes.get("weight_ih_l0"), [2])
    if first is None:
        return None
    gates = GATES.get(ask("mode") or "", 1)
    if first[0] % gates:
        return Sizes({}, {}, (f"{gates} gates do not divide the {first[0]} rows of weight_ih_l0",))
    hidden, projected = first[0] // gates, shapes.get("weight_hr_l0", (0,))[0]
    ways = 2 if ask("bidirectional") else 1
    out = projected or hidden
    wanted: dict[str, Shape] = {}
    for layer in range(ask("num_layers") or 1):
        for way in ("", "_reverse")[:ways]:
            wanted |= {
                f"weight_ih_l{layer}{way}": (gates * hidden, first[1] if layer == 0 else out * ways),
                f"weight_hh_l{layer}{way}": (gates * hidden, out),
                f"bias_ih_l{layer}{way}": (gates * hidden,),
                f"bias_hh_l{layer}{way}": (gates * hidden,),
                f"weight_hr_l{layer}{way}": (projected, hidden),
            }
    return Sizes({"input_size": first[1], "hidden_size": hidden, "proj_size": projected}, wanted)


def _cell(gates: int) -> Rule:
    def rule(shapes: Shapes, ask: Ask) -> Sizes | None:
        first = _wants(shapes.get("weight_ih"), [2])
        if first is None:
            return None
        if first[0] % gates:
            return Sizes({}, {}, (f"{gates} gates do not divide the {first[0]} rows of weight_ih",))
        rows = (first[0],)
        return Sizes({"input_size": first[1], "hidden_size": first[0] // gates},
                     {"weight_hh": (first[0], first[0] // gates), "bias_ih": rows, "bias_hh": rows})  # fmt: skip

    return rule


RULES: Mapping[str, Rule] = {
    "Linear": _linear, "Bilinear": _bilinear,
    "Conv1d": _conv, "Conv2d": _conv, "Conv3d": _conv,
    "ConvTranspose1d": _conv_transpose, "ConvTranspose2d": _conv_transpose, "ConvTranspose3d": _conv_transpose,
    "Embedding": _embedding, "EmbeddingBag": _embedding,
    "BatchNorm1d": _batch_norm, "BatchNorm2d": _batch_norm, "BatchNorm3d": _batch_norm, "SyncBatchNorm": _batch_norm,
    "InstanceNorm1d": _batch_norm, "InstanceNorm2d": _batch_norm, "InstanceNorm3d": _batch_norm,
    "LayerNorm": _layer_norm, "RMSNorm": _layer_norm, "GroupNorm": _group_norm, "PReLU": _prelu,
    "MultiheadAttention": _attention,
    "RNN": _recurrent, "LSTM": _recurrent, "GRU": _recurrent,
    "RNNCell": _cell(1), "LSTMCell": _cell(4), "GRUCell": _cell(3), "NonDynamicallyQuantizableLinear": _linear,
}  # fmt: skip
"""By class of torch.nn."""

KNOWN = (
    "in_features", "out_features", "in1_features", "in2_features", "in_channels", "out_channels", "num_embeddings",
    "embedding_dim", "num_features", "num_channels", "num_parameters", "normalized_shape", "embed_dim", "input_size",
    "hidden_size", "kdim", "vdim", "nf", "nx",
)  # fmt: skip
"""Attributes by which a module of one's own would say a size."""


def rule_for(classes: Sequence[tuple[str, str]]) -> Rule | None:
    """Return the rule of the first of (module, class name) that is of torch.nn, a class before those it inherits."""
    for module, name in classes:
        if module.startswith("torch.nn.") and name in RULES:
            return RULES[name]
    return None
