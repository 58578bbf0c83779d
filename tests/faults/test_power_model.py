"""The model of power loss finds the fault where a save forgets an fsync; it must, or its silence would say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.f15_power import record
from tests.faults.power import (
    DATA,
    Disk,
    Inode,
    Moment,
    NameChange,
    Recording,
    WithoutFileSync,
    WithoutFolderSync,
    disks,
)


def found(system: type[Recording], group: str, folder: Path) -> Iterator[str]:
    run = record(group, folder, system)
    for disk in islice(disks(run.moments[::-1], 8), 400):
        yield from run.faults(disk, with_lists=True)


@pytest.mark.parametrize("group", ["safetensors", "shards, existing"])
def test_without_the_fsync_of_files_bytes_are_lost(group, tmp_path):
    """A rename that came to the disk before the bytes: the destination is neither old nor new."""
    assert any("neither old nor new" in fault for fault in found(WithoutFileSync, group, tmp_path))


@pytest.mark.parametrize("group", ["safetensors", "shards, existing"])
def test_without_the_fsync_of_the_folder_a_reported_save_is_gone(group, tmp_path):
    assert any(fault.startswith("O2: it was reported as saved") for fault in found(WithoutFolderSync, group, tmp_path))


def test_without_the_fsync_of_the_folder_shards_are_mixed(tmp_path):
    """The record must be on the disk before the first rename, or nobody knows what was to be completed."""
    assert any("of two saves" in fault for fault in found(WithoutFolderSync, "shards, existing", tmp_path))


@pytest.mark.parametrize("system", [WithoutFileSync, WithoutFolderSync])
def test_a_patch_in_place_without_either_leaves_a_file_mixed(system, tmp_path):
    """The old bytes, and the name they are kept under, must be on the disk before the first byte is changed."""
    assert any("O1 after" in fault for fault in found(system, "safetensors, in place", tmp_path))


def test_what_a_disk_may_hold(tmp_path):
    inode = Inode(bytearray(b"newer"), 0, b"old")
    assert {word: inode.on_disk(word) for word in DATA} == {
        "there": b"newer", "zeros": b"old\0\0", "half": b"ned", "other half": b"old", "absent": b"old"}  # fmt: skip
    assert Inode(bytearray(b"news"), 0, b"olds").on_disk("other half") == b"olws", "a file that is written over"
    change = NameChange(tmp_path, (("a", None), ("b", 0)))
    moment = Moment("the end", {tmp_path / "a": 0}, [change], {0: inode}, {}, None)
    names = {tuple(path.name for path in disk.files) for disk in disks([moment], 8)}
    assert names == {("a",), ("b",)}, "a rename moves a name or does not, and never loses both"
    assert Disk(moment, (False,), "there").files == {tmp_path / "a": (0, b"newer")}
