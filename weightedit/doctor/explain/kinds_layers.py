"""Kinds of messages of layers that are given an input they were not made for."""

from __future__ import annotations

from collections.abc import Mapping

from weightedit.core.words.labels import called
from weightedit.doctor.explain.fitting import alone, named_so, of_shape, resizing, where
from weightedit.doctor.explain.kind import ErrorKind, Found, Match, Seen, says
from weightedit.doctor.explain.pieces import SHAPE, SIZES, TIMES, N, numbers_of
from weightedit.doctor.finding import Mend


def _channels_last(match: Match) -> Mapping[str, str]:
    shape, wanted = numbers_of(match["shape2"]), match["a"]
    last = shape[-1:] == (int(wanted),)
    return {"order": f"The last dimension of the input has size {wanted}: its channels may stand last. "
                     f"`permute({'0, 3, 1, 2' if len(shape) == 4 else '2, 0, 1'})` brings them before height and width."
                     if last and len(shape) in (3, 4) else
                     "Compare the input with what the layer was trained on: 1 channel is grey, 3 are colours, 4 have "
                     "transparency."}  # fmt: skip


def _fewer_channels(match: Match, seen: Seen) -> tuple[Mend, ...]:
    """Offer to cut or pad the one weight of this shape to the channels of the input."""
    shape, got = numbers_of(match["shape1"]), int(match["b"])
    one = alone(of_shape("shape1")(match, seen))
    transposed, groups = match["how"] == "transposed", int(match["groups"])
    is_last = numbers_of(match["shape2"])[-1:] == (int(match["a"]),)
    if one is None or len(shape) < 3 or groups != 1 or not got or is_last:
        return ()
    new = (got, *shape[1:]) if transposed else (shape[0], got, *shape[2:])
    mend = resizing(one.name, shape, new)
    channels = "channel" if min(got, int(match["a"])) == 1 else "channels"
    title = f"Keep {got} {channels} of {called(one.name)}" if got < int(match["a"]) else \
        f"Pad {called(one.name)} to {got} channels with zeros"  # fmt: skip
    return (Mend(title, mend.edits, f"{mend.detail}; the layer is then made for {got}"),)


def _dimensions(match: Match) -> Mapping[str, str]:
    got = (match["a"] or match["b"] or "").removesuffix("D")
    shape = f", and got one of shape {match['shape1']}" if match["shape1"] else ""
    return {"wants": (match["wanted"] or match["c"]).replace("D", ""), "got": f", and got {got}" if got else shape}


def _kernels(match: Match, seen: Seen) -> Found:
    kernel = numbers_of(match["shape2"])
    return tuple(one for one in seen.tensors if len(one.shape) == len(kernel) + 2 and one.shape[2:] == kernel)


