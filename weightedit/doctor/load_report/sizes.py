"""Findings of tensors that are larger or smaller than the model's: vocabularies, classes, other sizes of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import prod

from weightedit.core.edit import Edit
from weightedit.core.words.labels import called, listed
from weightedit.core.words.numbers import shape_text
from weightedit.doctor.finding import Mend
from weightedit.doctor.load_report.built import Sizes, other_sizes, sizes_text, with_size
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.differences import Difference
from weightedit.doctor.load_report.fresh import STD, TORCH_SLOPE, fill_of, fresh_edits, is_float
from weightedit.doctor.load_report.naming import together
from weightedit.doctor.load_report.turned import Differences, becomes, edit, finding
from weightedit.doctor.resizing import padding_of, region_of

_MANY = 6
"""Tensors of other sizes from which on most of them being so is one finding."""
_ROUND = (512, 256, 128, 64)
"""What vocabularies are padded to a multiple of, so that matrix units are used in full."""


def sizes(compared: Comparison, differences: Differences) -> Iterator[Told]:
    """Yield findings of what has more or fewer values than the model's tensor."""
    names = [name for name, one in differences.items() if one.kind == "shape"]
    groups: dict[object, list[str]] = {}
    for name in names:
        one = differences[name]
        dim = one.dim
        key = (one.found, one.wanted) if dim is None else (dim, one.found[dim], one.wanted[dim])
        groups.setdefault(key, []).append(name)
    rows = {key: some for key, some in groups.items() if any(_is_embedding(compared, name) for name in some)
            and differences[some[0]].dim == 0}  # fmt: skip
    rest = {key: some for key, some in groups.items() if key not in rows}
    others = [name for some in rest.values() for name in some]
    built = other_sizes(compared, differences, others)
    is_other = (len(rest) > 1 and built) or (len(others) >= _MANY and 2 * len(others) > len(compared.matched.pairs))
    if is_other:
        yield _other_size(compared, differences, rest.values(), built)
    for some in rows.values():
        yield _vocabulary(compared, differences, some)
    for some in rest.values() if not is_other else ():
        yield finding(compared, "shape", some, _message(compared, differences, some),
                      _mends(compared, differences, some))  # fmt: skip


def _is_embedding(compared: Comparison, name: str) -> bool:
    return "Embedding" in compared.type_of(name) or "_embeddings." in name


