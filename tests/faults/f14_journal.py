"""F14: the journal is torn or damaged, or of another file, another program or nothing at all."""

from __future__ import annotations

import os
import random
import shutil
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.trials import NotRun, Outcome, Trial

FAMILY = "F14"
TITLE = "journal cut at every byte of its last 64 KiB, damaged, of another file or another program"
GROUPS = ("cut", "flipped", "another file", "another program", "no journal")
LAST = 64 << 10


class Left:
    """What a crash left: a file, and the journal of edits made to it; `states` has what it should come to by edits."""

    def __init__(self, folder: Path, edits: int) -> None:
        import weightedit
        from tests.faults.scripts import state_of
        from weightedit.core.journals.keeper import keeper

        self.path = _written(folder / "file")
        self.plain = self.path.read_bytes()
        chance = random.Random(edits)
        with weightedit.open(self.path, journal=True) as document:
            self.states = [state_of(document)]
            for number in range(edits):
                row = chance.randrange(200)
                if number % 7 == 3:
                    document.apply("set", "a", values=_values(number))
                elif number % 7 == 5:
                    document.apply("add", "b.bias", value=number, accept="all")
                else:
                    document.apply("fill", "c", region=f"[{row}, {number % 50}:]", value=number)
                self.states.append(state_of(document))
            keeper().settle()
            assert document.journal is not None
            key = document.journal.key
            assert key is not None
            journals = Path(os.environ["WEIGHTEDIT_STATE"]) / "journals"
            self.folder = journals / "left"
            shutil.copytree(journals / key, self.folder)
        self.data = (self.folder / "journal").read_bytes()
        self.kept = folder / "kept"
        shutil.copytree(self.folder, self.kept)

    def put(self, data: bytes) -> None:
        """Make the journal these bytes, and the file what it was."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.kept, self.folder)
        (self.folder / "journal").write_bytes(data)

    def recovered(self, wanted: int | None, *, is_altered: bool = False) -> str:
        """Recover, and return what is wrong: `wanted` edits should come back; None: it should be refused."""
        from tests.faults.scripts import state_of
        from weightedit import assembly
        from weightedit.core.errors import CheckpointError, WeightEditError

        there, journal = self.path.read_bytes() if self.path.is_file() else b"", _all(self.folder)
        try:
            with assembly.recover(self.folder.name) as document:
                found, came = state_of(document), document.recovered
                if wanted is not None and (came is None or came.applied != wanted):
                    return f"{came}, not {wanted}"
                if came is not None and bool(came.left_out) != bool(came.reason):
                    return f"left out without a reason: {came}"
        except WeightEditError as error:
            if wanted is not None:
                return f"refused: {error}"
            if not isinstance(error, CheckpointError) or _all(self.folder) != journal:
                return f"{error!r}; the journal is {'as it was' if _all(self.folder) == journal else 'changed'}"
            found = {}
        if self.path.is_file() and self.path.read_bytes() != there:
            return "the file was written"
        if wanted is None:
            return "" if not found else "it was not refused"
        return "" if is_altered or found == self.states[wanted] else f"the state is not that after edit {wanted}"


def _written(folder: Path) -> Path:
    """Write a file whose ends are not what is edited."""
    import torch
    from safetensors.torch import save_file

    from tests.faults.scripts import tensors

    folder.mkdir(parents=True)
    path = folder / "model.safetensors"
    ends = {"ahead": torch.zeros(40_000, dtype=torch.float64), "z": torch.zeros(300_000, dtype=torch.uint8)}
    save_file(tensors() | ends, path)
    return path


def _values(number: int) -> Any:
    import torch

    return torch.full((4, 6), float(number))


def _all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def ends_of(data: bytes) -> list[int]:
    """Return the byte each record ends at."""
    ends, at = [], 0
    while at < len(data):
        at += 8 + struct.unpack_from("<I", data, at)[0]
        ends.append(at)
    return ends


def written(payloads: list[Mapping[str, Any]]) -> bytes:
    """Return a journal of payloads."""
    from weightedit.core.journal import check_of, encode

    data, check = [], 0
    for payload in payloads:
        data.append(encode(payload, check))
        check = check_of(data[-1])
    return b"".join(data)


@contextmanager
def _state(folder: Path) -> Iterator[None]:
    before = os.environ.get("WEIGHTEDIT_STATE")
    os.environ["WEIGHTEDIT_STATE"] = str(folder / "state")
    try:
        yield
    finally:
        if before is None:
            del os.environ["WEIGHTEDIT_STATE"]
        else:
            os.environ["WEIGHTEDIT_STATE"] = before


def trials(group: str, quick: bool, folder: Path) -> Iterator[Outcome]:
    """Do one part."""
    with _state(folder):
        if group == "no journal":
            yield from _nothing(folder, quick)
            return
        left = Left(folder, 20 if quick else 100)
        yield from {"cut": _cut, "flipped": _flipped, "another file": _another_file,
                    "another program": _another_program}[group](left, quick)  # fmt: skip


def _prefixes(left: Left) -> list[int]:
    """Return how many edits there are by how many whole records."""
    from weightedit.core.journal import decode

    counts = [0]
    for record in decode(left.data):
        counts.append(counts[-1] + (record.get("is") == "edit"))
    return counts


def _damaged(left: Left, case: str, data: bytes, whole: int, counts: list[int], full: bool) -> Trial:
    """Try a journal of which the first `whole` records are whole."""
    from weightedit.core.journals.kept import way
    from weightedit.core.journals.recovery import look

    if full or not left.folder.exists():
        left.put(data)
    else:
        (left.folder / "journal").write_bytes(data)
    found = look(left.folder)
    if not whole:
        why = "" if found.kept is None and found.problem else "it has no header, and is not told"
    elif found.kept is None:
        why = f"nothing is read: {found.problem}"
    else:
        edits = sum(node.record is not None for node in way(found.kept.point.tip))
        why = "" if edits == counts[whole] else f"{edits} edits are read, not {counts[whole]}"
    if full and not why:
        why = left.recovered(counts[whole] if whole else None)
    return Trial(FAMILY, case, not why, why)


def _cut(left: Left, quick: bool) -> Iterator[Outcome]:
    ends, counts = ends_of(left.data), _prefixes(left)
    first = max(0, len(left.data) - LAST)
    cuts = range(first, len(left.data) + 1, 97 if quick else 1)
    every = 40 if quick else 500
    for number, cut in enumerate(cuts):
        whole = sum(end <= cut for end in ends)
        yield _damaged(left, f"cut at byte {cut}", left.data[:cut], whole, counts, number % every == every // 2)
    for cut in (0, 1, 7, 8, ends[0] - 1, ends[0]):
        whole = sum(end <= cut for end in ends)
        yield _damaged(left, f"cut at byte {cut}", left.data[:cut], whole, counts, True)
    zeros = left.data[: ends[9]] + bytes(4096)
    yield _damaged(left, "zeros after record 10", zeros, 10, counts, True)


def _flipped(left: Left, quick: bool) -> Iterator[Outcome]:
    ends, counts = ends_of(left.data), _prefixes(left)
    first = max(0, len(left.data) - LAST)
    every = 40 if quick else 500
    for number, at in enumerate(range(first, len(left.data), 197 if quick else 7)):
        data = bytearray(left.data)
        data[at] ^= (0x01, 0x80, 0xFF)[number % 3]
        whole = sum(end <= at for end in ends)
        yield _damaged(left, f"byte {at} flipped", bytes(data), whole, counts, number % every == every // 2)
    for case, order in (("records 5 and 6 exchanged", (5, 4)), ("record 5 twice", (4, 4)), ("record 5 lost", (5,))):
        parts = [left.data[start:stop] for start, stop in zip([0, *ends], ends, strict=False)]
        data = b"".join([*parts[:4], *(parts[one] for one in order), *parts[6:]])
        yield _damaged(left, case, data, 5 if order[0] == 4 else 4, counts, True)


def _another_file(left: Left, quick: bool) -> Iterator[Outcome]:
    count = len(left.states) - 1
    header = 8 + struct.unpack_from("<Q", left.plain)[0]

    def case(name: str, change: Callable[[], None], wanted: int | None, *, digests: bool = True,
             is_altered: bool = False) -> Trial:  # fmt: skip
        _clear(left.path)
        left.path.write_bytes(left.plain)
        left.put(left.data if digests else _without_digests(left.data))
        change()
        why = left.recovered(wanted, is_altered=is_altered)
        return Trial(FAMILY, name, not why, why)

    def bytes_at(at: int) -> Callable[[], None]:
        def change() -> None:
            data = bytearray(left.plain)
            data[at] ^= 0x10
            left.path.write_bytes(data)

        return change

    def write(data: bytes) -> None:
        left.path.write_bytes(data)

    def instead(make: Callable[[Path], Any]) -> None:
        left.path.unlink()
        make(left.path)

    yield case("copied", lambda: _copy(left.path), count)
    yield case("touched", lambda: os.utime(left.path, ns=(1, 1)), count)
    yield case("copied, and no hashes of what edits touched", lambda: _copy(left.path), None, digests=False)
    yield case("the header differs", bytes_at(header - 3), None)
    yield case("a byte that the first edit touches differs", bytes_at(_first_touched(left)), None)
    yield case("a byte that edit 6 touches differs", bytes_at(_place_of(left.plain, "b.bias")), 5,
               is_altered=True)  # fmt: skip
    yield case("cut short", lambda: write(left.plain[:-1]), None)
    yield case("longer", lambda: write(left.plain + b"\0"), None)
    yield case("gone", left.path.unlink, None)
    yield case("a folder", lambda: instead(Path.mkdir), None)
    if hasattr(os, "mkfifo"):
        yield case("a pipe", lambda: instead(os.mkfifo), None)


def _clear(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)


def _copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    copy.replace(path)


def _place_of(data: bytes, name: str) -> int:
    """Return where a tensor's bytes begin in a safetensors file."""
    import json

    length = struct.unpack_from("<Q", data)[0]
    return int(8 + length + json.loads(data[8 : 8 + length])[name]["data_offsets"][0])