NORMS = ("weight", "bias", "gamma", "beta")
LAYERS = (
    ErrorKind(
        "channels", "Another number of channels", (" channels, but got ",),
        rf"Given (?P<how>groups|transposed)=(?P<groups>{N}), weight of size (?P<shape1>\[{SIZES}\]), expected input"
        rf"(?P<shape2>\[{SIZES}\]) to have (?P<a>{N}) channels, but got (?P<b>{N}) channels instead",
        says("The convolution expects {a} channels, got {b}: its weight is {shape1}, the input {shape2}.",
             "Give it an input of {a} channels, or make the layer and its weight for {b}.", "{order}",
             fits=of_shape("shape1"), mends=_fewer_channels, more=_channels_last),
        "Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 1, 8, 8] to have 3 channels, but got 1 "
        "channels "
        "instead"),
    ErrorKind(
        "conv-groups", "A weight that does not part into groups", (", expected weight to be ",),
        rf"Given groups=(?P<a>{N}), expected weight to be (?:divisible by {N}|at least {N}) at dimension 0, but got "
        rf"weight of size \[?(?P<shape1>\[{SIZES}\])\]? instead",
        says("The weight {shape1} has a number of rows that {a} groups do not share evenly.",
             "The outputs of a convolution must be a multiple of its groups.", fits=of_shape("shape1")),
        "Given groups=4, expected weight to be divisible by 4 at dimension 0, but got weight of size [[6, 2, 3, 3]] "
        "instead"),
    ErrorKind(
        "conv-bias", "A bias of another length", (", expected bias to be 1-dimensional with ",),
        rf"Given (?:weight of size|transposed=1, weight of size) (?P<shape1>\[{SIZES}\]), expected bias to be "
        rf"1-dimensional with (?P<a>{N}) elements, but got bias of size (?P<shape2>\[{SIZES}\]) instead",
        says("The weight {shape1} takes a bias of {a} values, and the bias is {shape2}.",
             "A bias has one value for each output. One of the two was changed or loaded without the other.",
             fits=of_shape("shape1", "shape2")),
        "Given weight of size [2, 2, 1, 1], expected bias to be 1-dimensional with 2 elements, but got bias of size "
        "[3] "
        "instead"),
    ErrorKind(
        "kernel-size", "An input smaller than the kernel", ("Kernel size can't be greater than actual input size",),
        rf"Calculated padded input size per channel: (?P<shape1>{TIMES})\. Kernel size: (?P<shape2>{TIMES})\. Kernel "
        r"size can't be greater than actual input size",
        says("The input, with its padding, is {shape1} at this convolution, and the kernel is {shape2}.",
             "Layers before it made the input too small: begin with a larger one, pad more, or take away a pooling or "
             "a stride. Where height and width are in the wrong place, `permute` the input.", fits=_kernels),
        "Calculated padded input size per channel: (4 x 4). Kernel size: (7 x 7). Kernel size can't be greater than "
        "actual input size"),
    ErrorKind(
        "output-too-small", "Nothing left after a pooling", ("Output size is too small",),
        rf"Given input size: (?P<shape1>{TIMES})\. Calculated output size: (?P<shape2>{TIMES})\. Output size is too "
        r"small",
        says("The input is {shape1} at this layer, channels first, and what comes out would be {shape2}.",
             "Layers before it made the input too small: begin with a larger one, or take away a pooling or a stride."),
        "Given input size: (1x1x1). Calculated output size: (1x0x0). Output size is too small"),
    ErrorKind(
        "conv-dimensions", "An input of another number of dimensions", ("D (unbatched) or ",),
        rf"Expected (?P<a>\d)D \(unbatched\) or (?P<b>\d)D \(batched\) input to (?P<layer>\w{{1,40}}), but got input "
        rf"of "
        rf"size: (?P<shape1>\[{SIZES}\])",
        says("{layer} takes {b} dimensions, batch and channels first, or {a} for one sample; the input is {shape1}.",
             "Where the channels are missing, `x.unsqueeze(1)` puts one in; where the batch is missing, "
             "`x.unsqueeze(0)`; too many come from another layer, or from a batch within a batch."),
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 8]"),
    ErrorKind(
        "conv-dimensions", "An input of another number of dimensions", ("-dimensional weight ",),
        rf"Expected (?P<b>\d)-dimensional input for \d-dimensional weight \[?(?P<shape2>\[{SIZES}\])\]?, but got "
        rf"(?P<a>\d)-dimensional input of size (?P<shape1>\[{SIZES}\]) instead",
        says("The convolution takes {b} dimensions, batch and channels first; the input is {shape1}.",
             "Where the channels are missing, `x.unsqueeze(1)` puts one in; where the batch is missing, "
             "`x.unsqueeze(0)`.", fits=of_shape("shape2")),
        "Expected 4-dimensional input for 4-dimensional weight [8, 3, 3, 3], but got 2-dimensional input of size [8, "
        "8] "
        "instead"),
    ErrorKind(
        "input-dimensions", "An input of another number of dimensions",
        ("D input (got ", "D, got ", "D tensor, but got [", "tensor expected for input", "D tensor expected for input"),
        rf"(?:(?P<layer>[\w() ]{{1,40}}): )?(?:[Ee]xpected (?:input to be )?(?P<wanted>\dD(?: or \dD)?)"
        rf"(?: input \(got (?P<a>\dD) input\)|, got (?P<b>\dD) instead| tensor, but got (?P<shape1>\[{SIZES}\]))"
        rf"|non-empty (?P<c>\dD or \dD) (?:\(batch mode\) )?tensor expected for input)",
        says("The layer takes an input of {wants} dimensions{got}.",
             "Print the shape before the layer. A missing batch or channel dimension is put in by `unsqueeze`; values "
             "of images go through `flatten(1)` before a layer that takes rows.",
             more=_dimensions),
        "expected 4D input (got 2D input)"),
    ErrorKind(
        "normalized-shape", "A norm for another size", ("Given normalized_shape=[",),
        rf"Given normalized_shape=(?P<shape1>\[{SIZES}\]), expected input with shape \[\*,? ?[\d, ]{{0,120}}\], but "
        rf"got "
        rf"input of size ?(?P<shape2>\[{SIZES}\])",
        says("The norm is made for last dimensions {shape1}, and the input is {shape2}.",
             "LayerNorm and RMSNorm take the last dimensions. Where the channels stand elsewhere, `permute` first; "
             "else "
             "make the norm with the size that comes in.", fits=of_shape("shape1", ends=NORMS)),
        "Given normalized_shape=[5], expected input with shape [*, 5], but got input of size[2, 4]"),
    ErrorKind(
        "running-stats", "A batch norm for another number of channels", (" should contain ",),
        rf"(?P<name>running_mean|running_var|weight|bias) should contain (?P<a>{N}) elements not (?P<b>{N})",
        says("The input has {a} channels, and the batch norm is made for {b}: its {name} has so many.",
             "`num_features` must be the number of channels, which is dimension 1 of the input.",
             fits=where(lambda one, match: one.shape == (int(match["b"]),) and named_so(one, (match["name"],)))),
        "running_mean should contain 4 elements not 3"),
    ErrorKind(
        "one-value", "A single value to normalize",
        ("Expected more than 1 value per channel when training", "Expected more than 1 spatial element when training"),
        rf"Expected more than 1 (?:value per channel|spatial element) when training, got input size "
        rf"(?P<shape1>{SHAPE})",
        says("In training a norm takes the mean over several values of each channel, and the input {shape1} has one.",
             "Give the loader `drop_last=True`, so that no batch of one sample is left over, or call `model.eval()` "
             "where nothing is trained."),
        "Expected more than 1 value per channel when training, got input size torch.Size([1, 3])"),
    ErrorKind(
        "group-norm", "A group norm for another number of channels",
        ("Expected weight to be a vector of size equal to the number of channels in input",),
        rf"Expected (?P<name>weight|bias) to be a vector of size equal to the number of channels in input, but got "
        rf"(?:weight|bias) of shape (?P<shape1>\[{SIZES}\]) and input of shape (?P<shape2>\[{SIZES}\])",
        says("The input is {shape2}, and the {name} of the norm is {shape1}: it takes one value for each channel.",
             "`num_channels` must be the number of channels, which is dimension 1 of the input.",
             fits=of_shape("shape1", ends=NORMS)),
        "Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape [4] "
        "and input of shape [1, 6, 2, 2]"),
    ErrorKind(
        "group-count", "Channels that do not part into groups",
        (") must be divisible by num_groups (", "to be divisible by num_groups, but got"),
        rf"(?:num_channels \((?P<a>{N})\) must be divisible by num_groups \((?P<b>{N})\)|Expected number of channels "
        rf"in "
        rf"input to be divisible by num_groups, but got input of shape (?P<shape1>\[{SIZES}\]) and num_groups="
        rf"(?P<c>{N}))",
        says("{channels} channels do not part evenly into {groups} groups.",
             "The number of channels must be a multiple of `num_groups`.",
             more=lambda match: {"channels": match["a"] or str((*numbers_of(match["shape1"]), 0, 0)[1]),
                                 "groups": match["b"] or match["c"]}),
        "num_channels (6) must be divisible by num_groups (4)"),
)  # fmt: skip
