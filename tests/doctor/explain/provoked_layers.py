"""Layers that are given an input they were not made for."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import rnn

from tests.doctor.explain.provoking import Provoked


def encoder():
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)


def evaluated(model):
    """The faster way that layers take where nothing is trained has messages of its own."""
    with torch.no_grad():
        return model.eval()(torch.zeros(2, 5, 8), src_key_padding_mask=torch.zeros(5, 2, dtype=torch.bool))


LAYERS = (
    Provoked("channels", lambda: nn.Conv2d(3, 8, 3)(torch.zeros(1, 1, 8, 8)),
             "The convolution expects 3 channels, got 1: its weight is [8, 3, 3, 3], the input [1, 1, 8, 8]."),
    Provoked("channels", lambda: nn.Conv1d(3, 8, 3)(torch.zeros(1, 1, 8)),
             "The convolution expects 3 channels, got 1: its weight is [8, 3, 3], the input [1, 1, 8]."),
    Provoked("channels", lambda: nn.ConvTranspose2d(3, 8, 3)(torch.zeros(1, 1, 8, 8)),
             "The convolution expects 3 channels, got 1: its weight is [3, 8, 3, 3], the input [1, 1, 8, 8]."),
    Provoked("channels", lambda: nn.Conv2d(4, 8, 3, groups=2)(torch.zeros(1, 6, 8, 8)),
             "The convolution expects 4 channels, got 6: its weight is [8, 2, 3, 3], the input [1, 6, 8, 8]."),
    Provoked("conv-groups", lambda: functional.conv2d(torch.zeros(1, 4, 8, 8), torch.zeros(6, 2, 3, 3), groups=4),
             "The weight [6, 2, 3, 3] has a number of rows that 4 groups do not share evenly."),
    Provoked("conv-bias", lambda: functional.conv2d(torch.zeros(1, 2, 3, 3), torch.zeros(2, 2, 1, 1), torch.zeros(3)),
             "The weight [2, 2, 1, 1] takes a bias of 2 values, and the bias is [3]."),
    Provoked("kernel-size", lambda: nn.Conv2d(3, 8, 7)(torch.zeros(1, 3, 4, 4)),
             "The input, with its padding, is [4, 4] at this convolution, and the kernel is [7, 7]."),
    Provoked("output-too-small", lambda: nn.MaxPool2d(2)(torch.zeros(1, 1, 1, 1)),
             "The input is [1, 1, 1] at this layer, channels first, and what comes out would be [1, 0, 0]."),
    Provoked("output-too-small", lambda: nn.AvgPool2d(4)(torch.zeros(1, 1, 1, 1)),
             "The input is [1, 1, 1] at this layer, channels first, and what comes out would be [1, 0, 0]."),
    Provoked("conv-dimensions", lambda: nn.Conv2d(3, 8, 3)(torch.zeros(8, 8)),
             "conv2d takes 4 dimensions, batch and channels first, or 3 for one sample; the input is [8, 8]."),
    Provoked("conv-dimensions", lambda: nn.Conv1d(3, 8, 3)(torch.zeros(1, 1, 3, 8, 8)),
             "conv1d takes 3 dimensions, batch and channels first, or 2 for one sample; the input is [1, 1, 3, 8, "
             "8]."),
    Provoked("input-dimensions", lambda: nn.BatchNorm2d(3)(torch.zeros(2, 3)),
             "The layer takes an input of 4 dimensions, and got 2."),
    Provoked("input-dimensions", lambda: nn.BatchNorm1d(3)(torch.zeros(2, 3, 3, 3)),
             "The layer takes an input of 2 or 3 dimensions, and got 4."),
    Provoked("input-dimensions", lambda: nn.MaxPool2d(2)(torch.zeros(1, 1)),
             "The layer takes an input of 3 or 4 dimensions."),
    Provoked("input-dimensions", lambda: nn.AdaptiveAvgPool2d(2)(torch.zeros(3, 3)),
             "The layer takes an input of 3 or 4 dimensions, and got one of shape [3, 3]."),
    Provoked("input-dimensions", lambda: nn.LSTM(5, 3)(torch.zeros(2, 1, 4, 5)),
             "The layer takes an input of 2 or 3 dimensions, and got 4."),
    Provoked("normalized-shape", lambda: nn.LayerNorm(5)(torch.zeros(2, 4)),
             "The norm is made for last dimensions [5], and the input is [2, 4]."),
    Provoked("normalized-shape", lambda: nn.RMSNorm(5)(torch.zeros(2, 4)),
             "The norm is made for last dimensions [5], and the input is [2, 4]."),
    Provoked("running-stats", lambda: nn.BatchNorm2d(3)(torch.zeros(2, 4, 2, 2)),
             "The input has 4 channels, and the batch norm is made for 3: its running_mean has so many."),
    Provoked("one-value", lambda: nn.BatchNorm1d(3)(torch.zeros(1, 3)),
             "In training a norm takes the mean over several values of each channel, and the input [1, 3] has one."),
    Provoked("one-value", lambda: nn.InstanceNorm2d(3)(torch.zeros(1, 3, 1, 1)),
             "In training a norm takes the mean over several values of each channel, and the input [1, 3, 1, 1] has "
             "one."),
    Provoked("group-norm", lambda: nn.GroupNorm(2, 4)(torch.zeros(1, 6, 2, 2)),
             "The input is [1, 6, 2, 2], and the weight of the norm is [4]: it takes one value for each channel."),
    Provoked("group-count", lambda: nn.GroupNorm(4, 6),
             "6 channels do not part evenly into 4 groups."),
    Provoked("group-count", lambda: functional.group_norm(torch.zeros(1, 6, 2), 4),
             "6 channels do not part evenly into 4 groups."),
    Provoked("attention-width", lambda: nn.MultiheadAttention(8, 2)(*[torch.zeros(3, 1, 6)] * 3),
             "The attention is made for vectors of 8 values, and the input has 6."),
    Provoked("attention-heads", lambda: nn.MultiheadAttention(8, 3),
             "The width of the attention is no multiple of its number of heads."),
    Provoked("attention-mask",
             lambda: nn.MultiheadAttention(8, 2)(*[torch.zeros(3, 1, 8)] * 3, attn_mask=torch.zeros(2, 2)),
             "The mask is [2, 2], and the attention takes [3, 3]."),
    Provoked("padding-mask",
             lambda: nn.MultiheadAttention(8, 2)(*[torch.zeros(3, 1, 8)] * 3, key_padding_mask=torch.zeros(1, 2)),
             "The padding mask covers 2 positions, and the source has 3."),
    Provoked("padding-mask",
             lambda: encoder()(torch.zeros(2, 5, 8), src_key_padding_mask=torch.zeros(5, 2, dtype=torch.bool)),
             "The padding mask has 5 rows, and the batch that the attention sees has 2 samples."),
    Provoked("padding-mask", lambda: evaluated(encoder()),
             "The padding mask is not of the shape of the batch: one row for each sample, one value for each "
             "position."),
    Provoked("padding-mask", lambda: evaluated(nn.TransformerEncoder(encoder(), 1)),
             "The padding mask is not of the shape of the batch: one row for each sample, one value for each "
             "position."),
    Provoked("padding-mask",
             lambda: nn.MultiheadAttention(8, 2)(*[torch.zeros(3, 1, 8)] * 3, key_padding_mask=torch.zeros(1, 1, 3)),
             "The padding mask has 3 dimensions, and for a batch it has 2."),
    Provoked("padding-mask",
             lambda: nn.MultiheadAttention(8, 2)(*[torch.zeros(3, 8)] * 3, key_padding_mask=torch.zeros(1, 3)),
             "The padding mask has 2 dimensions, and for one sample it has 1."),
    Provoked("transformer-batch",
             lambda: nn.Transformer(8, 2, batch_first=True)(torch.zeros(1, 3, 8), torch.zeros(2, 3, 8)),
             "Source and target of a Transformer differ in their batch size."),
    Provoked("recurrent-input", lambda: nn.LSTM(5, 3)(torch.zeros(2, 1, 4)),
             "The layer takes steps of 5 values, and the input has 4."),
    Provoked("recurrent-input", lambda: nn.LSTMCell(5, 3)(torch.zeros(2, 4)),
             "The layer takes steps of 5 values, and the input has 4."),
    Provoked("recurrent-state",
             lambda: nn.LSTM(5, 3)(torch.zeros(2, 1, 5), (torch.zeros(1, 2, 3), torch.zeros(1, 2, 3))),
             "The state given to the layer is [1, 2, 3], and it takes [1, 1, 3]: layers, batch, width."),
    Provoked("recurrent-state", lambda: nn.GRU(5, 3)(torch.zeros(2, 1, 5), torch.zeros(1, 2, 3)),
             "The state given to the layer is [1, 2, 3], and it takes [1, 1, 3]: layers, batch, width."),
    Provoked("unsorted-lengths",
             lambda: rnn.pack_padded_sequence(torch.zeros(2, 4, 8), [2, 4], batch_first=True),
             "The sequences of a batch were packed without being in the order of their lengths, longest first."),
    Provoked("unsorted-lengths", lambda: rnn.pack_sequence([torch.zeros(2), torch.zeros(4)]),
             "The sequences of a batch were packed without being in the order of their lengths, longest first."),
    Provoked("packed-lengths", lambda: rnn.pack_padded_sequence(torch.zeros(2, 4, 8), [4, 2]),
             "There are 2 lengths, and the batch that is packed has 4 sequences."),
    Provoked("empty-sequence", lambda: rnn.pack_padded_sequence(torch.zeros(4, 2, 8), [4, 0]),
             "A sequence that is packed has the length 0."),
    Provoked("embedding-dtype", lambda: nn.Embedding(10, 3)(torch.zeros(2)),
             "The indices of an embedding are whole numbers, int64 or int32, and got float32."),
    Provoked("padding-size", lambda: functional.pad(torch.zeros(1, 1, 2, 2), (3, 3, 3, 3), mode="reflect"),
             "The input [1, 1, 2, 2] cannot be mirrored by [3, 3] at dimension 3."),
    Provoked("interpolate-size", lambda: functional.interpolate(torch.zeros(1, 1, 2, 2), size=(3,)),
             "The input has the sizes [2, 2] after batch and channels, and was to become [3]."),
)  # fmt: skip
