"""Kinds of messages of modules: how they are made, called, and asked for what they do not have."""

from __future__ import annotations

import builtins

from weightedit.doctor.explain.frames import is_from
from weightedit.doctor.explain.kind import ErrorKind, Match, Said, Seen, says, with_article
from weightedit.doctor.explain.pieces import N

_OTHERS = frozenset({
    "NoneType", "function", "method", "module", "generator", "builtin_function_or_method", "DataFrame", "Series",
    "Index", "ndarray", "Response", "Session", "Image", "Figure", "Axes", "Namespace", "Path", "PosixPath",
    "WindowsPath", "Timestamp", "DataFrameGroupBy", "SeriesGroupBy", "StringMethods", "csr_matrix", "AxesSubplot",
})  # fmt: skip
"""Classes of Python and of other libraries: what they lack is not explained here."""
_WRAPPERS = {"DataParallel": "module", "DistributedDataParallel": "module", "FullyShardedDataParallel": "module",
             "OptimizedModule": "_orig_mod"}  # fmt: skip


def _attribute(match: Match, seen: Seen) -> Said | None:
    """Explain what modules and tensors lack; of another class only where torch's own module code says so."""
    owner, name = match["owner"], match["name"]
    by_module = is_from(seen.frames, "nn/modules/module.py", "__getattr__")
    bare = owner.rpartition(".")[2]
    if bare == "OrderedDict" and name in ("eval", "train", "cuda", "to", "parameters", "half", "float", "forward"):
        return Said(f"A dict of weights was used as a module: it has no {name}.",
                    "`torch.load` gave a state_dict. Make the model by its class, and call "
                    "`model.load_state_dict(state_dict)`.")  # fmt: skip
    foreign = bare in _OTHERS or hasattr(builtins, bare) or "." in owner or not owner[:1].isupper()
    if bare in ("Tensor", "Parameter"):
        return Said(f"A tensor has no attribute {name}.",
                    "Look at the name; numpy and other libraries call things otherwise, such as `astype` for `to`.")
    if not by_module and (foreign or seen.frames):
        return None
    if bare in _WRAPPERS:
        return Said(f"{owner} has no {name} of its own.",
                    f"It wraps your model and has it as an attribute: write `model.{_WRAPPERS[bare]}.{name}`.")
    return Said(f"{owner} has no attribute, parameter, buffer or submodule {name}.",
                "Compare the name with what `__init__` assigns; `print(model)` lists the submodules.",
                ("It is assigned after the line that uses it, or under a condition that did not hold.",
                 "The object was loaded or copied from an older version of its class, which did not make it."))


