"""Scenes of trust: edits that a crash left, what an interrupted save left, and an error nobody expected."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from PySide6.QtCore import QTimer
from shooting import Shooting

KILLED = """
import os, signal, sys
from weightedit.assembly import open_document
document = open_document(sys.argv[1], journal=True)
names = [name for name, info in document.tensors.items() if len(info.shape) == 2]
document.apply("scale", names[0], factor=0.25)
document.apply("clamp", names[1], min=-0.1, max=0.1)
with document.grouped("Set 3 cells"):
    for at in range(3):
        document.apply("fill", names[0], region=f"[{at}, 0]", value=0.0)
document.apply("fill", names[2], region="[0, :]", value=1.0)
document.apply("transpose", names[3], accept="all")
document.undo()
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_while_editing(path: Path) -> None:
    """Edit a file in a process that is killed."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)


def recovery(at: Shooting, files: Path) -> None:
    """Offers on the start page, the list of edits, the question, a problem, and beside the document."""
    kill_while_editing(files / "digits.pt")
    work = at.window.files.recovering
    work.look()
    at.rest(lambda: bool(work.notices))
    at.take("recovery-start")
    notice = work.notices[0]
    notice.show_button.click()
    at.take("recovery-edits")
    notice.show_button.click()
    notice.discard_button.click()
    at.take("recovery-discard")
    notice.keep_button.click()
    at.open(files / "vision.pt", "state_dict.fc.weight")
    at.take("recovery-with-document")
    at.open(files / "digits.pt", "model.encoder.project.weight")
    at.apply("fill", Value="1")
    at.take("recovery-beside-other-edits")
    at.window.documents.close(at.window.current)
    notice.recover_button.click()
    at.rest(lambda: len(at.window.documents.all) == 2)
    at.take("recovery-done")
    at.window.documents.close(at.window.current)
    kill_while_editing(files / "digits.pt")
    other = torch.load(files / "digits.pt")
    torch.save({"model": {"other": torch.zeros(3, 4)}, "was": str(type(other))}, files / "digits.pt")
    work.look()
    at.rest(lambda: bool(work.notices))
    at.take("recovery-changed-file")
    work.notices[0].recover_button.click()
    at.rest()
    at.take("recovery-other-file")
    for journal in (Path(os.environ["WEIGHTEDIT_STATE"]) / "journals").glob("*/journal"):
        journal.write_bytes(b"\xff" * 4096)
    for one in work.notices:
        at.window.files.strip.remove(one)
    work.look()
    at.rest(lambda: bool(work.notices))
    at.take("recovery-problem")


def unexpected(at: Shooting, files: Path) -> None:
    """Show the dialog of an unexpected error, counting, and the cards of memory and disk."""
    at.open(files / "digits.pt", "model.encoder.project.weight")

    def broken(progress: object) -> None:
        raise ZeroDivisionError("division by zero")

    for _ in range(3):
        at.window.tasks.start("Measuring every tensor", broken, on_result=None)
        at.rest()
    at.take("unexpected")
    at.window.faults.dialog.accept()

    def starving(progress: object) -> None:
        torch.empty(1 << 55, dtype=torch.uint8)

    def full(progress: object) -> None:
        raise OSError(28, "No space left on device", str(files / "out.safetensors"))

    for work in (starving, full):
        at.window.tasks.start("Exporting", work, on_result=None)
    QTimer.singleShot(0, at.window.update)
    at.take("machine-errors")


def leftovers(at: Shooting, files: Path) -> None:
    """Show what was removed of a save that was killed."""
    from weightedit.core.writing.leftovers import Cleaned, Kept
    from weightedit.ui.files.tidying import lines_of, title_of
    from weightedit.ui.recovery.recovery_notice import LeftoversNotice

    strip = at.window.files.strip
    for cleaned in (Cleaned(removed=(files / ".model.weightedit-a81c92f0.tmp",), nbytes=33_554_432),
                    Cleaned((files / ".a.weightedit-a81c92f0.tmp",), tuple(files / f"model-{n}.safetensors"
                                                                            for n in range(3)),
                            (Kept(files / ".model.weightedit-77aa0b1c.old", "model.pt is gone, and this holds what "
                                  "was in it"),), 12_000)):  # fmt: skip
        notice = LeftoversNotice(title_of(cleaned), lines_of(cleaned), lambda: None,
                                 "warning" if cleaned.kept else "notice")  # fmt: skip
        strip.add(notice)
    at.take("leftovers")


class _Calls:
    """What a pickle has a function called for, once somebody unpickles it."""

    def __init__(self, call: Callable[..., object], *args: object) -> None:
        self._told = call, args

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._told


def code(at: Shooting, files: Path) -> None:
    """Show what is said of a file that names code, and of several."""
    calls = {"a": _Calls(os.system, "true"), "b": _Calls(exec, "pass"), "c": _Calls(subprocess.run, "true")}
    for number in range(5):
        held = {"model": {"weight": torch.randn(64, 96)}, **(calls if number else {"a": calls["a"]})}
        torch.save(held, files / f"from-the-web-{number}.pt")
    at.open(files / "from-the-web-0.pt", "model.weight")
    at.take("code-named")
    for number in range(1, 5):
        at.open(files / f"from-the-web-{number}.pt")
    at.take("code-named-in-several")


def refusals(at: Shooting, files: Path) -> None:
    """Show seven files that cannot be opened: three cards, the count of the rest, and their list."""
    bad = [files / f"shard-{number}.safetensors" for number in range(7)]
    for path in bad:
        path.write_bytes(b"\xff" * 40)
    at.window.open([str(path) for path in bad])
    at.rest(lambda: len(at.window.errors.all) == len(bad))
    at.take("refusals")
    at.window.errors.more.show_button.click()
    at.window.errors.cards[0].unfold.click()
    at.take("refusals-unfolded")


SCENES = {"refusals": refusals, "recovery": recovery, "unexpected": unexpected, "leftovers": leftovers,
          "code": code}  # fmt: skip
