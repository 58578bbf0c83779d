"""Kinds of messages of dtypes that do not go together."""

from __future__ import annotations

from weightedit.doctor.explain.fitting import FLOATS, casting, rarer
from weightedit.doctor.explain.kind import ErrorKind, Explain, Found, Match, Said, Seen, said_of, says
from weightedit.doctor.explain.pieces import DTYPE, SCALAR, device_word, dtype_word
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.finding import Mend

_ONE = "Bring both to one dtype: the input by `x.to(torch.{dtype2})`, or the model by `model.to(torch.{dtype1})`."
_INPUT = "The input was made by numpy or from a list: floats of numpy are float64, those of torch float32."


def _mixed(match: Match, seen: Seen) -> Found:
    """Return the tensors of the rarer of two dtypes where the document has both: then its weights differ."""
    return rarer(seen.tensors, dtype_word(match["dtype1"]), dtype_word(match["dtype2"]))


def _cast(match: Match, seen: Seen) -> tuple[Mend, ...]:
    """Offer to cast what is rarer in the document, else the weights, named second, to the dtype of the input."""
    first, second = dtype_word(match["dtype1"]), dtype_word(match["dtype2"])
    few = rarer(seen.tensors, first, second)
    if few:
        return casting(seen.tensors, few[0].dtype, second if few[0].dtype == first else first)
    return casting(seen.tensors, second, first)


def _cast_either(match: Match, seen: Seen) -> tuple[Mend, ...]:
    """Offer the cast where it is not said which of the two is the weight: of the one that the document has."""
    first, second = dtype_word(match["dtype1"]), dtype_word(match["dtype2"])
    held = {one.dtype for one in seen.tensors}
    return _cast(match, seen) if second in held else casting(seen.tensors, first, second)


def _held(match: Match, seen: Seen) -> Found:
    return tuple(one for one in seen.tensors if one.dtype == dtype_word(match["dtype1"]))


def _to_float32(match: Match, seen: Seen) -> tuple[Mend, ...]:
    dtype = dtype_word(match["dtype1"])
    return casting(seen.tensors, dtype, "float32") if dtype in FLOATS else ()


def _not_float(one: TensorFacts) -> bool:
    return one.kind == "parameter" and not one.dtype.startswith(("float", "bfloat", "complex"))


def _grads(match: Match, seen: Seen) -> Said:
    whole = tuple(one for one in seen.tensors if _not_float(one))
    mends = casting(whole, whole[0].dtype, "float32") if len({one.dtype for one in whole}) == 1 else ()
    return Said("Whole numbers and truth values have no gradient; a tensor of such a dtype was to require one.",
                "Make it of floats, `x.float()`, or leave `requires_grad` off; in a module a tensor that is not "
                "trained "
                "is a buffer.", (), whole, mends)  # fmt: skip


def _same_device(explained: Explain) -> Explain:
    """Pass over a message of this wording that is about devices."""
    return lambda match, seen: None if device_word(match["dtype1"]) != device_word(match["dtype2"]) else \
        explained(match, seen)  # fmt: skip


_INPUT_AND_WEIGHT = says(
    "{dtype1} cannot be multiplied with {dtype2}: in a linear layer the input comes first and the weight second.",
    _ONE, _INPUT, fits=_mixed, mends=_cast)  # fmt: skip
_BIAS_AND_WEIGHT = says(
    "{dtype1} and {dtype2} meet in one product: in a linear layer the bias comes first and the weight second.",
    "Bring the two to one dtype; one of them was cast or loaded without the other.", fits=_mixed, mends=_cast)

