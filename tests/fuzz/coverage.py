"""Lets coverage lead where the broken bytes go, with atheris, for the parsers of our own.

    python -m tests.fuzz --coverage --minutes N TARGET

Each target runs in a process of its own, which atheris ends; what it finds stays in the folder of findings.
"""

from __future__ import annotations

import importlib.util
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULES = ("weightedit.formats", "weightedit.search", "weightedit.core.region", "weightedit.core.journal",
           "weightedit.core.errors", "weightedit.core.described.contents")  # fmt: skip
MOST_MEMORY = 2048
"""MiB a target may take in all; torch is not loaded."""


def main(target: str | None, minutes: float, folder: Path) -> int:
    """Run one target for some minutes, in a process of its own; every target shares the time where none is named."""
    if importlib.util.find_spec("atheris") is None:
        print("Coverage needs atheris, which is not installed here: pip install -e '.[fuzz]'.")
        return 2
    if target is not None and target not in TARGETS:
        print(f"There is no target {target}; there are: {', '.join(TARGETS)}.")
        return 2
    chosen = [target] if target else list(TARGETS)
    failed = [name for name in chosen if _run(name, minutes * 60 / len(chosen), folder)]
    said = f"found something in {', '.join(failed)}" if failed else "nothing found"
    print(f"{len(chosen)} targets, {minutes:g} minutes: {said}")
    return 1 if failed else 0


def _run(name: str, seconds: float, folder: Path) -> int:
    corpus, found = folder / "corpus" / name, folder / f"coverage-{name}-"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(_begin(name)):
        (corpus / f"whole-{number}").write_bytes(data)
    command = [sys.executable, "-m", "tests.fuzz.coverage", name, str(corpus),
               f"-max_total_time={max(1, int(seconds))}",
               f"-artifact_prefix={found}", f"-rss_limit_mb={MOST_MEMORY}", "-timeout=5", "-max_len=20000",
               "-print_final_stats=1", "-verbosity=0", "-close_fd_mask=1"]  # fmt: skip
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    stats = {line.split()[0]: line.split()[-1] for line in done.stderr.splitlines() if line.startswith("stat::")}
    tried = int(stats.get("stat::number_of_executed_units:", "0"))
    said = "found" if done.returncode else "nothing found"
    print(f"{name:<12}{tried:>12,} inputs{tried / max(1, seconds):>10,.0f} per s  {said}", flush=True)
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-25:]))
    return done.returncode


def _begin(name: str) -> list[bytes]:
    """Return what a target begins with: the whole files of its format, or a few texts."""
    from tests.fuzz.seeds import seeds

    texts = {"region": ["[3, :]", "[1:9:2, ..., -1]", "[[1, 2], 0]", ""],
             "search": ["x > 0.5", "abs(x) * 2 - mean(x, 0)", "isnan(x) or x == inf", "where(x < 0, -x, x ** 2)"],
             "condition": ["x > 3 and x < 4", "not isfinite(x) [0, :]"]}  # fmt: skip
    if name in texts:
        return [text.encode() for text in texts[name]]
    formats = {"safetensors": ["safetensors"], "zip": ["npz", "torch zip"], "pickle": ["pickle"], "scan": ["pickle"],
               "npy": ["npy"], "tar": ["torch tar"], "csv": ["csv"], "journal": ["journal"]}  # fmt: skip
    return [seed.data for format in formats[name] for seed in seeds(format)]


# ---------------------------------------------------------------- targets


class Memory:
    """A `SourceFile` of bytes that are at hand."""

    path = Path("a.file")
    name = "a.file"

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.named: dict[Any, Any] = {}

    def read(self, offset: int, nbytes: int) -> bytes:
        assert 0 <= offset <= offset + nbytes <= self.size, "reads what the file does not have"
        return self.data[offset : offset + nbytes]

    def read_into(self, buffer: memoryview, offset: int) -> None:
        buffer.cast("B")[:] = self.read(offset, buffer.nbytes)

    def check(self, *, header: bool = False) -> None:
        pass

    def take_beginning(self) -> bytearray:
        return bytearray(self.data[:16384])

    def remember_header(self, nbytes: int, header: bytes | bytearray | None = None) -> None:
        assert header is None or bytes(header) == self.data[:nbytes]


