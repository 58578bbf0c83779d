"""Kinds of messages of gradients: leaves, graphs, values that changed since, and what autograd cannot follow."""

from __future__ import annotations

import re

from weightedit.core.edit import Edit
from weightedit.core.words.paths import counted
from weightedit.doctor.explain.fitting import names_of, of_shape
from weightedit.doctor.explain.kind import ErrorKind, Match, Said, Seen, said_of, says
from weightedit.doctor.explain.pieces import DTYPE, SIZES, N, dtype_word
from weightedit.doctor.finding import Mend

_ANOMALY = re.compile(r"Error detected in (\w{1,80})\. Traceback of forward call that caused the error")
_STEPPED = ("A weight that `optimizer.step()` changed between forward and backward: run the forward pass anew, or all "
            "backward passes before the step.")  # fmt: skip
_IN_PLACE = ("An operation in place on what the layer before it made, such as `relu_`, `+=` or `ReLU(inplace=True)`: "
             "write it without the change in place.")  # fmt: skip


def _version(match: Match, seen: Seen) -> Said:
    given = said_of(match)
    shape, by = given["shape1"], re.sub(r"(?:Backward)?\d*$", "", given["by"])
    turned = by in ("T", "AsStrided", "Transpose", "Permute")
    dtype = dtype_word(match["dtype1"])
    found = tuple(one for one in of_shape("shape1", turned=turned)(match, seen) if one.dtype == dtype)
    made = f", made by {by}," if by else ""
    plain = not by or turned
    found_anomaly = _ANOMALY.search(seen.text)
    hint = f" The text names {found_anomaly[1]}, whose forward lines stand above." if found_anomaly else \
        " `torch.autograd.set_detect_anomaly(True)` names the line of the forward pass."  # fmt: skip
    return Said(f"A {dtype} tensor {shape}{made} is needed for a gradient and was changed since: it is at version "
                f"{given['a']}, version {given['b']} is needed.",
                f"The forward pass kept the tensor, and something wrote into it before `backward()`.{hint}",
                (_STEPPED, _IN_PLACE) if plain else (_IN_PLACE,), found, ())  # fmt: skip


def _frozen(match: Match, seen: Seen) -> Said:
    parameters = tuple(one for one in seen.tensors if one.kind == "parameter"
                       and one.dtype.startswith(("float", "bfloat", "complex")))  # fmt: skip
    all_frozen = bool(parameters) and not any(one.requires_grad for one in parameters)
    targets = names_of(parameters)
    mends = (Mend(f"Set requires_grad of {counted(len(targets), 'parameter')}",
                  (Edit("requires_grad", targets, None, {"value": True}),), "False → True"),) if all_frozen else ()
    causes = ("The forward pass ran under `torch.no_grad()` or `torch.inference_mode()`.",
              "Values went through `.detach()`, `.item()`, `.data`, numpy or `argmax` on their way to the loss.",
              "Every parameter has requires_grad=False, as after freezing a model: "
              "`any(p.requires_grad for p in model.parameters())` says so.")  # fmt: skip
    said = f" In the document all {counted(len(parameters), 'parameter')} have it off." if all_frozen else ""
    return Said("`backward()` was called on a tensor that hangs on no parameter that requires a gradient.",
                f"Nothing that led to the loss requires a gradient.{said}", causes,
                parameters if all_frozen else (), mends)  # fmt: skip


