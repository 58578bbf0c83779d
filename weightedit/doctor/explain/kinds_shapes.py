"""Kinds of messages of shapes that do not fit each other in products, sums and copies."""

from __future__ import annotations

from collections.abc import Mapping

from weightedit.core.words.paths import counted
from weightedit.doctor.explain.fitting import of_shape, transposing
from weightedit.doctor.explain.kind import ErrorKind, Match, Seen, says
from weightedit.doctor.explain.pieces import SHAPE, SIZES, TIMES, N, numbers_of
from weightedit.doctor.finding import Mend


def _product(match: Match) -> Mapping[str, str]:
    first, second = (numbers_of(match[name]) for name in ("shape1", "shape2"))
    return {"had": str(first[-1]), "wanted": str(second[0])}


def _turned(match: Match, seen: Seen) -> tuple[Mend, ...]:
    """Offer to transpose the second matrix where its other side is as long as the rows of the first."""
    first, second = (numbers_of(match[name]) for name in ("shape1", "shape2"))
    return transposing("shape2")(match, seen) if first[-1] == second[-1] else ()


SHAPES = (
    ErrorKind(
        "matrix-product", "Matrices that do not fit each other", ("mat1 and mat2 shapes cannot be multiplied",),
        r"mat1 and mat2 shapes cannot be multiplied \((?P<shape1>\d{1,18}x\d{1,18}) and "
        r"(?P<shape2>\d{1,18}x\d{1,18})\)",
        says("{shape1} cannot be multiplied by {shape2}: rows of the first have {had} values, columns of the second "
             "have {wanted}.",
             "In a linear layer the first is the input, its leading dimensions made one, and the second the weight, "
             "transposed: the layer takes {wanted} features, the input has {had}. Give the layer what it takes, or "
             "make it with `in_features={had}`.",
             "After convolutions: the images have another size than the layer was made for; look at the shape that "
             "`flatten` gives.",
             "The weight is stored transposed: then its two sizes are those of the layer, the other way round.",
             fits=of_shape("shape2", turned=True), mends=_turned, more=_product),
        "mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5)"),
    ErrorKind(
        "batched-product", "Batches of matrices that do not fit each other",
        ("Expected size for first two dimensions of batch2 tensor to be: ",),
        rf"Expected size for first two dimensions of batch2 tensor to be: (?P<shape1>\[{SIZES}\]) but got: "
        rf"(?P<shape2>\[{SIZES}\])",
        says("The second batch of matrices must begin with {shape1}, batches and rows, and begins with {shape2}.",
             "Both take part in a product of batches, such as `bmm` or attention: the number of batches must be the "
             "same, and the columns of the first as many as the rows of the second. Print both shapes before the line, "
             "and transpose the last two dimensions where they are the wrong way round."),
        "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 3]."),
    ErrorKind(
        "matrix-vector", "A matrix and a vector that do not fit each other", ("size mismatch, got input (",),
        rf"size mismatch, got input \({N}\), mat \((?P<shape1>{TIMES})\), vec \((?P<count>{N})\)",
        says("A matrix {shape1} cannot be multiplied by a vector of {count} values.",
             "The vector must have as many values as the matrix has columns."),
        "size mismatch, got input (2), mat (2x3), vec (4)"),
    ErrorKind(
        "dot-product", "Vectors of different lengths", ("inconsistent tensor size, expected tensor [",),
        rf"inconsistent tensor size, expected tensor (?P<shape1>\[{SIZES}\]) and src (?P<shape2>\[{SIZES}\]) to have "
        r"the same number of elements",
        says("The two vectors are {shape1} and {shape2}, and must be of one length.",
             "`dot` multiplies value by value and sums up."),
        "inconsistent tensor size, expected tensor [3] and src [4] to have the same number of elements, but got 3 and "
        "4 elements respectively"),
    ErrorKind(
        "sizes-differ", "Sizes that differ", (" must match the size of tensor b (",),
        rf"The size of tensor a \((?P<a>{N})\) must match the size of tensor b \((?P<b>{N})\) at non-singleton "
        rf"dimension (?P<dim>{N})",
        says("At dimension {dim} one tensor has size {a} and the other {b}; they must be the same, or one of them 1.",
             "The shapes are compared from the last dimension on. Print both shapes before the line of the traceback.",
             "In `copy_` or `optimizer.step()`: a tensor or an optimizer's state is of another size than the weight, "
             "as after loading the state of another model.",
             "In a sum of two branches: their layers make different sizes, as by stride or padding."),
        "The size of tensor a (5) must match the size of tensor b (10) at non-singleton dimension 0"),
    ErrorKind(
        "expanded-size", "A shape that does not fill another",
        ("The expanded size of the tensor (",),
        rf"The expanded size of the tensor \((?P<a>{N})\) must match the existing size \((?P<b>{N})\) at non-singleton "
        rf"dimension (?P<dim>{N})(?:\. {{1,2}}Target sizes: (?P<shape1>\[{SIZES}\])\. {{1,2}}Tensor sizes: "
        rf"(?P<shape2>\[{SIZES}\]))?",
        says("A tensor {shape2} cannot fill {shape1}: at dimension {dim} it has {b}, and {a} are needed.",
             "In an assignment the right side must be of the size that the left side selects, or of 1 there; a bias "
             "must have as many values as the weight has rows.", fits=of_shape("shape2")),
        "The expanded size of the tensor (20) must match the existing size (7) at non-singleton dimension 0.  Target "
        "sizes: [20].  Tensor sizes: [7]"),
    ErrorKind(
        "expand-dimensions", "Too few sizes for a tensor", ("the number of sizes provided (",),
        rf"expand\([^\n]{{1,200}}\): the number of sizes provided \((?P<a>{N})\) must be greater or equal to the "
        rf"number of dimensions in the tensor \((?P<b>{N})\)",
        says("The tensor has {b} dimensions and `expand` was given {sizes}.",
             "It takes one for each dimension; -1 leaves one as it is. An assignment into fewer dimensions than the "
             "right side has ends here too.",
             more=lambda match: {"sizes": counted(int(match["a"]), "size")}),
        "expand(torch.FloatTensor{[2, 5]}, size=[5]): the number of sizes provided (1) must be greater or equal to the "
        "number of dimensions in the tensor (2)"),
    ErrorKind(
        "value-shape", "Values that do not fit an index", ("cannot be broadcast to indexing result of shape [",),
        rf"shape mismatch: value tensor of shape (?P<shape1>\[{SIZES}\]) cannot be broadcast to indexing result of "
        rf"shape (?P<shape2>\[{SIZES}\])",
        says("Values of shape {shape1} were assigned to a selection of shape {shape2}.",
             "The values must be of the shape that the index selects, or repeat to it."),
        "shape mismatch: value tensor of shape [7] cannot be broadcast to indexing result of shape [2, 20]"),
    ErrorKind(
        "output-shape", "A result that is larger than where it goes", (" doesn't match the broadcast shape [",),
        rf"output with shape (?P<shape1>\[{SIZES}\]) doesn't match the broadcast shape (?P<shape2>\[{SIZES}\])",
        says("The result is {shape2}, and the tensor that it goes into is {shape1}.",
             "An operation in place, such as `add_` or `+=`, cannot make its tensor larger. Write `a = a + b`, or "
             "bring "
             "the other tensor to {shape1} first."),
        "output with shape [3] doesn't match the broadcast shape [2, 3]"),
    ErrorKind(
        "broadcast-shapes", "Shapes that do not repeat to one another",
        ("Attempting to broadcast a dimension of length",),
        rf"Attempting to broadcast a dimension of length (?P<a>{N}) at (?P<dim>{N})! Mismatching argument at index "
        rf"(?P<index>{N}) had (?P<shape1>\({SIZES}\))",
        says("Shape {index}, {shape1}, has size {a} at dimension {dim}, where the shapes before it have another.",
             "Sizes must be the same or 1, compared from the last dimension on."),
        "Attempting to broadcast a dimension of length 4 at -2! Mismatching argument at index 1 had (4, 3); but "
        "expected shape should be broadcastable to [2, 3]"),
    ErrorKind(
        "einsum", "Sizes that differ under one letter", ("which does not broadcast with previously seen size",),
        rf"einsum\(\): subscript (?P<letter>\w) has size (?P<a>{N}) for operand (?P<index>{N}) which does not "
        rf"broadcast "
        rf"with previously seen size (?P<b>{N})",
        says("The letter {letter} stands for size {a} in operand {index} and for {b} in one before it.",
             "One letter is one size everywhere; operands are counted from 0."),
        "einsum(): subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3"),
    ErrorKind(
        "einsum-letters", "Letters for more or fewer dimensions", ("the number of subscripts in the equation (",),
        rf"einsum\(\): the number of subscripts in the equation \((?P<a>{N})\) (?:does not match|is more than) the "
        rf"number of dimensions \((?P<b>{N})\) for operand (?P<index>{N})",
        says("Operand {index} has {b} dimensions, and the equation has {a} letters for it.",
             "Give one letter to each dimension, or `...` for those that stay."),
        "einsum(): the number of subscripts in the equation (3) does not match the number of dimensions (2) for "
        "operand 0 and no ellipsis was given"),
    ErrorKind(
        "grad-shape", "A gradient of another shape", ("Mismatch in shape: grad_output[",),
        rf"Mismatch in shape: grad_output\[(?P<index>{N})\] has a shape of (?P<shape1>{SHAPE}) and output\[{N}\] has a "
        rf"shape of (?P<shape2>{SHAPE})",
        says("The gradient given is {shape1}, and the output it belongs to is {shape2}.",
             "`backward(gradient)` takes a gradient of the shape of the tensor it is called on."),
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of "
        "torch.Size([3])."),
    ErrorKind(
        "assigned-grad", "A gradient of another size than its tensor", ("attempting to assign a gradient of size '",),
        rf"attempting to assign a gradient of size '(?P<shape1>\[{SIZES}\])' to a tensor of size "
        rf"'(?P<shape2>\[{SIZES}\])'",
        says("A gradient {shape1} was assigned to a tensor {shape2}.",
             "A tensor and its `.grad` have one shape. Where the weight was given another shape, set `.grad = None`.",
             fits=of_shape("shape2")),
        "attempting to assign a gradient of size '[4]' to a tensor of size '[3]'."),
)  # fmt: skip
