"""What a kind of message is: the words it is found by, the pattern that reads it, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from weightedit.core.words.visible import visible
from weightedit.doctor.explain.explained import Frame
from weightedit.doctor.explain.pieces import dtype_word, numbers_of
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.finding import Mend

Found = tuple[TensorFacts, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A message in a text.

    Attributes
    ----------
    message
        From its first word to the end of what belongs to it, which may be many lines.
    error
        The name of the exception before it, such as `RuntimeError`; empty where there is none.
    frames
        The lines of code of its traceback, outermost first.
    tensors
        Those of the open document.
    text
        The whole text.
    """

    message: str
    error: str
    frames: tuple[Frame, ...]
    tensors: Found
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What one kind says of a message; see `Explained`, whose parts these are."""

    message: str
    why: str
    causes: tuple[str, ...] = ()
    tensors: Found = ()
    mends: tuple[Mend, ...] = ()


Match = re.Match[str]
Explain = Callable[[Match, Seen], Said | None]
Fit = Callable[[Match, Seen], Found]
Offer = Callable[[Match, Seen], tuple[Mend, ...]]


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One kind of message.

    Attributes
    ----------
    name
        A word or two, such as `batch-mismatch`. Other wordings of the same kind have the same name.
    title
        What happens, in a few words.
    words
        Of which one stands in every such message, as it is: by them the kind is found in a long text.
    pattern
        What the message is from its beginning on; after an exception's name, never within a line. Of its groups,
        `shape…` are shapes, `dtype…` are dtypes in any of torch's spellings, `type` is a class, said with its article,
        and the others are taken as they are.
    explain
        What is said of it; None where it turns out to be another message.
    sample
        Such a message, as torch words it.
    """

    name: str
    title: str
    words: tuple[str, ...]
    pattern: str
    explain: Explain
    sample: str


def said_of(match: Match) -> dict[str, str]:
    """Return the groups of a match as they stand in sentences."""
    made = {}
    for name, found in match.groupdict(default="").items():
        kind = name.rstrip("0123456789")
        made[name] = bracketed(numbers_of(found)) if kind == "shape" else dtype_word(found) if kind == "dtype" else \
            with_article(found) if kind == "type" else visible(found.strip(), 200)  # fmt: skip
    return made


def with_article(type_name: str) -> str:
    """Return what an object of a class is: `an int`, `a Tensor`, `None`."""
    if type_name in ("NoneType", ""):
        return "None" if type_name else ""
    bare = type_name.rpartition(".")[2]
    return f"{'an' if bare[:1] in 'aeiouAEIO' else 'a'} {visible(type_name, 200)}"


def bracketed(shape: tuple[int, ...]) -> str:
    """Return a shape as messages have it, `[4096, 11008]`."""
    return f"[{', '.join(map(str, shape))}]"


def says(message: str, why: str, *causes: str, fits: Fit | None = None, mends: Offer | None = None,
         more: Callable[[Match], Mapping[str, str]] | None = None) -> Explain:  # fmt: skip
    """Make what explains a kind out of sentences with the names of groups in braces.

    Parameters
    ----------
    message, why, causes
        As in `Explained`.
    fits
        Which tensors of the document fit.
    mends
        Which edits would do.
    more
        Further words for the braces, worked out of the groups.
    """

    def explain(match: Match, seen: Seen) -> Said:
        given = said_of(match) | dict(more(match) if more else {})
        said = tuple(cause.format_map(given) for cause in causes)
        return Said(message.format_map(given), why.format_map(given), said,
                    fits(match, seen) if fits else (), mends(match, seen) if mends else ())  # fmt: skip

    return explain