DTYPES = (
    ErrorKind(
        "matrix-dtype", "Matrices of different dtypes", ("mat2 must have the same dtype, but got",),
        rf"(?P<what>mat1|self) and mat2 must have the same dtype, but got (?P<dtype1>{DTYPE}) and (?P<dtype2>{DTYPE})",
        lambda match, seen: (_INPUT_AND_WEIGHT if match["what"] == "mat1" else _BIAS_AND_WEIGHT)(match, seen),
        "mat1 and mat2 must have the same dtype, but got Double and Float"),
    ErrorKind(
        "product-dtype", "Matrices of different dtypes", ("expected m1 and m2 to have the same dtype",),
        rf"expected m1 and m2 to have the same dtype, but got: (?P<dtype1>{DTYPE}) != (?P<dtype2>{DTYPE})",
        says("{dtype1} cannot be multiplied with {dtype2}.",
             "Bring one to the dtype of the other: `b.to(a.dtype)`; in a layer the input to that of the weight.",
             _INPUT, fits=_mixed, mends=_cast_either),
        "expected m1 and m2 to have the same dtype, but got: float != double"),
    ErrorKind(
        "input-dtype", "An input of another dtype than the weights", (") should be the same",),
        rf"Input type \((?P<dtype1>{DTYPE})\) and (?P<what>weight|bias) type \((?P<dtype2>{DTYPE})\) should be the "
        rf"same",
        _same_device(says("The input is {dtype1}, and the {what} of the layer {dtype2}.", _ONE, _INPUT,
                          "Images read from files are uint8: `x.float() / 255`.", fits=_mixed, mends=_cast)),
        "Input type (double) and bias type (float) should be the same"),
    ErrorKind(
        "scalar-type", "A tensor of another dtype than expected", ("expected scalar type ",),
        rf"expected scalar type (?P<dtype2>{SCALAR}) but found (?P<dtype1>{SCALAR})(?=[\s.]|$)",
        says("{dtype2} was expected and {dtype1} found.",
             "Two tensors of one operation differ. Bring them to one dtype: `x.to(torch.{dtype2})`.",
             "In a model in half precision: a tensor made within `forward` is float32; make it with `dtype=x.dtype`.",
             "In a loss: classes are int64, `target.long()`; values are floats, `target.float()`.",
             fits=_mixed, mends=_cast_either),
        "expected scalar type Float but found Double"),
    ErrorKind(
        "recurrent-dtype", "An input of another dtype than the weights",
        ("RNN input dtype (", "input must have the type torch.", "Input and parameter tensors are not the same dtype"),
        rf"(?:RNN input dtype \((?P<dtype1>{DTYPE})\) does not match weight dtype \((?P<dtype2>{DTYPE})\)"
        rf"|input must have the type (?P<dtype4>{DTYPE}), got type (?P<dtype3>{DTYPE})|Input and parameter tensors are "
        rf"not the same dtype, found input tensor with (?P<dtype5>{SCALAR}) and parameter tensor with "
        rf"(?P<dtype6>{SCALAR}))",
        lambda match, seen: _recurrent(match, seen),
        "RNN input dtype (torch.float64) does not match weight dtype (torch.float32). Convert input: "
        "input.to(torch.float32), or convert model: model.to(torch.float64)"),
    ErrorKind(
        "attention-dtype", "Query, key and value of different dtypes",
        ("Expected query, key, and value to have the same dtype",),
        rf"Expected query, key, and value to have the same dtype, but got query\.dtype: (?P<dtype1>{DTYPE}) "
        rf"key\.dtype: "
        rf"(?P<dtype2>{DTYPE}) and value\.dtype: (?P<dtype3>{DTYPE}) instead",
        says("The query is {dtype1}, the key {dtype2} and the value {dtype3}; attention takes one dtype.",
             "A cache or a rotation of positions made one of them in another dtype. Bring them to that of the query: "
             "`key.to(query.dtype)`."),
        "Expected query, key, and value to have the same dtype, but got query.dtype: c10::Half key.dtype: float and "
        "value.dtype: float instead."),
    ErrorKind(
        "norm-dtype", "A norm of another dtype than its input", ("mixed dtype (CPU): ",),
        r"mixed dtype \(CPU\): (?:all inputs must share same datatype|expect (?:parameter|input) to have scalar type)",
        says("The input of a norm and its weight, bias or running values are of different dtypes.",
             "Bring the input to the dtype of the layer, `x.to(layer.weight.dtype)`, or the whole model to one dtype. "
             "The tree of the document shows the dtype of each."),
        "mixed dtype (CPU): all inputs must share same datatype."),
    ErrorKind(
        "not-implemented", "An operation that there is not for a dtype", ("\" not implemented for '",),
        rf"\"(?P<op>[\w:.<>]{{1,120}})\" not implemented for '(?P<dtype1>{SCALAR})'",
        says("torch has no {op} for {dtype1} on this device.",
             "{hint}", mends=_to_float32,
             more=lambda match: {"hint":
                 "Cast to float32 first, or compute on a device that has it: on the CPU some operations have no halves."
                 if dtype_word(match["dtype1"]) in FLOATS else
                 "Means, norms and losses take floats: write `x.float()`. Where floats were meant to come, look what "
                 "the data is read as."}),
        "\"mse_cpu\" not implemented for 'Long'"),
    ErrorKind(
        "low-precision", "An operation that there is not for halves", ("Low precision dtypes not supported",),
        rf"(?P<op>[\w.]{{1,60}}): Low precision dtypes not supported\. Got (?P<dtype1>{DTYPE})",
        says("{op} takes float32 and float64, and got {dtype1}.", "Compute it in float32: `x.float()`.",
             mends=_to_float32),
        "linalg.inv: Low precision dtypes not supported. Got Half"),
    ErrorKind(
        "mean-dtype", "A mean of whole numbers", ("Input dtype must be either a floating point or complex dtype",),
        rf"mean\(\): could not infer output dtype\. Input dtype must be either a floating point or complex dtype\. "
        rf"Got: "
        rf"(?P<dtype1>{DTYPE})",
        says("The mean of {dtype1} would be cut to a whole number, and torch computes none.",
             "Write `x.float().mean()`."),
        "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
        "Long"),
    ErrorKind(
        "result-dtype", "A result that its tensor cannot hold", ("can't be cast to the desired output type",),
        rf"result type (?P<dtype1>{DTYPE}) can't be cast to the desired output type (?P<dtype2>{DTYPE})",
        says("The result is {dtype1}, and it was to go into a tensor of {dtype2}.",
             "An operation in place keeps the dtype of its tensor. Write `a = a / b` in place of `a /= b`, or make the "
             "tensor of floats.",
             "In a loss such as BCEWithLogitsLoss: the target holds whole numbers; write `target.float()`."),
        "result type Float can't be cast to the desired output type Long"),
    ErrorKind(
        "grad-of-integers", "A gradient of whole numbers",
        ("Only Tensors of floating point and complex dtype can require", "only Tensors of floating point"),
        r"[Oo]nly Tensors of floating point (?:and complex )?dtype can require gradients", _grads,
        "Only Tensors of floating point and complex dtype can require gradients"),
    ErrorKind(
        "put-dtype", "Values of another dtype than their place",
        ("Index put requires the source and destination dtypes match",),
        rf"Index put requires the source and destination dtypes match, got (?P<dtype1>{DTYPE}) for the destination and "
        rf"(?P<dtype2>{DTYPE}) for the source",
        says("Values of {dtype2} were put into a tensor of {dtype1} by an index.",
             "Write `values.to(target.dtype)`."),
        "Index put requires the source and destination dtypes match, got Float for the destination and Double for the "
        "source."),
    ErrorKind(
        "scatter-dtype", "Values of another dtype than their place", ("Expected self.dtype to be equal to src.dtype",),
        r"\w{1,40}\(\): Expected self\.dtype to be equal to src\.dtype",
        says("`scatter` puts values into a tensor of another dtype.", "Write `src.to(x.dtype)`."),
        "scatter(): Expected self.dtype to be equal to src.dtype"),
    ErrorKind(
        "mask-dtype", "A mask that is no mask",
        ("where expected condition to be a boolean tensor", "only supports boolean masks"),
        rf"(?:where expected condition to be a boolean tensor, but got a tensor with dtype (?P<dtype1>{DTYPE})"
        rf"|masked_\w{{1,20}} only supports boolean masks, but got mask with dtype (?P<dtype2>{DTYPE}))",
        says("A mask is of truth values, and got {dtype1}{dtype2}.", "Write `mask.bool()`, or compare: `mask > 0`."),
        "where expected condition to be a boolean tensor, but got a tensor with dtype Float"),
    ErrorKind(
        "vector-dtype", "Two dtypes in one operation",
        ("expected both vectors to have same dtype", "` but got dtype "),
        rf"(?:dot : expected both vectors to have same dtype, but found (?P<dtype1>{DTYPE}) and (?P<dtype2>{DTYPE})"
        rf"|expected dtype (?P<dtype3>{DTYPE}) for `\w{{1,40}}` but got dtype (?P<dtype4>{DTYPE}))",
        says("{dtype1}{dtype3} and {dtype2}{dtype4} meet in one operation that takes a single dtype.",
             "Bring one to the dtype of the other: `b.to(a.dtype)`."),
        "dot : expected both vectors to have same dtype, but found Float and Double"),
    ErrorKind(
        "bool-arithmetic", "Arithmetic of truth values",
        ("the `-` operator, with two bool tensors", "the `-` operator, on a bool tensor",
         "the `-` operator, with a bool tensor"),
        r"(?P<what>Subtraction|Negation), the `-` operator, (?:with two|on a|with a) bool tensors?",
        says("Truth values have no {what}.",
             "Write `~mask` for the opposite, `a ^ b` for what differs, or count by "
             "`mask.int()`.", more=lambda match: {"what": match["what"].lower()}),
        "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
        "operator "
        "instead."),
    ErrorKind(
        "numpy-dtype", "A dtype that numpy does not have", ("Got unsupported ScalarType ",),
        rf"Got unsupported ScalarType (?P<dtype1>{SCALAR})(?=[\s.]|$)",
        says("numpy has no {dtype1}.", "Write `x.float().numpy()`.", fits=_held, mends=_to_float32),
        "Got unsupported ScalarType BFloat16"),
    ErrorKind(
        "assigned-grad-dtype", "A gradient of another dtype than its tensor",
        ("attempting to assign a gradient with dtype '", "assigned grad has data of a different type"),
        rf"(?:attempting to assign a gradient with dtype '(?P<dtype1>{DTYPE})' to a tensor with grad_dtype "
        rf"'(?P<dtype2>{DTYPE})'|assigned grad has data of a different type)",
        says("A gradient of one dtype was assigned to a tensor of another{which}.",
             "Write `w.grad = grad.to(w.dtype)`. Where the weight was cast, set its `.grad` to None.",
             more=lambda match: {"which": f": {dtype_word(match['dtype1'])} to {dtype_word(match['dtype2'])}"
                                 if match["dtype1"] else ""}),
        "attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype 'Float'."),
)  # fmt: skip


def _recurrent(match: Match, seen: Seen) -> Said:
    given = said_of(match)
    has, wants = (next(filter(None, (given[f"dtype{number}"] for number in numbers)))
                  for numbers in ((1, 3, 5), (2, 4, 6)))  # fmt: skip
    return Said(f"The input is {has}, and the weights of the layer {wants}.",
                _ONE.format(dtype1=has, dtype2=wants), (_INPUT,), rarer(seen.tensors, has, wants),
                casting(seen.tensors, wants, has))  # fmt: skip
