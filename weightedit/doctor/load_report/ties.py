"""Findings of tensors that are one in the model and several in the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from weightedit.core.edit import Edit, TensorName
from weightedit.core.words.labels import called, listed
from weightedit.doctor.finding import Mend
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.turned import finding

SameBits = Callable[[str, str], bool]
"""Whether two tensors of the document have the same dtype, shape and values."""


def untied(compared: Comparison, same_bits: SameBits | None) -> Iterator[Told]:
    """Yield the warning that of several tensors of the file only the one loaded last stays."""
    groups: dict[str, list[str]] = {}
    for name in compared.wanted:
        if name in compared.matched.pairs:
            groups.setdefault(compared.ours(name).same_as or name, []).append(name)
    for names in groups.values():
        found = [compared.theirs(name) for name in names]
        different = {facts.same_as or facts.name for facts in found}
        if len(different) > 1:
            is_harmless = same_bits is not None and \
                all(same_bits(found[0].name, facts.name) for facts in found[1:])  # fmt: skip
            said = f"{listed(names)} are one tensor in the model and {len(different)} in the checkpoint"
            said += ", with the same values" if is_harmless else f": {called(names[-1])} is loaded last and wins"
            said += ", unless all have the same values" if same_bits is None else ""
            said += "" if is_harmless else "; the values of one of them are kept, and never those of both"
            ties = [_tie(compared, names, -1, is_harmless)]
            ties += [] if is_harmless else [_tie(compared, names, 0, is_harmless)]
            yield finding(compared, "untied", names, said, ties, "notice" if is_harmless else "warning")


def _tie(compared: Comparison, names: list[str], place: int, is_harmless: bool) -> Mend:
    kept = names[place]
    first = compared.theirs(kept)
    others = [compared.theirs(name).name for name in names]
    others = [name for name in dict.fromkeys(others) if name != first.name]
    to = compared.naming.then(first.name)
    tied = listed([compared.naming.then(name) for name in others])
    lost = "" if is_harmless else f"The values of {called(to)} stay, those of {tied} are lost. "
    return Mend(f"Tie {tied} to {called(to)}",
                (Edit("tie", compared.naming.targets(others), None, {"to": TensorName(to)}),),
                f"{lost}They hold one tensor then, which safetensors cannot keep.")  # fmt: skip
