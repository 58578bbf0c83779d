"""Which modules of a model are meant: by name, pattern or regular expression, as tensors of a document are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch

from weightedit.core.described.targets import matcher
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.words.paths import counted


def chosen_modules(model: torch.nn.Module, targets: Sequence[str]) -> dict[str, torch.nn.Module]:
    """Return the modules that targets mean, by their first name, in the order of `named_modules()`.

    Parameters
    ----------
    model
        Its own name is empty.
    targets
        An exact name wins; then `fnmatchcase`, where `*` crosses dots; `re:` is a full match. A module that is used in
        several places is meant by each of its names, and is there once.

    Raises
    ------
    EditRefused
        If one of them matches nothing, or does not read.
    """
    names: dict[str, torch.nn.Module] = dict(model.named_modules(remove_duplicate=False))
    meant: set[int] = set()
    for target in targets:
        fits = matcher(target)
        found = [names[target]] if target in names else [names[name] for name in names if fits(name)]
        if not found:
            near = difflib.get_close_matches(target, list(names), 1, 0.5)
            hint = f"Did you mean {near[0]}?" if near else f"The model has {counted(len(names), 'module')}."
            raise EditRefused([refusal("not-found", f"No module is named {target}", hint)])
        meant.update(map(id, found))
    return {name: module for name, module in model.named_modules() if id(module) in meant}