def _first_touched(left: Left) -> int:
    """Return a byte of the file that the first edit changes: the last of its row."""
    from weightedit.core.journal import decode

    edit = next(record for record in decode(left.data) if record.get("is") == "edit")["edit"]
    row = int(edit["region"].strip("[]").split(",")[0])
    return _place_of(left.plain, "c") + (row + 1) * 300 * 4 - 2


def _without_digests(data: bytes) -> bytes:
    from weightedit.core.journal import decode

    return written([record for record in decode(data) if record.get("is") != "digest"])


def _another_program(left: Left, quick: bool) -> Iterator[Outcome]:
    from weightedit.core.journal import decode

    count, records = len(left.states) - 1, list(decode(left.data))

    def case(name: str, change: Callable[[list[dict[str, Any]]], None], wanted: int | None) -> Trial:
        import copy

        changed = copy.deepcopy(records)
        change(changed)
        left.put(written(list(changed)))
        why = left.recovered(wanted)
        return Trial(FAMILY, name, not why, why)

    def edits(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [record for record in given if record.get("is") == "edit"]

    yield case("another program version", lambda given: given[0].update(program="99.0"), count)
    yield case("a later journal version", lambda given: given[0].update(weightedit_journal=2), None)
    yield case("records nobody knows", lambda given: given.append({"is": "hologram", "x": 1}), count)
    yield case("an operation there is not", lambda given: edits(given)[7]["edit"].update(operation="fold"), 7)
    yield case("an argument there is not", lambda given: edits(given)[0]["edit"]["arguments"].update(x=1), None)
    yield case("an edit at another place", lambda given: edits(given)[9].update(at=3), 9)
    yield case("an edit that makes no sense", lambda given: edits(given)[4].update(edit={"operation": []}), 4)
    yield case("other tensors meant", lambda given: edits(given)[6].update(names_hash="0"), 6)
    for side in ("before", "after"):
        def other(given: list[dict[str, Any]], side: str = side) -> None:
            [record for record in given if record.get("is") == "digest"][8][side] = "00" * 16

        yield case(f"other bytes {side} edit 9", other, 8)
    for name, damage in (("gone", Path.unlink), ("damaged", _overwritten)):
        left.put(left.data)
        arguments = sorted(path for path in left.folder.iterdir() if len(path.name) == 64)
        first = next(record for record in edits(records) if record["edit"]["operation"] == "set")
        damage(left.folder / first["edit"]["arguments"]["values"]["sha256"])
        why = left.recovered(first["at"]) if arguments else "no argument is kept"
        yield Trial(FAMILY, f"a tensor argument {name}", not why, why)


def _overwritten(path: Path) -> None:
    path.write_bytes(b"x" * 96)


def _nothing(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Put things in the folder of journals that are none; each is listed with its problem, and can be discarded."""
    from weightedit.core.journal import encode

    chance = random.Random(0)
    base = {"weightedit_journal": 1, "files": [], "base": 0}
    cases: dict[str, bytes] = {
        "empty": b"", "zeros": bytes(4096), "noise": chance.randbytes(100_000), "text": b"hello\n" * 100,
        "a length of 4 GB": struct.pack("<II", 0xFFFFFFFF, 0) + bytes(64),
        "a list": struct.pack("<II", 2, 0x0D4A1185) + b"[]", "another header": encode({"a": 1}),
        "no files": encode({"weightedit_journal": 1, "base": 0}),
        "version 99": encode({**base, "weightedit_journal": 99}),
        "files of no kind": encode({**base, "files": 3}),
        "a mark of no kind": encode({**base, "files": [{"path": 3}]}),
        "a negative base": encode({**base, "base": -1}),
        "deep": encode({**base, "files": _deep(400)}),
    }  # fmt: skip
    for name, data in cases.items():
        yield _listed_and_discarded(name, lambda path, data=data: path.write_bytes(data))
    yield _listed_and_discarded("100 GB of nothing", _sparse)
    yield _listed_and_discarded("a folder", Path.mkdir)
    if hasattr(os, "mkfifo"):
        yield _listed_and_discarded("a pipe", os.mkfifo)
        yield _listed_and_discarded("a link to nothing", lambda path: path.symlink_to("/nowhere"), is_there=False)
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        yield _listed_and_discarded("unreadable", _locked_up)
    else:
        yield NotRun(FAMILY, "an unreadable journal", "the superuser reads everything")


def _deep(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


def _locked_up(path: Path) -> None:
    path.write_bytes(b"x")
    path.chmod(0)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 30)


def _listed_and_discarded(name: str, make: Callable[[Path], Any], *, is_there: bool = True) -> Trial:
    from weightedit.core.journals.recovery import discard, journals_folder, unfinished

    folder = journals_folder() / "odd"
    folder.mkdir(parents=True)
    make(folder / "journal")
    began = time.monotonic()
    found = unfinished()
    lasted = time.monotonic() - began
    why = ""
    if [one.key for one in found if one.problem] != ["odd"] * is_there:
        why = f"listed as {found}"
    elif lasted > 1:
        why = f"listing took {lasted:.1f} s"
    elif is_there:
        discard("odd")
        why = "it is still there" if folder.exists() else ""
    shutil.rmtree(folder, ignore_errors=True)
    return Trial(FAMILY, name, not why, why)
