"""Findings of `_extra_state`: what modules save beside tensors, by code of their own, which strict loading asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weightedit.core.edit import Edit
from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.surroundings import surroundings


def extra_states(compared: Comparison) -> Iterator[Told]:
    """Yield findings of extra states under other names, then of those that are missing, and of those too many."""
    if compared.extra_states is None:
        return
    start, naming = compared.part.start, compared.naming
    found = {naming.then(name)[len(start) :]: name for name in compared.extra_states}
    wanted = compared.model.extra_states
    moved = _moved(compared, [name for name in wanted if name not in found],
                   {now: name for now, name in found.items() if now not in wanted})  # fmt: skip
    if moved:
        edits = tuple(Edit("rename", (start + now,), None, {"to": start + name}) for name, now in moved.items())
        naming.follow(edits)
        name, now = next(iter(moved.items()))
        has, it = ("has another name", "it") if len(moved) == 1 else ("have other names", "them")
        said = f"{counted(len(moved), 'extra state')} of the checkpoint {has} than in the model, as the tensors " \
               f"beside {it} have: {called(now)} is {called(name)}"  # fmt: skip
        yield Told(Finding("renamed", name.rpartition(".")[0], found[now], said,
                           (Mend(f"Rename {counted(len(moved), 'extra state')}", edits),)))  # fmt: skip
    missing = [name for name in wanted if name not in found and name not in moved]
    if missing:
        verb, it = ("is", "it") if len(missing) == 1 else ("are", "them")
        said = f"{listed(missing)} {verb} not in the checkpoint: code of the model saves {it} beside its tensors " \
               f"(get_extra_state), and load_state_dict asks for {it}; only that code can make {it}, so no edit adds " \
               f"{it}. With strict=False it loads without"  # fmt: skip
        yield Told(Finding("extra-state", missing[0].rpartition(".")[0], "", said))
    gone = [name for now, name in found.items() if now not in wanted and now not in moved.values()]
    if gone:
        verb = "is" if len(gone) == 1 else "are"
        said = f"{listed(gone)} {verb} in the checkpoint, and no module of the model there takes an extra state " \
               "(set_extra_state)"  # fmt: skip
        mend = Mend(f"Drop {listed(gone)}", (Edit("delete", naming.targets(gone)),))
        yield Told(Finding("extra-state", "", gone[0], said, (mend,)))


def _moved(compared: Comparison, missing: list[str], left: Mapping[str, str]) -> dict[str, str]:
    """Return what is left, by what is missing, in modules whose tensors are matched with each other.

    Parameters
    ----------
    left
        Names in the document by those within the part after the renames.
    """
    _, there = surroundings(compared.matched.pairs)
    modules: dict[str, list[str]] = {}
    for now, name in left.items():
        modules.setdefault(there(name[len(compared.part.start) :]), []).append(now)
    found = {name: modules.get(name.rpartition(".")[0], []) for name in missing if "." in name}
    return {name: some[0] for name, some in found.items() if len(some) == 1}
