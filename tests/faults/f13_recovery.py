"""F13: the program is killed in the midst of edits, undos and redos, and again while it recovers."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.trials import Note, Outcome, Trial
from tests.faults.warm import BEGIN, warm

FAMILY = "F13"
TITLE = "SIGKILL between edits, undos and redos, and a second one during recovery"
GROUPS = ("safetensors", "torch zip", "npz", "shards", "saves")
COUNTS = {"safetensors": 100, "torch zip": 30, "npz": 30, "shards": 30, "saves": 60}
_OPEN: list[Any] = []
"""Documents of the child: one that nobody holds is closed."""


def act(arguments: dict[str, Any], report: Callable[[str], None]) -> list[str]:
    """Do a script on a file with a journal, and say after each action that it is done; the file stays open."""
    import weightedit
    from tests.faults.scripts import script

    document = weightedit.open(arguments["path"], journal=True)
    _OPEN.append(document)
    report(BEGIN)
    done = []
    for number, (kind, action) in enumerate(script(arguments["seed"], arguments["length"], saves=arguments["saves"])):
        action(document)
        report(str(number))
        done.append(kind)
    return done


def recover(arguments: dict[str, Any], report: Callable[[str], None]) -> dict[str, str]:
    """Recover the one journal there is, and leave without closing."""
    from tests.faults.scripts import state_of
    from weightedit import assembly
    from weightedit.core.journals.recovery import unfinished

    (found,) = unfinished()
    report(BEGIN)
    document = assembly.recover(found)
    _OPEN.append(document)
    report("recovered")
    return state_of(document)


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Kill scripts on one format at random moments, recover them, and compare with what they should have come to."""
    chance, kind = random.Random(group), "safetensors" if group == "saves" else group
    late, second, before = 0, 0, os.environ.get("WEIGHTEDIT_STATE", "")
    count = 1 if quick else COUNTS[group]
    try:
        for _ in range(count):
            seed, length = chance.randrange(1 << 30), 50 if quick else chance.randint(50, 500)
            os.environ["WEIGHTEDIT_STATE"] = str(folder / "state")
            one = _One(folder, kind, seed, length, group == "saves", chance.random())
            why = one.run()
            late, second = late + one.was_late, second + one.was_killed_again
            yield Trial(FAMILY, f"{group}, script {seed} of {length}, {one.case}", not why, why)
            shutil.rmtree(folder)
    finally:
        os.environ["WEIGHTEDIT_STATE"] = before
    yield Note(FAMILY, group, f"{count} scripts, {count - late} killed while they ran, {second} killed again while "
                              "they were recovered")  # fmt: skip


class _One:
    """One script that is killed, and what is left of it."""

    def __init__(self, folder: Path, kind: str, seed: int, length: int, saves: bool, when: float) -> None:
        from tests.faults.scripts import write

        self.path = write(folder / "killed", kind)
        self.untouched = folder / "untouched"
        shutil.copytree(self.path.parent, self.untouched)
        self.arguments = {"path": str(self.path), "seed": seed, "length": length, "saves": saves}
        self.when = when
        self.case = ""
        self.was_late = self.was_killed_again = False

    def run(self) -> str:
        """Return what went wrong, or nothing."""
        from weightedit.core.journals.recovery import unfinished

        ended = warm().run("tests.faults.f13_recovery:act", self.arguments,
                           kill_after=self.when * 0.01 * self.arguments["length"])  # fmt: skip
        self.was_late = not ended.was_killed
        done = int(ended.phase) if ended.phase.isdigit() else -1
        self.case = f"killed after action {done} at {self.when:.3f}"
        if not ended.was_killed and ended.error:
            return f"the script ended with {ended.error}"
        kept, state = _bytes_of(self.path.parent), _bytes_of(Path(os.environ["WEIGHTEDIT_STATE"]))
        found = unfinished()  # a journal whose edits are all in the file is no more, and only that
        if kept != _bytes_of(self.path.parent) or (found and state != _bytes_of(Path(os.environ["WEIGHTEDIT_STATE"]))):
            return "looking at what is unfinished changed a file"
        if len(found) > 1 or any(one.problem for one in found):
            return f"found {found}"
        wanted = self._states(done)
        if found and (why := self._killed_again(found[0].edits)):
            return why
        state, why = self._recovered(bool(found))
        if why or state not in wanted:
            return why or f"the state is none of those after action {done} or in the next; {found}"
        return ""

    def _states(self, done: int) -> list[dict[str, str]]:
        """Replay on the undisturbed copy: the state after the last action that was over, and after each later edit."""
        import weightedit
        from tests.faults.scripts import script, state_of

        found = []
        arguments = self.arguments
        with weightedit.open(self.untouched / self.path.name) as document:
            actions = script(int(arguments["seed"]), int(arguments["length"]), saves=bool(arguments["saves"]))
            for _, action in actions[: done + 1]:
                action(document)
            found.append(state_of(document))
            commit = document.commit

            def committed(step: Any) -> None:
                commit(step)
                found.append(state_of(document))

            document.commit = committed  # type: ignore[method-assign]
            for _, action in actions[done + 1 : done + 2]:
                action(document)
                found.append(state_of(document))
        return found

    def _killed_again(self, edits: tuple[Any, ...]) -> str:
        """Kill a recovery at a random moment: what is offered then is the same."""
        from weightedit.core.journals.recovery import unfinished

        ended = warm().run("tests.faults.f13_recovery:recover", {}, kill_after=self.when * 0.004 * len(edits))
        self.was_killed_again = ended.phase == BEGIN
        if ended.error:
            return f"recovering ended with {ended.error}"
        again = unfinished()
        if len(again) != 1 or [_shown(edit) for edit in again[0].edits] != [_shown(edit) for edit in edits]:
            return f"after a second kill ({ended.phase}) there is {again}"
        return ""

    def _recovered(self, is_there: bool) -> tuple[dict[str, str], str]:
        import weightedit
        from tests.faults.scripts import state_of
        from weightedit import assembly
        from weightedit.core.journals.recovery import unfinished

        if not is_there:
            with weightedit.open(self.path) as document:
                return state_of(document), ""
        before = _bytes_of(self.path.parent)
        with assembly.recover(unfinished()[0]) as document:
            state, recovered = state_of(document), document.recovered
            if recovered is None or recovered.left_out:
                return state, f"left out: {recovered}"
            if _bytes_of(self.path.parent) != before:
                return state, "recovering changed the file"
            document.go_to(0)
            with weightedit.open(self.path) as plain:
                if state_of(document) != state_of(plain):
                    return state, "undoing everything does not give the file"
        return state, f"closed, and still there: {unfinished()}" if unfinished() else ""


def _shown(edit: Any) -> tuple[Any, ...]:
    return edit.label, edit.where, edit.undone, edit.group


def _bytes_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip
