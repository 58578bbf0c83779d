"""Kinds of messages of recurrent layers, packed sequences, embeddings and padding."""

from __future__ import annotations

from weightedit.doctor.explain.fitting import named_so, where
from weightedit.doctor.explain.kind import ErrorKind, says
from weightedit.doctor.explain.pieces import ROUND, SIZES, N

SEQUENCES = (
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
        "unsorted-lengths", "Sequences that are not sorted by length",
        ("`lengths` array must be sorted in decreasing order",),
        r"`lengths` array must be sorted in decreasing order when `enforce_sorted` is True",
        says("The sequences of a batch were packed without being in the order of their lengths, longest first.",
             "Write `pack_padded_sequence(…, enforce_sorted=False)`: it sorts them, and `pad_packed_sequence` gives "
             "them back in the order in which they came."),
        "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
        "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do "
        "not need ONNX exportability."),
    ErrorKind(
        "packed-lengths", "Lengths of another batch", ("Expected `len(lengths)` to be equal to batch_size",),
        rf"Expected `len\(lengths\)` to be equal to batch_size, but got (?P<a>{N}) \(batch_size=(?P<b>{N})\)",
        says("There are {a} lengths, and the batch that is packed has {b} sequences.",
             "Each sequence has one length. Where {a} is the batch, the input has it first: write "
             "`batch_first=True`."),
        "Expected `len(lengths)` to be equal to batch_size, but got 3 (batch_size=2)"),
    ErrorKind(
        "empty-sequence", "A sequence of no steps", ("Length of all samples has to be greater than 0",),
        r"Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
        says("A sequence that is packed has the length 0.",
             "Leave such samples out of the batch, or give them one step of padding. Where lengths are counted by a "
             "mask, look whether it is the other way round."),
        "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"),
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