def _vocabulary(compared: Comparison, differences: Differences, names: list[str]) -> Told:
    old, new = differences[names[0]].found[0], differences[names[0]].wanted[0]
    embedding = next(name for name in names if _is_embedding(compared, name))
    positions = "pos" in embedding.lower() or "wpe" in embedding.split(".")
    what = "positions" if positions else "rows"
    said = f"{listed(names)}: {old} {what} in the checkpoint and {new} in the model"
    step = next((step for step in _ROUND if max(old, new) == -(-min(old, new) // step) * step), None)
    if step and not positions:
        said += f"; {max(old, new)} is {min(old, new)} padded to a multiple of {step}"
    said += _build(compared, differences, names)
    if new < old:
        mends = [Mend(f"Keep the first {new} rows of {together(names)}",
                      (edit(compared, "slice", names, region=f"[0:{new}]"),),
                      becomes(differences[names[0]]))]  # fmt: skip
    else:
        ways: list[tuple[str, dict[str, object]]] = [
            ("their mean", {"method": "mean"}), (f"normal values, std {STD}", {"method": "normal", "std": STD}),
            ("zeros", {"method": "zeros"})]  # fmt: skip
        mends = [Mend(f"Pad {together(names)} with {new - old} rows of {words}",
                      (edit(compared, "insert_rows", names, {"count": new - old, "dim": 0, **given}),),
                      becomes(differences[names[0]])) for words, given in ways]  # fmt: skip
    return finding(compared, "vocabulary", names, said, mends)


def _other_size(compared: Comparison, differences: Differences, groups: Iterable[list[str]],
                built: Sizes | None) -> Told:  # fmt: skip
    """Return the one finding that the model was built with other sizes, or is of another size throughout."""
    some = list(groups)
    names = [name for group in some for name in group]
    first = max(some, key=len)[0]
    one = differences[first]
    edits = [each for group in some for each in _mends(compared, differences, group)[0].edits]
    said = f"The checkpoint has {sizes_text(compared, built)}" if built else \
        f"{len(names):,} of {len(compared.matched.pairs):,} shapes differ, as where the checkpoint is of another " \
        f"size than the model: {called(first)} is {shape_text(one.found)} in the checkpoint and " \
        f"{shape_text(one.wanted)} in the model"  # fmt: skip
    fitted = Mend(f"Fit {len(names):,} tensors into the shapes of the model", tuple(edits),
                  "What the model computes with them has to be trained anew.")  # fmt: skip
    anew = replace(_anew(compared, differences, names), title=f"Replace {len(names):,} tensors by fresh values",
                   detail="")  # fmt: skip
    return finding(compared, "size", names, said, [fitted, anew])


def _build(compared: Comparison, differences: Differences, names: list[str]) -> str:
    """Return how the code can have what the checkpoint has; nothing where only some tensors are of another size."""
    built = other_sizes(compared, differences, names)
    if built is None or len(built) > 1:
        return ""
    ((wanted, found),) = built.items()
    return f"; build the model with {with_size(compared, wanted, found)} to keep {'it' if len(names) == 1 else 'them'}"


def _message(compared: Comparison, differences: Differences, names: list[str]) -> str:
    one = differences[names[0]]
    if len(names) == 1 or one.dim is None:
        more = f"; so are {listed(names[1:])}" if names[1:] else ""
        return f"{called(names[0])} is {shape_text(one.found)} in the checkpoint and {shape_text(one.wanted)} " \
               f"in the model{more}{_build(compared, differences, names)}"  # fmt: skip
    return f"{together(names)}: {one.found[one.dim]} along dimension {one.dim} in the checkpoint and " \
           f"{one.wanted[one.dim]} in the model{_build(compared, differences, names)}"  # fmt: skip


def _mends(compared: Comparison, differences: Differences, names: list[str]) -> list[Mend]:
    """Return what would make tensors fit that differ in the same way, the likeliest first."""
    one = differences[names[0]]
    made: list[Mend] = []
    if prod(one.found) == prod(one.wanted):
        made.append(Mend(f"Reshape {together(names)}", (edit(compared, "reshape", names, {"shape": one.wanted}),),
                         becomes(one)))  # fmt: skip
    if len(one.found) == 1 and not one.wanted:
        made.append(Mend(f"Keep the first value of {together(names)}", (edit(compared, "slice", names, region="[0]"),),
                         becomes(one)))  # fmt: skip
    elif one.dim is not None and one.found[one.dim] < one.wanted[one.dim]:
        made += _grown(compared, one, one.dim, names)
    elif len(one.found) == len(one.wanted):
        made.append(_fitted(compared, one, names))
    made.append(_anew(compared, differences, names))
    return made


def _fitted(compared: Comparison, one: Difference, names: list[str]) -> Mend:
    """Return the mend that cuts what is too large and pads what is too small with zeros, always at the end."""
    if one.dim == 0 and one.wanted[0] < one.found[0]:
        cut = edit(compared, "slice", names, region=f"[0:{one.wanted[0]}]")
        return Mend(f"Keep the first {one.wanted[0]} {_indices(one, 0, one.wanted[0])} of {together(names)}", (cut,),
                    becomes(one))  # fmt: skip
    if all(new <= old for old, new in zip(one.found, one.wanted, strict=True)):
        region = region_of(one.found, one.wanted)
        cut = edit(compared, "slice", names, region=region)
        return Mend(f"Keep {region} of {together(names)}", (cut,), becomes(one))
    padded = edit(compared, "pad", names, {"pad": padding_of(one.found, one.wanted)})
    return Mend(f"Pad {together(names)} with zeros", (padded,), becomes(one))


def _grown(compared: Comparison, one: Difference, dim: int, names: list[str]) -> list[Mend]:
    """Return mends that pad along one dimension: with what a fresh layer has, and with what changes least."""
    count = one.wanted[dim] - one.found[dim]
    indices = _indices(one, dim, count)
    what = f"with {count} {indices} of" if indices else f"along dimension {dim} with"
    by_method: dict[str, list[str]] = {}
    for name in names:
        is_matrix = len(compared.theirs(name).shape) > 1 and is_float(compared.theirs(name).dtype)
        method = "kaiming_uniform" if is_matrix else "ones" if fill_of(compared, name) else "zeros"
        by_method.setdefault(method, []).append(name)
    fresh = tuple(_inserted(compared, some, count, dim, method) for method, some in by_method.items())
    plain: dict[str, list[str]] = {}
    for name in names:
        plain.setdefault("ones" if fill_of(compared, name) else "zeros", []).append(name)
    still = tuple(_inserted(compared, some, count, dim, method) for method, some in plain.items())
    said = listed(list(plain))
    made = [Mend(f"Pad {together(names)} {what} {said}", still, becomes(one))]
    if fresh != still:
        made.append(Mend(f"Pad {together(names)} {what} fresh values", fresh, becomes(one)))
    return made[::-1] if dim == 0 else made


def _inserted(compared: Comparison, names: list[str], count: int, dim: int, method: str) -> Edit:
    slope = {"a": TORCH_SLOPE} if method == "kaiming_uniform" else {}
    return edit(compared, "insert_rows", names, {"count": count, "dim": dim, "method": method, **slope})


def _indices(one: Difference, dim: int, count: int) -> str:
    """Return what the indices along a dimension are; nothing where there is no word for them."""
    words = {0: "value" if len(one.found) == 1 else "row", 1: "column" if len(one.found) == 2 else "channel"}
    return words[dim] + "s" * (count != 1) if dim in words else ""


def _anew(compared: Comparison, differences: Mapping[str, Difference], names: list[str]) -> Mend:
    """Return the mend that gives up the values: other tensors in their place, as a fresh model has them."""
    theirs = [compared.theirs(name) for name in names]
    gone = Edit("delete", compared.naming.targets([facts.name for facts in theirs]))
    return Mend(f"Replace {together(names)} by fresh values", (gone, *fresh_edits(compared, names)),
                becomes(differences[names[0]]))  # fmt: skip
