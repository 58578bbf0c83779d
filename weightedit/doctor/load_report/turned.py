"""Findings of tensors that have all their values in another order or under another shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from weightedit.core.edit import Edit
from weightedit.core.words.labels import called, listed
from weightedit.core.words.numbers import shape_text
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Level, Mend
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.differences import Difference, settled
from weightedit.doctor.load_report.naming import common_module

Differences = Mapping[str, Difference]
"""By names of the model."""
NOTHING: Mapping[str, object] = MappingProxyType({})
_SURE = 2
"""Transposed matrices of a kind of module, and none that is not, say that its square ones are transposed too."""


def turned(compared: Comparison, differences: Differences) -> Iterator[Told]:
    """Yield findings of what is transposed, permuted, or only of another shape."""
    transposed = [name for name, one in differences.items() if one.kind == "transposed"]
    if transposed:
        first = differences[transposed[0]]
        verb = "is" if len(transposed) == 1 else "are"
        said = f"{_many(transposed, 'matrix', 'matrices')} {verb} transposed: {called(transposed[0])} is " \
               f"{shape_text(first.found)} in the checkpoint and {shape_text(first.wanted)} in the model"  # fmt: skip
        yield finding(compared, "transposed", transposed, said,
                      [Mend(f"Transpose {_tensors(transposed)}", (edit(compared, "transpose", transposed),),
                            becomes(first))])  # fmt: skip
        yield from _squares(compared, transposed)
    yield from _permuted(compared, {name: one for name, one in differences.items() if one.kind == "permuted"})
    yield from _reshaped(compared, {name: one for name, one in differences.items() if one.kind == "reshaped"})


def _squares(compared: Comparison, transposed: list[str]) -> Iterator[Told]:
    """Yield the warning that square matrices fit either way, where all others of their kind are transposed."""
    straight: dict[str, int] = {}
    square: dict[str, list[str]] = {}
    for name in compared.matched.pairs:
        shape = compared.theirs(name).shape
        if len(shape) == 2 and shape == compared.ours(name).shape:
            kind = compared.type_of(name)
            if shape[0] == shape[1]:
                square.setdefault(kind, []).append(name)
            else:
                straight[kind] = straight.get(kind, 0) + 1
    for kind, names in square.items():
        turned_ones = [name for name in transposed if compared.type_of(name) == kind]
        if kind and len(turned_ones) >= _SURE and not straight.get(kind):
            is_one = len(names) == 1
            said = f"{_many(names, 'square matrix', 'square matrices')} of {called(kind)} " \
                   f"{'fits' if is_one else 'fit'} either way, and every other one is transposed, " \
                   f"{len(turned_ones):,} of {len(turned_ones):,}: {listed(names)}"  # fmt: skip
            yield finding(compared, "square", names, said,
                          [Mend(f"Transpose {_tensors(names)}", (edit(compared, "transpose", names),))],
                          "warning")  # fmt: skip


def _permuted(compared: Comparison, differences: Differences) -> Iterator[Told]:
    known = settled(differences.values())
    by_orders: dict[tuple[tuple[int, ...], ...], list[str]] = {}
    for name, one in differences.items():
        likely = tuple(order for order in one.orders if order in known)
        by_orders.setdefault(likely if len(likely) == 1 else one.orders, []).append(name)
    for orders, names in by_orders.items():
        first = differences[names[0]]
        verb = "has its" if len(names) == 1 else "have their"
        said = f"{_tensors(names)} {verb} dimensions in another order: {called(names[0])} is " \
               f"{shape_text(first.found)} in the checkpoint and {shape_text(first.wanted)} in the model"  # fmt: skip
        said += f"; {len(orders)} orders would fit" if len(orders) > 1 else ""
        mends = [Mend(f"Permute {_tensors(names)} by {', '.join(map(str, order))}",
                      (edit(compared, "permute", names, {"dims": order}),), becomes(first))
                 for order in orders]  # fmt: skip
        yield finding(compared, "permuted", names, said, mends)


def _reshaped(compared: Comparison, differences: Differences) -> Iterator[Told]:
    """Yield findings of values under another shape; a number that the file has as a list of one torch takes itself."""
    one_number = [name for name, one in differences.items() if not one.wanted and one.found == (1,)]
    for names, level in (([name for name in differences if name not in one_number], "refusal"), (one_number, "notice")):
        if not names:
            continue
        by_shape: dict[tuple[int, ...], list[str]] = {}
        for name in names:
            by_shape.setdefault(differences[name].wanted, []).append(name)
        first = differences[names[0]]
        said = f"{called(names[0])} is {shape_text(first.found)} in the checkpoint and " \
               f"{shape_text(first.wanted)} in the model, with as many values"  # fmt: skip
        said += f"; so {'is' if len(names) == 2 else 'are'} {len(names) - 1:,} more" if len(names) > 1 else ""
        said += "; torch takes the one for the other" if level == "notice" else ""
        edits = tuple(edit(compared, "reshape", some, {"shape": shape}) for shape, some in by_shape.items())
        yield finding(compared, "reshaped", names, said, [Mend(f"Reshape {_tensors(names)}", edits, becomes(first))],
                      "notice" if level == "notice" else "refusal")  # fmt: skip


def finding(compared: Comparison, kind: str, names: list[str], said: str, mends: Iterable[Mend],
            level: Level = "refusal") -> Told:  # fmt: skip
    """Make a finding of tensors that are matched with these of the model."""
    made = Finding(kind, common_module(names), compared.theirs(names[0]).name, said, tuple(mends), level)
    return Told(made, tuple(names))


def edit(compared: Comparison, operation: str, names: Iterable[str], arguments: Mapping[str, object] = NOTHING,
         region: str | None = None) -> Edit:  # fmt: skip
    """Return an edit of the tensors that are matched with these of the model; what else holds one keeps it."""
    meant = [compared.theirs(name) for name in names]
    found = {facts.name for facts in meant}
    others = any(compared.sharing.get(facts.same_as or facts.name, frozenset()) - found for facts in meant)
    return Edit(operation, compared.naming.targets([facts.name for facts in meant]), region, arguments,
                tied="untie" if others else "all")  # fmt: skip


def becomes(one: Difference) -> str:
    """Return `4 × 3 → 3 × 4`."""
    return f"{shape_text(one.found)} → {shape_text(one.wanted)}"


def _tensors(names: list[str]) -> str:
    return called(names[0]) if len(names) == 1 else counted(len(names), "tensor")


def _many(names: list[str], one: str, several: str) -> str:
    return f"{len(names):,} {one if len(names) == 1 else several}"
