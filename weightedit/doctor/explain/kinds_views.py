"""Kinds of messages of views, concatenations, dimensions and indices."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from weightedit.doctor.explain.kind import ErrorKind, Match, says
from weightedit.doctor.explain.pieces import SIZES, N, numbers_of


def _view(match: Match) -> Mapping[str, str]:
    shape, count = numbers_of(match["shape1"]), int(match["count"])
    known = prod(size for size in shape if size >= 0)
    return {"takes": f"{'a multiple of ' if -1 in shape else ''}{known:,}", "has": f"{count:,}"}


VIEWS = (
    ErrorKind(
        "view-size", "A shape for another number of values", ("' is invalid for input of size ",),
        rf"shape '(?P<shape1>\[[-\d, ]{{1,120}}\])' is invalid for input of size (?P<count>{N})",
        says("The shape {shape1} takes {takes} values, and the tensor has {has}.",
             "A view or reshape keeps every value, so the sizes must multiply to as many. Print the shape before the "
             "line; -1 in one place lets torch work that size out, and the batch size is best taken from `x.shape[0]`.",
             "The input has another size than the code was written for, such as other images or a last batch that is "
             "smaller.", more=_view),
        "shape '[4, 2]' is invalid for input of size 6"),
    ErrorKind(
        "view-stride", "A view of values that do not lie in order",
        ("view size is not compatible with input tensor's size and stride",),
        r"view size is not compatible with input tensor's size and stride",
        says("The values of the tensor do not lie in memory in the order that the view needs.",
             "After `transpose`, `permute` or a slice, `view` cannot always go over the same bytes. Write "
             "`.reshape(…)`, "
             "which copies where it must, or `.contiguous().view(…)`."),
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
        "contiguous subspaces). Use .reshape(...) instead."),
    ErrorKind(
        "view-inferred", "Two sizes left open", ("only one dimension can be inferred",),
        r"only one dimension can be inferred\.?$|only one dimension can be inferred\b(?=[^\w]|$)",
        says("A shape has -1 in more than one place.",
             "torch works out one size from the others; give all but one."),
        "only one dimension can be inferred"),
    ErrorKind(
        "view-ambiguous", "A size that could be any", ("because the unspecified dimension size -1 can be any value",),
        r"cannot reshape tensor of 0 elements into shape (?P<shape1>\[[-\d, ]{1,120}\]) because the unspecified "
        r"dimension size -1 can be any value and is ambiguous",
        says("A tensor without values cannot be brought to {shape1}: any size would do in the place of -1.",
             "The tensor is empty, as after a filter that kept nothing. Give the size, or look why it is empty."),
        "cannot reshape tensor of 0 elements into shape [0, -1] because the unspecified dimension size -1 can be any "
        "value and is ambiguous"),
    ErrorKind(
        "unflatten", "Sizes that do not multiply to a dimension", ("don't multiply up to the size of dim",),
        rf"unflatten: Provided sizes (?P<shape1>\[[-\d, ]{{1,120}}\]) don't multiply up to the size of dim "
        rf"(?P<dim>{N}) \((?P<a>{N})\)",
        says("Dimension {dim} has size {a}, and {shape1} multiplies to another number.",
             "The parts of a dimension must multiply to its size."),
        "unflatten: Provided sizes [4, 2] don't multiply up to the size of dim 1 (6) in the input tensor"),
    ErrorKind(
        "split-sizes", "Parts that do not add up", ("split_with_sizes expects split_sizes to sum exactly to",),
        rf"split_with_sizes expects split_sizes to sum exactly to (?P<a>{N}) \(input tensor's size at dimension "
        rf"(?P<dim>{N})\), but got split_sizes=(?P<shape1>\[{SIZES}\])",
        says("Dimension {dim} has size {a}, and the parts {shape1} add up to another number.",
             "The sizes of the parts must add up to the size of the dimension."),
        "split_with_sizes expects split_sizes to sum exactly to 6 (input tensor's size at dimension 0), but got "
        "split_sizes=[2, 3]"),
    ErrorKind(
        "permute", "Another number of dimensions", ("does not match the length of the desired ordering of dimensions",),
        rf"permute\(\w{{0,40}}\): number of dimensions in the tensor input does not match the length of the desired "
        rf"ordering of dimensions i\.e\. input\.dim\(\) = (?P<a>{N}) is not equal to len\(dims\) = (?P<b>{N})",
        says("The tensor has {a} dimensions, and `permute` was given {b}.",
             "Name every dimension once. Where the batch dimension is missing, `unsqueeze(0)` puts one in front."),
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
        "ordering of dimensions i.e. input.dim() = 2 is not equal to len(dims) = 3"),
    ErrorKind(
        "t-dimensions", "A transpose of more than two dimensions", ("t() expects a tensor with <= 2 dimensions",),
        r"t\(\) expects a tensor with <= 2 dimensions, but self is (?P<a>\d{1,3})D",
        says("`t()` takes a matrix, and the tensor has {a} dimensions.",
             "Say which two dimensions change places: `transpose(-2, -1)`, or `.mT`."),
        "t() expects a tensor with <= 2 dimensions, but self is 3D"),
    ErrorKind(
        "dimension-range", "A dimension that does not exist", ("Dimension out of range (expected to be in range of [",),
        rf"Dimension out of range \(expected to be in range of \[(?P<a>{N}), (?P<b>{N})\], but got (?P<dim>{N})\)",
        says("Dimension {dim} was asked for, and the tensor has those from {a} to {b}.",
             "The tensor has fewer dimensions than the code was written for. Print its shape: often the batch "
             "dimension is missing, or a `squeeze()` took one away where a size was 1."),
        "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
    ErrorKind(
        "cat-sizes", "Tensors that cannot stand side by side", ("Sizes of tensors must match except in dimension",),
        rf"Sizes of tensors must match except in dimension (?P<dim>{N})\. (?:Expected size (?P<a>{N}) but got size "
        rf"(?P<b>{N})|Got (?P<c>{N}) and (?P<d>{N}) in dimension {N})",
        says("Tensors that are put behind each other along dimension {dim} have {first} and {second} in another one.",
             "All sizes but that of the dimension they are put along must be the same. In skip connections: an odd "
             "size that was halved and doubled again is one less.",
             more=lambda match: {"first": match["a"] or match["c"], "second": match["b"] or match["d"]}),
        "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor number 1 in the "
        "list."),
    ErrorKind(
        "cat-dimensions", "Tensors of different numbers of dimensions",
        ("Tensors must have same number of dimensions: got",),
        rf"Tensors must have same number of dimensions: got (?P<a>{N}) and (?P<b>{N})",
        says("`cat` was given a tensor of {a} dimensions and one of {b}.",
             "Bring them to the same number, by `unsqueeze` where one is missing."),
        "Tensors must have same number of dimensions: got 2 and 1"),
    ErrorKind(
        "cat-empty", "Nothing to put together",
        ("expected a non-empty list of Tensors", "stack expects a non-empty TensorList"),
        r"(?:torch\.)?cat\(\): expected a non-empty list of Tensors|stack expects a non-empty TensorList",
        says("A list of tensors that are to be put together is empty.",
             "What fills the list did not run, or kept nothing: a loop over an empty loader, or a filter."),
        "torch.cat(): expected a non-empty list of Tensors"),
    ErrorKind(
        "stack-sizes", "Samples of different sizes", ("stack expects each tensor to be equal size",),
        rf"stack expects each tensor to be equal size, but got (?P<shape1>\[{SIZES}\]) at entry (?P<a>{N}) and "
        rf"(?P<shape2>\[{SIZES}\]) at entry (?P<b>{N})",
        says("Entry {a} is {shape1} and entry {b} is {shape2}; what is stacked must be of one shape.",
             "Bring the tensors to one size before they are stacked.",
             "In a DataLoader: the samples of the batch have different sizes. Resize, crop or pad them in the dataset, "
             "or give the loader a `collate_fn` that pads."),
        "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at entry 1"),
    ErrorKind(
        "index-range", "An index past the end", (" is out of bounds for dimension ",),
        rf"index (?P<index>{N}) is out of bounds for dimension (?P<dim>{N}) with size (?P<a>{N})",
        says("Index {index} was asked for in dimension {dim}, which has {a}: the last is {last}.",
             "Indices begin at 0. Where they are labels or tokens, one of them is larger than the table.",
             more=lambda match: {"last": str(int(match["a"]) - 1) if int(match["a"]) else "none"}),
        "index 5 is out of bounds for dimension 0 with size 3"),
    ErrorKind(
        "index-table", "An index past the end of a table", ("index out of range in self",),
        r"index out of range in self(?=[\s.]|$)",
        says("An index is not in the table that it looks up; torch does not say which index, nor which table.",
             "An embedding of n rows takes indices from 0 to n − 1. Compare `ids.min()` and `ids.max()` with "
             "`num_embeddings`.",
             "The tokenizer has more tokens than the embedding has rows: compare `len(tokenizer)` with the rows.",
             "Positions are longer than the table of positions: compare the length of the sequence with its rows.",
             "Labels or padding are negative, such as −100, and went into the embedding."),
        "index out of range in self"),
    ErrorKind(
        "index-dtype", "An index that is no whole number", ("tensors used as indices must be long",),
        r"tensors used as indices must be long, (?:int, )?byte or bool tensors",
        says("A tensor of floats was used as an index.",
             "Write `index.long()`, or compare to make a mask: `x[mask > 0]`."),
        "tensors used as indices must be long, int, byte or bool tensors"),
    ErrorKind(
        "mask-shape", "A mask of another size", ("does not match the shape of the indexed tensor [",),
        rf"The shape of the mask (?P<shape1>\[{SIZES}\]) at index (?P<index>{N}) does not match the shape of the "
        rf"indexed tensor (?P<shape2>\[{SIZES}\])",
        says("The mask is {shape1} and the tensor {shape2}; they differ at dimension {index}.",
             "A mask has the sizes of the dimensions that it selects from."),
        "The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3] at index 0"),
    ErrorKind(
        "too-many-indices", "More indices than dimensions", ("too many indices for tensor of dimension",),
        rf"too many indices for tensor of dimension (?P<a>{N})",
        says("The tensor has fewer dimensions than it is indexed by: it has {a}.",
             "Print its shape: often the batch dimension is missing."),
        "too many indices for tensor of dimension 1"),
    ErrorKind(
        "index-scalar", "A single number that is taken apart",
        ("invalid index of a 0-dim tensor", "iteration over a 0-d tensor", "len() of a 0-d tensor"),
        r"(?:invalid index of a 0-dim tensor|iteration over a 0-d tensor|len\(\) of a 0-d tensor)",
        says("The tensor is a single number, without dimensions, and was indexed, counted or looped over.",
             "Its number is `x.item()`; `x.reshape(1)` gives it one dimension. A loss is such a tensor."),
        "iteration over a 0-d tensor"),
)  # fmt: skip
