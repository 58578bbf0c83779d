"""What a message of `load_state_dict` lists: keys that are missing, keys that are unexpected, sizes that differ."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from weightedit.core.edit import Edit
from weightedit.core.words.paths import counted, some
from weightedit.doctor.explain.fitting import Shape, reshaping, resizing
from weightedit.doctor.explain.kind import Found, Match, Said, Seen, bracketed
from weightedit.doctor.explain.pieces import SHAPE, SIZES, numbers_of
from weightedit.doctor.explain.renaming import COUNTER, is_likely, place_of, prefix_change, renamed
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.finding import Mend

_KEY = re.compile(r'"((?:[^"\\\n]|\\[^\n]){1,1000})"')
_KEYS = re.compile(r"(Missing|Unexpected) key\(s\) in state_dict: ([^\n]{0,2000000})")
SIZE = re.compile(
    rf"size mismatch for (?P<key>[^\n]{{1,1000}}?): copying a param with shape (?P<shape1>{SHAPE}|\({SIZES}\)) from "
    rf"checkpoint, the shape in current model is (?P<shape2>{SHAPE}|\({SIZES}\))"
)
REPORTED = re.compile(
    rf"(?P<key>[^\s|]{{1,1000}})[ \t]*\|[ \t]*MISMATCH[ \t]*\|[ \t]*Reinit due to size mismatch - ckpt: "
    rf"?(?P<shape1>{SHAPE}) vs model: ?(?P<shape2>{SHAPE})"
)
"""A row of what transformers reports of a load."""
_ROWS = re.compile(rf"^[ \t]{{0,40}}{REPORTED.pattern}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Differing:
    """A tensor that the checkpoint has in one shape and the model in another."""

    key: str
    held: Shape
    wanted: Shape


Pair = tuple[Differing, TensorFacts]


@dataclass(frozen=True, slots=True)
class Lists:
    """Everything that one message lists."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    differing: tuple[Differing, ...]


def lists_of(message: str) -> Lists:
    """Read the lists of a message."""
    keys: dict[str, list[str]] = {"Missing": [], "Unexpected": []}
    for found in _KEYS.finditer(message):
        listed, _, behind = found[2].split("size mismatch for", 1)[0].partition("Unexpected key(s)")
        keys[found[1]] += _KEY.findall(listed)
        keys["Unexpected"] += _KEY.findall(behind)  # line ends were lost
    sizes = (Differing(one["key"], numbers_of(one["shape1"]), numbers_of(one["shape2"]))
             for pattern in (SIZE, _ROWS) for one in pattern.finditer(message))  # fmt: skip
    missing, unexpected = (tuple(dict.fromkeys(keys[name])) for name in ("Missing", "Unexpected"))
    return Lists(missing, unexpected, tuple(sizes))


def explain_load(match: Match, seen: Seen) -> Said | None:
    """Say what a load did not find, did not expect or could not copy, and how the document is made to fit."""
    lists = lists_of(seen.message)
    if not (lists.missing or lists.unexpected or lists.differing):
        return None
    said = [*_missing(lists), *_unexpected(lists), *_differing(lists)]
    change = prefix_change(lists.unexpected, lists.missing)
    by_name = {one.name: one for one in seen.tensors}
    is_sure = change is not None and is_likely(change, lists.unexpected, lists.missing, by_name)
    pairs = _pairs(lists.differing, by_name)
    return Said(" ".join(said), _why(lists, change, is_sure), _causes(lists, change), _involved(lists, pairs, by_name),
                _mends(lists, change, pairs, by_name))  # fmt: skip


def explain_unlisted(match: Match, seen: Seen) -> Said | None:
    """Say what transformers raises of sizes that differ; None where the report that lists them is in the text too."""
    if _ROWS.search(seen.text):
        return None
    return Said("transformers loaded a checkpoint in which some tensors have other sizes than in the model; this "
                "message does not say which.",
                "The report that is printed before the traceback lists them with both sizes: paste it too, and they "
                "are named here.",
                ("The model was made with another size, such as `vocab_size`, `num_labels` or a `config` of one's "
                 "own, than the checkpoint: leave that out, or bring the tensors to the sizes of the model.",
                 "It is a new head that is to be trained: with `ignore_mismatched_sizes=True` the tensors of other "
                 "sizes are made anew, and all others are loaded."))  # fmt: skip


def _pairs(differing: Sequence[Differing], by_name: Mapping[str, TensorFacts]) -> list[Pair]:
    """Return the tensors of the document that have a name and the shape of one that differs."""
    place = place_of([one.key for one in differing], by_name)
    found = [(one, by_name.get(f"{place or ''}{one.key}")) for one in differing]
    return [(one, tensor) for one, tensor in found if tensor is not None and tensor.shape == one.held]


def _missing(lists: Lists) -> list[str]:
    keys = lists.missing
    return [f"The model has {counted(len(keys), 'tensor')} that the checkpoint lacks: {some(keys)}."] if keys else []


def _unexpected(lists: Lists) -> list[str]:
    keys = lists.unexpected
    return [f"The checkpoint has {counted(len(keys), 'key')} that the model does not know: {some(keys)}."] if keys \
        else []  # fmt: skip


def _differing(lists: Lists) -> list[str]:
    sizes = lists.differing
    said = [f"{some([one.key])} is {bracketed(one.held)} in the checkpoint and {bracketed(one.wanted)} in the model"
            for one in sizes[:3]]  # fmt: skip
    rest = [f"{counted(len(sizes) - 3, 'more tensor')} differ in size"] if len(sizes) > 3 else []
    return [f"{'; '.join([*said, *rest])}."] if sizes else []


