"""Findings of dtypes: load_state_dict casts in silence, and some casts lose what others only round."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.dtypes import DTYPES
from weightedit.core.words.labels import called
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Level, Mend
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.turned import edit, finding

_WIDTH = {"float64": (11, 52), "float32": (8, 23), "bfloat16": (8, 7), "float16": (5, 10)}
"""Bits of exponent and fraction."""


def casts(compared: Comparison) -> Iterator[Told]:
    """Yield a finding for each pair of dtypes that differ, with the tensors that are cast."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in compared.matched.pairs:
        found, wanted = compared.theirs(name).dtype, compared.ours(name).dtype
        if found != wanted:
            groups.setdefault((found, wanted), []).append(name)
    for (found, wanted), names in groups.items():
        level, lost = cast_loss(found, wanted)
        what = called(names[0]) if len(names) == 1 else counted(len(names), "tensor")
        verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
        said = f"{what} {verb} {called(found)} in the checkpoint and {called(wanted)} in the model; load_state_dict " \
               f"casts {them} without a word, {lost}"  # fmt: skip
        yield finding(compared, "dtype", names, said,
                      [Mend(f"Cast {what} to {called(wanted)}", (edit(compared, "cast", names, {"dtype": wanted}),),
                            f"{called(found)} → {called(wanted)}")], level)  # fmt: skip


def cast_loss(found: str, wanted: str) -> tuple[Level, str]:
    """Return how bad a cast is, and what it does to values."""
    old, new = DTYPES.get(found), DTYPES.get(wanted)
    if old is None or new is None or "opaque" in (old.family, new.family):
        return "warning", "and their bits are no numbers of the other dtype"
    if old.family == "complex" and new.family != "complex":
        return "warning", "and the imaginary parts are dropped"
    if "bool" in (old.family, new.family):
        return "warning", "and only 0 and 1 mean the same in both" if old.family != "bool" else "False as 0, True as 1"
    if old.is_floating and new.is_integer:
        return "warning", "and fractions are dropped"
    if old.is_integer and not new.is_integer:
        return "warning", "as plain numbers: where they are quantized, no scale is applied"
    if old.is_integer:
        widens = new.itemsize > old.itemsize and (old.family == new.family or new.family == "int")
        return ("notice", "and no value changes") if widens else \
            ("warning", f"and numbers that {wanted} has not wrap around")  # fmt: skip
    if old.itemsize == 1 or new.itemsize == 1:
        return "warning", "as plain numbers: scales that lie beside them are not applied"
    if old.family == "complex" or found not in _WIDTH or wanted not in _WIDTH:
        return "notice", "and no value changes" if new.itemsize >= old.itemsize else "which rounds"
    exponent, fraction = (after >= before for after, before in zip(_WIDTH[wanted], _WIDTH[found], strict=True))
    lost = ["which rounds"] * (not fraction) + [f"and what is past the range of {wanted} becomes inf"] * (not exponent)
    return "notice", " ".join(lost) or "and no value changes"
