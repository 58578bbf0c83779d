"""Kinds of messages of losses and their targets."""

from __future__ import annotations

from weightedit.doctor.explain.kind import ErrorKind, says
from weightedit.doctor.explain.pieces import DTYPE, SCALAR, SHAPE, SIZES, N

_LABELS = "CrossEntropyLoss takes one class for each sample, int64 and of the input's shape without its classes."

LOSSES = (
    ErrorKind(
        "loss-broadcast", "A loss that repeats one side", ("Using a target size (",),
        rf"Using a target size \((?P<shape1>{SHAPE})\) that is different to the input size "
        rf"\((?P<shape2>{SHAPE})\)(?! is deprecated)",
        says("The target is {shape1} and the output of the model {shape2}; the loss repeats one along the other.",
             "Values are compared that do not belong together, and training goes the wrong way without another word. "
             "Bring both to one shape: `output.squeeze(1)`, or `target.unsqueeze(1)`."),
        "Using a target size (torch.Size([5])) that is different to the input size (torch.Size([5, 1])). This will "
        "likely lead to incorrect results due to broadcasting. Please ensure they have the same size."),
    ErrorKind(
        "loss-size", "A target of another shape", ("must be the same as input size (",),
        rf"Target size \((?P<shape1>{SHAPE})\) must be the same as input size \((?P<shape2>{SHAPE})\)",
        says("The target is {shape1} and the output of the model {shape2}; this loss takes both of one shape.",
             "Bring both to one shape: `output.squeeze(1)`, or `target.unsqueeze(1)`; for classes as numbers take "
             "CrossEntropyLoss instead."),
        "Target size (torch.Size([5])) must be the same as input size (torch.Size([5, 1]))"),
    ErrorKind(
        "batch-mismatch", "Batches of different sizes", (") to match target batch_size (",),
        rf"Expected input batch_size \((?P<a>{N})\) to match target batch_size \((?P<b>{N})\)",
        says("The output of the model has {a} samples, and the target has {b}.",
             "Both must come from one batch.",
             "A `view` or `reshape` in the model mixes samples, as `view(-1, n)` does where the size is another than "
             "planned: look whether {a} or {b} is your batch size.",
             "The target has further dimensions: for tokens flatten both, `output.flatten(0, 1)` and "
             "`target.flatten()`."),
        "Expected input batch_size (5) to match target batch_size (10)."),
    ErrorKind(
        "target-range", "A class that the model does not have", (" is out of bounds.",),
        rf"Target (?P<a>{N}) is out of bounds\.",
        says("A target says class {a}, which the output of the model does not have.",
             "An output of n values has the classes 0 to n − 1. {hint}",
             more=lambda match: {"hint":
                 "Classes begin at 0; give what is to be passed over to the loss as `ignore_index`."
                 if int(match["a"]) < 0 else
                 f"Labels that begin at 1 are one too large: subtract 1. Else the last layer needs at least "
                 f"{int(match['a']) + 1} outputs."}),
        "Target 10 is out of bounds."),
    ErrorKind(
        "target-dtype", "A target of another dtype", ("expected target dtype to be Long or Byte",),
        rf"expected target dtype to be Long or Byte, but got (?P<dtype1>{DTYPE})",
        says("The target is {dtype1}, and classes are int64.", f"{_LABELS} Write `target.long()`; for values between "
             "classes take another loss, such as MSELoss or BCEWithLogitsLoss."),
        "expected target dtype to be Long or Byte, but got Float"),
    ErrorKind(
        "target-dimensions", "A target of too many dimensions",
        ("multi-target not supported",),
        r"(?:0D or )?1D target tensor expected, multi-target not supported",
        says("The target has a dimension too many for classes.", f"{_LABELS} Write `target.squeeze(1)` where it is a "
             "column, `target.argmax(1)` where it is one-hot; probabilities need floats of the input's own shape."),
        "0D or 1D target tensor expected, multi-target not supported"),
    ErrorKind(
        "target-probabilities", "Whole numbers where probabilities are meant",
        ("Expected floating point type for target with class probabilities",),
        rf"Expected floating point type for target with class probabilities, got (?P<dtype1>{DTYPE})",
        says("The target has the shape of the output, so it is read as probabilities, and it is {dtype1}.",
             "Write `target.float()` where it is one-hot or probabilities, `target.argmax(1)` for classes."),
        "Expected floating point type for target with class probabilities, got Long"),
    ErrorKind(
        "target-size", "A target of another height or width", ("size mismatch (got input: [",),
        rf"size mismatch \(got input: (?P<shape1>\[{SIZES}\]) ?, target: (?P<shape2>\[{SIZES}\])",
        says("The output of the model is {shape1}, and the target {shape2}.",
             "The target has the output's shape without its classes, dimension 1. Bring the output to the size of the "
             "target by `interpolate`, or the target to that of the output."),
        "size mismatch (got input: [5, 3, 2, 2] , target: [5, 2, 3]"),
    ErrorKind(
        "target-positions", "Classes that are not the second dimension", ("Expected target size [",),
        rf"Expected target size (?P<shape1>\[{SIZES}\]), got (?P<shape2>\[{SIZES}\])",
        says("The output of the model wants a target {shape1}, and the target is {shape2}.",
             "CrossEntropyLoss takes classes as dimension 1 of the output; models of sequences have them last.",
             "Write `loss(output.flatten(0, 1), target.flatten())`, or `loss(output.transpose(1, 2), target)`."),
        "Expected target size [1, 512], got [1, 16]"),
    ErrorKind(
        "class-weights", "Weights for another number of classes", ("weight tensor should be defined either for all",),
        rf"weight tensor should be defined either for all (?P<a>{N}) classes or no classes but got weight tensor of "
        rf"shape: (?P<shape1>\[{SIZES}\])",
        says("The loss has weights {shape1}, and the output of the model has {a} classes.",
             "Give the loss one weight for each class."),
        "weight tensor should be defined either for all 3 classes or no classes but got weight tensor of shape: [4]"),
    ErrorKind(
        "probability-range", "Outputs that are no probabilities", ("all elements of input should be between 0 and 1",),
        r"all elements of input should be between 0 and 1",
        says("BCELoss takes probabilities from 0 to 1, and an output is outside, or NaN.",
             "Put a sigmoid before it, or better take BCEWithLogitsLoss, which has it inside. Where there is one, look "
             "for NaN."),
        "all elements of input should be between 0 and 1"),
    ErrorKind(
        "binary-target-dtype", "A target of another dtype", ("Found dtype ",),
        rf"Found dtype (?P<dtype1>{SCALAR}) but expected (?P<dtype2>{SCALAR})(?=[\s.]|$)",
        says("A tensor is {dtype1} where {dtype2} is expected.",
             "In a loss or its backward pass output and target must be of one dtype: write `target.to(output.dtype)`."),
        "Found dtype Long but expected Float"),
    ErrorKind(
        "ctc-lengths", "Lengths beyond the sequence", ("Expected input_lengths to have value at most",),
        rf"Expected input_lengths to have value at most (?P<a>{N}), but got value (?P<b>{N})",
        says("A length is {b}, and the output of the model has {a} steps.",
             "Convolutions and strides make sequences shorter; divide the lengths as the model does."),
        "Expected input_lengths to have value at most 5, but got value 9 (while checking arguments for "
        "ctc_loss_allocate_outputs)"),
    ErrorKind(
        "bce-size", "A target of another shape", (" is deprecated. Please ensure they have the same size",),
        rf"Using a target size \((?P<shape1>{SHAPE})\) that is different to the input size \((?P<shape2>{SHAPE})\) is "
        r"deprecated",
        says("The target is {shape1} and the output of the model {shape2}; BCELoss takes both of one shape.",
             "Bring both to one shape: `output.squeeze(1)`, or `target.unsqueeze(1)`."),
        "Using a target size (torch.Size([5])) that is different to the input size (torch.Size([5, 1])) is deprecated. "
        "Please ensure they have the same size."),
    ErrorKind(
        "one-hot-dtype", "Classes that are not int64", ("one_hot is only applicable to index tensor",),
        r"one_hot is only applicable to index tensor",
        says("`one_hot` takes classes as whole numbers, int64, and was given a tensor of another dtype.",
             "Write `one_hot(labels.long(), num_classes)`. Labels come as floats out of a table of numpy or pandas; "
             "where they are no whole numbers, they are no classes."),
        "one_hot is only applicable to index tensor of type LongTensor."),
    ErrorKind(
        "one-hot-range", "A class that one_hot has no place for", ("Class values must be ",),
        r"Class values must be (?P<what>smaller than num_classes|non-negative)",
        says("A label given to `one_hot` is {which}; torch does not say which label.",
             "n classes are 0 to n − 1: compare `labels.min()` and `labels.max()` with `num_classes`. Labels that "
             "begin at 1 need 1 taken from them; those that are to be passed over, such as −100, are left out first.",
             more=lambda match: {"which": "below 0" if match["what"] == "non-negative" else
                                 "not below `num_classes`"}),
        "Class values must be smaller than num_classes."),
)  # fmt: skip