AUTOGRAD = (
    ErrorKind(
        "leaf-in-place", "A parameter changed in place",
        ("leaf Variable that requires grad is being used in an in-place operation",
         "leaf Variable that requires grad has been used in an in-place operation"),
        r"a (?P<view>view of a )?leaf Variable that requires grad (?:is being|has been) used in an in-place operation",
        says("A parameter that requires a gradient was written into{part}.",
             "autograd cannot follow a write into a leaf. Write under `with torch.no_grad():`, by `copy_`, or compute "
             "from it: `w = w + 1`. weightedit writes so; the same edit there does not end here.",
             more=lambda match: {"part": " in part, through a view" if match["view"] else ""}),
        "a leaf Variable that requires grad is being used in an in-place operation."),
    ErrorKind(
        "view-in-place", "One of several views changed in place", (" is a view and is being modified inplace",),
        rf"Output (?P<a>{N}) of (?P<op>\w{{1,60}}) is a view and is being modified inplace",
        says("Output {a} of {op} is one of several views of a tensor, and was written into.",
             "Write `a = a + 1` in place of `a += 1`, or `clone()` it first."),
        "Output 0 of UnbindBackward0 is a view and is being modified inplace. This view is the output of a function "
        "that "
        "returns multiple views."),
    ErrorKind(
        "second-backward", "A second backward through one graph",
        ("Trying to backward through the graph a second time",),
        r"Trying to backward through the graph a second time",
        says("`backward()` ran a second time through a graph whose values are gone since the first.",
             "Run the forward pass anew for each `backward()`; `retain_graph=True` keeps the values, and is seldom "
             "what "
             "is meant.",
             "Something of the last step is kept: the state of a recurrent layer, or a running loss. `detach()` it.",
             "Two losses share a part: add them up, and call `backward()` once.",
             "Something was computed once before the loop: compute it in each step."),
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
        "been freed)."),
    ErrorKind(
        "changed-since", "A value that changed before its gradient",
        ("has been modified by an inplace operation: [",),
        rf"one of the variables needed for gradient computation has been modified by an inplace operation: "
        rf"\[(?P<dtype1>{DTYPE}) (?P<shape1>\[{SIZES}\])\](?:, which is output \d{{1,4}} of (?P<by>\w{{1,60}}),)? is "
        rf"at "
        rf"version (?P<a>{N}); expected version (?P<b>{N}) instead", _version,
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.FloatTensor [3, 3]], which is output 0 of AsStridedBackward0, is at version 2; expected version 1 "
        "instead."),
    ErrorKind(
        "no-gradient", "A loss that nothing hangs on",
        ("of tensors does not require grad and does not have a grad_fn",),
        rf"element {N} of tensors does not require grad and does not have a grad_fn", _frozen,
        "element 0 of tensors does not require grad and does not have a grad_fn"),
    ErrorKind(
        "unused-input", "A tensor that the result does not use", ("appears to not have been used in the graph",),
        rf"(?:The|One of the) differentiated Tensors?(?: at index (?P<a>{N}))? appears to not have been used in the "
        rf"graph",
        says("A gradient was asked for a tensor that the result was not computed from{index}.",
             "The tensor was copied, detached or replaced on its way; `x.requires_grad_()` after the computation is "
             "such a case. `allow_unused=True` gives None for it.",
             more=lambda match: {"index": f": the one at index {match['a']}" if match["a"] else ""}),
        "The differentiated Tensor at index 0 appears to not have been used in the graph. Set allow_unused=True if "
        "this "
        "is the desired behavior."),
    ErrorKind(
        "not-scalar", "A gradient of several values", ("grad can be implicitly created only for scalar outputs",),
        r"grad can be implicitly created only for scalar outputs",
        says("`backward()` was called on a tensor of several values.",
             "A loss is one number: take `loss.mean()` or `loss.sum()`; losses with `reduction='none'` give one for "
             "each sample. DataParallel gives one for each GPU."),
        "grad can be implicitly created only for scalar outputs"),
    ErrorKind(
        "deepcopy", "A copy of a computed tensor", ("support the deepcopy protocol at the moment",),
        r"Only Tensors created explicitly by the user \(graph leaves\) support the deepcopy protocol at the moment",
        says("`deepcopy` came upon a tensor that was computed and belongs to a graph.",
             "A copy of it would have no place in the graph. Copy `x.detach().clone()`; "
             "`weightedit.detached_copy(model)` copies a whole module so.",
             "A module keeps such a tensor as an attribute: an output of the last forward pass, or a loss.",
             "The module uses the old `torch.nn.utils.weight_norm`, whose weight is computed: take "
             "`torch.nn.utils.parametrizations.weight_norm`."),
        "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment."),
    ErrorKind(
        "numpy-grad", "numpy of a tensor with a gradient", ("Can't call numpy() on Tensor that ",),
        r"Can't call numpy\(\) on Tensor that (?P<what>requires grad|has conjugate bit set|has negative bit set)",
        says("{said}", "{do}",
             more=lambda match: {
                 "said": "The tensor requires a gradient, and numpy could change its values unseen."
                 if "grad" in match["what"] else "The tensor is a lazy view: torch changes signs as it reads it.",
                 "do": "Write `x.detach().numpy()`, and `.cpu()` before it for a GPU." if "grad" in match["what"] else
                 "Write `x.resolve_conj().resolve_neg().numpy()`."}),
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."),
    ErrorKind(
        "flag-of-computed", "requires_grad of a computed tensor",
        ("you can only change requires_grad flags of leaf variables",),
        r"you can only change requires_grad flags of leaf variables",
        says("`requires_grad` was set on a tensor that was computed from others.",
             "Only leaves, such as parameters, have a flag of their own. To stop gradients there, write "
             "`x = x.detach()`."),
        "you can only change requires_grad flags of leaf variables."),
    ErrorKind(
        "grad-of-computed", "The gradient of a computed tensor",
        ("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed",),
        r"The \.grad attribute of a Tensor that is not a leaf Tensor is being accessed",
        says("`.grad` was read of a tensor that was computed from others; it stays None.",
             "Call `x.retain_grad()` before `backward()` to keep it. Where a parameter was meant: it was moved or "
             "changed after it was made, as by `nn.Parameter(…).to(device)`; read that of the parameter itself."),
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
        "populated during autograd.backward()."),
    ErrorKind(
        "inference-tensor", "A tensor of inference mode used elsewhere",
        ("inference tensor outside InferenceMode is not allowed", "Inference tensors cannot be saved for backward"),
        r"(?:(?:Setting requires_grad=True on|Inplace update to) inference tensor outside InferenceMode is not allowed"
        r"|Inference tensors cannot be saved for backward)",
        says("A tensor that was made under `torch.inference_mode()` is used where gradients are recorded, or changed.",
             "Take `x.clone()` outside of it, or make it under `torch.no_grad()`."),
        "Inference tensors cannot be saved for backward."),
    ErrorKind(
        "nan-gradient", "NaN in a backward pass", ("' returned nan values in its ",),
        r"Function '(?P<op>\w{1,80})' returned nan values in its (?P<a>\d{1,4})th output",
        says("The backward pass of {op} made NaN.",
             "Anomaly detection stops at the first: a square root or a norm at 0, a logarithm of 0, a division by 0, "
             "or "
             "values too large for the dtype. The lines of the forward pass stand above in the text."),
        "Function 'SqrtBackward0' returned nan values in its 0th output."),
    ErrorKind(
        "own-backward", "A backward of another number of gradients", ("returned an incorrect number of gradients",),
        rf"function (?P<op>\w{{1,80}}) returned an incorrect number of gradients \(expected (?P<a>{N}), got "
        rf"(?P<b>{N})\)",
        says("{op} returned {b} gradients, not {a}.",
             "`backward` returns one for each input of `forward`, and None for those without."),
        "function FnBackward returned an incorrect number of gradients (expected 1, got 2)"),
    ErrorKind(
        "overlapping-write", "A write onto itself",
        ("refers to a single memory location", "refer to a single memory location"),
        r"unsupported operation: (?:more than one element of the written-to tensor refers|some elements of the input "
        r"tensor and the written-to tensor refer) to a single memory location",
        says("Cells of the tensor that is written lie on one another, or on those that are read.",
             "An expanded tensor has the same bytes in every row; `t[1:].copy_(t[:-1])` reads what it writes. Take "
             "`clone()` of one side first."),
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location."),
    ErrorKind(
        "data-type", "Values of another kind for a tensor", ("Attempted to call `variable.set_data(tensor)`",),
        r"Attempted to call `variable\.set_data\(tensor\)`, but `variable` and `tensor` have incompatible tensor type",
        says("`.data` was set to a tensor of another device or layout.",
             "Put a new parameter in its place: `module.weight = nn.Parameter(tensor)`."),
        "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor type."),
)  # fmt: skip
