"""Whether what the spill keeps is still what was put there, looked at before undo, redo or an export shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from weightedit.core.commands import Command, LiveWrite, Rebind, Write
from weightedit.core.edits.arrange import Arrange
from weightedit.core.history import Step
from weightedit.core.progress import Progress
from weightedit.core.slots import HeldTensor, Slot
from weightedit.core.source import ByteSource
from weightedit.core.storage import sealed_bytes, verify_content
from weightedit.core.undo.sealed import Kept, SpillDamaged, compared_bytes, verify


def verify_steps(steps: Sequence[Step], back: bool, progress: Progress) -> None:
    """Compare everything that moving over steps shows or writes with its checksums.

    Parameters
    ----------
    steps, back
        In the order in which they are moved over; whether they are undone.
    progress
        Told how many bytes were compared, and asked whether to stop.

    Raises
    ------
    SpillDamaged
        Naming tensor and step; nothing was moved.
    """
    live: list[tuple[Step, Kept]] = []
    shown: dict[int, tuple[Step, ByteSource]] = {}
    for step in steps:
        for command in step.commands:
            if isinstance(command, LiveWrite):  # both sides: one is written, the other tells what other code changed
                live += ((step, kept) for _, *both in command.pieces for kept in both)
            else:
                _note(shown, step, command, back)
    progress.begin("Undo" if back else "Redo", sum(compared_bytes(kept) for _, kept in live)
                   + sum(sealed_bytes(content) for _, content in shown.values()))  # fmt: skip
    for step, kept in live:
        _verify(step, back, lambda: verify(kept, progress.advance))  # noqa: B023  # called at once
    for step, content in shown.values():
        _verify(step, back, lambda: verify_content(content, progress.advance))  # noqa: B023  # called at once


def _verify(step: Step, back: bool, check: Callable[[], object]) -> None:
    try:
        check()
    except SpillDamaged as error:
        raise error.named(step.where, f"{'undo' if back else 'redo'} of {step.label}") from None


def _note(shown: dict[int, tuple[Step, ByteSource]], step: Step, command: Command, back: bool) -> None:
    """Put down what a command shows, by its storage: what a later step puts in its place need not be whole."""
    if isinstance(command, Write):
        shown[id(command.storage)] = step, command.before if back else command.after
    elif isinstance(command, Rebind):
        left, now = (command.after, command.before) if back else (command.before, command.after)
        if left[1].storage is not now[1].storage:
            shown.pop(id(left[1].storage), None)
        if now[1].live is None:
            shown.setdefault(id(now[1].storage), (step, now[1].storage.content))
    elif isinstance(command, Arrange):
        for _, value in command.before if back else command.after:
            if isinstance(value, HeldTensor) and not value.is_deferred and value.described.live is None:
                shown.setdefault(id(value.storage), (step, value.storage.content))


@contextmanager
def naming_damage(slots: Iterable[Slot]) -> Iterator[None]:
    """Let a `SpillDamaged` that names no tensor name the first of these whose bytes are damaged."""
    try:
        yield
    except SpillDamaged as error:
        if error.tensor:
            raise
        raise _named(error, slots) from error


def _named(error: SpillDamaged, slots: Iterable[Slot]) -> SpillDamaged:
    for slot in slots:
        if slot.held.is_deferred or slot.held.described.live is not None:
            continue
        try:
            verify_content(slot.storage.content)
        except SpillDamaged:
            return error.named(slot.name)
    return error