def _why(lists: Lists, change: tuple[str, str] | None, is_sure: bool) -> str:
    if change is not None and not is_sure:
        return (f"What is unexpected ends as what is missing does: {_changed(*change)}. Nothing else says that they "
                "are the same weights: rename them where you know it, or let the model make its own by "
                "`strict=False`.")  # fmt: skip
    if change is not None:
        return (f"All that is unexpected is what is missing, under other names: {_changed(*change)}. "
                "Rename them all, or name the model's parts as the checkpoint does.")  # fmt: skip
    if {"state_dict", "model_state_dict", "model", "optimizer", "epoch"} & set(lists.unexpected):
        inner = next((key for key in ("state_dict", "model_state_dict", "model") if key in lists.unexpected), "")
        if inner:
            return (f"The file holds more than the weights: they are one level down. "
                    f'Load `checkpoint["{inner}"]`.')  # fmt: skip
    if lists.differing and not (lists.missing or lists.unexpected):
        return ("The model was made with other sizes than the one that was saved: make it with the sizes of the "
                "checkpoint, or bring the tensors to the sizes of the model.")  # fmt: skip
    return ("The model is not built as the one that was saved: its code or its configuration differs. "
            "`strict=False` loads what fits, and leaves the rest as it was made.")  # fmt: skip


def _changed(old: str, new: str) -> str:
    if old and new:
        return f"`{old}` stands for `{new}`"
    return f"`{old}` stands before each" if old else f"`{new}` is missing before each"


def _causes(lists: Lists, change: tuple[str, str] | None) -> tuple[str, ...]:
    causes = []
    if change is not None and change[0] == "module.":
        causes.append("DataParallel and DistributedDataParallel put `module.` before every name.")
    if change is not None and "_orig_mod." in change:
        causes.append("torch.compile puts `_orig_mod.` before every name.")
    heads = [one for one in lists.differing if one.held[1:] == one.wanted[1:] and one.held[:1] != one.wanted[:1]]
    if heads and len(heads) == len(lists.differing):
        causes.append("Only the number of rows differs, as with another number of classes or tokens; "
                      "compare it with that of your data.")  # fmt: skip
    if lists.missing and all(key.endswith(COUNTER) for key in lists.missing):
        causes.append("torch before 0.4.1 did not save `num_batches_tracked`; 0 stands for it.")
    return tuple(causes)


def _involved(lists: Lists, pairs: Sequence[Pair], by_name: Mapping[str, TensorFacts]) -> Found:
    place = place_of(lists.unexpected, by_name) or ""
    unexpected = (by_name.get(f"{place}{key}") for key in lists.unexpected)
    return tuple(dict.fromkeys([*(tensor for _, tensor in pairs), *(one for one in unexpected if one is not None)]))


def _mends(lists: Lists, change: tuple[str, str] | None, pairs: Sequence[Pair],
           by_name: Mapping[str, TensorFacts]) -> tuple[Mend, ...]:  # fmt: skip
    mends = []
    place = place_of(lists.unexpected, by_name)
    if place is not None and change is not None:
        mends.append(renamed(lists.unexpected, change, place, by_name))
    elif place is not None:
        targets = tuple(f"{place}{key}" for key in lists.unexpected)
        mends.append(Mend(f"Delete {counted(len(targets), 'tensor')} that the model does not know",
                          (Edit("delete", targets),), some(targets)))  # fmt: skip
    if len(pairs) == len(lists.differing):
        mends += _resized(pairs)
    if (added := _counters(lists.missing, by_name)) is not None:
        mends.append(added)
    return tuple(mends)


def _resized(pairs: Sequence[Pair]) -> list[Mend]:
    """Return how tensors get the sizes of the model: each way for one, the first way for each of several."""
    if len(pairs) == 1:
        one, tensor = pairs[0]
        return reshaping(tensor.name, one.held, one.wanted) + _averaged(tensor, one)
    ways = [reshaping(tensor.name, one.held, one.wanted)[:1] for one, tensor in pairs]
    if not ways or not all(ways):
        return []
    said = "; ".join(f"{way[0].title}, {way[0].detail}" for way in ways[:5])
    rest = f"; and {len(ways) - 5:,} more" if len(ways) > 5 else ""
    edits = tuple(edit for way in ways for edit in way[0].edits)
    return [Mend(f"Bring {len(pairs):,} tensors to the sizes of the model", edits, f"{said}{rest}")]


def _averaged(tensor: TensorFacts, one: Differing) -> list[Mend]:
    """Return new rows that are the mean of the old ones, as for an embedding that gets more tokens."""
    if not len(one.held) == len(one.wanted) == 2 or one.held[1] != one.wanted[1] or one.held[0] >= one.wanted[0]:
        return []
    zeros = resizing(tensor.name, one.held, one.wanted)
    edit = Edit("insert_rows", (tensor.name,), None, {"count": one.wanted[0] - one.held[0], "method": "mean"})
    return [replace(zeros, title=zeros.title.replace("of zeros", "that are the mean of the old ones"), edits=(edit,))]


def _counters(missing: Sequence[str], names: Collection[str]) -> Mend | None:
    """Return how the counters of batches are added that old checkpoints of batch norms lack."""
    after = [(key, f"{key.removesuffix(COUNTER)}running_var") for key in missing if key.endswith(COUNTER)]
    if not after or not all(place in names for _, place in after):
        return None
    edits = tuple(Edit("add_tensor", (place,), None, {"to": key, "shape": (), "dtype": "int64", "value": 0})
                  for key, place in after)  # fmt: skip
    return Mend(f"Add {counted(len(edits), 'counter')} of batches", edits, "num_batches_tracked = 0")
