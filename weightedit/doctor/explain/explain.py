"""Explains a pasted message or traceback of PyTorch, or a snippet that is no Python; never guesses."""

from __future__ import annotations

from weightedit.doctor.explain.cleaning import cleaned, without_prompts
from weightedit.doctor.explain.explained import MOST_NAMED, UNKNOWN, Explained, Frame
from weightedit.doctor.explain.frames import own_frame_before
from weightedit.doctor.explain.kind import ErrorKind, Said
from weightedit.doctor.explain.kinds import KINDS
from weightedit.doctor.explain.recognise import has_error, recognised
from weightedit.doctor.explain.syntax import explain_snippet, explain_syntax
from weightedit.doctor.facts import TensorFacts

_LONGEST_LINE = 1_000


def explain(text: str, tensors: tuple[TensorFacts, ...] = ()) -> Explained:
    """Say what a message means, which tensors it is about, and which edits would mend it.

    Of several messages in a text the first that is known is explained: in a chain of exceptions that is the cause.
    Nothing of the text is run, and torch is not imported.

    Parameters
    ----------
    text
        A message, a traceback with what logs and terminals put around it, or a piece of Python code.
    tensors
        Those of the open document, as `facts_of` gives them.

    Returns
    -------
    Explained
        Of the kind `unknown` where nothing in the text is known.
    """
    plain = cleaned(text)
    found = recognised(plain, KINDS, tensors)
    if found is not None:
        kind, said, start = found
        return _explained(kind, said, _line(plain, start), own_frame_before(plain, start))
    syntax = explain_syntax(plain)
    if syntax is not None:
        return syntax
    return explain_snippet(without_prompts(plain).strip("\n")) or _unknown(plain)


def _explained(kind: ErrorKind, said: Said, line: str, frame: Frame | None) -> Explained:
    return Explained(kind.name, kind.title, said.message, said.why, line, frame,
                     tuple(one.name for one in said.tensors[:MOST_NAMED]), len(said.tensors), said.mends,
                     causes=said.causes)  # fmt: skip


def _line(text: str, start: int) -> str:
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else None].strip()
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _unknown(text: str) -> Explained:
    if not text.strip():
        return Explained(UNKNOWN, "No text", "There is no text to explain.",
                         "Paste a message or a traceback of PyTorch, from its first line to its last.")  # fmt: skip
    frame = own_frame_before(text, len(text))
    if has_error(text):
        return Explained(UNKNOWN, "Not known here", "This message is not one of those that are explained here.",
                         "weightedit explains the messages that people who use PyTorch meet most, and guesses at no "
                         "other. The page “Errors that are explained” lists them.", frame=frame)  # fmt: skip
    return Explained(UNKNOWN, "Not known here", "No message that is explained here is in this text.",
                     "A message is a line such as `RuntimeError: …`, mostly the last of what was printed. If it is not "
                     "in what was pasted, paste that line too.", frame=frame)  # fmt: skip
