"""The notice that a model has code of its own which changes a state_dict as it is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.words.labels import called
from weightedit.doctor.finding import Finding
from weightedit.doctor.load_report.comparison import Comparison, Told


def loading_code(compared: Comparison, told: list[Told]) -> Iterator[Told]:
    """Yield the notice that findings may be no harm, where code of the model may take what they are about."""
    modules = [name for name in compared.model.loading_code if _is_about(name, compared, told)]
    if not modules:
        return
    types = list(dict.fromkeys(_named(compared, name) for name in modules))
    more = f" and {len(types) - 2:,} more" if len(types) > 2 else ""
    said = f"{', '.join(types[:2])}{more} {'has' if len(modules) == 1 else 'have'} code that changes a state_dict as " \
           "it is loaded, a pre-hook of load_state_dict or _load_from_state_dict: what is said of tensors in it may " \
           "be taken as it is"  # fmt: skip
    yield Told(Finding("loading-code", modules[0], "", said, level="notice"))


def _named(compared: Comparison, name: str) -> str:
    kind = compared.types.get(name, "")
    return f"{called(name)} ({called(kind)})" if name else called(kind)


def _is_about(module: str, compared: Comparison, told: list[Told]) -> bool:
    """Whether anything that keeps the model from loading is in a module, or may be."""
    start = f"{module}." if module else ""
    return any(name.startswith(start) for one in told if one.finding.level != "notice"
               for name in (*one.names, *one.keys, one.finding.module))  # fmt: skip
