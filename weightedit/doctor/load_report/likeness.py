"""What two names say alike: words that are the same, short for each other, or of one stem."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SHORT = {"q": "query", "k": "key", "v": "value", "o": "out", "output": "out"}
"""What code calls the parts of attention, and what they are."""
_FILLING = {"proj", "projection", "linear", "lin", "to", "w", "layer", "fc", "weight", "conv", "convolution"}
"""Words that say what kind of module it is, and not which; they count where a part of a name says nothing else."""
_SHORTEST = 3
"""Letters of a word that can be short for a longer one."""
_STEM = 5
"""Letters that words of one stem have in common at least, and as a share of the longer one `_SHARE`."""
_SHARE = 0.6
_AKIN = 0.8
"""What a word counts that is not the same but akin."""
_TURNS = ({"pre", "input", "first", "before"}, {"post", "second", "final", "after"})
"""What says that one of two norms of a block comes before or behind the other, whatever else it says."""
_PARTS = ({"attn", "attention", "sa", "mha"}, {"ffn", "ff", "mlp", "feed", "feedforward", "output", "out"})
"""What the two parts of a block are called, in the order in which they come; their norms are called after them."""
_DIGITS = re.compile(r"\d+")


def words(name: str) -> tuple[str, ...]:
    """Return what a dotted name says without its numbers: `('attn', 'query')` for `attn.0.q_proj`, or `attn.Wq`."""
    return tuple(dict.fromkeys(word for part in name.split(".") for word in _of_part(part)))


def _of_part(part: str) -> list[str]:
    found = [_plain(word.lower()) for word in _WORD.findall(part)]
    return [word for word in found if word not in _FILLING] or found


def _plain(word: str) -> str:
    if len(word) == 2 and word[0] == "w" and word[1] in _SHORT:
        word = word[1]
    if len(word) > _SHORTEST:
        word = f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s") if not word.endswith("ss") else word
    return _SHORT.get(word, word)


def are_akin(one: str, other: str) -> bool:
    """Whether two words are the same, one is short for the other, or both are of one stem."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    common = next((place for place, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    return (common == len(short) >= _SHORTEST) or common >= max(_STEM, _SHARE * len(long))


def said_alike(names: Sequence[str], others: Sequence[str]) -> dict[int, int]:
    """Return which of several names is which of as many others: those that are each other's likest, by far or not.

    Parameters
    ----------
    names, others
        Of things of one kind; what all names of a side say tells none of them apart, so it is left out.

    Returns
    -------
    dict
        Places in `others` by those in `names`; nothing for a name that says as much of two.
    """
    ours, theirs = _telling(names), _telling(others)
    scores = [[_score(one, other) for other in theirs] for one in ours]
    best = [_only_best(row) for row in scores]
    back = [_only_best([row[place] for row in scores]) for place in range(len(theirs))]
    return {place: other for place, other in enumerate(best) if other is not None and back[other] == place}


def in_turn(names: Sequence[str], others: Sequence[str]) -> dict[int, int]:
    """Return which of two norms of a block is which of two others, by whether they come first or second.

    Returns
    -------
    dict
        Places in `others` by those in `names`; empty where either side does not say.
    """
    turns = [_turns(some) for some in (names, others)]
    return {place: turns[1].index(turn) for place, turn in enumerate(turns[0])} if all(turns) else {}


def _turns(names: Sequence[str]) -> list[int]:
    """Return 0 for the first and 1 for the second of two, empty where they do not say: `ln_1`, `input_norm`."""
    if len(names) != 2:
        return []
    numbers = [[int(number[:18]) for number in _DIGITS.findall(name)] for name in names]
    if numbers[0] != numbers[1] and all(numbers):
        return [0, 1] if numbers[0] < numbers[1] else [1, 0]
    found = [next((turn for kinds in (_TURNS, _PARTS) for turn in (0, 1) if kinds[turn] & some), None)
             for some in _telling(names)]  # fmt: skip
    return [turn for turn in found if turn is not None] if set(found) == {0, 1} else []


def _telling(names: Sequence[str]) -> list[set[str]]:
    every = [set(words(name)) for name in names]
    common = set.intersection(*every) if len(every) > 1 else set()
    return [some - common for some in every]


def _score(ours: set[str], theirs: set[str]) -> float:
    """Return how much of what two names say is alike, from 0 to 1."""
    found = [max((_pair(one, other) for other in others), default=0.0)
             for some, others in ((ours, theirs), (theirs, ours)) for one in some]  # fmt: skip
    return sum(found) / len(found) if found else 0.0


def _pair(one: str, other: str) -> float:
    return 1.0 if one == other else _AKIN if are_akin(one, other) else 0.0


def _only_best(scores: Sequence[float]) -> int | None:
    most = max(scores, default=0.0)
    return scores.index(most) if most and scores.count(most) == 1 else None
