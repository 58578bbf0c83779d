"""What a plan says is what a save then does: the same code says it, and writes nothing while it does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import weightedit
from tests.faults.mounts import Refused, reflinked
from tests.faults.saves import KINDS, edit, files_of, make

MIB = 1 << 20


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    random = torch.Generator().manual_seed(0)
    save_file({f"layers.{number}.weight": torch.randn(512, 1024, generator=random) for number in range(4)}, path,
              {"format": "pt"})  # fmt: skip
    return path


def listed(folder: Path) -> set[tuple[str, int, int]]:
    return {(path.name, path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("name", KINDS)
def test_a_plan_is_what_the_save_does_and_makes_nothing(name, tmp_path):
    path = make(KINDS[name], tmp_path / "it", 64 << 10, 0)
    with weightedit.open(path) as document:
        edit(document)
        before = listed(path.parent)
        planned, exported = document.save_plan(), document.export_plan(tmp_path / path.name, KINDS[name].format)
        assert listed(path.parent) == before
        assert not (tmp_path / path.name).exists()
        out = document.export(tmp_path / path.name, KINDS[name].format)
        done = document.save()
    for plan, result in ((planned, done), (exported, out)):
        assert [file.method for file in plan.files] == [file.method for file in result.plan.files]
        if name not in ("csv", "npz"):  # what texts and a zip directory take is known when they are written
            assert plan == result.plan
    assert done.plan.tensors == (1 if name in ("npy", "csv") else 2)
    if name == "safetensors in shards":
        assert done.plan.untouched == 2
        first, _, _, last = files_of(path)[:4]
        assert [file.path for file in done.plan.files] == [first, last]


def test_what_an_edit_left_alone_is_copied_and_not_read(checkpoint, tmp_path, monkeypatch):
    """One row of a large tensor: only it and what is near it goes through this process."""
    from weightedit.core.values.streaming import range_bytes as real

    read = []

    def counting(content, start, stop, *rest):
        read.append(stop - start)
        return real(content, start, stop, *rest)

    monkeypatch.setattr("weightedit.core.writing.file_layout.range_bytes", counting)
    with weightedit.open(checkpoint) as document:
        document.apply("fill", "layers.2.weight", region="[3, :]", value=0.5)
        plan = document.export_plan(tmp_path / "out.safetensors")
        assert not read
        document.export(tmp_path / "out.safetensors")
        assert sum(read) <= 2 * MIB
        assert plan.copied >= 7 * MIB
        assert all(torch.equal(value, document.read(name)) for name, value in
                   load_file(tmp_path / "out.safetensors").items())  # fmt: skip


def test_a_name_that_fits_moves_nothing_in_the_file(checkpoint):
    """The header has room for it, so every tensor stays where it is; a longer one is a new header."""
    start = int.from_bytes(checkpoint.read_bytes()[:8], "little")
    with weightedit.open(checkpoint) as document:
        values = {name: document.read(name) for name in document.tensors}
        document.apply("rename", "layers.1.weight", to="layers.1.w")
        document.save()
        assert int.from_bytes(checkpoint.read_bytes()[:8], "little") == start
        document.apply("rename", "layers.1.w", to="a.name.that.is.very.much.longer.than.what.it.was")
        assert document.save_plan().method == "new header"
        document.save()
        values["a.name.that.is.very.much.longer.than.what.it.was"] = values.pop("layers.1.weight")
    found = load_file(checkpoint)
    assert found.keys() == values.keys()
    assert all(torch.equal(found[name], value) for name, value in values.items())


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_save_where_blocks_can_be_shared_writes_what_changed(kind, tmp_path):
    """The rest is not written, not read again, and takes no room; reading it all gives what was to be saved."""
    try:
        with reflinked(tmp_path / "disk", kind) as disk:
            path = disk / "model.safetensors"
            save_file({f"{number}": torch.randn(2048, 1024) for number in range(12)}, path)
            with weightedit.open(path) as document:
                old = document.read("7")
                document.apply("scale", "7", region="[0:8, :]", factor=0.5)
                assert document.save_plan().method == "clone and patch"
                done = document.save()
                assert done.plan.tensors == 1
                assert done.plan.written == 8 * 4096
                assert done.plan.kept + done.plan.written == path.stat().st_size
                assert all(torch.equal(value, document.read(name)) for name, value in load_file(path).items())
                document.undo()
                assert torch.equal(document.read("7"), old)
                document.redo()
                document.export(disk / "other.safetensors")
                assert (disk / "other.safetensors").read_bytes() == path.read_bytes()
    except Refused as error:
        pytest.skip(str(error))
