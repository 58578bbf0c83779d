"""Kinds of messages of loading weights into a model."""

from __future__ import annotations

import re

from weightedit.core.words.visible import visible
from weightedit.doctor.explain.fitting import named
from weightedit.doctor.explain.kind import ErrorKind, Found, Match, Said, Seen, said_of, says
from weightedit.doctor.explain.loading import REPORTED, SIZE, explain_load, explain_unlisted
from weightedit.doctor.explain.pieces import SHAPE, numbers_of

_GIVEN = re.compile(r"""load_state_dict\(\s{0,9}[rR]?(?P<quote>["'])(?P<path>[^"'`\\\n]{1,400})(?P=quote)""")
"""A path that is written where the weights stand."""


def _of_key(match: Match, seen: Seen) -> Found:
    one = named(seen.tensors, match["key"], numbers_of(match["shape2"]) if "shape2" in match.groupdict() else None)
    return () if one is None else (one,)


def _explain_path(match: Match, seen: Seen) -> Said:
    """Say that a path was given, and which one where the code of the traceback has it."""
    called = (_GIVEN.search(frame.code) for frame in reversed(seen.frames))
    path = next((visible(found["path"], 200) for found in called if found), "")
    given = f"the path {path}" if path else f"{said_of(match)['type']}, as a path is"
    weights = f'"{path}"' if path else "path"
    if path.endswith(".safetensors"):
        read = f"`model.load_state_dict(safetensors.torch.load_file({weights}))`."
    else:
        read = (f"`model.load_state_dict(torch.load({weights}, weights_only=True))`; a .safetensors file by "
                "`safetensors.torch.load_file(path)`.")  # fmt: skip
    return Said(f"`load_state_dict` was given {given}, and takes the weights themselves: a dict of names and tensors.",
                f"It reads no file. Read the file first: {read}")  # fmt: skip


LOAD = (
    ErrorKind(
        "missing-keys", "Tensors that the checkpoint lacks", ("Missing key(s) in state_dict: ",),
        r'Missing key\(s\) in state_dict: "', explain_load,
        'Missing key(s) in state_dict: "fc.weight", "fc.bias". '),
    ErrorKind(
        "unexpected-keys", "Keys that the model does not know", ("Unexpected key(s) in state_dict: ",),
        r'Unexpected key\(s\) in state_dict: "', explain_load,
        'Unexpected key(s) in state_dict: "module.fc.weight", "module.fc.bias". '),
    ErrorKind(
        "size-mismatch", "Tensors of another size", ("size mismatch for ",), SIZE.pattern, explain_load,
        "size mismatch for fc.weight: copying a param with shape torch.Size([4, 10]) from checkpoint, "
        "the shape in current model is torch.Size([5, 10])."),
    ErrorKind(
        "size-mismatch", "Tensors of another size", ("Reinit due to size mismatch - ckpt:",), REPORTED.pattern,
        explain_load,
        "classifier.weight | MISMATCH | Reinit due to size mismatch - ckpt: torch.Size([2, 8]) vs "
        "model:torch.Size([5, 8])"),
    ErrorKind(
        "size-mismatch", "Tensors of another size", ("You set `ignore_mismatched_sizes` to `False`",),
        r"You set `ignore_mismatched_sizes` to `False`", explain_unlisted,
        "You set `ignore_mismatched_sizes` to `False`, thus raising an error. For details look at the above report!"),
    ErrorKind(
        "copying-a-tensor", "A tensor could not be copied", ("While copying the parameter named ",),
        rf'While copying the parameter named "(?P<key>[^"\n]{{1,1000}})", whose dimensions in the model are '
        rf"(?P<shape1>{SHAPE}) and whose dimensions in the checkpoint are (?P<shape2>{SHAPE})",
        says("{key} is {shape1} in the model and {shape2} in the checkpoint, and torch could not copy one into the "
             "other.",
             "torch names the reason at the end of the line: most often one of them is a meta tensor, which has a "
             "shape and no values. Make the model on a real device, or load with `assign=True`.", fits=_of_key),
        'While copying the parameter named "fc.bias", whose dimensions in the model are torch.Size([5]) and whose '
        "dimensions in the checkpoint are torch.Size([5]), an exception occurred : ('Cannot copy out of meta tensor; "
        "no data!',)."),
    ErrorKind(
        "not-a-tensor", "A key that holds no tensor", ("expected torch.Tensor or Tensor-like object from checkpoint",),
        r'While copying the parameter named "(?P<key>[^"\n]{1,1000})", expected torch\.Tensor or Tensor-like object '
        r"from checkpoint but received (?:<class )?'?(?P<type>[\w.]{1,200})",
        says("{key} is {type} in the checkpoint, and the model has a tensor of that name.",
             "What was saved under this name is no weight. Save `model.state_dict()`, whose values are tensors."),
        'While copying the parameter named "fc.weight", expected torch.Tensor or Tensor-like object from checkpoint '
        "but received <class 'int'>"),
    ErrorKind(
        "path-as-weights", "A path in the place of weights", ("Expected state_dict to be dict-like, got ",),
        r"Expected state_dict to be dict-like, got (?:<class )?'?(?P<type>str|pathlib\.(?:_local\.)?\w{0,20}Path)\b",
        _explain_path, "Expected state_dict to be dict-like, got <class 'str'>."),
    ErrorKind(
        "not-a-dict", "What is loaded is no state_dict", ("Expected state_dict to be dict-like, got ",),
        r"Expected state_dict to be dict-like, got (?:<class )?'?(?P<type>[\w.]{1,200})",
        says("`load_state_dict` was given {type}, and takes a dict of names and tensors.",
             "Where `torch.load` gives a whole module, take its `state_dict()`; where it gives a tuple or a list, take "
             "the dict out of it. The tree of the opened file shows what it holds."),
        "Expected state_dict to be dict-like, got <class 'list'>."),
    ErrorKind(
        "meta-tensor", "A tensor without values", ("Cannot copy out of meta tensor; no data!",),
        r"Cannot copy out of meta tensor; no data!",
        says("A meta tensor has a shape and a dtype and no values, so nothing can be copied out of it.",
             "The module was made on the device `meta`. Move it by `to_empty(device=…)` and load weights into it "
             "then, or load by `load_state_dict(…, assign=True)`, which puts the tensors of the checkpoint in place."),
        "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
        "torch.nn.Module.to() when moving module from meta to a different device."),
    ErrorKind(
        "meta-no-op", "A load that changes nothing", ("copying from a non-meta parameter in the checkpoint",),
        r"for (?P<key>[^\n]{1,1000}?): copying from a non-meta parameter in the checkpoint to a meta parameter in the "
        r"current model, which is a no-op",
        says("{key} is a meta tensor in the model, without values, and stays one: nothing was loaded into it.",
             "Load by `load_state_dict(…, assign=True)`, which puts the tensors of the checkpoint in place."),
        "for fc.weight: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, "
        "which is a no-op."),
    ErrorKind(
        "lazy-parameter", "A parameter without a shape yet",
        ("of an uninitialized parameter or buffer", "Attempted to use an uninitialized parameter in"),
        r"(?:Can't access the shape of an uninitialized parameter or buffer|Attempted to use an uninitialized "
        r"parameter "
        r"in )",
        says("A parameter of a lazy module has no shape before the first input went through it.",
             "Run one batch through the model first, then load, count or optimize its parameters; or write the layer "
             "with its sizes, `Linear` in place of `LazyLinear`."),
        "Attempted to use an uninitialized parameter in <method 'numel' of 'torch._C.TensorBase' objects>."),
)  # fmt: skip
