"""F2: a save is killed at each thing it asks of the system, one after the other."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.oracle import digest, weightedit_state
from tests.faults.saves import IN_PLACE, KINDS, MIB, Kind
from tests.faults.scenes import DESTINATIONS, PATCHED, Scene, forget_lists, scene
from tests.faults.trials import Note, NotRun, Outcome, Trial
from tests.faults.warm import NO_FORK

FAMILY = "F2"
TITLE = "SIGKILL at each system call of a save, an export, a patch in place, or of putting that back"
GROUPS = (*KINDS, *(f"{kind}, in place" for kind in IN_PLACE))
QUICK = ("safetensors in shards",)
CALLS = (
    "?openat,?creat,?write,?writev,?pwrite64,?pwritev,?pwritev2,?copy_file_range,?sendfile,?ftruncate,?fallocate,"
    "?fsync,?fdatasync,?sync_file_range,?ioctl,?close,?rename,?renameat,?renameat2,?link,?linkat,?symlink,?symlinkat,"
    "?unlink,?unlinkat,?chmod,?fchmod,?fchmodat,?fchmodat2,?chown,?fchown,?lchown,?fchownat,?setxattr,?fsetxattr,"
    "?lsetxattr,?removexattr,?utimensat,?flock,?fcntl,?mkdir,?mkdirat,?rmdir"
)
"""All that could change a file or a folder; between two of them nothing on the disk does."""


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Kill saves of one format at each operation; by strace in a full run, where it may trace."""
    if NO_FORK:
        yield NotRun(FAMILY, group, NO_FORK)
        return
    if group.endswith(", in place"):
        yield from _in_place(KINDS[group.removesuffix(", in place")], quick, folder)
        return
    if quick:
        one = scene(KINDS[group], DESTINATIONS[3 if group in QUICK else 1], folder, 40_000, {})
        yield from _operations(one, () if group in QUICK else ("replace",), short=group in QUICK)
        return
    refused = strace_refused()
    nbytes = 2 * MIB if group == "csv" else 8 * MIB
    for destination in DESTINATIONS:
        one = scene(KINDS[group], destination, folder, nbytes, {})
        yield from _operations(one, ())
        if refused:
            yield NotRun(FAMILY, f"{group}, {destination}: system calls", refused)
        else:
            yield from _calls(one, folder / "calls.log")


def _in_place(kind: Kind, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Kill patches in place; the old bytes are put back at the next start, or when the file is opened."""
    if quick:
        one = scene(kind, PATCHED, folder, 40_000, {})
        yield from _operations(one, () if kind.name in QUICK else ("write", "sync"), short=True)
        yield from _put_back(one, ("write", "set_times") if kind.name in QUICK else ("set_times",), short=True)
        return
    one = scene(kind, PATCHED, folder, 8 * MIB, {})
    yield from _operations(one, ())
    yield from _put_back(one, ())
    refused = strace_refused()
    if refused:
        yield NotRun(FAMILY, f"{kind.name}, in place: system calls", refused)
    else:
        yield from _calls(one, folder / "calls.log")


def strace_refused() -> str:
    """Say why strace cannot trace here; empty if it can."""
    if not shutil.which("strace"):
        return "no strace here"
    tried = subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=fsync:signal=KILL:when=1", "true"],
                           capture_output=True, text=True, check=False)  # fmt: skip
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip().splitlines()[-1:]}"


def _operations(one: Scene, only: tuple[str, ...], *, short: bool = False) -> Iterator[Outcome]:
    """Kill before, after and, of a write, within each operation of our own I/O layer.

    In short, after one is left to before the next: between them nothing on the disk changes.
    """
    ended, _ = one.run()
    for what, end_at in _moments(ended.answer, only, short=short):
        yield _judged(one, what, end_at=end_at)


def _moments(names: list[str], only: tuple[str, ...], *, short: bool) -> Iterator[tuple[str, tuple[int, str]]]:
    for number, name in enumerate(names, 1):
        if only and name not in only:
            continue
        sides = ("before", *(["within"] if name in ("write", "copy") else []), *(["after"] if not short else []))
        for side in sides:
            yield f"{side} operation {number} of {len(names)}, {name}", (number, side)


def _put_back(one: Scene, only: tuple[str, ...], *, short: bool = False) -> Iterator[Outcome]:
    """Kill the next start, too, at each operation by which it puts old bytes back; the one after it does so then."""
    patch = _half_way(one)
    one.recover()  # what the search above has left is put right apart: a trial begins without it
    one.run(end_at=patch)
    names = one.recover().answer
    for what, end_at in _moments(names, only, short=short):
        _, oracle = one.run(end_at=patch)
        ended = one.recover(end_at=end_at)
        left = one.is_half_patched()
        if end_at[0] % 2:
            forget_lists()
            weightedit_state(one.source)
        faults = oracle.faults(False, patched=True)
        if not ended.was_killed:
            faults.append(f"the next start was not killed: {ended}")
        yield Trial(FAMILY, f"{one.kind.name}, {one.destination}: put back, and that killed at {what}", not faults,
                    f"{'; '.join(faults)}, {'' if left else 'not '}half patched" if faults else "")  # fmt: skip
    yield Note(FAMILY, f"{one.kind.name}, {one.destination}", f"{len(names)} operations put old bytes back")


def _half_way(one: Scene) -> tuple[int, str]:
    """Return an operation of a patch in the midst of which the file is neither old nor new; it was killed there."""
    ended, _ = one.run()
    for number in range(len(ended.answer), 0, -1):
        if ended.answer[number - 1] == "write":
            _, oracle = one.run(end_at=(number, "within"))
            if one.is_half_patched() and any(digest(path) not in (oracle.old[path], oracle.new[path])
                                             for path in oracle.new):  # fmt: skip
                return number, "within"
    raise RuntimeError(f"no write of {one} leaves a file that is neither old nor new")


def _calls(one: Scene, log: Path) -> Iterator[Outcome]:
    """Kill at each system call that an undisturbed run made."""
    watched = ["-o", str(log), "-e", f"trace={CALLS}"]
    one.run(traced=True, trace=watched)
    made = [found[1] for line in log.read_text(errors="replace").splitlines()
            if (found := re.match(r"(?:\d+ +)?(\w+)\(", line))]  # fmt: skip
    seen: Counter[str] = Counter()
    for call in made:
        seen[call] += 1
        inject = ["-e", f"inject={call}:signal=KILL:when={seen[call]}"]
        yield _judged(one, f"{call} {seen[call]}, of {len(made)} calls", traced=True, trace=[*watched, *inject])
    yield Note(FAMILY, f"{one.kind.name}, {one.destination}", f"{len(made)} system calls: " + ", ".join(
        f"{times} {call}" for call, times in seen.most_common()))  # fmt: skip


def _judged(one: Scene, what: str, **more: object) -> Trial:
    ended, oracle = one.run(**more)
    patched = one.destination == PATCHED
    if patched and ended.phase != "saved" and len(what) % 2:  # half of them are put back by who opens the file
        forget_lists()
        weightedit_state(one.source)
    faults = oracle.faults(True if ended.phase == "saved" else None, patched=patched)
    if ended.error:
        faults.append(f"the save ended with {ended.error}")
    return Trial(FAMILY, f"{one.kind.name}, {one.destination}: killed at {what}", not faults, "; ".join(faults))
