"""Kinds of messages of files: checkpoints that are refused, cut short, or no checkpoints."""

from __future__ import annotations

import re

from weightedit.core.edit import Edit
from weightedit.core.words.paths import counted, some
from weightedit.doctor.explain.frames import is_from
from weightedit.doctor.explain.kind import ErrorKind, Match, Said, Seen, said_of, says
from weightedit.doctor.explain.pieces import N
from weightedit.doctor.finding import Mend

_SAFE = "weightedit opens such a file without running anything in it, and exports what is in it as safetensors."
_OTHER = ("It is another kind of file, or was damaged on its way: compare its size with that of the source, and fetch "
          "it again.")  # fmt: skip
_CUT = "It was cut short on its way, or is another file: compare its size with that of the source, and fetch it again."
_NO_PICKLE = ("What was read as a pickle is none: its instructions make no sense together.",
              _OTHER)  # fmt: skip
_FIRST = {
    "<": "a web page, as a download that was refused gives: open it in an editor",
    "v": "a pointer of Git LFS, a few lines of text: run `git lfs pull`",
    "{": "JSON: an index or a configuration, not the weights",
    "\\x1f": "a gzip archive: unpack it first",
    "\\x93": "an array of numpy: read it by `numpy.load`",
    "\\x89": "HDF5, as Keras writes, or a PNG image",
    "G": "a GGUF file",
    "P": "a zip archive: `torch.load` reads it where torch wrote it",
}  # fmt: skip
_GLOBAL = re.compile(r"Unsupported global: GLOBAL (?P<name>[\w.<>]{1,300}?) was not an allowed global")
_OPERAND = re.compile(r"Unsupported operand (\d{1,3})\b")


def _begins(first: str) -> tuple[str, ...]:
    known = _FIRST.get(first)
    return (f"A file that begins with `{first}` may be {known}.",) if known else ()


def _weights_only(match: Match, seen: Seen) -> Said:
    named, operand = _GLOBAL.search(seen.message), _OPERAND.search(seen.message)
    if named is not None:
        return _global(named, seen)
    if operand is not None:
        first = chr(int(operand[1])) if 32 <= int(operand[1]) < 127 else f"\\x{int(operand[1]):02x}"
        return Said(f"What `torch.load` read is no pickle that it can follow: it came upon the byte {operand[1]}, "
                    f"`{first}`.",
                    _OTHER, _begins(first))  # fmt: skip
    return Said("`torch.load` reads only tensors and plain values, and this file holds something else.",
                f"The rest of the message says what. {_SAFE}")  # fmt: skip


def _global(match: Match, seen: Seen) -> Said:
    name = match["name"]
    return Said(f"The file names {name}, and `torch.load` with `weights_only=True` makes no such object.",
                f"A pickle may run any code when such an object is made. {_SAFE} Where you trust the file, allow it by "
                f"`torch.serialization.safe_globals([…])`; a whole module is better saved as its `state_dict()`.")


def _shared(match: Match, seen: Seen) -> Said:
    listed = [re.findall(r"'([^'\n]{1,1000})'", group)[:1_000]
              for group in re.findall(r"\{([^{}\n]{1,100000})\}", match["groups"])]  # fmt: skip
    groups = [sorted(group) for group in listed if len(group) > 1]
    by_name = {one.name: one for one in seen.tensors}
    held = tuple(by_name[name] for group in groups for name in group if name in by_name)
    targets = tuple(name for group in groups for name in group[1:])
    mends = (Mend(f"Untie {counted(len(targets), 'tensor')}", (Edit("untie", targets),), some(targets)),) \
        if targets and len(held) == sum(map(len, groups)) else ()  # fmt: skip
    names = [name for group in groups for name in group]
    return Said(f"{some(names)} lie on the same memory, and safetensors stores none twice unasked.",
                "Save by `safetensors.torch.save_model`, which keeps one of each, or give each its own values by "
                "`clone()`. An export of weightedit asks which of the two is meant.", (), held, mends)  # fmt: skip


