"""Patch in place: what it writes, what it refuses, and that a patch cut short is put back by whoever comes upon it."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from tests.core.journals.crashing import crash
from weightedit import assembly
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.files.file_system import FileSystem
from weightedit.core.journals.recovery import unfinished
from weightedit.core.source import Source, SourceFile
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Patched
from weightedit.core.writing import patching
from weightedit.core.writing.file_layout import FileLayout, Fresh, Kept
from weightedit.core.writing.leftovers import clean
from weightedit.core.writing.rollback import LIVE, path_beside, state_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files are patched in place on POSIX systems only")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    random = torch.Generator().manual_seed(0)
    save_file({f"layers.{number}.weight": torch.randn(128, 128, generator=random) for number in range(4)}, path)
    return path


def leave_half_patched(path: Path, monkeypatch: pytest.MonkeyPatch, *, journal: bool = False) -> tuple[bytes, Path]:
    """End a patch in the midst of its writing, as a kill does; returns the old bytes and the rollback file."""
    old = path.read_bytes()

    class Killed(BaseException):
        pass

    class Ends(FileSystem):
        written = 0

        def write(self, handle: int, data: memoryview) -> int:
            if os.path.samestat(os.fstat(handle), path.stat()):
                self.written += 1
                if self.written > 1:
                    raise Killed
                return super().write(handle, data[: len(data) // 2])
            return super().write(handle, data)

    document = weightedit.open(path, journal=journal)
    document.apply("fill", "layers.1.weight", value=0.5)
    with monkeypatch.context() as within:
        within.setattr(patching, "FileSystem", Ends)
        within.setattr(patching.Patching, "_put_back", lambda self, error: None)
        with pytest.raises(Killed):
            document.save(in_place=True)
    if journal:
        crash(document)
    else:
        document.close()
    assert path.read_bytes() != old
    assert state_of(path_beside(path)) == LIVE
    return old, path_beside(path)


def test_only_the_changed_bytes_are_written_into_the_same_file(checkpoint):
    was = checkpoint.stat()
    with weightedit.open(checkpoint) as document:
        old = document.read("layers.2.weight")
        document.apply("scale", "layers.2.weight", region="[5, :]", factor=2.0)
        plan = document.save_plan(in_place=True)
        assert (plan.method, plan.written) == ("patch in place", 128 * 4)
        done = document.save(in_place=True)
        assert done.plan == plan
        assert checkpoint.stat().st_ino == was.st_ino
        assert not document.is_modified
        assert torch.equal(load_file(checkpoint)["layers.2.weight"], document.read("layers.2.weight"))
        document.undo()
        assert torch.equal(document.read("layers.2.weight"), old), "undo goes past it, though the old bytes are gone"
        document.save(in_place=True)
        assert torch.equal(load_file(checkpoint)["layers.2.weight"], old)
        document.redo()
        assert document.read("layers.2.weight")[5, 0] == old[5, 0] * 2
    assert sorted(path.name for path in checkpoint.parent.iterdir()) == ["model.safetensors"]


CHANGES: dict[str, Callable[[Any], object]] = {
    "another dtype": lambda document: document.apply("cast", "layers.0.weight", dtype="float16", accept="all"),
    "a longer name": lambda document: document.apply("rename", "layers.0.weight", to="layers.0.weight" * 9),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_would_move_bytes_is_refused(change, checkpoint):
    before = checkpoint.read_bytes()
    with weightedit.open(checkpoint) as document:
        CHANGES[change](document)
        for ask in (document.save_plan, document.save):
            with pytest.raises(EditRefused, match="cannot be patched in place"):
                ask(in_place=True)
        assert checkpoint.read_bytes() == before
        document.save()


def test_ranges_that_lie_near_are_written_as_one(checkpoint):
    """What lies between them is read from the file while it is patched; nobody takes that for a change of it."""
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.1.weight", region="[::2, 3]", value=0.5)
        document.apply("fill", "layers.3.weight", region="[:, 7]", value=0.25)
        wanted = {name: document.read(name) for name in document.tensors}
        document.save(in_place=True)
    assert all(torch.equal(value, wanted[name]) for name, value in load_file(checkpoint).items())


def test_a_column_is_patched_by_its_own_bytes_read_many_at_once(tmp_path, monkeypatch):
    """Each of 50,000 cells was made by itself: the patch took 39 s where writing the whole file anew took one."""
    path, rows = tmp_path / "tall.safetensors", 2000
    weight = torch.randn(rows, 4096).half()
    save_file({"w": weight}, path)
    old, reads = path.read_bytes(), []
    read = Patched.read_into
    monkeypatch.setattr(Patched, "read_into", lambda self, *where: reads.append(where) or read(self, *where))
    with weightedit.open(path) as document:
        document.apply("fill", "w", region="[:, 7]", value=1.5)
        document.apply("fill", "w", region="[1500, 4000:]", value=2.5)
        reads.clear()
        written = document.save(in_place=True).plan.written
        assert 0 <= written - 2 * (rows + 96) < 4096  # what lies near is written as one
        assert len(reads) < 200
        wanted = weight.clone()
        wanted[:, 7], wanted[1500, 4000:] = 1.5, 2.5
        assert torch.equal(load_file(path)["w"], wanted)
        document.undo()
        document.undo()
        document.save(in_place=True)
    assert path.read_bytes() == old


def test_bytes_in_another_order_are_not_read_while_they_are_written_over(checkpoint):
    """A square matrix keeps its place when it is transposed, and every byte of it is read after others were written."""
    with weightedit.open(checkpoint) as document:
        values = document.read("layers.0.weight")
        document.apply("transpose", "layers.0.weight")
        document.save(in_place=True)
    assert torch.equal(load_file(checkpoint)["layers.0.weight"], values.T)
    file = SourceFile(checkpoint)
    start = int.from_bytes(checkpoint.read_bytes()[:8], "little") + 8
    layout = FileLayout()
    layout.add(Kept(file, 0, start))
    layout.add(Fresh.whole(TensorSpec("float32", (128, 128), (1, 128)), Source(file, start, 128 * 128 * 4)))
    layout.add(Kept(file, start + 128 * 128 * 4, file.size))
    assert layout.origin is file
    assert not layout.is_own, "where a tensor still were a view of the file's bytes, the file could not be patched"
    file.close()


def test_a_file_that_is_open_elsewhere_is_not_patched(checkpoint):
    before = checkpoint.read_bytes()
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.1.weight", value=0.5)
        with weightedit.open(checkpoint), pytest.raises(CheckpointError, match="open a second time"):
            document.save(in_place=True)
        assert checkpoint.read_bytes() == before
        document.save(in_place=True)


def test_other_names_of_the_file_are_counted(checkpoint):
    """A save leaves them the old bytes, a patch does not: they are counted beforehand."""
    os.link(checkpoint, checkpoint.with_name("second.safetensors"))
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.1.weight", value=0.5)
        assert document.save_plan(in_place=True).files[0].names == 2
        document.save(in_place=True)
    assert checkpoint.with_name("second.safetensors").read_bytes() == checkpoint.read_bytes()


@pytest.mark.parametrize("who", ["the next start", "opening it", "recover"])
def test_a_patch_cut_short_is_put_back(who, checkpoint, monkeypatch, capsys):
    changed = checkpoint.stat().st_mtime_ns
    old, rollback = leave_half_patched(checkpoint, monkeypatch)
    if who == "the next start":
        assert clean().taken_back == (checkpoint,)
    elif who == "opening it":
        with weightedit.open(checkpoint) as document:
            assert document.read("layers.1.weight").numel() == 128 * 128
    else:
        from weightedit.cli import main

        assert main(["recover"]) == 0
        assert "model.safetensors" in capsys.readouterr().out
        assert main(["recover", str(checkpoint)]) == 0
        assert "put back" in capsys.readouterr().out
    assert checkpoint.read_bytes() == old
    assert checkpoint.stat().st_mtime_ns == changed, "the file is what it was, for those who look at its time too"
    assert not rollback.exists()


def test_edits_are_recovered_after_a_patch_cut_short(checkpoint, monkeypatch):
    """What is put back is the file that the journal knows, so the edits that were being saved come back, too."""
    old, _ = leave_half_patched(checkpoint, monkeypatch, journal=True)
    clean()
    assert checkpoint.read_bytes() == old
    (found,) = unfinished()
    assert found.file_problem is None
    with assembly.recover(found) as document:
        assert (document.read("layers.1.weight") == 0.5).all()


def test_a_patch_that_is_done_leaves_nothing_to_recover(checkpoint):
    document = weightedit.open(checkpoint, journal=True)
    document.apply("fill", "layers.1.weight", value=0.5)
    document.save(in_place=True)
    crash(document)
    assert not unfinished()


def test_what_another_program_wrote_since_is_not_overwritten(checkpoint, monkeypatch):
    """A new training run may write the same file again before anybody looks: its bytes are not ours to put back."""
    old, rollback = leave_half_patched(checkpoint, monkeypatch)
    other = bytes(zlib.crc32(bytes([place % 251])) & 255 for place in range(len(old)))
    with checkpoint.open("r+b") as file:
        file.write(other)
    with pytest.raises(CheckpointError, match="was changed by another program"):
        weightedit.open(checkpoint)
    assert [kept.path for kept in clean().kept] == [rollback]
    assert checkpoint.read_bytes() == other


@pytest.mark.parametrize("way", ["relative", "link beside", "link elsewhere", "link to its folder", "two links"])
def test_a_half_patched_file_is_put_back_by_whatever_path_it_is_opened(way, checkpoint, monkeypatch, tmp_path):
    """Its rollback file lies beside the file itself, and the links on the way have other names and folders."""
    old, rollback = leave_half_patched(checkpoint, monkeypatch)
    (tmp_path / "away").mkdir()
    (tmp_path / "beside.safetensors").symlink_to(checkpoint.name)
    (tmp_path / "away" / "other.safetensors").symlink_to(checkpoint)
    (tmp_path / "away" / "second.safetensors").symlink_to("other.safetensors")
    (tmp_path / "away" / "folder").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = {"relative": Path(checkpoint.name), "link beside": tmp_path / "beside.safetensors",
            "link elsewhere": tmp_path / "away" / "other.safetensors",
            "link to its folder": tmp_path / "away" / "folder" / checkpoint.name,
            "two links": tmp_path / "away" / "second.safetensors"}[way]  # fmt: skip
    with weightedit.open(path) as document:
        assert document.files[0].is_link is (way in ("link beside", "link elsewhere", "two links"))
    assert checkpoint.read_bytes() == old
    assert not rollback.exists()


def test_a_rollback_file_from_elsewhere_does_nothing(checkpoint, monkeypatch, tmp_path):
    """One that came with a downloaded folder must not write into a file, whatever it says."""
    old, rollback = leave_half_patched(checkpoint, monkeypatch)
    folder = tmp_path / "downloaded"
    folder.mkdir()
    copy = folder / checkpoint.name
    copy.write_bytes(old)
    (folder / rollback.name).write_bytes(rollback.read_bytes())
    with pytest.raises(CheckpointError, match="is another file by now"):
        weightedit.open(copy)
    assert copy.read_bytes() == old


def test_a_damaged_rollback_file_is_not_applied(checkpoint, monkeypatch):
    _, rollback = leave_half_patched(checkpoint, monkeypatch)
    half = checkpoint.read_bytes()
    data = bytearray(rollback.read_bytes())
    data[100] ^= 1
    rollback.write_bytes(data)
    with pytest.raises(CheckpointError, match="is damaged"):
        weightedit.open(checkpoint)
    assert checkpoint.read_bytes() == half


def test_readers_wait_while_it_goes_on(checkpoint, monkeypatch):
    """A heatmap that reads meanwhile gets neither mixed bytes nor the word that another program changed the file."""
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.1.weight", value=0.5)
        source, values = document.files[0], []
        real = FileSystem.write

        def read() -> None:
            buffer = bytearray(8)
            try:
                source.read_into(memoryview(buffer), 0)
                values.append(bytes(buffer))
            except CheckpointError as error:
                values.append(str(error))

        reader = threading.Thread(target=read)

        def write(self: FileSystem, handle: int, data: memoryview) -> int:
            if os.path.samestat(os.fstat(handle), checkpoint.stat()) and not reader.ident:
                reader.start()
                reader.join(0.05)
                assert reader.is_alive()
            return real(self, handle, data)

        monkeypatch.setattr(FileSystem, "write", write)
        document.save(in_place=True)
        reader.join()
        assert values == [f"{checkpoint.name} is closed."], "the document reads from a new handle by then"


def test_a_recipe_on_the_terminal_patches_in_place(checkpoint, tmp_path, capsys):
    """Only where that is asked for twice: the file as its own destination, to be written over."""
    from weightedit.cli import main

    with weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.1.weight", region="[0, :]", value=0.5)
        document.recipe.save(tmp_path / "fix.json")
    path, inode = str(checkpoint), checkpoint.stat().st_ino
    assert main(["apply", str(tmp_path / "fix.json"), path, str(tmp_path / "other.safetensors"), "--in-place"]) == 2
    assert main(["apply", str(tmp_path / "fix.json"), path, path, "--in-place"]) == 2
    assert main(["apply", str(tmp_path / "fix.json"), path, path, "--in-place", "--overwrite"]) == 0
    said = capsys.readouterr()
    assert "Patch in place: 512 B to write" in said.err
    assert "Patched and read back" in said.out
    assert checkpoint.stat().st_ino == inode
    assert (load_file(checkpoint)["layers.1.weight"][0] == 0.5).all()