MODULES = (
    ErrorKind(
        "missing-argument", "An input that forward was not given", ("forward() missing ",),
        rf"(?:[\w.<>]{{1,200}}\.)?forward\(\) missing (?P<a>{N}) required (?:positional|keyword-only) arguments?: "
        r"(?P<names>[^\n]{1,300})",
        says("`forward` was called without {names}.",
             "Give the module every input that its `forward` names without a default. In `nn.Sequential` each module "
             "gets the one result of the one before."),
        "Net.forward() missing 1 required positional argument: 'mask'"),
    ErrorKind(
        "unexpected-argument", "An input that forward does not know", ("forward() got an unexpected keyword argument",),
        r"(?:[\w.<>]{1,200}\.)?forward\(\) got an unexpected keyword argument '(?P<name>\w{1,200})'",
        says("`forward` was given {name}, which it does not take.",
             "Compare with the arguments that its definition names. A batch that goes in by `model(**batch)` may hold "
             "more than the model takes: leave the rest out."),
        "Net.forward() got an unexpected keyword argument 'mask'"),
    ErrorKind(
        "argument-count", "Too many inputs for forward", ("positional argument", ),
        rf"(?:[\w.<>]{{1,200}}\.)?forward\(\) takes (?:from {N} to )?(?P<a>{N}) positional arguments? but (?P<b>{N}) "
        r"(?:were|was) given",
        says("`forward` takes {wants}, and was given {got}.",
             "Compare the call with its definition; a tuple that was put in by `*` counts as many.",
             more=lambda match: {"wants": _inputs(int(match["a"]) - 1), "got": _inputs(int(match["b"]) - 1)}),
        "Net.forward() takes 2 positional arguments but 3 were given"),
    ErrorKind(
        "no-forward", "A module without forward", ('is missing the required "forward" function',),
        r'Module \[(?P<name>[\w.]{1,200})\] is missing the required "forward" function',
        says("{name} was called, and its class defines no `forward`.",
             "Define `forward`, one level in, with this spelling. `nn.ModuleList` and `nn.ModuleDict` only hold "
             "modules: "
             "call those in them."),
        'Module [Net] is missing the required "forward" function'),
    ErrorKind(
        "before-init", "A module that is not begun", ("before Module.__init__() call",),
        r"cannot assign (?P<what>module|parameters?|buffers?) before Module\.__init__\(\) call",
        says("A {thing} was assigned before `nn.Module` was ready for it.",
             "Call `super().__init__()` on the first line of `__init__`.",
             more=lambda match: {"thing": match["what"].removesuffix("s")}),
        "cannot assign module before Module.__init__() call"),
    ErrorKind(
        "assigned-parameter", "A tensor where a parameter stands", ("torch.nn.Parameter or None ",),
        r"cannot assign '(?P<type>[\w.]{1,100})'(?: object)? (?:as|to) parameter '(?P<name>[\w.]{1,300})' "
        r"\(torch\.nn\.Parameter or None (?:expected|required)\)",
        says("{name} is a parameter, and {type} was assigned to it.",
             "To change its values: `with torch.no_grad(): module.{name}.copy_(values)`, which keeps the optimizer in "
             "step. To put another in its place: `module.{name} = nn.Parameter(values)`."),
        "cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)"),
    ErrorKind(
        "assigned-buffer", "Something else where a buffer stands", ("cannot assign '",),
        r"cannot assign '(?P<type>[\w.]{1,100})'(?: object)? (?:as|to) (?P<what>buffer|child module) "
        r"'(?P<name>[\w.]{1,300})' \((?P<wants>[\w., ]{1,100}?) or None (?:expected|required)\)",
        says("{name} is a {what}, and {type} was assigned to it.", "Assign what stands there: {wants}, or None."),
        "cannot assign 'list' as buffer 'running_mean' (torch.Tensor or None expected)"),
    ErrorKind(
        "name-with-dot", "A dot in a name", ("name can't contain \".\"", "name can\\'t contain \".\""),
        r"['\"]?(?P<what>parameter|buffer|module) name can\\?'t contain \"\.\"",
        says("A {what} was to be registered under a name with a dot in it.",
             "Dots part the names of modules from those within. Put a `_` in its place."),
        """'parameter name can\\'t contain "."'"""),
    ErrorKind(
        "not-a-module", "Something in a container that is no module", (" is not a Module subclass",),
        r"(?P<name>[\w.<>]{1,300}) is not a Module subclass",
        says("{name} was put among modules, and is none.",
             "Functions have modules beside them, `nn.ReLU()` for `F.relu`; a class is made an object by its brackets: "
             "`nn.ReLU()`, not `nn.ReLU`."),
        "torch.nn.functional.relu is not a Module subclass"),
    ErrorKind(
        "not-a-tensor-argument", "Something else than a tensor", ("must be Tensor, not ",),
        r"(?P<op>[\w.]{1,60})\(\): argument '(?P<name>\w{1,60})'(?: \(position (?P<place>\d{1,2})\))? must be "
        r"Tensor, not "
        r"(?P<type>[\w.]{1,100})",
        says("{op} was given {type} as {name}, and takes a tensor.", "{hint}",
             more=lambda match: {"hint": {
                 "tuple": "A layer before it returns several results, as LSTM and attention do: take the first, "
                          "`x, _ = layer(x)`.",
                 "NoneType": "Something before it returned None: a `forward` without `return`, or an argument that was "
                             "left out.",
                 "numpy.ndarray": "Write `torch.from_numpy(x)`.",
             }.get(match["type"], "Take the tensor out of it, or make one by `torch.as_tensor(x)`.")}),
        "linear(): argument 'input' (position 1) must be Tensor, not tuple"),
    ErrorKind(
        "argument-type", "An argument of another kind", ("must be tuple of ", "must be int, not ", "must be bool, not ",
                                                         "must be Number, not ", "must be float, not "),
        r"(?P<op>[\w.]{1,60})\(\): argument '(?P<name>\w{1,60})' \(position (?P<place>\d{1,2})\) must be "
        r"(?P<wants>tuple of ints|int|bool|Number|float), not (?P<type>[\w.]{1,100})",
        says("{op} was given {type} as {name}, and takes {takes}.",
             "Numbers read from a file or typed by a person are text: `int(…)`. A division gives a float: `n // 2`.",
             more=lambda match: {"takes": with_article(match["wants"])}),
        "zeros(): argument 'size' (position 1) must be tuple of ints, not str"),
    ErrorKind(
        "wrong-arguments", "Arguments that no form of a function takes",
        ("() received an invalid combination of arguments - got (",),
        r"(?P<op>[\w.]{1,60})\(\) received an invalid combination of arguments - got \((?P<got>[^\n]{0,1000}?)\), but "
        r"expected one of",
        says("{op} was given ({got}), and has no form that takes these.",
             "The message lists the forms, and marks with `!` what does not fit. A float where a whole number is "
             "meant, "
             "as `n / 2` gives, or a list of tensors where one tensor is meant, ends here."),
        "conv2d() received an invalid combination of arguments - got (list, Parameter, Parameter), but expected one "
        "of:"),
    ErrorKind(
        "attribute", "Something that a module does not have", (" object has no attribute '",),
        r"'(?P<owner>[\w.]{1,200})' object has no attribute '(?P<name>\w{1,200})'", _attribute,
        "'Net' object has no attribute 'fc3'"),
)  # fmt: skip


def _inputs(count: int) -> str:
    return f"{count} input{'' if count == 1 else 's'}"
