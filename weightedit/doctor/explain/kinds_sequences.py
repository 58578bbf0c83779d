"""Kinds of messages of attention, recurrent layers, embeddings and padding."""

from __future__ import annotations

from weightedit.doctor.explain.fitting import named_so, where
from weightedit.doctor.explain.kind import ErrorKind, bracketed, says
from weightedit.doctor.explain.pieces import ROUND, SHAPE, SIZES, N, numbers_of

SEQUENCES = (
    ErrorKind(
        "attention-width", "An attention for another width", ("was expecting embedding dimension of ",),
        rf"was expecting embedding dimension of (?P<a>{N}), but got (?P<b>{N})",
        says("The attention is made for vectors of {a} values, and the input has {b}.",
             "The last dimension of query, key and value must be `embed_dim`, whatever stands first; with "
             "`batch_first=True` the batch does.",
             fits=where(lambda one, match: one.shape == (3 * int(match["a"]), int(match["a"]))
                        and named_so(one, ("in_proj_weight",)))),
        "was expecting embedding dimension of 8, but got 6"),
    ErrorKind(
        "attention-heads", "Heads that do not share the width", ("embed_dim must be divisible by num_heads",),
        r"embed_dim must be divisible by num_heads",
        says("The width of the attention is no multiple of its number of heads.",
             "Each head takes `embed_dim / num_heads` values. Choose a number of heads that divides the width."),
        "embed_dim must be divisible by num_heads"),
    ErrorKind(
        "attention-mask", "A mask of another size",
        (" attn_mask is torch.Size(", "key_padding_mask", "attn_mask is (", "key_padded_mask.shape["),
        rf"(?:The shape of the \dD attn_mask is (?P<shape1>{SHAPE}|{ROUND}), but should be (?P<shape2>{ROUND})"
        rf"|expecting key_padding_mask shape of (?P<shape3>{ROUND}), but got (?P<shape4>{SHAPE})"
        rf"|Expected key_padded_mask\.shape\[\d\] to be (?P<a>{N}), but got (?P<b>{N}))",
        says("The mask is {mask}, and the attention takes {takes}.",
             "`attn_mask` is target length by source length, with batch times heads before it where it differs by "
             "sample; `key_padding_mask` is batch by source length.",
             more=lambda match: {"mask": _sizes(match["shape1"] or match["shape4"], match["b"]),
                                 "takes": _sizes(match["shape2"] or match["shape3"], match["a"])}),
        "The shape of the 2D attn_mask is torch.Size([2, 2]), but should be (3, 3)."),
    ErrorKind(
        "transformer-batch", "Source and target of different batches",
        ("the batch number of src and tgt must be equal", "the feature number of src and tgt must be equal to d_model"),
        r"the (?P<what>batch|feature) number of src and tgt must be equal",
        says("Source and target of a Transformer differ in their {what} size.",
             "Both are (length, batch, width), or (batch, length, width) with `batch_first=True`; a batch that "
             "stands in "
             "the other place ends here."),
        "the batch number of src and tgt must be equal"),
    ErrorKind(
        "recurrent-input", "A recurrent layer for another width",
        ("input.size(-1) must be equal to input_size", "input has inconsistent input_size"),
        rf"(?:input\.size\(-1\) must be equal to input_size\. Expected (?P<a>{N}), got (?P<b>{N})"
        rf"|input has inconsistent input_size: got (?P<d>{N}),? expected (?P<c>{N}))",
        says("The layer takes steps of {wants} values, and the input has {has}.",
             "The last dimension of the input must be `input_size`.",
             fits=where(lambda one, match: named_so(one, ("weight_ih",))
                        and one.shape[1:] == (int(match["a"] or match["c"]),)),
             more=lambda match: {"wants": match["a"] or match["c"], "has": match["b"] or match["d"]}),
        "input.size(-1) must be equal to input_size. Expected 5, got 4"),
    ErrorKind(
        "recurrent-state", "A state of another size", ("Expected hidden",),
        rf"Expected hidden(?P<which>\[\d\])? size (?P<shape1>{ROUND}), got (?P<shape2>\[{SIZES}\]|{ROUND})",
        says("The state given to the layer is {shape2}, and it takes {shape1}: layers, batch, width.",
             "Often the state of another batch is kept: the last batch of a loader is smaller. Make a new state for "
             "each batch, or leave it out."),
        "Expected hidden[0] size (1, 1, 3), got [1, 2, 3]"),
    ErrorKind(
        "embedding-dtype", "Indices that are no whole numbers",
        ("to have one of the following scalar types: Long, Int",),
        r"Expected tensor for argument #\d{1,2} '(?P<name>\w{1,40})' to have one of the following scalar types: Long, "
        r"Int; but got (?P<dtype1>[\w.]{1,60}) instead",
        says("The {name} of an embedding are whole numbers, int64 or int32, and got {dtype1}.",
             "Write `ids.long()`. Where the values are no indices at all, they do not belong into an embedding."),
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
        "torch.FloatTensor instead (while checking arguments for embedding)"),
    ErrorKind(
        "padding-size", "A padding larger than the input",
        ("Padding size should be less than the corresponding input",),
        rf"(?:Argument #\d{{1,2}}: )?Padding size should be less than the corresponding input dimension, but got: "
        rf"padding (?P<shape1>{ROUND}) at dimension (?P<dim>{N}) of input (?P<shape2>\[{SIZES}\])",
        says("The input {shape2} cannot be mirrored by {shape1} at dimension {dim}.",
             "`reflect` takes at most one value fewer than there are; pad by less, or by `replicate` or zeros."),
        "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (3, 3) at "
        "dimension 3 of input [1, 1, 2, 2]"),
    ErrorKind(
        "interpolate-size", "A size for another number of dimensions",
        ("Input and output must have the same number of spatial dimensions",),
        rf"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
        rf"(?P<shape1>\[{SIZES}\]) and output size of (?P<shape2>[\[(]{SIZES}[\])])",
        says("The input has the sizes {shape1} after batch and channels, and was to become {shape2}.",
             "`interpolate` takes one size for each of these dimensions, and an input of batch, channels and them."),
        "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
        "[2, 2] and output size of (3,)."),
)  # fmt: skip


def _sizes(shape: str | None, length: str | None) -> str:
    """Return a shape, or a length where the message has that alone."""
    return bracketed(numbers_of(shape)) if shape else f"of length {length}"
