"""A message of the installed torch, really provoked, as a person pastes it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Provoked:
    """Something that fails, and what is said of it.

    Attributes
    ----------
    kind
        Which kind it is.
    fails
        What raises; a warning is an error in tests.
    message
        What is said of it, with the numbers it was provoked with.
    """

    kind: str
    fails: Callable[[], Any]
    message: str


def raised_by(fails: Callable[[], Any]) -> Exception:
    """What a call raises; an assertion where it raises nothing."""
    try:
        fails()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def traceback_of(fails: Callable[[], Any]) -> str:
    """The traceback that Python prints when a call fails."""
    return "".join(traceback.format_exception(raised_by(fails)))


def bare_of(fails: Callable[[], Any]) -> str:
    """The last lines of it: the exception and its message."""
    return "".join(traceback.format_exception_only(raised_by(fails)))
