"""What is left of a document when its file changes: noticed, never mixed, and the readable part saved elsewhere."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from weightedit.core.errors import SourceChanged
from weightedit.core.source import SourceFile, through_handles

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows keeps a file that is open from being changed so")
BYTES = bytes(range(256)) * 64


def rewrite(path: Path) -> None:
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.write(data[::-1])


def rewrite_with_its_old_time(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(status.st_size // 2)
        file.write(b"other!!!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite_and_delete(path: Path) -> None:
    rewrite(path)
    path.unlink()


def rewrite_with_its_old_time_and_rights(path: Path) -> None:
    """As `cp --preserve` over it with other rights; told by the hash of its end."""
    rewrite(path)
    os.utime(path, ns=(0, 0))
    path.chmod(0o600)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)


def link(path: Path) -> None:
    os.link(path, path.with_name("second"))


def forbid(path: Path) -> None:
    path.chmod(0)


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def move_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


HOLDS = (Path.unlink, replace, link, forbid, move, move_the_folder)
LOSES = (lambda path: os.truncate(path, 4096), rewrite, rewrite_with_its_old_time, rewrite_and_delete,
         rewrite_with_its_old_time_and_rights)  # fmt: skip
NAMES = ("truncated", "rewritten", "with its old time", "rewritten and deleted", "with old time and other rights")
CHANGES = [*((change, True) for change in HOLDS), *((change, False) for change in LOSES)]
EACH = pytest.mark.parametrize(
    ("change", "holds"), CHANGES, ids=[*(change.__name__ for change in HOLDS), *NAMES]
)


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: torch.randn(64, 32) for name in ("a.whole", "b.part", "c.clean")}


def save_pt(path: Path) -> None:
    found = tensors()
    torch.save({"list": [found["a.whole"], {"part": found["b.part"]}], "clean": found["c.clean"], "epoch": 3}, path)


KINDS = {"safetensors": ("a.whole", "b.part", "c.clean"), "pt": ("list.0", "list.1.part", "clean"),
         "npz": ("a.whole", "b.part", "c.clean"), "deflated.npz": ("a.whole", "b.part", "c.clean")}  # fmt: skip


def write(folder: Path, kind: str) -> Path:
    folder.mkdir()
    path = folder / f"model.{kind}"
    if kind == "pt":
        save_pt(path)
    elif kind == "safetensors":
        save_file(tensors(), path)
    else:
        arrays = {name: tensor.numpy() for name, tensor in tensors().items()}
        (np.savez_compressed if "deflated" in kind else np.savez)(path, **arrays)
    return path


@POSIX
@EACH
def test_a_handle_tells_whether_it_still_gives_what_was_opened(change, holds, tmp_path):
    """A deleted file can be read to its end; one that was rewritten must not be taken for it, whatever its times."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "file"
    path.write_bytes(BYTES)
    file = SourceFile(path)
    change(path)
    with pytest.raises(SourceChanged):
        file.read(0, 10)
    assert file.still_holds() == holds
    if holds:
        with through_handles([file]):
            assert file.read(0, len(BYTES)) == BYTES
        with pytest.raises(SourceChanged):
            file.read(0, 10)


@POSIX
def test_a_change_while_it_is_read_by_its_handle_is_noticed(tmp_path):
    """An export of what is left must not mix old and new bytes either."""
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    file = SourceFile(path)
    second = path.with_name("second")
    os.link(path, second)
    path.unlink()
    with through_handles([file]):
        assert file.read(0, 10) == BYTES[:10]
        rewrite(second)
        with pytest.raises(SourceChanged, match="rewritten"):
            file.read(0, 10)