def _safetensors(data: bytes) -> None:
    from weightedit.formats.safetensors_header import looks_like_header, read_header

    looks_like_header(data[:4096], lambda: len(data))
    columns = read_header(Memory(data)).columns
    for start, kind in zip(columns.offsets, columns.kinds, strict=True):
        assert 0 <= start <= start + kind.nbytes <= len(data) - columns.start


def _zip(data: bytes) -> None:
    from weightedit.formats.zip_directory import read_directory
    from weightedit.formats.zip_source import first_bytes, read_record

    directory = read_directory(Memory(data))
    for name in [*directory.rows][:20]:
        record = directory.record(name)
        if record.size < 1 << 20:
            whole = read_record(directory, name)
            assert len(whole) == record.size
            assert first_bytes(directory, record, 100) == whole[:100]


def _scan(data: bytes) -> None:
    from weightedit.formats.pickle_budget import Unreadable
    from weightedit.formats.pickle_scan import end_of_pickle, guarded

    try:
        safe = guarded(data)
        end, ended = end_of_pickle(data, 0)
    except Unreadable as error:
        _printable(error)
        return
    assert len(safe) <= 6 * len(data)
    assert 0 <= end <= len(data)
    assert not ended or data[end - 1 : end] == b"."


def _pickle(data: bytes) -> None:
    from weightedit.core.described.contents import TooMuch, file_inventory
    from weightedit.formats.pickle_file import PickleStream

    root = PickleStream(Memory(data)).value("a value")
    try:
        for entry in file_inventory(root).entries:
            assert isinstance(entry.text, str)
    except TooMuch:
        return


def _npy(data: bytes) -> None:
    from weightedit.core.errors import CheckpointError
    from weightedit.formats.npy_header import header_bytes, parse_header

    def fail(what: str) -> CheckpointError:
        return CheckpointError(f"a.file {what}.", file="a.file")

    size = header_bytes(data[:12], fail)
    if size <= len(data):
        header = parse_header(data[:size], len(data), fail)
        assert header.start + header.spec.nbytes <= len(data)


def _tar(data: bytes) -> None:
    from weightedit.formats.tar_members import read_members

    for start, stop in read_members(Memory(data)).values():
        assert 0 <= start <= stop <= len(data)


def _csv(data: bytes) -> None:
    from weightedit.core.progress import Progress
    from weightedit.formats.csv_text import DTYPE_OF, NotThisKindError, read_numbers

    for kind in DTYPE_OF:
        try:
            read_numbers(Memory(data), kind, memoryview(bytearray(8 * ((len(data) + 1) // 2))), Progress())
        except NotThisKindError:
            continue
        return


def _journal(data: bytes) -> None:
    from weightedit.core.journal import decode

    check, at = 0, 0
    for record in decode(data):
        assert isinstance(record, dict)
        length, check = struct.unpack_from("<II", data, at)
        at += 8 + length
    assert at <= len(data)
    assert check >= 0


def _region(data: bytes) -> None:
    from weightedit.core.region import parse_region

    box = parse_region(data.decode("utf-8", "replace"), (4, 6, 3))
    assert all(size >= 0 for size in box.result_shape)


def _search(data: bytes) -> None:
    from weightedit.search.expression import parse

    parse(data.decode("utf-8", "replace"))


def _condition(data: bytes) -> None:
    from weightedit.search.condition import parse_condition

    parse_condition(data.decode("utf-8", "replace"))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "safetensors": _safetensors, "zip": _zip, "scan": _scan, "pickle": _pickle, "npy": _npy, "tar": _tar, "csv": _csv,
    "journal": _journal, "region": _region, "search": _search, "condition": _condition,
}  # fmt: skip


def tried(name: str, data: bytes) -> None:
    """Try one input: every error is one of ours, and one printable sentence."""
    from weightedit.core.errors import WeightEditError

    try:
        TARGETS[name](data)
    except WeightEditError as error:
        _printable(error)


def _printable(error: Exception) -> None:
    assert str(error).isprintable(), repr(str(error))


def _fuzz(name: str, arguments: list[str]) -> None:
    """Instrument our parsers and begin; atheris ends the process."""
    import atheris

    with atheris.instrument_imports(include=list(MODULES)):
        for data in (b"", b"{}", b"1,2\n"):
            tried(name, data)
    atheris.Setup([sys.argv[0], *arguments], lambda data: tried(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    _fuzz(sys.argv[1], sys.argv[2:])
