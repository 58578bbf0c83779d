"""Sources: a file that changed is noticed, what is no file is refused, and none is mapped or written."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from tests import checkpoints
from tests.conftest import ROOT
from weightedit.core.errors import CheckpointError, SourceChanged, WeightEditError
from weightedit.core.files.fingerprint import Fingerprint
from weightedit.core.source import Source, SourceFile
from weightedit.core.words.visible import visible

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
BYTES = bytes(range(256)) * 16


def later(path: Path) -> None:
    """Wait until the file system's clock has moved on from the last change of the file."""
    probe = path.with_name("clock")
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_ctime_ns > path.stat().st_ctime_ns:
            break
        time.sleep(0.002)
    probe.unlink()


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-16, os.SEEK_END)
        file.write(bytes(16))


def rewritten_with_its_old_time(path: Path) -> None:
    status = path.stat()
    rewritten(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def deleted(path: Path) -> None:
    path.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def now_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link_redirected(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("nowhere")


CHANGES = (truncated, emptied, longer, rewritten, rewritten_with_its_old_time, replaced, deleted, moved, now_a_folder,
           link_redirected)  # fmt: skip
EACH_CHANGE = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(BYTES)
    return path


def test_a_range_reads_its_bytes(path):
    """Every value shown comes through here."""
    file = SourceFile(path)
    assert file.size == len(BYTES)
    for offset, nbytes in ((0, 1), (1, 255), (300, 2000), (len(BYTES) - 1, 1), (len(BYTES), 0)):
        assert file.read(offset, nbytes) == BYTES[offset : offset + nbytes]
    part = Source(file, 100, 50)
    buffer = bytearray(20)
    part.read_into(memoryview(buffer), 30)
    assert bytes(buffer) == BYTES[130:150]


@POSIX
@EACH_CHANGE
def test_a_changed_file_is_noticed(change, path):
    """What another program wrote must not be shown, edited or exported as if it were what was opened."""
    file = SourceFile(path)
    assert file.read(0, 10) == BYTES[:10]
    later(path)
    change(path)
    for _ in range(2):
        with pytest.raises(SourceChanged, match=r"weights\.bin") as caught:
            file.read(0, 10)
        assert caught.value.file == str(path)
    assert issubclass(SourceChanged, CheckpointError)


@POSIX
@pytest.mark.parametrize("change", [truncated, rewritten, replaced, deleted], ids=lambda change: change.__name__)
def test_a_change_during_a_read_is_noticed(change, path, monkeypatch):
    """The check after a pass catches what the check before it could not."""
    file = SourceFile(path)
    later(path)
    read = SourceFile._read

    def racing(self: SourceFile, buffer: memoryview, offset: int) -> None:
        read(self, buffer, offset)
        change(path)

    monkeypatch.setattr(SourceFile, "_read", racing)
    with pytest.raises(SourceChanged, match=r"weights\.bin"):
        file.read(0, 10)


def test_a_file_cut_between_check_and_read_gives_no_short_answer(path):
    """Fewer bytes than promised are an error, never zeros."""
    file = SourceFile(path)
    os.truncate(path, 20)
    file.fingerprint = Fingerprint.of(path.stat())
    assert file.read(0, 20) == BYTES[:20]
    with pytest.raises(SourceChanged, match=r"weights\.bin ends at byte 20"):
        file.read(10, 11)


def test_the_header_counts_where_times_are_coarse(path):
    """A rewrite within one tick of the clock changes no time; the hash of the header still tells."""
    file = SourceFile(path)
    file.remember_header(64)
    file.check(header=True)
    with path.open("r+b") as other:
        other.write(b"other header")
    file.fingerprint = Fingerprint.of(path.stat())
    with pytest.raises(SourceChanged, match=r"weights\.bin"):
        file.check(header=True)


@POSIX
def test_an_error_of_the_disk_names_the_file(path, monkeypatch):
    """A pulled stick is one sentence too."""
    file = SourceFile(path)

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("weightedit.core.files.positioned._READ_AT", broken)
    with pytest.raises(SourceChanged, match=r"weights\.bin can no longer be read"):
        file.read(0, 1)


def test_without_preadv_the_bytes_are_the_same(path, monkeypatch):
    """Windows has no read at an offset."""
    monkeypatch.setattr("weightedit.core.files.positioned._READ_AT", None)
    file = SourceFile(path)
    assert file.read(300, 2000) == BYTES[300:2300]
    assert file.read(5, 1) == BYTES[5:6]


def test_closed_means_closed(path):
    """A save closes and opens again; in between nothing may be read from a handle that was reused."""
    file = SourceFile(path)
    file.close()
    file.close()
    with pytest.raises(SourceChanged, match="closed"):
        file.read(0, 1)
    file.reopen()
    assert file.read(0, 3) == BYTES[:3]


# ---------------------------------------------------------------- what is no file


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.pt")
    return folder / "pipe.pt"


def listening(folder: Path) -> Path:
    path = Path("s.pt")
    here = Path.cwd()
    os.chdir(folder)  # the name of a socket may only have 100 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    finally:
        os.chdir(here)
    return folder / path


def device(_: Path) -> Path:
    return Path("/dev/zero")


def missing(folder: Path) -> Path:
    return folder / "missing.pt"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"")
    return folder / "file" / "weights.pt"


def long_name(folder: Path) -> Path:
    return folder / ("x" * 5000)


def zero_byte(folder: Path) -> Path:
    return folder / "a\0b.pt"


def loop(folder: Path) -> Path:
    (folder / "loop.pt").symlink_to("loop.pt")
    return folder / "loop.pt"


NO_FILES = (fifo, listening, device, missing, below_a_file, long_name, zero_byte, loop)


@POSIX
@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", NO_FILES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("opening", [SourceFile, weightedit.open], ids=["SourceFile", "weightedit.open"])
def test_what_is_no_file_is_refused_at_once(opening, make, tmp_path):
    """A pipe nobody writes to, or a device without end, must not hang the window."""
    path = make(tmp_path)
    before = time.monotonic()
    with pytest.raises(CheckpointError) as caught:
        opening(path)
    assert time.monotonic() - before < 10
    message = str(caught.value)
    assert visible(path.name)[:100] in message  # as errors show the names of files
    assert message.count("\n") == 0
    assert message.endswith((".", " characters)"))  # a name without end is cut


@POSIX
def test_a_folder_is_no_file(tmp_path):
    """Folders are opened through their index or single checkpoint only."""
    with pytest.raises(CheckpointError, match="is a folder"):
        SourceFile(tmp_path)


# ---------------------------------------------------------------- documents over a changed file


def one_file(folder: Path) -> tuple[Path, Path]:
    path = folder / "model.safetensors"
    save_file({"a": torch.ones(4, 4), "b": torch.ones(8)}, path)
    return path, path


def zipped(folder: Path) -> tuple[Path, Path]:
    path = folder / "model.pt"
    torch.save({"a": torch.ones(4, 4), "b": torch.ones(8)}, path)
    return path, path


def one_shard(folder: Path) -> tuple[Path, Path]:
    for name in "ab":
        save_file({name: torch.ones(4, 4), f"{name}.more": torch.ones(3)}, folder / f"{name}.safetensors")
    index = folder / "model.safetensors.index.json"
    weight_map = {name: f"{name[0]}.safetensors" for name in ("a", "b", "a.more", "b.more")}
    index.write_text(json.dumps({"weight_map": weight_map}))
    return index, folder / "b.safetensors"


@POSIX
@EACH_CHANGE
@pytest.mark.parametrize("make", [one_file, zipped, one_shard], ids=lambda make: make.__name__)
def test_a_document_keeps_its_edits_and_says_which_file_changed(make, change, tmp_path):
    """Edits made so far are not lost with the file, and nothing of the new file slips in."""
    opened, file = make(tmp_path)
    with weightedit.open(opened) as document:
        document.apply("fill", "b", value=3.0)
        edited = document.read("b")
        later(file)
        change(file)
        assert torch.equal(document.read("b"), edited)
        document.undo()
        with pytest.raises(SourceChanged, match=file.name.replace(".", r"\.")):
            document.read("b")
        document.redo()
        assert torch.equal(document.read("b"), edited)
        with pytest.raises(CheckpointError, match=file.name.replace(".", r"\.")):
            document.export(tmp_path / "out.pt")
        assert not (tmp_path / "out.pt").exists()
        document.apply("add", "b", value=1.0)
        assert torch.equal(document.read("b"), edited + 1)


@POSIX
@pytest.mark.parametrize("make", [one_file, zipped], ids=lambda make: make.__name__)
def test_without_permission_it_still_does_not_crash(make, tmp_path):
    """An open handle outlives the permission; either answer is fine, a wrong one or a crash is not."""
    path, _ = make(tmp_path)
    with weightedit.open(path) as document:
        path.chmod(0)
        answer: object = None
        try:
            answer = document.read("a").tolist()
        except SourceChanged as error:
            answer = path.name in str(error)
        assert answer in (True, torch.ones(4, 4).tolist())


# ---------------------------------------------------------------- invariant 1: never mapped, never written

SESSION = """
    import os, sys
    from pathlib import Path

    opened, out, *sources = [Path(argument) for argument in sys.argv[1:]]
    real = {os.path.realpath(source) for source in sources}
    identities = {(source.stat().st_dev, source.stat().st_ino) for source in sources}
    wrong = []

    def watch(event, arguments):
        if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            mode, flags = arguments[1:]
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_CREAT | os.O_APPEND)
            if writes and os.path.realpath(os.fsdecode(arguments[0])) in real:
                wrong.append(f"open {arguments}")
        elif event == "mmap.__new__" and arguments[0] >= 0:
            status = os.fstat(arguments[0])
            if (status.st_dev, status.st_ino) in identities:
                wrong.append(f"mmap {arguments}")
        elif event in ("os.truncate", "os.utime", "os.rename", "os.remove", "os.chmod", "os.chown"):
            if any(isinstance(one, (str, bytes, os.PathLike)) and os.path.realpath(os.fsdecode(one)) in real
                   for one in arguments):
                wrong.append(f"{event} {arguments}")

    sys.addaudithook(watch)
    looks = 0

    def look(*_):
        global looks
        looks += 1
        maps = Path("/proc/self/maps")
        lines = maps.read_text(errors="replace").splitlines() if maps.exists() else []
        wrong.extend(f"mapped {line}" for line in lines if any(line.endswith(path) for path in real))

    import weightedit
    from weightedit.core.statistics import statistics

    document = weightedit.open(opened, progress=look)
    look()
    document.subscribe(look)
    plain = [name for name, info in document.tensors.items() if info.dtype.is_floating_point and info.numel]
    for name in document.tensors:
        kept = document.read(name), document.read(name, raw=True)
        statistics(document.pin(name))
        look()
        del kept
    name = max(plain, key=lambda name: document.tensors[name].numel)
    document.preflight("scale", "*", factor=2.0, progress=look)
    document.apply("fill", name, region="[0]", value=1.0, progress=look)
    document.apply("scale", name, factor=2.0, accept="all", progress=look)
    document.apply("cast", name, dtype="float64", accept="all", progress=look)
    document.apply("replace", name, source=(str(opened), name), accept="all", progress=look)
    document.undo(); document.undo(); document.undo(); document.redo()
    document.export(out, shared="copy", progress=look)
    look()
    document.close()
    assert looks > 10, looks
    print("\\n".join(wrong) or "nothing wrong")
"""


@POSIX
@pytest.mark.parametrize(
    "make", [one_file, zipped, one_shard, lambda folder: (checkpoints.tied_gpt2(folder),) * 2],
    ids=["safetensors", "zip", "shards", "tied"])  # fmt: skip
def test_no_source_file_is_mapped_or_written(make, tmp_path):
    """Invariant 1: a mapped file someone truncates kills the program; one we write to is no longer theirs."""
    opened, _ = make(tmp_path)
    sources = sorted(path for path in tmp_path.iterdir())
    before = {path: (path.read_bytes(), *marks(path)) for path in sources}
    (tmp_path / "out").mkdir()
    script = textwrap.dedent(SESSION)
    arguments = [opened, tmp_path / "out" / f"copy{opened.suffix if opened.suffix != '.json' else '.safetensors'}"]
    done = subprocess.run([sys.executable, "-c", script, *map(str, arguments + sources)], cwd=ROOT, check=False,
                          capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "nothing wrong"
    assert {path: (path.read_bytes(), *marks(path)) for path in sources} == before


def marks(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_the_session_above_would_notice_a_mapping(tmp_path):
    """The check of invariant 1 must be able to fail: safetensors itself maps."""
    path, _ = one_file(tmp_path)
    script = textwrap.dedent(SESSION).replace(
        "document = weightedit.open(", "import numpy; held = numpy.memmap(opened)\ndocument = weightedit.open(", 1)
    done = subprocess.run([sys.executable, "-c", script, str(path), str(tmp_path / "o.safetensors"), str(path)],
                          cwd=ROOT, capture_output=True, text=True, check=False,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mmap (" in done.stdout
    assert f"{path}" in done.stdout


@POSIX
def test_handles_are_not_left_open(tmp_path):
    """A closed document holds no file; hundreds are opened in one session."""
    opened, file = one_shard(tmp_path)

    def held() -> int:
        return sum(os.path.realpath(link) == str(file) for link in Path("/proc/self/fd").iterdir())

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    document = weightedit.open(opened)
    assert held() == 1
    document.close()
    assert held() == 0
    with pytest.raises(WeightEditError):
        document.read("a")