@POSIX
@pytest.mark.parametrize("kind", KINDS)
@EACH
def test_what_can_still_be_read_is_saved_elsewhere(change, holds, kind, tmp_path):
    """Days of training must not be lost with the file; nothing that is written may be another program's bytes."""
    path = write(tmp_path / "in", kind)
    whole, part, clean = KINDS[kind]
    doc = weightedit.open(path)
    doc.apply("fill", whole, value=7.0)
    doc.apply("scale", part, factor=2.0, region="[0, :]")
    change(path)
    for refused in (lambda: doc.read(clean), lambda: doc.export(tmp_path / f"no.{kind}")):
        with pytest.raises(SourceChanged):
            refused()
    assert doc.unreadable_names() == (() if holds else (part, clean))
    target = tmp_path / f"out.{kind}"
    said = doc.export_hazards(target, only_readable=True)
    report = doc.export(target, only_readable=True)
    dropped = [hazard for hazard in report.hazards if hazard.kind == "values-dropped"]
    assert [hazard.targets for hazard in dropped] == ([] if holds else [(part, clean)])
    assert [hazard for hazard in said if hazard.kind == "values-dropped"] == dropped
    with weightedit.open(target) as again:
        assert list(again.tensors) == [whole, part, clean][: 3 if holds else 1]
        assert report.tensors == report.names == len(again.tensors)  # what was written, not what the document has
        assert torch.equal(again.read(whole), torch.full((64, 32), 7.0))
        if holds:
            assert torch.equal(again.read(clean), tensors()["c.clean"])
            assert torch.equal(again.read(part)[0], tensors()["b.part"][0] * 2)
    assert not (tmp_path / f"no.{kind}").exists()
    assert torch.equal(doc.read(whole), torch.full((64, 32), 7.0))
    doc.close()


@POSIX
@EACH
def test_saving_over_a_changed_file_is_refused_with_the_ways_on(change, holds, tmp_path):
    """What another program put there is not ours to throw away, nor the edits."""
    path = write(tmp_path / "in", "safetensors")
    doc = weightedit.open(path)
    doc.apply("fill", "*", value=7.0)
    change(path)
    if change is forbid:
        path.chmod(0o600)  # so that this test may look into it
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(SourceChanged, match=r"exported to another name, .* export\(PATH, only_readable=True\)") as told:
        doc.save()
    assert str(told.value).count("another name") == 1
    assert ("open the file again" in str(told.value)) == ("moved or deleted" not in str(told.value))
    if before is not None:
        with pytest.raises(SourceChanged, match="exported to another name"):
            doc.export(path, only_readable=True)
        assert path.read_bytes() == before
    assert not doc.unreadable_names()
    assert doc.is_modified
    doc.undo()
    doc.redo()
    doc.export(tmp_path / "out.safetensors", only_readable=True)
    assert all(torch.equal(one, torch.full((64, 32), 7.0)) for one in load_file(tmp_path / "out.safetensors").values())
    doc.close()


@POSIX
def test_undo_to_bytes_that_are_lost_is_a_state_that_cannot_be_read(tmp_path):
    """Undo is exact: it leads back to the file's own bytes, and reading them says why there are none to show."""
    path = write(tmp_path / "in", "safetensors")
    doc = weightedit.open(path)
    doc.apply("fill", "c.clean", value=1.0)
    doc.apply("fill", "c.clean", value=2.0)
    rewrite(path)
    doc.undo()
    assert torch.equal(doc.read("c.clean"), torch.ones(64, 32))
    doc.undo()
    with pytest.raises(SourceChanged, match=r"model\.safetensors was rewritten"):
        doc.read("c.clean")
    with pytest.raises(SourceChanged):
        doc.apply("scale", "c.clean", factor=2.0)
    assert len(doc.history) == 2
    doc.redo()
    assert torch.equal(doc.read("c.clean"), torch.ones(64, 32))
    doc.close()


@POSIX
def test_nothing_left_is_said(tmp_path):
    """An empty file would look like a success."""
    path = write(tmp_path / "in", "safetensors")
    doc = weightedit.open(path)
    rewrite(path)
    with pytest.raises(weightedit.EditRefused, match="None of the tensors can be read any more"):
        doc.export(tmp_path / "out.safetensors", only_readable=True)
    assert not (tmp_path / "out.safetensors").exists()
    doc.close()


@POSIX
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_rewritten_in_the_middle_of_an_export_ends_it(kind, tmp_path):
    """The destination must keep its bytes: half of one model and half of another looks like a model."""
    path = write(tmp_path / "in", kind)
    doc = weightedit.open(path)
    target = tmp_path / f"out.{kind}"
    target.write_bytes(b"before")
    labels: set[str] = set()

    def change(label: str, done: int, total: int | None) -> None:
        if label == wanted and label not in labels and done:
            labels.add(label)
            rewrite_with_its_old_time(path)

    for wanted in ("Writing", "Verifying"):
        shutil.rmtree(path.parent)
        doc.close()
        doc = weightedit.open(write(tmp_path / "in", kind))
        doc.apply("scale", "*", factor=2.0, region="[0, :]")
        with pytest.raises(SourceChanged):
            doc.export(target, progress=change)
        assert wanted in labels
        assert target.read_bytes() == b"before"
        assert sorted(found.name for found in tmp_path.iterdir()) == ["in", target.name]
    doc.close()


