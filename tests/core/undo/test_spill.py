"""The spill: allocated before it is mapped, so that a full disk is an error and not a crash."""

from __future__ import annotations

import contextlib
import errno
import gc
import mmap
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from tests.conftest import ROOT
from weightedit.assembly import open_document
from weightedit.core.errors import WeightEditError
from weightedit.core.undo import sealed
from weightedit.core.undo.spill import Spill, SpillFull
from weightedit.core.undo.spill_folder import PREFIX, clean_spills

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
FALLOCATE = pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
SMALL = 1024


@pytest.fixture
def spill(tmp_path: Path) -> Iterator[Spill]:
    spill = Spill(tmp_path / "spill", in_memory=SMALL)
    yield spill
    spill.close()


def test_small_buffers_are_in_memory(spill, tmp_path):
    """An edit of one cell makes no file and no folder."""
    buffer = spill.allocate(SMALL)
    assert not isinstance(buffer.obj, mmap.mmap)
    assert bytes(buffer) == bytes(SMALL)
    assert not (tmp_path / "spill").exists()


def test_large_buffers_are_mapped_files_of_our_own(spill, tmp_path):
    """A result larger than memory has to go somewhere."""
    buffer = spill.allocate(SMALL + 1)
    assert isinstance(buffer.obj, mmap.mmap)
    assert buffer.nbytes == SMALL + 1
    assert bytes(buffer) == bytes(SMALL + 1)
    buffer[:] = b"x" * (SMALL + 1)
    other = spill.allocate(SMALL + 1)
    assert bytes(other) == bytes(SMALL + 1)
    assert bytes(buffer) == b"x" * (SMALL + 1)
    assert spill.folder.parent == tmp_path / "spill"


def test_nothing_is_a_buffer_too(spill):
    """An empty tensor is edited like any other."""
    assert spill.allocate(0).nbytes == 0


@POSIX
@FALLOCATE
def test_every_block_is_there_before_it_is_mapped(spill, monkeypatch):
    """Invariant 3: writing to a mapped hole on a full disk kills the process with SIGBUS."""
    seen = []
    real = sealed.Mapped

    def looking(handle: int, length: int, offset: int) -> mmap.mmap:
        status = os.fstat(handle)
        seen.append((length, status.st_size, status.st_blocks * 512))
        return real(handle, length, offset=offset)

    monkeypatch.setattr(sealed, "Mapped", looking)
    spill.allocate(3 << 20)
    assert seen == [(3 << 20, 3 << 20, pytest.approx(3 << 20, abs=1 << 16))]
    assert seen[0][2] >= 3 << 20


def test_where_there_is_no_fallocate_zeros_are_written_first(spill, monkeypatch):
    """macOS has none; a sparse file there would crash as well."""
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    seen = []
    real = sealed.Mapped

    def looking(handle: int, length: int, offset: int) -> mmap.mmap:
        seen.append(os.fstat(handle).st_size)
        return real(handle, length, offset=offset)

    monkeypatch.setattr(sealed, "Mapped", looking)
    assert bytes(spill.allocate(2_500_000)) == bytes(2_500_000)
    assert seen == [2_500_000]


@POSIX
def test_files_have_no_name_once_they_are_mapped(spill):
    """A crash leaves no gigabytes behind."""
    buffer = spill.allocate(5000)
    assert list(spill.folder.iterdir()) == []
    buffer[:5] = b"alive"
    assert bytes(buffer[:5]) == b"alive"


def test_close_removes_the_folder_and_buffers_stay_good(spill):
    """A background reader may still hold one."""
    buffer = spill.allocate(5000)
    buffer[:] = b"y" * 5000
    folder = spill.folder
    assert folder.is_dir()
    spill.close()
    assert not folder.exists()
    assert bytes(buffer) == b"y" * 5000
    spill.close()


