"""Findings of what the model has and the checkpoint lacks: tied names, buffers, parameters."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.edit import Edit, TensorName
from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Level, Mend
from weightedit.doctor.load_report.built import stacks_text
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.fresh import fresh_edits
from weightedit.doctor.load_report.naming import common_module, together

_COUNTER = "num_batches_tracked"


def absent(compared: Comparison) -> Iterator[Told]:
    """Yield findings of what is missing, what is there under another name first."""
    missing = compared.missing
    known = {compared.ours(name).same_as or name: name for name in reversed(compared.matched.pairs)}
    tied = [name for name in missing if (compared.ours(name).same_as or name) in known]
    groups: dict[str, list[str]] = {}
    for name in tied:
        groups.setdefault(known[compared.ours(name).same_as or name], []).append(name)
    for other, names in groups.items():
        yield _tied(compared, names, other)
    rest = [name for name in missing if name not in set(tied)]
    again = [name for name in rest if compared.ours(name).same_as]
    shapeless = [name for name in rest if compared.ours(name).kind == "uninitialized"]
    rest = [name for name in rest if name not in {*again, *shapeless}]
    counters = [name for name in rest if name.rpartition(".")[2] == _COUNTER]
    buffers = [name for name in rest if compared.ours(name).kind == "buffer" and name not in set(counters)]
    parameters = [name for name in rest if compared.ours(name).kind != "buffer"]
    if counters:
        yield _missing(compared, counters, [], "torch takes 0 for them where the checkpoint keeps no versions of "
                       "modules, and refuses it where it does", "warning")  # fmt: skip
    if buffers:
        yield _missing(compared, buffers, [], "a fresh model has its own, which strict=False leaves as they are")
    if parameters or again:
        yield _missing(compared, parameters, again, "")
    if shapeless:
        said = f"{_are(shapeless)} not in the checkpoint, and the model gives no shape before its first forward"
        yield Told(Finding("missing", common_module(shapeless), "", said), tuple(shapeless))


def _tied(compared: Comparison, names: list[str], other: str) -> Told:
    """Return the finding that some names of a tensor are missing; a file may be able to tie them or not."""
    source, start = compared.theirs(other), compared.part.start
    there = compared.naming.then(source.name)
    copies = [Edit("duplicate", compared.naming.targets([source.name]), None, {"to": start + name}) for name in names]
    tie = Edit("tie", tuple(start + name for name in names), None, {"to": TensorName(there)})
    to = listed([start + name for name in names])
    mends = [Mend(f"Copy {called(there)} to {to}", tuple(copies),
                  f"Both have the values of {called(there)} then, in any format; the model ties them as it loads."),
             Mend(f"Tie {to} to {called(there)}", (*copies, tie),
                  f"They hold one tensor with the values of {called(there)} then, which safetensors cannot keep.")]
    verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
    said = f"{listed(names)} {verb} not in the checkpoint: the model ties {them} to {called(other)}, which is there, " \
           "and a file may keep such a tensor once"  # fmt: skip
    mends = mends[::-1] if compared.sharing else mends
    return Told(Finding("tied", common_module(names), source.name, said, tuple(mends)), tuple(names))


def _missing(compared: Comparison, names: list[str], again: list[str], why: str, level: Level = "refusal") -> Told:
    """Return the finding that tensors are missing; `again` are further names of some of them."""
    every = [*names, *again]
    edits = fresh_edits(compared, names)
    for name in again:
        edits.append(Edit("duplicate", (compared.part.start + compared.ours(name).same_as,), None,
                          {"to": compared.part.start + name}))  # fmt: skip
    said = f"{_are(every)} not in the checkpoint" + (f"; {why}" if why else "") + stacks_text(compared, every)
    kind = "zeros" if names and names[0].rpartition(".")[2] == _COUNTER else "fresh values"
    mend = Mend(f"Add {together(every)} with {kind}", tuple(edits))
    return Told(Finding("missing", common_module(every), "", said, (mend,), level), tuple(every))


def _are(names: list[str]) -> str:
    if len(names) == 1:
        return f"{called(names[0])} is"
    return f"{counted(len(names), 'tensor')} of the model, {listed(names)}, are"
