"""Many large buffers share few open files: each has its own bytes, checksums and end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from weightedit.core.undo import spill_files
from weightedit.core.undo.sealed import Sealed, SpillDamaged, seal
from weightedit.core.undo.spill import Spill

ROOT = Path(__file__).resolve().parents[3]
SIZE = 100_000


@pytest.fixture
def spill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spill:
    """A spill whose buffers share a file from the third on."""
    monkeypatch.setattr(spill_files, "MOST_FILES", 2)
    return Spill(tmp_path / "spill", in_memory=1000)


def sealed(spill: Spill, count: int) -> list[Sealed]:
    found = []
    for number in range(count):
        buffer = spill.allocate(SIZE)
        assert bytes(buffer) == bytes(SIZE)
        buffer[:] = bytes([number + 1]) * SIZE
        kept = seal(buffer)
        assert isinstance(kept, Sealed)
        found.append(kept)
    return found


def content(kept: Sealed) -> bytes:
    view = memoryview(bytearray(kept.nbytes))
    kept.read_into(view)
    return bytes(view)


def test_buffers_of_one_file_keep_to_their_places(spill):
    """Each reads back what was put there, and only damage in its own part is its damage."""
    kept = sealed(spill, 7)
    assert len({one.file.handle for one in kept}) == 2
    assert [content(one) for one in kept] == [bytes([number + 1]) * SIZE for number in range(7)]
    os.lseek(kept[4].file.handle, kept[4].file.start + 70_000, os.SEEK_SET)
    os.write(kept[4].file.handle, b"x")
    with pytest.raises(SpillDamaged, match="checksum"):
        content(kept[4])
    assert all(content(one) == bytes([number + 1]) * SIZE for number, one in enumerate(kept) if number != 4)


def test_what_ends_is_given_back_at_the_latest_with_its_file(spill):
    """Counted bytes and, where holes can be made, the blocks of the disk; the others stay as they are."""
    kept = sealed(spill, 8)
    assert spill.disk_nbytes == 8 * SIZE
    first = kept[0].file
    before = os.fstat(first.handle).st_blocks
    del kept[1:7]
    assert [content(one)[0] for one in kept] == [1, 8]
    if spill.disk_nbytes == 2 * SIZE:  # the disk knows holes
        assert os.fstat(first.handle).st_blocks < before
    handle = first.handle
    del first, kept
    assert spill.disk_nbytes == 0
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(handle)


EDITED = """
    import resource, sys
    from pathlib import Path
    import torch
    from weightedit.assembly import open_document
    from weightedit.core.undo.spill import Spill

    document = open_document(sys.argv[1], spill=Spill(Path(sys.argv[2]), in_memory=1024))
    before = {name: document.read(name) for name in document.tensors}
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    document.apply("scale", "*", factor=0.5)
    document.apply("cast", "*", dtype="float64")
    assert all(torch.equal(document.read(name), tensor.double() / 2) for name, tensor in before.items())
    document.undo(), document.undo()
    assert all(torch.equal(document.read(name), tensor) for name, tensor in before.items())
    document.redo(), document.redo()
    document.export(Path(sys.argv[1]).with_name("b.safetensors"))
    document.close()
    print("edited")
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on open files")
def test_more_large_tensors_than_files_may_be_open(tmp_path):
    """An edit of 400 that each go to disk, where 64 files may be open."""
    path = tmp_path / "a.safetensors"
    save_file({f"w{number}": torch.full((24, 24), float(number)) for number in range(400)}, path)
    script = textwrap.dedent(EDITED)
    done = subprocess.run([sys.executable, "-c", script, str(path), str(tmp_path / "spill")], cwd=ROOT, check=False,
                          text=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "edited"), done.stderr
