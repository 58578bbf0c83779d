"""Kinds of messages of single values: tensors as numbers and conditions, and numbers that make no tensor."""

from __future__ import annotations

from weightedit.doctor.explain.kind import ErrorKind, says
from weightedit.doctor.explain.pieces import SIZES, N

VALUES = (
    ErrorKind(
        "copy-construct", "A tensor made of a tensor", ("To copy construct from a tensor, it is recommended to use",),
        r"To copy construct from a tensor, it is recommended to use",
        says("`torch.tensor(x)` was called with a tensor: it copies the values and leaves the graph.",
             "Nothing is wrong; to say what is meant, write `x.detach().clone()`."),
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone()"),
    ErrorKind(
        "resized-output", "An output that was resized",
        ("An output with one or more elements was resized since it had",),
        rf"An output with one or more elements was resized since it had shape (?P<shape1>\[{SIZES}\]), which does not "
        rf"match the required output shape (?P<shape2>\[{SIZES}\])",
        says("The tensor given as `out=` was {shape1}, and the result is {shape2}; torch resized it.",
             "Give an `out=` of the shape of the result, or leave it out."),
        "An output with one or more elements was resized since it had shape [4], which does not match the required "
        "output shape [3]."),
    ErrorKind(
        "not-one-value", "Several values where one is meant",
        (" elements cannot be converted to Scalar", "only one element tensors can be converted to Python scalars"),
        rf"(?:a Tensor with (?P<a>{N}) elements cannot be converted to Scalar|only one element tensors can be "
        rf"converted "
        r"to Python scalars)",
        says("A tensor of {count} values was to become one Python number.",
             "`item()`, `float()` and `int()` take a tensor of one value. Take the mean or an index first, or "
             "`tolist()` for all of them.", more=lambda match: {"count": match["a"] or "several"}),
        "a Tensor with 10 elements cannot be converted to Scalar"),
    ErrorKind(
        "not-an-index", "A tensor that is no index",
        ("only integer tensors of a single element can be converted to an index",),
        r"only integer tensors of a single element can be converted to an index",
        says("A tensor was used as an index or a count in Python, and is not one whole number.",
             "A list is indexed by one number: `items[int(i)]`. For a size or a range take `int(…)` of it."),
        "only integer tensors of a single element can be converted to an index"),
    ErrorKind(
        "truth-value", "A tensor as a condition", ("Boolean value of Tensor with ",),
        r"Boolean value of Tensor with (?P<what>more than one value|no values) is ambiguous",
        says("A tensor with {what} stands where True or False is meant.",
             "`if`, `and`, `or`, `not` and `in` need one truth value: write `.any()` or `.all()`, `x is None` in place "
             "of `x == None`, and `&` and `|` between masks."),
        "Boolean value of Tensor with more than one value is ambiguous"),
    ErrorKind(
        "tensor-format", "A tensor in a format for numbers", ("unsupported format string passed to Tensor.__format__",),
        r"unsupported format string passed to Tensor\.__format__",
        says("A format such as `:.2f` was given to a tensor of several values.",
             "Take one value, `x.mean().item()`, or print the tensor without a format."),
        "unsupported format string passed to Tensor.__format__"),
    ErrorKind(
        "numpy-objects", "An array that makes no tensor", ("can't convert np.ndarray of type numpy.",),
        r"can't convert np\.ndarray of type numpy\.(?P<a>\w{1,40})",
        says("An array of {a} makes no tensor.",
             "torch holds numbers and truth values. Text needs numbers in its place; an array of objects is often a "
             "table with columns of several kinds, or rows of different lengths: write `array.astype('float32')`."),
        "can't convert np.ndarray of type numpy.object_. The only supported types are: float64, float32"),
    ErrorKind(
        "negative-stride", "An array that runs backwards",
        ("At least one stride in the given numpy array is negative",),
        r"At least one stride in the given numpy array is negative",
        says("The array is a view that runs backwards, as `x[::-1]` or `np.flip` make it.",
             "Write `torch.from_numpy(x.copy())`."),
        "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
        "supported."),
    ErrorKind(
        "text-tensor", "Text that makes no tensor", ("too many dimensions 'str'",), r"too many dimensions 'str'",
        says("A tensor was to be made of text.", "torch holds numbers: give each word or class a number first."),
        "too many dimensions 'str'"),
    ErrorKind(
        "ragged", "Lists of different lengths", ("expected sequence of length ",),
        rf"expected sequence of length (?P<a>{N}) at dim (?P<dim>{N}) \(got (?P<b>{N})\)",
        says("The lists that a tensor is made of differ in length: {a} and {b} at dimension {dim}.",
             "Pad them to one length: `torch.nn.utils.rnn.pad_sequence`; a tokenizer does it by `padding=True`."),
        "expected sequence of length 2 at dim 1 (got 1)"),
    ErrorKind(
        "no-dtype", "A value that torch has no dtype for", ("Could not infer dtype of ",),
        r"Could not infer dtype of (?P<type>[\w.]{1,100})",
        says("A tensor was to be made of {type}.", "It takes numbers, lists of them and arrays; None among them is a "
             "value that is missing."),
        "Could not infer dtype of NoneType"),
    ErrorKind(
        "negative-size", "A size below 0", ("Dimension size must be non-negative", "negative dimension"),
        rf"(?:\w{{1,40}}: Dimension size must be non-negative|Trying to create tensor with negative dimension "
        rf"(?P<a>{N}))",
        says("A tensor was to be made with a size below 0{which}.",
             "A size that is worked out, as of a padding or of the part that is left, came out too small.",
             more=lambda match: {"which": f": {match['a']}" if match["a"] else ""}),
        "Trying to create tensor with negative dimension -1: [-1]"),
    ErrorKind(
        "empty-reduction", "The largest of no values",
        ("Expected reduction dim to be specified for input.numel() == 0",),
        r"(?P<op>\w{1,40})\(\): Expected reduction dim to be specified for input\.numel\(\) == 0",
        says("{op} was asked of a tensor without values.", "Look why it is empty; skip it where `x.numel() == 0`."),
        "max(): Expected reduction dim to be specified for input.numel() == 0."),
    ErrorKind(
        "singular", "A matrix without inverse", ("because the input matrix is singular",),
        rf"(?P<op>[\w.]{{1,60}}): (?:\(Batch element \d{{1,9}}\): )?The diagonal element (?P<a>{N}) is zero, the "
        r"(?:inversion|solve) could not be completed because the input matrix is singular",
        says("The matrix has no inverse: a row or column is made of others.",
             "Take `torch.linalg.lstsq` or `pinv`, or add a little to the diagonal."),
        "linalg.inv: The diagonal element 1 is zero, the inversion could not be completed because the input matrix is "
        "singular."),
    ErrorKind(
        "not-positive", "A matrix that is not positive-definite", ("because the input is not positive-definite",),
        rf"(?P<op>[\w.]{{1,60}}): (?:\(Batch element \d{{1,9}}\): )?The factorization could not be completed because "
        rf"the "
        rf"input is not positive-definite \(the leading minor of order (?P<a>{N}) is not positive-definite\)",
        says("The matrix is not positive-definite, as a Cholesky factorization needs: its first {a} × {a} are not.",
             "Rounding may do that to a covariance: add a little to the diagonal, or compute in float64."),
        "linalg.cholesky: The factorization could not be completed because the input is not positive-definite (the "
        "leading minor of order 1 is not positive-definite)."),
)  # fmt: skip