def _no_module(match: Match, seen: Seen) -> Said:
    unpickled = any("torch" in frame.file and "serialization" in frame.file for frame in seen.frames)
    causes = ("The traceback goes through `torch.load`: the file holds an object of a class of that package, so "
              f"loading needs it. {_SAFE}",) if unpickled else ()  # fmt: skip
    return Said(f"Python finds no package or file of the name {match['name']}.",
                "Install it into the Python that runs here, or start where the file lies.", causes)  # fmt: skip


def _cut_file(match: Match, seen: Seen) -> Said | None:
    """Explain what torch's reader says of the end of a file only where the traceback shows that it was torch's."""
    if not (is_from(seen.frames, "serialization.py") or is_from(seen.frames, "_weights_only_unpickler.py")):
        return None
    return Said("The file ended where something was to be read: it is empty, or cut short.", _CUT)


def _no_memo(match: Match, seen: Seen) -> Said | None:
    if not is_from(seen.frames, "_weights_only_unpickler.py"):
        return None
    return Said(*_NO_PICKLE)


FILES = (
    ErrorKind(
        "weights-only", "A file that torch does not unpickle", ("Weights only load failed",),
        r"Weights only load failed\.", _weights_only,
        "Weights only load failed. This file can still be loaded, to do so you have two options"),
    ErrorKind(
        "weights-only", "A file that torch does not unpickle",
        ("Unsupported global: GLOBAL ",), _GLOBAL.pattern, _global,
        "Unsupported global: GLOBAL net.Net was not an allowed global by default."),
    ErrorKind(
        "torchscript", "A TorchScript file", ("with TorchScript archives passed to",),
        r"Cannot use ``weights_only=True`` with TorchScript archives passed to",
        says("The file is TorchScript: a program with its weights, and `torch.load` read it as weights alone.",
             f"Load it by `torch.jit.load`, which runs its program. {_SAFE}"),
        "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``."),
    ErrorKind(
        "zip-directory", "A checkpoint without its end", ("failed finding central directory",),
        r"PytorchStreamReader failed reading zip archive: failed finding central directory",
        says("A checkpoint of torch is a zip archive, whose list of contents stands at the end; this one has none.",
             _CUT),
        "PytorchStreamReader failed reading zip archive: failed finding central directory."),
    ErrorKind(
        "zip-record", "A checkpoint that lacks a part",
        ("PytorchStreamReader failed locating file", "PytorchStreamReader failed reading file"),
        r"PytorchStreamReader failed (?P<how>locating|reading) file (?P<a>[\w./-]{1,200})",
        says("{said}.", "{hint}",
             more=lambda match: {
                 "said": f"The archive does not give {match['a']}, which it lists" if match["how"] == "reading" else
                         f"The archive holds no {match['a'].rstrip('.')}",
                 "hint": "It holds no program of TorchScript: load it by `torch.load`."
                 if match["a"].startswith("constants.pkl") else f"It is damaged, or was packed anew. {_CUT}"}),
        "PytorchStreamReader failed locating file constants.pkl: file not found."),
    ErrorKind(
        "zip-folder", "A zip archive of something else", ("file in archive is not in a subdirectory",),
        r"\[enforce fail at [^\]\n]{1,200}\][ .]{1,4}file in archive is not in a subdirectory: (?P<a>[^\n]{1,200})",
        says("The archive holds {a} at its top; torch puts all into one folder.",
             "It is a zip archive that torch did not write, or one that was packed anew. Unpack it, and look what it "
             "holds."),
        "[enforce fail at inline_container.cc:180] . file in archive is not in a subdirectory: a.txt"),
    ErrorKind(
        "load-key", "A file that is no pickle", ("invalid load key, '",),
        r"invalid load key, '(?P<first>\\x[0-9a-f]{2}|[^\n])'\.?",
        lambda match, seen: Said(f"The file begins with `{match['first']}`, as no pickle does.",
                                 _OTHER, _begins(match["first"])),
        "invalid load key, '<'."),
    ErrorKind(
        "not-a-pickle", "A file that is no pickle",
        ("Memo value not found at index ", "unpickling stack underflow", "unexpected MARK found"),
        r"(?:Memo value not found at index \d{1,9}|unpickling stack underflow|unexpected MARK found)",
        says(*_NO_PICKLE),
        "Memo value not found at index 101"),
    ErrorKind(
        "persistent-id", "A pickle with values beside it", ("A load persistent id instruction was encountered,",),
        r"A load persistent id instruction was encountered,\s{1,4}but no persistent_load function was specified",
        says("The pickle refers to values that lie beside it, and the reader was not told where.",
             "Read checkpoints of torch by `torch.load`.",
             "A checkpoint of torch was read by `pickle.load`, which does not know of them.",
             "`torch.load` itself says so of a file that is no checkpoint, or is cut short after its first bytes: "
             "compare its size with that of the source."),
        "A load persistent id instruction was encountered, but no persistent_load function was specified."),
    ErrorKind(
        "cut-file", "A file that ends too soon", ("Ran out of input", "pickle data was truncated"),
        r"(?:Ran out of input|pickle data was truncated)(?=[\s.]|$)",
        says("The file ended where something was to be read: it is empty, or cut short.", _CUT),
        "Ran out of input"),
    ErrorKind(
        "cut-file", "A file that ends too soon",
        ("EOFError", "[Errno 22] Invalid argument", "negative seek value ", "unpack requires a buffer of "),
        r"(?:EOFError:?[ \t]{0,9}|\[Errno 22\] Invalid argument|negative seek value -\d{1,20}|unpack requires a "
        r"buffer of "
        r"\d{1,9} bytes)(?=\n|$)", _cut_file, "EOFError"),
    ErrorKind(
        "cut-file", "A file that ends too soon", ("unexpected EOF, expected ",),
        rf"unexpected EOF, expected (?P<a>{N}) more bytes\. The file might be corrupted",
        says("{a} bytes are missing at the end of the file.", _CUT),
        "unexpected EOF, expected 256 more bytes. The file might be corrupted."),
    ErrorKind(
        "not-a-pickle", "A file that is no pickle", ("KeyError: ",), r"\d{1,9}(?=\n|$)", _no_memo, "KeyError: 101"),
    ErrorKind(
        "no-class", "A class that is not where it was", ("Can't get attribute '",),
        r"Can't get attribute '(?P<name>[\w.]{1,200})' on <module '(?P<module>[\w.]{1,200})'",
        says("The file holds an object of the class {name}, and {module} has no such class.",
             f"A module that is saved as a whole needs its class, under its old name, whenever it is loaded. {{main}}"
             f"Better, save its `state_dict()`. {_SAFE}",
             more=lambda match: {"main": "It was defined in the script that saved it: define or import it in yours "
                                         "before loading. " if match["module"] == "__main__" else ""}),
        "Can't get attribute 'Net' on <module '__main__' from 'train.py'>"),
    ErrorKind(
        "no-module", "A package that is not here", ("No module named ",),
        r"No module named '(?P<name>[\w.]{1,200})'",
        lambda match, seen: _no_module(match, seen),
        "No module named 'models'"),
    ErrorKind(
        "pickle-local", "An object that is not pickled",
        ("Can't pickle local object '", "Can't get local object '", "Can't pickle <function <lambda>"),
        r"Can't (?:pickle|get) (?:local object '(?P<name>[\w.<>]{1,300})'|<function <lambda>)",
        says("A function or class that was defined within another is to be pickled{which}.",
             "`torch.save` of a whole module, and workers of a loader, need every name at the top of a file. Save "
             "`model.state_dict()`, and put the function at the top of its file.",
             more=lambda match: {"which": f": {match['name']}" if match["name"] else ""}),
        "Can't pickle local object 'main.<locals>.<lambda>'"),
    ErrorKind(
        "no-folder", "A folder that does not exist", ("Parent directory ",),
        r"Parent directory (?P<a>[^\n]{1,1000}?) does not exist",
        lambda match, seen: None if seen.error not in ("", "RuntimeError") else Said(
            f"The file was to be saved in {said_of(match)['a']}, and there is no such folder.",
            "Make the folder first: `Path(…).mkdir(parents=True, exist_ok=True)`."),
        "Parent directory checkpoints does not exist."),
    ErrorKind(
        "shared-memory", "Tensors that share memory",
        ("Some tensors share memory, this will lead to duplicate memory",),
        r"Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading "
        r"them again: (?P<groups>\[[^\n]{1,200000})", _shared,
        "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading "
        "them again: [{'lm_head.weight', 'wte.weight'}]."),
    ErrorKind(
        "not-contiguous", "A tensor that does not lie in order", ("You are trying to save a non contiguous tensor: `",),
        r"You are trying to save a non contiguous tensor: `(?P<name>[^`\n]{1,1000})` which is not allowed",
        says("{name} is a view whose values do not lie in memory one after the other; safetensors stores only such.",
             "Call `.contiguous()` on it before saving. An export of weightedit packs it by itself.",
             fits=lambda match, seen: tuple(one for one in seen.tensors if one.name == match["name"])),
        "You are trying to save a non contiguous tensor: `fc.weight` which is not allowed."),
    ErrorKind(
        "safetensors-values", "A value that is no tensor", ("` is invalid, expected torch.Tensor but received",),
        r"Key `(?P<name>[^`\n]{1,1000})` is invalid, expected torch\.Tensor but received (?:<class "
        r")?'?(?P<type>[\w.]{1,200})",
        says("{name} is {type}, and safetensors stores tensors only, in one flat dict.",
             "Save `model.state_dict()`; dicts within dicts and numbers go elsewhere. An export of weightedit lists "
             "what such a file cannot hold."),
        "Key `epoch` is invalid, expected torch.Tensor but received <class 'int'>"),
    ErrorKind(
        "safetensors-cut", "A safetensors file of another length",
        ("incomplete metadata, file not fully covered", "MetadataIncompleteBuffer"),
        r"Error while deserializing(?: header)?: (?:incomplete metadata, file not fully "
        r"covered|MetadataIncompleteBuffer)",
        says("The header promises another number of bytes than the file has.", _CUT),
        "Error while deserializing header: incomplete metadata, file not fully covered"),
    ErrorKind(
        "safetensors-header", "A file that is no safetensors file",
        ("Error while deserializing header: ", "Error while deserializing: "),
        r"Error while deserializing(?: header)?: (?P<a>header too small|invalid header length"
        r"|invalid header start|invalid UTF-8 in header|invalid JSON in header|HeaderTooSmall"
        r"|InvalidHeader\w{0,30})",
        says("The file has no header of safetensors at its beginning.",
             f"{_CUT}", "A checkpoint of torch was renamed to `.safetensors`: its name decides nothing, load it by "
             "`torch.load`.", "It is a pointer of Git LFS, a few lines of text: run `git lfs pull`.",
             "It holds a dtype that this version of safetensors does not know: update it."),
        "Error while deserializing header: header too small"),
    ErrorKind(
        "safetensors-length", "A header that is too long to be read",
        ("Error while deserializing header: ", "Error while deserializing: "),
        r"Error while deserializing(?: header)?: (?:header too large|HeaderTooLarge)",
        says("The first eight bytes of the file say that its header is longer than the 100 MB that safetensors reads.",
             "Most often the file is something else, and these bytes are no length: a checkpoint of torch, a page of a "
             "website, or a pointer of Git LFS, a few lines of text in place of the file.",
             "A checkpoint of torch was renamed to `.safetensors`: its name decides nothing, load it by `torch.load`.",
             "It is a pointer of Git LFS: run `git lfs pull`.",
             "It has more than a million tensors, and a header as long: save it as several files."),
        "Error while deserializing header: header too large"),
    ErrorKind(
        "safetensors-offsets", "A safetensors file whose header is wrong",
        ("invalid shape, data type, or offset for tensor", "invalid offset for tensor `", "TensorInvalidInfo",
         "InvalidOffset("),
        r"Error while deserializing(?: header)?: (?:invalid shape, data type, or offset for tensor"
        r"|invalid offset for tensor "
        r"`(?P<name>[^`\n]{1,1000})`|TensorInvalidInfo|InvalidOffset\(\"(?P<other>[^\"\n]{1,1000})\"\))",
        says("The header says of a tensor{which} what cannot be: its bytes are not as many as its shape and dtype "
             "take, "
             "or not where the last one ends.",
             "The program that wrote the file made a mistake, or the header was changed by hand. weightedit says which "
             "tensor it is when it opens the file.",
             more=lambda match: {"which": f", {match['name'] or match['other']}," if match["name"] or match["other"]
                                 else ""}),
        "Error while deserializing header: invalid offset for tensor `fc.weight`"),
)  # fmt: skip