@POSIX
def test_a_deflated_record_in_memory_is_not_shown_once_the_file_changed(tmp_path):
    """It is our own copy of what the file was, and must not pass for what it is."""
    path = write(tmp_path / "in", "deflated.npz")
    doc = weightedit.open(path)
    assert torch.equal(doc.read("c.clean"), tensors()["c.clean"])
    rewrite(path)
    with pytest.raises(SourceChanged):
        doc.read("c.clean")
    doc.close()


@pytest.mark.skipif(sys.platform != "linux", reason="holes are punched by a Linux call")
def test_a_hole_punched_into_the_file_is_noticed(tmp_path):
    """fallocate changes bytes and keeps the size."""
    path = tmp_path / "file"
    path.write_bytes(BYTES * 8)
    file = SourceFile(path)
    with path.open("r+b") as other:
        libc = ctypes.CDLL(None, use_errno=True)
        done = libc.fallocate(other.fileno(), 3, ctypes.c_long(4096), ctypes.c_long(4096))
    if done:
        pytest.skip("this file system punches no holes")
    with pytest.raises(SourceChanged, match="rewritten"):
        file.read(0, 10)
    assert not file.still_holds()


@POSIX
def test_a_shared_mapping_that_is_written_is_noticed(tmp_path):
    """The system stamps a file when a mapped page is first written, not when it gets to the disk."""
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    with path.open("r+b") as handle, mmap.mmap(handle.fileno(), 0) as mapped:
        file = SourceFile(path)
        mapped[100] = 255
        with pytest.raises(SourceChanged):
            file.read(0, 200)


@POSIX
def test_a_mapping_written_to_before_and_after_the_opening_is_noticed_by_its_hash(tmp_path):
    """Its pages are writable already, so the times may not move for seconds: an export still looks at both ends."""
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    with path.open("r+b") as handle, mmap.mmap(handle.fileno(), 0) as mapped:
        mapped[100] = 1
        file = SourceFile(path)
        file.check(header=True)
        mapped[100] = 255
        with pytest.raises(SourceChanged):
            file.check(header=True)


def test_a_file_written_in_this_tick_of_the_clock_is_waited_for(tmp_path, monkeypatch):
    """Its next change could have the same times: everything is read in a later tick than the last change."""
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    stamp = path.stat().st_mtime_ns if os.name == "nt" else path.stat().st_ctime_ns
    ticks = [stamp - 1, stamp, stamp, stamp + 1]
    monkeypatch.setattr("weightedit.core.files.fingerprint._file_time", lambda: ticks.pop(0))
    SourceFile(path)
    assert not ticks


def test_a_clock_that_is_behind_is_not_waited_for_long(tmp_path, monkeypatch):
    """A server's clock may be ahead of ours by minutes."""
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    monkeypatch.setattr("weightedit.core.files.fingerprint._file_time", lambda: 0)
    assert SourceFile(path).read(0, 4) == BYTES[:4]


@POSIX
def test_every_rewrite_right_after_opening_is_noticed(tmp_path):
    """Writer and reader within microseconds of each other, many times over."""
    path = tmp_path / "file"
    for turn in range(40):
        path.write_bytes(BYTES)
        file = SourceFile(path)
        handle = os.open(path, os.O_WRONLY)
        os.pwrite(handle, bytes([turn]) * 8, 6000)
        os.close(handle)
        with pytest.raises(SourceChanged):
            file.read(6000, 8)
        file.close()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="not run: mounting needs Linux and root")
def test_a_mount_that_goes_away_is_noticed_and_still_read_by_its_handle(tmp_path):
    """A drive that is unmounted lazily is gone from its path, and open files on it are not."""
    place = tmp_path / "drive"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False).returncode:
        pytest.skip("not run: this machine permits no mount")
    try:
        save_file(tensors(), place / "model.safetensors")
        doc = weightedit.open(place / "model.safetensors")
    finally:
        subprocess.run(["umount", "-l", place], check=True)
    with pytest.raises(SourceChanged, match="moved or deleted"):
        doc.read("c.clean")
    assert not doc.unreadable_names()
    doc.export(tmp_path / "out.safetensors", only_readable=True)
    doc.close()
    assert torch.equal(load_file(tmp_path / "out.safetensors")["c.clean"], tensors()["c.clean"])
