"""Findings of what the checkpoint has and the model does not: buffers that it makes itself, and all else."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.edit import Edit
from weightedit.core.words.labels import listed
from weightedit.core.words.paths import counted
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.built import stacks_text
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.naming import together

MADE_ANEW = ("inv_freq", "position_ids", "token_type_ids", "attn.bias", "masked_bias", "attn_mask",
             "attention.bias", "relative_position_index", "relative_coords_table", "cos_cached",
             "sin_cached")  # fmt: skip
"""How buffers are called that older code saved and newer code makes itself."""


def surplus(compared: Comparison) -> Iterator[Told]:
    """Yield findings of what the model does not have: what it makes anew, then the rest."""
    unexpected = compared.unexpected
    own = {facts.name for facts in compared.model.tensors if not facts.is_persistent}
    anew = [key for key in unexpected if _within(compared, key) in own or _is_made_anew(key)]
    rest = [key for key in unexpected if key not in set(anew)]
    if anew:
        it = "it" if len(anew) == 1 else "them"
        yield _finding(compared, anew, "buffer", f", whose code makes {it} anew")
    if rest:
        yield _finding(compared, rest, "tensor")


def _within(compared: Comparison, key: str) -> str:
    """Return the name of a tensor within its part after the renames."""
    return compared.naming.then(compared.part.tensors[key].name)[len(compared.part.start) :]


def _is_made_anew(key: str) -> bool:
    return any(key == end or key.endswith(f".{end}") for end in MADE_ANEW)


def _finding(compared: Comparison, keys: list[str], noun: str, why: str = "") -> Told:
    verb = "is" if len(keys) == 1 else "are"
    names = [compared.part.tensors[key].name for key in keys]
    said = f"{counted(len(keys), noun)} of the checkpoint {verb} not in the model{why}: {listed(keys)}" + \
        stacks_text(compared, [_within(compared, key) for key in keys])  # fmt: skip
    whole, single = _targets(compared, keys)
    mend = Mend(f"Drop {listed([*whole, *single]) if whole else together(keys)}",
                (Edit("delete", (*whole, *compared.naming.targets(single))),))  # fmt: skip
    return Told(Finding("unexpected", "", names[0], said, (mend,)), keys=tuple(keys))


def _targets(compared: Comparison, keys: list[str]) -> tuple[list[str], list[str]]:
    """Return what is deleted: containers with nothing else in them, such as an optimizer's state, and tensors."""
    start, gone = compared.part.start, set(keys)
    tops = {key: compared.part.tensors[key].container[len(start) :].partition(".")[0]
            if compared.part.tensors[key].container != compared.part.name else "" for key in compared.part.tensors}
    needed = {top for key, top in tops.items() if key not in gone}
    whole = list(dict.fromkeys(start + tops[key] for key in keys if tops[key] and tops[key] not in needed))
    single = [compared.part.tensors[key].name for key in keys if not tops[key] or tops[key] in needed]
    return whole, single
