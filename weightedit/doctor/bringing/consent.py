"""What a person is asked before code runs: all of it by name, and what it is like at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.core.errors import WeightEditError
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.code_found import fingerprints, searched
from weightedit.doctor.bringing.model_reference import ModelReference, ReferenceWrong, parse_reference

if TYPE_CHECKING:
    from weightedit.doctor.checkup import Wanted


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person is asked to say yes to.

    Attributes
    ----------
    model
        The code that makes the model; None for a live module.
    sentences
        All that runs, one sentence each.
    agreed
        That code as it is now: names with fingerprints. Given on as `Asked(agreed=…)`, nothing else runs.
    """

    model: ModelReference | None
    sentences: tuple[str, ...]
    agreed: tuple[tuple[str, str], ...] = ()


def consent_for(model: Any, wanted: Wanted, working: Path) -> Consent:
    """Return what a person is to be asked before a model is made, run and trained; nothing is imported to find out.

    Parameters
    ----------
    model
        A reference to its code, as text or read already; or a live module.
    wanted
        How it is to be trained; loss, optimizer and data may be code too.
    working
        The folder it runs in, which relative paths are relative to.

    Raises
    ------
    WeightEditError
        If a reference does not read, or a live module would be trained with code by reference.
    """
    if not isinstance(model, str | Path | ModelReference):
        refuse_references(wanted)
        return Consent(None, (f"The forward of {visible(type(model).__name__)} runs here, in this process, on a copy "
                              "of it.", "A stop takes effect where the next module is entered."))  # fmt: skip
    named = [str(model), *wanted.references.values()]
    before = [parse_reference(text, working) for text in named]
    paths = searched(before, working)
    agreed = {key: mark for one in before for key, mark in fingerprints(one, paths).items()}
    reference, *others = [parse_reference(text, working) for text in named]  # again: what is said is not older
    beside = dict(zip(wanted.references, others, strict=True))
    return Consent(reference, reference.what_runs(working, beside), tuple(agreed.items()))


def refuse_references(wanted: Wanted) -> None:
    """Raise where code by reference is to run beside a live module: it would be imported into the person's own process.

    Raises
    ------
    WeightEditError
        Says what to do instead.
    """
    if named := list(wanted.references.values()):
        from weightedit.core.words.labels import listed  # a model's process, which starts for every check, does without

        raise WeightEditError(f"{listed(named)} would be imported into this process, where the live module is; give "
                              "the object itself from Python, or bring the model by reference as well, package:name "
                              "or file.py:Class, so that all of it runs in a process of its own.")  # fmt: skip


def check_agreed(reference: ModelReference, agreed: Mapping[str, str] | None, paths: list[str]) -> None:
    """Raise where code is not as it was when a person said yes to it.

    Parameters
    ----------
    agreed
        As `Consent` has it; None where nobody was asked, because a script named the code itself.
    paths
        Where packages are looked for first.

    Raises
    ------
    ReferenceWrong
        If it is other code by now.
    """
    if agreed is None:
        return
    for key, mark in fingerprints(reference, paths).items():
        if agreed.get(key) != mark:
            raise changed(key)


def changed(name: str) -> ReferenceWrong:
    """Return what is raised for code that is not what was agreed to."""
    return ReferenceWrong(f"{visible(name)} changed after you were asked whether it may run; nothing of it was run. "
                          "Check again to be asked about it as it is now.")  # fmt: skip