def test_a_dropped_spill_takes_its_folder_along(tmp_path):
    """Not everyone closes."""
    spill = Spill(tmp_path, in_memory=0)
    folder = spill.folder
    assert folder.is_dir()
    del spill
    gc.collect()
    assert not folder.exists()


# ---------------------------------------------------------------- a full disk


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@FALLOCATE
def test_a_full_disk_is_one_sentence(spill, monkeypatch):
    """It says what was wanted, where, and what to do; and leaves no file."""
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(SpillFull, match=r"no room .*5,000 bytes") as caught:
        spill.allocate(5000)
    assert isinstance(caught.value, WeightEditError)
    assert str(spill.folder) in str(caught.value)
    assert os.strerror(errno.ENOSPC) in str(caught.value)
    assert list(spill.folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_full_disk_too(tmp_path):
    """Whatever the reason, nothing was changed."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpillFull):
        Spill(tmp_path / "file" / "spill", in_memory=0).allocate(1)


def test_more_than_any_disk_has_is_refused(tmp_path):
    """A file's header may promise any size; the answer is a sentence."""
    with pytest.raises(SpillFull):
        Spill(tmp_path, in_memory=0).allocate(1 << 62)
    with pytest.raises(SpillFull):
        Spill(tmp_path, in_memory=1 << 100).allocate(1 << 62)


EDITS = [
    ("scale", {"factor": 0.5}),
    ("fill", {"value": 1.0, "region": "[:3]"}),
    ("set", {"values": torch.ones(64, 64)}),
    ("cast", {"dtype": "float64"}),
    ("transpose", {}),
    ("replace", {"source": "b"}),
]


def bits(document: weightedit.Document) -> dict[str, bytes]:
    return {name: bytes(document.read(name, raw=True).numpy()) for name in document.tensors}


@FALLOCATE
@pytest.mark.parametrize(("operation", "arguments"), EDITS, ids=[operation for operation, _ in EDITS])
@pytest.mark.parametrize("allowed", [0, 1])
def test_a_full_disk_refuses_the_edit_and_leaves_the_document(operation, arguments, allowed, tmp_path, monkeypatch):
    """Invariant 3 with 4: the edit is not half applied, the history not longer; with room it works."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.randn(64, 64), "b": torch.zeros(64, 64)}, path)
    with open_document(path, spill=Spill(tmp_path / "spill", in_memory=64)) as document:
        document.apply("add", "b", region="[0, :4]", value=1.0)
        before, infos = bits(document), dict(document.tensors)
        left = [allowed]
        real = os.posix_fallocate

        def filling(handle: int, offset: int, length: int) -> None:
            left[0] -= 1
            if left[0] < 0:
                full()
            real(handle, offset, length)

        with monkeypatch.context() as patched:
            patched.setattr(os, "posix_fallocate", filling)
            said = ""
            try:
                document.apply(operation, ["a", "b"] if operation == "scale" else "a", **arguments)
                document.undo()
            except SpillFull as error:
                said = str(error)
            assert ("nothing was changed" in said) == (left[0] < 0)
            assert said or allowed
        assert bits(document) == before
        assert dict(document.tensors) == infos
        assert document.history.position == 1
        document.apply(operation, "a", **arguments)
        assert bits(document) != before
        while document.can_undo:
            document.undo()
        assert bits(document) == {name: tensor.numpy().tobytes() for name, tensor in load_file(path).items()}
    assert list((tmp_path / "spill").iterdir()) == []


LIMITED = """
    import sys
    import torch
    from pathlib import Path
    from weightedit.assembly import open_document
    from weightedit.core.errors import EditRefused
    from weightedit.core.undo.spill import Spill

    {limit}
    document = open_document(sys.argv[1], spill=Spill(Path(sys.argv[2]), in_memory=1024))
    before = document.read("a", raw=True)
    try:
        document.apply("scale", "a", factor=0.5)
    except EditRefused as error:
        assert "\\n" not in str(error)
    else:
        sys.exit("no error")
    assert torch.equal(document.read("a", raw=True), before)
    assert not document.is_modified
    document.apply("fill", "a", region="[0, 0]", value=7.0)
    assert float(document.read("a")[0, 0]) == 7.0
    document.close()
    print("unharmed")
"""


def limited(limit: str, path: Path, spill: Path) -> subprocess.CompletedProcess[str]:
    script = textwrap.dedent(LIMITED).format(limit=limit)
    return subprocess.run([sys.executable, "-c", script, str(path), str(spill)], cwd=ROOT, check=False, text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip


@POSIX
def test_the_systems_own_limit_on_files_is_met_the_same_way(tmp_path):
    """A limit of the kernel's, not one of a test: the write past it fails, the process lives."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.randn(1024, 1024)}, path)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    done = limited(limit, path, tmp_path / "spill")
    assert (done.returncode, done.stdout.strip()) == (0, "unharmed"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_disk_that_is_really_full(tmp_path):
    """A tmpfs of 2 MB and a result of 4: where a sparse mapping would die of SIGBUS."""
    path, disk = tmp_path / "model.safetensors", tmp_path / "disk"
    save_file({"a": torch.randn(1024, 1024)}, path)
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True,
                             check=False)  # fmt: skip
    if mounted.returncode:
        pytest.skip("may not mount here")
    try:
        done = limited("", path, disk)
        assert (done.returncode, done.stdout.strip()) == (0, "unharmed"), done.stderr
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


# ---------------------------------------------------------------- of a document

LEFT = """
    import os, signal, sys
    import weightedit
    document = weightedit.open(sys.argv[1])
    document.spill.in_memory = 0
    document.apply("scale", "a", factor=0.5)
    print(document.spill.folder, flush=True)
    {end}
"""


@POSIX
@pytest.mark.parametrize(("end", "folders"), [("", 0), ("document.close()", 0), ("raise SystemExit(0)", 0),
                                              ("os.kill(os.getpid(), signal.SIGKILL)", 1)])  # fmt: skip
def test_nothing_is_left_in_the_persons_cache(end, folders, tmp_path):
    """However the program ends, the disk is given back; what even SIGKILL leaves is an empty folder."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.randn(64, 64)}, path)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(LEFT).format(end=end), str(path)], check=False,
                          cwd=ROOT, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache"),
                                            "HOME": str(tmp_path)})  # fmt: skip
    assert done.returncode == (-signal.SIGKILL if folders else 0), done.stderr
    folder = Path(done.stdout.strip())
    assert tmp_path in folder.parents
    assert folder.exists() == bool(folders)
    assert not [found for found in tmp_path.rglob("*") if found.is_file() and found != path]


def test_the_spill_says_what_it_keeps_where(tmp_path):
    spill = Spill(tmp_path / "here", in_memory=1000)
    assert (spill.memory_nbytes, spill.disk_nbytes, spill.place) == (0, 0, tmp_path / "here")
    assert not (tmp_path / "here").exists()  # asking makes nothing
    small, large = spill.allocate(600), spill.allocate(5000)
    assert (spill.memory_nbytes, spill.disk_nbytes) == (600, 5000)
    assert spill.place == spill.folder
    more = [spill.allocate(1000) for _ in range(9)]
    assert spill.memory_nbytes == 3600
    assert spill.disk_nbytes == 5000 + 6000
    del small, large, more
    gc.collect()
    assert (spill.memory_nbytes, spill.disk_nbytes) == (0, 1000)  # the file that small ones share goes on
    spill.close()
    gc.collect()
    assert spill.disk_nbytes == 0


# ---------------------------------------------------------------- what dead processes left


@POSIX
def test_folders_of_dead_processes_are_removed_and_those_of_living_ones_are_not(tmp_path):
    """A kill leaves a folder, or a file in it that had not lost its name yet; the next start takes both away."""
    alive = Spill(tmp_path, in_memory=0)
    buffer = alive.allocate(5000)
    dead = tmp_path / f"{PREFIX}dead"
    dead.mkdir()
    (dead / "tmp123").write_bytes(b"x" * 100)
    (tmp_path / "notes").mkdir()
    (tmp_path / f"{PREFIX}file").write_bytes(b"somebody's")
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "notes")
    assert clean_spills([tmp_path, tmp_path / "missing"]) == [dead]
    assert not dead.exists()
    assert alive.folder.exists()
    buffer[:3] = b"abc"
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted(
        [alive.folder.name, "notes", f"{PREFIX}file", f"{PREFIX}link"])  # fmt: skip
    alive.close()
    assert not clean_spills([tmp_path])


@POSIX
def test_what_is_not_ours_in_such_a_folder_stays(tmp_path):
    """Only plain files are removed, never a folder somebody put there."""
    dead = tmp_path / f"{PREFIX}dead"
    (dead / "kept").mkdir(parents=True)
    (dead / "kept" / "thesis").write_bytes(b"years")
    assert not clean_spills([tmp_path])
    assert (dead / "kept" / "thesis").read_bytes() == b"years"


@POSIX
def test_folders_of_the_doctor_go_with_a_dead_spill(tmp_path):
    """A crash while a model runs, or with captures open, leaves them there; nobody else would take them away."""
    dead = tmp_path / f"{PREFIX}dead"
    for name in ("model-0a1b2c3d", "captures-k_3x9zzz", "drift-abcdefgh"):
        (dead / name).mkdir(parents=True)
        (dead / name / "values").write_bytes(b"weights")
    assert clean_spills([tmp_path]) == [dead]
    assert not dead.exists()


@POSIX
def test_a_nearly_full_disk_takes_what_still_fits(tmp_path, monkeypatch):
    """Small buffers share a file of 16 MB, which must not keep a few bytes from being kept where there are fewer."""
    spill = Spill(tmp_path, in_memory=1 << 20)
    real = os.posix_fallocate

    def limited(handle: int, offset: int, length: int) -> None:
        if length > 100_000:
            full()
        real(handle, offset, length)

    held = [spill.allocate(1 << 20) for _ in range(8)]
    monkeypatch.setattr(os, "posix_fallocate", limited)
    small = spill.allocate(1000)
    small[:] = b"y" * 1000
    with pytest.raises(SpillFull):
        spill.allocate(1 << 20)
    assert bytes(small) == b"y" * 1000
    del held


@POSIX
def test_a_cache_that_somebody_emptied_is_made_again(tmp_path):
    """What is kept there has no name and is not lost; what comes next needs a folder."""
    spill = Spill(tmp_path / "cache", in_memory=0)
    kept = spill.allocate(5000)
    kept[:] = b"k" * 5000
    shutil.rmtree(tmp_path / "cache")
    more = spill.allocate(5000)
    assert bytes(kept) == b"k" * 5000
    assert more.nbytes == 5000
    assert spill.folder.is_dir()
    spill.close()


def test_threads_share_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two that need the first file at once must not each make a folder, of which one would be left."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier, BrokenBarrierError

    from weightedit.core.undo import spill as module

    both, whole = Barrier(2, timeout=0.2), module.make_folder

    def slow(parent: Path | None) -> tuple[Path, int]:
        with contextlib.suppress(BrokenBarrierError):  # the other waits for this one
            both.wait()
        return whole(parent)

    monkeypatch.setattr(module, "make_folder", slow)
    spill = Spill(tmp_path, in_memory=16)
    with ThreadPoolExecutor(2) as pool:
        buffers = list(pool.map(spill.allocate, [100, 100]))
    assert len(buffers) == 2
    assert len(list(tmp_path.iterdir())) == 1
    spill.close()
    assert list(tmp_path.iterdir()) == []
