"""Run a Python session as a document shows it, on the torch that is installed."""

from __future__ import annotations

import doctest
import warnings

import torch

WARNS = {"imaginary-lost": "Casting complex values to real discards the imaginary part"}
"""What torch says besides, by kind; it is an error in the tests, where nobody reads it."""


def run(name: str, session: str) -> str:
    """Return what differs between a session and what this torch prints; empty if nothing does."""
    said: list[str] = []
    names = {"torch": torch, "nn": torch.nn}
    test = doctest.DocTestParser().get_doctest(session, names, name, None, None)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    with warnings.catch_warnings():
        if name in WARNS:
            warnings.filterwarnings("ignore", WARNS[name], UserWarning)
        runner.run(test, out=said.append)
    assert test.examples, f"{name} has no example"
    return "".join(said)
