"""Kinds of messages of attention: its width, its heads and its masks."""

from __future__ import annotations

from collections.abc import Mapping

from weightedit.core.words.paths import counted
from weightedit.doctor.explain.fitting import named_so, where
from weightedit.doctor.explain.kind import ErrorKind, Match, says
from weightedit.doctor.explain.pieces import ROUND, SHAPE, N, numbers_of


def _turned(match: Match) -> Mapping[str, str]:
    is_turned = numbers_of(match["shape1"]) == numbers_of(match["shape2"])[::-1]
    return {"turned": ": it is transposed, give `mask.T`" if is_turned else ""}


ATTENTION = (
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
        "attention-mask", "A mask of another size", (" attn_mask is torch.Size(", "attn_mask is ("),
        rf"The shape of the \dD attn_mask is (?P<shape1>{SHAPE}|{ROUND}), but should be (?P<shape2>{ROUND})",
        says("The mask is {shape1}, and the attention takes {shape2}.",
             "`attn_mask` is target length by source length, with batch times heads before it where it differs by "
             "sample; a mask of what is padded is given as `key_padding_mask`, which is batch by source length."),
        "The shape of the 2D attn_mask is torch.Size([2, 2]), but should be (3, 3)."),
    ErrorKind(
        "padding-mask", "A padding mask of another shape", ("key_padded_mask.shape[0]",),
        rf"Expected key_padded_mask\.shape\[0\] to be (?P<a>{N}), but got (?P<b>{N})",
        says("The padding mask has {b} rows, and the batch that the attention sees has {a} samples.",
             "`key_padding_mask` is batch by source length, whatever stands first in the input.",
             "`mask.shape` is [{b}, {a}], and [{a}, {b}] is wanted: it is transposed, give `mask.T`.",
             "The batch is {b}: the layer takes the first dimension of its input for the length. Make it with "
             "`batch_first=True`.",
             "Neither is so, and the mask is of another batch: make it of the same batch as the input."),
        "Expected key_padded_mask.shape[0] to be 2, but got 5"),
    ErrorKind(
        "padding-mask", "A padding mask of another shape", ("key_padded_mask.shape[1]",),
        rf"Expected key_padded_mask\.shape\[1\] to be (?P<a>{N}), but got (?P<b>{N})",
        says("The padding mask covers {b} positions, and the source has {a}.",
             "`key_padding_mask` is batch by source length. Make it of the same batch as the input, with what was "
             "added to the front, such as a class token, or cut off."),
        "Expected key_padded_mask.shape[1] to be 5, but got 7"),
    ErrorKind(
        "padding-mask", "A padding mask of another shape", ("expecting key_padding_mask shape of ",),
        rf"expecting key_padding_mask shape of (?P<shape1>{ROUND}), but got (?P<shape2>{SHAPE})",
        says("The padding mask is {shape2}, and {shape1} is wanted{turned}.",
             "`key_padding_mask` is batch by source length, whatever stands first in the input.", more=_turned),
        "expecting key_padding_mask shape of (2, 5), but got torch.Size([5, 2])"),
    ErrorKind(
        "padding-mask", "A padding mask of another shape",
        ("mask shape should be (B, L)", "Mask size should match input size"),
        r"(?:For mask_type == 1 mask shape should be \(B, L\)|Mask size should match input size)",
        says("The padding mask is not of the shape of the batch: one row for each sample, one value for each position.",
             "torch says neither shape: compare `mask.shape` with `x.shape[:2]` before the layer. A mask that is "
             "length by batch is transposed: give `mask.T`."),
        "For mask_type == 1 mask shape should be (B, L)"),
    ErrorKind(
        "padding-mask", "A padding mask of another shape", (" expected `key_padding_mask` to be `None` or ",),
        r"For (?P<what>un)?batched \(\d-D\) `query`,? expected `key_padding_mask` to be `None` or (?P<a>\d)-D but "
        r"found (?P<b>\d)-D tensor instead",
        says("The padding mask has {has}, and for {input} it has {a}.",
             "`key_padding_mask` is batch by source length, and source length alone where there is no batch. A mask "
             "for each head, or of length by length, is given as `attn_mask`.",
             more=lambda match: {"has": counted(int(match["b"]), "dimension"),
                                 "input": "one sample" if match["what"] else "a batch"}),
        "For batched (3-D) `query`, expected `key_padding_mask` to be `None` or 2-D but found 3-D tensor instead"),
    ErrorKind(
        "transformer-batch", "Source and target of different batches",
        ("the batch number of src and tgt must be equal", "the feature number of src and tgt must be equal to d_model"),
        r"the (?P<what>batch|feature) number of src and tgt must be equal",
        says("Source and target of a Transformer differ in their {what} size.",
             "Both are (length, batch, width), or (batch, length, width) with `batch_first=True`; a batch that "
             "stands in "
             "the other place ends here."),
        "the batch number of src and tgt must be equal"),
)  # fmt: skip
